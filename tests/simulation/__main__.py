"""Tell the story of a seed: `python -m tests.simulation SEED`; of several, only how they ended: `… FIRST LAST`."""

import sys
import time

from tests.simulation.simulation import make_kit, run, silence


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Print it, and end with 1 when a promise was broken."""
    first, *rest = map(int, sys.argv[1:])
    sys.stdout.reconfigure(line_buffering=True)  # what was found is told even when it is stopped
    kit, began = make_kit(), time.perf_counter()
    broken = 0
    with silence():
        for seed in range(first, (rest[0] if rest else first) + 1):
            report = run(seed, kit, None if rest else _tell)
            if report.broken:
                broken += 1
                sys.stdout.write(f"SEED={seed} {report.broken[0]} {sorted(report.plan.faults)}\n")
    sys.stdout.write(f"{time.perf_counter() - began:.1f} s, {broken} broken\n")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
