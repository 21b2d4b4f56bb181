"""What the person sees while something takes seconds.

All of it goes to stderr: stdout belongs to the command, and to the lines that `up` prints.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Redrawing more often only flickers.
REDRAW_SECONDS = 0.2

Tick = Callable[[], None]
"""Called again and again while waiting; redraws the elapsed time when it is due."""


def say(line: str) -> None:
    """Prints one line of ours, so named that it is not taken for the command's."""
    print(f"devstack: {line}", file=sys.stderr, flush=True)


@contextmanager
def progress(what: str) -> Iterator[Tick]:
    """Shows `what` with the seconds it takes: a living line on a terminal, else one at the end."""
    begun = time.monotonic()
    drawn = 0.0
    terminal = sys.stderr.isatty()

    def tick() -> None:
        nonlocal drawn
        now = time.monotonic()
        if terminal and now - drawn >= REDRAW_SECONDS:
            drawn = now
            print(f"\r\x1b[2Kdevstack: {what} … {now - begun:.0f} s", end="", file=sys.stderr)
            sys.stderr.flush()

    def clear() -> None:
        if terminal:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    tick()
    try:
        yield tick
    except BaseException:
        clear()
        say(f"{what}: not done after {time.monotonic() - begun:.1f} s")
        raise
    clear()
    say(f"{what}: {time.monotonic() - begun:.1f} s")
