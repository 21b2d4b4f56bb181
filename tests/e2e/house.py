"""A house for the stories of a file: both providers, their webhooks to the worker, and a proxy before each server."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.e2e.client import Client, Event, connected
from tests.e2e.commands import BOUND_ADDRESS, COIN
from tests.e2e.oracle import PAID
from tests.e2e.program import DEADLINE_SECONDS, Finished, Program, on_port
from tests.e2e.proxy import Proxy, proxied
from tests.e2e.stage import APP_ID, APP_SECRET, PLENTY, Stage, sandbox_at

# As secret as the other one: a canary in hexadecimal.
COINQPAY_SEED = "c0ffee4711" * 6 + "c0de"

CREDENTIALS = {
    "LEDGER_CCPAYMENT_APP_ID": APP_ID,
    "LEDGER_CCPAYMENT_APP_SECRET": APP_SECRET,
    "LEDGER_COINQPAY_PRIVATE_KEY": COINQPAY_SEED,
    "LEDGER_COINQPAY_WITHDRAW_ADDRESSES": json.dumps({COIN: BOUND_ADDRESS}),
}

# A provider call has longer here than in a story of lost answers: on a busy machine none is lost by chance.
PATIENT = {
    "LEDGER_POLL_SECONDS": "0.2",
    "LEDGER_PROVIDER_TIMEOUT_SECONDS": "5",
    "LEDGER_RESUME_AFTER_SECONDS": "8",
    # So long that no run but the first comes by itself: a story says when, however slow the machine is.
    "LEDGER_RESCAN_SECONDS": "600",
}

# By these nothing can be on its way any more: for a desk that need not wait, beside a worker that does.
SETTLED = {
    "LEDGER_COINQPAY_SIGNATURE_VALIDITY_SECONDS": "0.001",
    "LEDGER_COINQPAY_CLOCK_SKEW_SECONDS": "0.001",
    "LEDGER_COINQPAY_LIST_LAG_SECONDS": "0.001",
}


@dataclass(frozen=True, slots=True)
class House:
    """What a story needs. `stage` leads the programs through the proxies; its own reads go past them."""

    stage: Stage
    client: Client
    database: Proxy
    broker: Proxy
    provider: Proxy
    numbers: Iterator[int]

    def having(self, **settings: str) -> "House":
        """The same with other settings for the programs."""
        return replace(self, stage=self.stage.having(**settings))

    def new_id(self, kind: str = "ord") -> str:
        """An orderId or userId that no other story uses."""
        return f"{kind}-{next(self.numbers):05}"

    def new_address(self) -> str:
        """An address on Tron that no other story uses."""
        digits = f"{next(self.numbers):09}".replace("0", "A")
        return f"T{'x' * 24}{digits}"

    async def rich_user(self, amount: str = "100") -> str:
        """A user who has so many USDT in both books at CCPayment."""
        user = self.new_id("user")
        await self.stage.fund(self.client, user, amount)
        return user

    async def merchant(self) -> tuple[Any, Any, Any]:
        """The merchant's balance at CoinQ Pay: posted, held, available."""
        return await self.stage.balance("merchant", COIN, "coinqpay")

    async def withdrawals(self, **fields: str) -> list[dict[str, Any]]:
        """CoinQ Pay's withdrawals with these fields, oldest first."""
        books = await self.stage.control("GET", "coinqpay/books")
        return [each for each in books["withdrawals"] if fields.items() <= each.items()]

    async def end(self, withdrawal_id: str, status: int) -> None:
        """Put a withdrawal into this status."""
        await self.stage.control("POST", "coinqpay/end-withdrawal", id=withdrawal_id, status=status)

    async def webhooks(self, **switches: object) -> None:
        """How webhooks are sent from now on."""
        await self.stage.control("POST", "webhooks", **switches)

    async def calm(self) -> None:
        """Undo what a story did to the servers and to the provider, whether it came to its end or not."""
        for server in (self.database, self.broker, self.provider):
            server.release()
            await server.listen()
        await self.stage.control("DELETE", "faults")
        # Sooner than documented, so that what is asked again is asked again within the test.
        await self.webhooks(on=True, delaySeconds=0, duplicate=False, retrySeconds=0.3)
        await self.stage.control("POST", "coinqpay/hold")
        await self.stage.control("POST", "coinqpay/freeze", frozen=False)
        await self.stage.control("POST", "coinqpay/coin", coin=COIN, available=True)

    async def deposit(self, **fields: object) -> dict[str, Any]:
        """A deposit of 10 USDT on Tron at CCPayment, in a transaction of its own."""
        base = {"coinId": 1280, "chain": "TRX", "amount": "10", "txId": self.new_id("tx")}
        return await self.stage.control("POST", "ccpayment/deposit", **{**base, **fields})

    async def ask(self, command: Mapping[str, object]) -> Event:
        """Publish a command and wait for its terminal event."""
        return await self.client.ask(command)

    async def refuse(self, command: Mapping[str, object]) -> str:
        """Publish a command that is rejected; the code."""
        event = await self.client.ask(command)
        assert event["data"]["result"] == "rejected", event
        return str(event["data"]["error"]["code"])

    def results(self, order_id: str) -> list[str]:
        """What was told of an order so far, without repeats, in the order of the sequences."""
        told = {event["id"]: event["data"] for event in self.client.tap.of(order_id)}
        return [data["result"] for data in sorted(told.values(), key=lambda data: data["sequence"])]

    async def state(self, order_id: str) -> str:
        """Where the order is."""
        return str((await self.stage.order(order_id))["state"])

    async def until_state(self, order_id: str, *states: str) -> None:
        """Wait until the order is in one of these states, which no event tells."""
        await self.until(
            "SELECT EXISTS (SELECT FROM ledger.order_status WHERE order_id = $1 AND state = ANY ($2)) AS it",
            order_id,
            list(states),
        )

    async def until(self, statement: str, *arguments: object) -> None:
        """Wait until the first column, `it`, of this statement is true."""
        await self.stage.until(statement, *arguments)

    def make_due(self, *jobs: str) -> None:
        """Let the scheduled jobs and what they look at be due now: their periods are longer than a test."""
        with psycopg.connect(self.stage.database_url, autocommit=True) as owner:
            owner.execute("UPDATE ledger.deposit SET due_at = now() WHERE due_at > now()")
            owner.execute("UPDATE ledger.webhook SET due_at = now() WHERE due_at > now()")
            owner.execute("UPDATE ledger.deposit_scan SET due_at = now()")
            owner.execute("UPDATE ledger.job SET due_at = now() WHERE name = ANY (%s)", (list(jobs),))

    async def keep_due(self, job: str, happened: Callable[[], object]) -> None:
        """Let a job run again and again until this is true."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not happened():
                self.make_due(job)
                await asyncio.sleep(0.2)

    async def fired(self) -> list[int]:
        """How often each fault has fired, oldest first."""
        return [fault["fired"] for fault in (await self.stage.control("GET", "faults"))["faults"]]

    async def until_fired(self) -> None:
        """Wait until every fault has fired."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                if all(await self.fired()):
                    return
                await asyncio.sleep(0.05)

    async def until_paid(self, order_id: str) -> None:
        """Wait until CoinQ Pay has counted the payment of a pay order."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                books = await self.stage.control("GET", "coinqpay/books")
                if any(each["order_id"] == order_id and each["status"] in PAID for each in books["payOrders"]):
                    return
                await asyncio.sleep(0.05)

    def in_seconds(self, seconds: float) -> str:
        """So many seconds from now, as commands have times."""
        return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()

    async def get(self, path: str) -> httpx.Response:
        """Ask the worker something."""
        async with self._http() as client:
            return await client.get(path)

    async def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send the worker a webhook: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self._http() as client:
            return await client.post(f"/webhooks/{path}", content=content, headers=headers)

    async def desk(self, *arguments: str) -> Finished:
        """A command line."""
        return await self.stage.run(*arguments)

    def _http(self) -> httpx.AsyncClient:
        url = f"http://127.0.0.1:{self.stage.settings['LEDGER_HTTP_PORT']}"
        return httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)


@asynccontextmanager
async def open_house(database_url: str, amqp_url: str, folder: Path, **settings: str) -> AsyncIterator[House]:
    """Servers, sandbox and client; no worker yet, and no money."""
    port = str(free_port())
    async with (
        sandbox_at(CREDENTIALS, folder, "--webhooks-to", f"http://127.0.0.1:{port}") as sandbox_url,
        proxied(database_url) as database,
        proxied(amqp_url) as broker,
        proxied(sandbox_url) as provider,
        connected(amqp_url) as client,
    ):
        through = {
            **CREDENTIALS,
            "LEDGER_DATABASE_URL": on_port(database_url, database.port),
            "LEDGER_AMQP_URL": on_port(amqp_url, broker.port),
            "LEDGER_CCPAYMENT_BASE_URL": on_port(sandbox_url, provider.port),
            "LEDGER_COINQPAY_BASE_URL": on_port(sandbox_url, provider.port),
            "LEDGER_HTTP_PORT": port,
            **PATIENT,
            **settings,
        }
        stage = Stage(database_url, amqp_url, sandbox_url, folder, through)
        house = House(stage, client, database, broker, provider, count(1))
        await house.calm()
        yield house


async def fund(house: House) -> None:
    """The merchant has plenty in all books: USDT at CCPayment, USDT on Tron at CoinQ Pay."""
    await house.stage.fund_merchant()
    await house.stage.adjust("merchant", PLENTY, "fund-coinqpay", COIN, "coinqpay")
    await house.stage.control("POST", "coinqpay/fund", coin=COIN, amount=PLENTY)


@asynccontextmanager
async def working(house: House, *arguments: str) -> AsyncIterator[Program]:
    """A worker that has started; with the HTTP role it listens, too."""
    async with house.stage.worker(*arguments) as worker:
        if not arguments or "http" in arguments[-1]:
            await worker.says("http listens")
        yield worker


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
