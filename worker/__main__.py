"""`python -m worker` is the same as `ledger-worker`."""

from worker.cli import main

main()
