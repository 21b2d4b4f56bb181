"""Rows turned into the columns that the database's functions take."""

from collections.abc import Sequence
from typing import Any


def as_columns(rows: Any) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def as_sparse_columns(rows: Any) -> list[Sequence[Any]]:
    """As as_columns; a column without values is left empty, which `unnest` fills up with NULL beside the others."""
    return [() if column.count(None) == len(column) else column for column in zip(*rows, strict=True)]
