"""The machine-readable contract, with the exchanges and queues that this worker declares."""

from pathlib import Path

from schemas.asyncapi import Topology
from schemas.export import FOLDER, broken, documents, release, stale, write
from schemas.registry import COMMANDS
from worker.errors import WorkerError
from worker.topology import COMMANDS_EXCHANGE, DEAD_EXCHANGE, EVENTS_EXCHANGE, queues

__all__ = ["FOLDER", "check_contract", "contract_files", "write_contract"]


def contract_files() -> dict[str, str]:
    """Every file of the contract, by its path."""
    providers = tuple(sorted({command.executed_by for command in COMMANDS.values()}))
    return documents(Topology(COMMANDS_EXCHANGE, EVENTS_EXCHANGE, DEAD_EXCHANGE, queues(providers)))


def write_contract(folder: Path, is_release: bool) -> list[str]:
    """Write what has changed, a line each. Raises WorkerError."""
    files = contract_files()
    try:
        changed = write(folder, files)
        if is_release:
            release(folder, files)
    except OSError as error:
        raise WorkerError(f"{folder}: cannot be written ({error.strerror})") from None
    return changed


def check_contract(folder: Path) -> list[str]:
    """What is stale, and which released promise is broken, a line each."""
    files = contract_files()
    return [*stale(folder, files), *broken(folder, files)]
