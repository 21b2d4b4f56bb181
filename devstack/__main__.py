"""`python -m devstack`: run a command with both servers, or keep them up between commands."""

import argparse
import shlex
import signal
import sys
from types import FrameType

from devstack import choose, foreground, keep
from devstack.answer import DevstackError
from devstack.progress import say


def main() -> int:
    arguments = parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        if arguments.what == "run":
            return run(arguments.command, for_tests=arguments.for_tests)
        return up() if arguments.what == "up" else down(delete=arguments.delete)
    except DevstackError as refusal:
        say(str(refusal))
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    whats = top.add_subparsers(dest="what", required=True)
    run = whats.add_parser("run", help="runs a command with both servers, then deletes them")
    run.add_argument("--for-tests", action="store_true", help="with Docker: by testcontainers")
    run.add_argument("command", nargs="+", metavar="COMMAND", help="after --, with its arguments")
    whats.add_parser("up", help="starts both servers and keeps them; prints the two settings")
    down = whats.add_parser("down", help="stops what `up` started; its data stays")
    down.add_argument("--delete", action="store_true", help="deletes the data too")
    return top


def leave(number: int, _frame: FrameType | None) -> None:
    """Lets every `finally` run, which stops what was started."""
    raise SystemExit(128 + number)


def run(command: list[str], *, for_tests: bool) -> int:
    with choose.servers(for_tests=for_tests) as servers:
        return foreground.run(command, servers.environment())


def up() -> int:
    """Prints `export` lines to stdout, the rest to stderr; so `eval "$(make -s up)"` sets them."""
    for name, value in keep.up().environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def down(*, delete: bool) -> int:
    say(keep.down(delete=delete))
    return 0


if __name__ == "__main__":
    sys.exit(main())
