"""Charts as SVG text, with nothing to install: bars to one scale, and lines in panels that each have their own."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH = 720
BAR_WIDTH_MAX = 600
ROW_HEIGHT = 46
HEAD_HEIGHT = 40
PANEL_HEIGHT = 170
PLOT_LEFT, PLOT_RIGHT = 75, 600
PLOT_HEIGHT = 110
# Of the names at the ends of lines, so that they can be read where lines meet.
NAME_HEIGHT = 12
# Ours first, the others alike.
COLOURS = ("#1f6feb", "#9aa4b1")
LINE_COLOURS = ("#1f6feb", "#8250df", "#cf222e")

# x (as it is called), and y.
Line = Sequence[tuple[str, float]]


def bars(title: str, rows: Sequence[tuple[str, int]]) -> str:
    """One bar per row, in the given order, to one scale that begins at zero."""
    most = max((figure for _, figure in rows), default=0) or 1
    drawn = [_bar(number, name, figure, figure / most) for number, (name, figure) in enumerate(rows)]
    return _drawing(title, HEAD_HEIGHT + ROW_HEIGHT * len(rows), drawn)


def panels(title: str, unit: str, lines: Mapping[str, Mapping[str, Line]]) -> str:
    """A panel for each name, one under the other, with its lines; every scale begins at zero."""
    drawn = [_panel(number, name, unit, lines[name]) for number, name in enumerate(lines)]
    return _drawing(title, HEAD_HEIGHT + PANEL_HEIGHT * len(lines), drawn)


def _drawing(title: str, height: int, drawn: Sequence[str]) -> str:
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


def _panel(number: int, name: str, unit: str, lines: Mapping[str, Line]) -> str:
    top = HEAD_HEIGHT + number * PANEL_HEIGHT
    base = top + 20 + PLOT_HEIGHT
    most = max((y for line in lines.values() for _, y in line), default=0.0) or 1.0
    names = [x for x, _ in next(iter(lines.values()))]
    places = _spread(len(names))
    drawn = [
        f'<text x="10" y="{top + 12}" font-size="12">{escape(name)}</text>',
        f'<line x1="{PLOT_LEFT}" y1="{base}" x2="{PLOT_RIGHT}" y2="{base}" stroke="#9aa4b1"/>',
        _small(PLOT_LEFT - 6, top + 26, "end", f"{most:,.0f} {unit}"),
        _small(PLOT_LEFT - 6, base + 4, "end", "0"),
    ]
    drawn += [_small(place, base + 16, "middle", x) for place, x in zip(places, names, strict=True)]
    name_y = base + 2 * NAME_HEIGHT
    for colour, (label, line) in zip(LINE_COLOURS, lines.items(), strict=False):
        heights = [round(base - PLOT_HEIGHT * y / most) for _, y in line]
        points = " ".join(f"{place},{height}" for place, height in zip(places, heights, strict=True))
        name_y = min(heights[-1] + 4, name_y - NAME_HEIGHT)  # each line ends above the one before it
        drawn += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            _small(PLOT_RIGHT + 8, name_y, "start", f"{label} {line[-1][1]:,.0f}", colour),
        ]
    return "".join(drawn)


def _small(x: int, y: int, anchor: str, text: str, colour: str = "#000000") -> str:
    return f'<text x="{x}" y="{y}" font-size="11" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _spread(count: int) -> list[int]:
    """So many places from the left to the right."""
    width = PLOT_RIGHT - PLOT_LEFT
    return [PLOT_LEFT + round(width * number / max(count - 1, 1)) for number in range(count)]
