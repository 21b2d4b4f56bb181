"""A bar chart as SVG text, with nothing to install: a row per bar, its name above and its figure at its end."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

WIDTH = 720
BAR_WIDTH_MAX = 600
ROW_HEIGHT = 46
HEAD_HEIGHT = 40
# Ours first, the others alike.
COLOURS = ("#1f6feb", "#9aa4b1")


def bars(title: str, rows: Sequence[tuple[str, int]]) -> str:
    """One bar per row, in the given order, to one scale that begins at zero."""
    most = max((figure for _, figure in rows), default=0) or 1
    height = HEAD_HEIGHT + ROW_HEIGHT * len(rows)
    drawn = [_bar(number, name, figure, figure / most) for number, (name, figure) in enumerate(rows)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="10" y="24" font-size="16">{escape(title)}</text>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _bar(number: int, name: str, figure: int, share: float) -> str:
    top = HEAD_HEIGHT + number * ROW_HEIGHT
    width = round(BAR_WIDTH_MAX * share)
    colour = COLOURS[0] if number == 0 else COLOURS[1]
    return (
        f'<text x="10" y="{top + 12}" font-size="12">{escape(name)}</text>'
        f'<rect x="10" y="{top + 18}" width="{width}" height="18" fill="{colour}"/>'
        f'<text x="{width + 16}" y="{top + 32}" font-size="12">{figure:,}</text>'
    )
