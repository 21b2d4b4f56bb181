"""One stage for a story: servers, sandbox, settings, and the ways to look at the books."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.e2e.client import Client, connected, transfer
from tests.e2e.program import DEADLINE_SECONDS, Finished, Program, run, started

APP_ID = "merchant-0001"
# Must never come out again: the canary of these tests.
APP_SECRET = "canary-9f2c1e7b-secret-of-the-merchant"

# What an account begins with when a story does not say.
PLENTY = "1000000"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a story plays. The worker's settings may lead through a proxy, `database_url` and `amqp_url` never do."""

    database_url: str = field(repr=False)
    amqp_url: str = field(repr=False)
    sandbox_url: str
    folder: Path
    settings: dict[str, str] = field(repr=False)

    def having(self, **settings: str) -> "Stage":
        """The same with other settings for the programs."""
        return replace(self, settings={**self.settings, **settings})

    def program(self, *arguments: str, may_fail: bool = False) -> AbstractAsyncContextManager[Program]:
        """Start a program that goes on."""
        return started(*arguments, settings=self.settings, folder=self.folder, may_fail=may_fail)

    @asynccontextmanager
    async def worker(self, *arguments: str) -> AsyncIterator[Program]:
        """A worker that has started, which means it has declared its queues."""
        async with self.program("run", *arguments) as worker:
            await worker.says("worker started")
            yield worker

    async def run(self, *arguments: str, stdin: bytes = b"", may_fail: bool = False) -> Finished:
        """Run a command line to its end."""
        return await run(*arguments, settings=self.settings, folder=self.folder, stdin=stdin, may_fail=may_fail)

    async def query(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        """Read the contract's views, as the role that may read nothing else."""
        connection = await asyncpg.connect(self.database_url, server_settings={"role": "ledger_worker"})
        try:
            return [dict(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    async def until(self, statement: str, *arguments: object) -> None:
        """Ask again until the column `it` is true: for what no event tells."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                [row] = await self.query(statement, *arguments)
                if row["it"]:
                    return
                await asyncio.sleep(0.1)

    async def order(self, order_id: str) -> dict[str, Any]:
        """The order's row."""
        [order] = await self.query("SELECT * FROM ledger.order_status WHERE order_id = $1", order_id)
        return order

    async def lines(self, order_id: str) -> list[tuple[str, Decimal, str]]:
        """The order's ledger lines: account, amount, purpose."""
        rows = await self.query("SELECT * FROM ledger.entry_line WHERE order_id = $1 ORDER BY amount", order_id)
        return [(row["account"], row["amount"], row["purpose"]) for row in rows]

    async def balance(
        self, account: str, coin: str = "1280", provider: str = "ccpayment"
    ) -> tuple[Decimal, Decimal, Decimal]:
        """Posted, held, available."""
        [row] = await self.query(
            "SELECT * FROM ledger.account_balance WHERE account = $1 AND coin = $2 AND provider = $3",
            account,
            coin,
            provider,
        )
        return row["posted"], row["held"], row["available"]

    async def fault(self, kind: str, **fields: object) -> None:
        """Have the provider fail."""
        await self.control("POST", "faults", kind=kind, **fields)

    async def control(self, method: str, action: str, /, **fields: object) -> dict[str, Any]:
        """Ask something of the sandbox by its control routes."""
        async with httpx.AsyncClient(base_url=self.sandbox_url, trust_env=False) as client:
            response = await client.request(method, f"/sandbox/{action}", json=fields or None)
        assert response.status_code == 200, response.text
        return response.json()

    async def adjust(
        self, account: str, amount: str, order_id: str, coin: str = "1280", provider: str = "ccpayment"
    ) -> None:
        """Money in the ledger alone."""
        finished = await self.run(
            *("adjust", "--order-id", order_id, "--account", account, "--provider", provider),
            *("--coin", coin, "--amount", amount, "--reason", "opening balance"),
        )
        assert finished.code == 0, finished.err

    async def fund_merchant(self, amount: str = PLENTY) -> None:
        """The same money in both books."""
        await self.adjust("merchant", amount, "fund-merchant")
        await self.control("POST", "fund", userId=APP_ID, coinId=1280, amount=amount)

    async def fund(self, client: Client, user: str, amount: str) -> None:
        """The same money in both books, from the merchant."""
        event = await client.ask(transfer(f"fund-{user}", APP_ID, user, amount))
        assert event["data"]["result"] == "succeeded"


@asynccontextmanager
async def open_stage(database_url: str, amqp_url: str, folder: Path, **settings: str) -> AsyncIterator[Stage]:
    """A sandbox of its own, and settings that lead there."""
    credentials = {"LEDGER_CCPAYMENT_APP_ID": APP_ID, "LEDGER_CCPAYMENT_APP_SECRET": APP_SECRET}
    async with sandbox_at(credentials, folder) as url:
        servers = {
            "LEDGER_DATABASE_URL": database_url,
            "LEDGER_AMQP_URL": amqp_url,
            "LEDGER_CCPAYMENT_BASE_URL": url,
        }
        yield Stage(database_url, amqp_url, url, folder, {**credentials, **servers, **settings})


@asynccontextmanager
async def sandbox_at(settings: dict[str, str], folder: Path, *arguments: str) -> AsyncIterator[str]:
    """A sandbox with these credentials on a free port; its URL."""
    async with started("sandbox", "--port", "0", *arguments, settings=settings, folder=folder) as sandbox:
        yield (await sandbox.says("http://")).split()[1]


@asynccontextmanager
async def opened(stage: Stage) -> AsyncIterator[Client]:
    """A worker that runs, and a client that hears."""
    async with connected(stage.amqp_url) as client, stage.worker():
        yield client
