"""The command line: `ledger-worker`. Each command reads its arguments and calls one part; errors are one line."""

from worker.cli.app import app, main

__all__ = ["app", "main"]
