"""Connections of the owner to a database of the test's own, and to one that a module shares."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest

import devstack
from tests.conftest import on_database
from tests.sql.calls import Calls


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    """The owner, each statement its own transaction."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def calls(owner: psycopg.Connection) -> Calls:
    """The SQL functions, on an empty database."""
    return Calls(owner)


@pytest.fixture(scope="module")
def shared_url(servers: devstack.Servers, template_database: str) -> Iterator[str]:
    """One database for all examples of a module: their orders and coins have names of their own."""
    name = f"ledger_test_{secrets.token_hex(6)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}".encode())
        yield on_database(servers.database_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
