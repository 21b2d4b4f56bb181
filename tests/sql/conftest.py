"""The functions on empty books, and a database that the tests of a module share."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest

import devstack
from tests.conftest import on_database
from tests.sql.calls import Calls


@pytest.fixture(scope="module")
def shared_url(servers: devstack.Servers, template_database: str) -> Iterator[str]:
    """One database for the tests of a module."""
    name = f"ledger_test_{secrets.token_hex(6)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}".encode())
        yield on_database(servers.database_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def calls(shared_url: str) -> Iterator[Calls]:
    """The SQL functions, as the owner, on empty books: all is rolled back in the end."""
    with psycopg.connect(shared_url, autocommit=True) as connection, connection.transaction(force_rollback=True):
        yield Calls(connection)
