"""Runs the person's command and hands its exit code on.

The command decides when it is over. Ctrl-C reaches it from the terminal, and it may need the
servers to finish; so we outlive every first signal, pass on what it has not had, and wait.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from devstack.progress import say

# A terminal sends Ctrl-C to the command too, `kill` to us alone does not, and the two look alike.
# A command that was told stops within this time; one that was not is told then.
TOLD_SECONDS = 15.0
NOT_FOUND = 127


def run(command: list[str], settings: Mapping[str, str]) -> int:
    """Returns the command's exit code; 128 + n when signal n ended it, 127 when there is none."""
    try:
        child = subprocess.Popen(command, env=environment(settings))
    except OSError as refusal:
        say(f"{command[0]}: {refusal.strerror}")
        return NOT_FOUND
    with signals_passed_on(child):
        code = child.wait()
    return 128 - code if code < 0 else code


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Everything of the person's, our settings on top, and no file that would say otherwise."""
    beside = {f"{name}_FILE" for name in settings}
    return {name: value for name, value in os.environ.items() if name not in beside} | {**settings}


@contextmanager
def signals_passed_on(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """SIGTERM and SIGHUP at once; SIGINT after a while, because the terminal passed it on too."""
    timer = threading.Timer(TOLD_SECONDS, child.send_signal, [signal.SIGTERM])
    timer.daemon = True

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        if not timer.is_alive() and not timer.finished.is_set():
            timer.start()

    def ended(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    handlers = {signal.SIGINT: interrupted, signal.SIGTERM: ended, signal.SIGHUP: ended}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
