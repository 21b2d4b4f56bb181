"""The database of the plays: as those of tests/chaos."""

from tests.chaos.conftest import database, owner

__all__ = ["database", "owner"]
