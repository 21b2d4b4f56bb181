"""What a test reads of the books, past the functions."""

from decimal import Decimal
from typing import Any

import psycopg


class Books:
    """Views and tables, on one connection. Each look is a transaction, or a savepoint within the caller's."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def balance(
        self, account: str = "user:alice1", coin: str = "1280", provider: str = "ccpayment"
    ) -> tuple[Any, Any, Any] | None:
        """Posted, held, available; None when there is no such account."""
        rows = self._rows(
            "SELECT posted, held, available FROM ledger.account_balance"
            " WHERE account = %s AND coin = %s AND provider = %s",
            account,
            coin,
            provider,
        )
        return rows[0] if rows else None

    def held(self, account: str = "user:alice1") -> Decimal:
        balance = self.balance(account)
        assert balance is not None
        held: Decimal = balance[1]
        return held

    def order(self, order_id: str) -> dict[str, Any] | None:
        """The whole row."""
        rows = self.dicts("SELECT * FROM ledger.orders WHERE order_id = %s", order_id)
        return rows[0] if rows else None

    def state(self, order_id: str) -> str | None:
        row = self.order(order_id)
        return None if row is None else str(row["state"])

    def lines(self, order_id: str) -> list[tuple[str, Any, str, Any]]:
        """Account, amount, purpose and the balance after it, in the journal's order."""
        return self._rows(
            "SELECT account, amount, purpose, balance_after FROM ledger.numbered_line"
            " WHERE order_id = %s ORDER BY line",
            order_id,
        )

    def outbox(self, order_id: str) -> list[tuple[int, bool, str]]:
        """Sequence, whether terminal, and routing key of the order's events."""
        return self._rows(
            "SELECT sequence, terminal, routing_key FROM ledger.outbox WHERE order_id = %s ORDER BY sequence",
            order_id,
        )

    def violations(self) -> set[str]:
        """The invariants that are broken."""
        return {invariant for (invariant,) in self._rows("SELECT invariant FROM ledger.violation")}

    def value(self, statement: str, *arguments: object) -> Any:
        """The first column of the first row."""
        rows = self._rows(statement, *arguments)
        return rows[0][0] if rows else None

    def count(self, table: str) -> int:
        return int(self.value(f"SELECT count(*) FROM ledger.{table}"))

    def _rows(self, statement: str, *arguments: object) -> list[Any]:
        with self.connection.transaction():
            return self.connection.execute(statement.encode(), arguments).fetchall()

    def dicts(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        """The rows, with their columns' names."""
        with self.connection.transaction(), self.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(statement.encode(), arguments).fetchall()
