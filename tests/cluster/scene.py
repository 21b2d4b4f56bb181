"""Where a cluster's story plays: both providers, a client that hears everything, settings, and the judge."""

from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.client import Client, connected
from tests.e2e.commands import COIN
from tests.e2e.house import CREDENTIALS, PATIENT, free_port
from tests.e2e.oracle import judge
from tests.e2e.stage import PLENTY, Stage, sandbox_at

# Little in flight in each process, so that there is work for all; and short patience with what a kill leaves behind.
SETTINGS = {
    **PATIENT,
    "LEDGER_CONCURRENCY": "40",
    "LEDGER_RESUME_AFTER_SECONDS": "6",
    "LEDGER_REVIEW_AFTER_SECONDS": "8",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A stage and a client."""

    stage: Stage
    client: Client

    async def fund_merchant(self) -> None:
        """The merchant has plenty in all books: USDT at CCPayment, USDT on Tron at CoinQ Pay."""
        await self.stage.fund_merchant()
        await self.stage.adjust("merchant", PLENTY, "fund-coinqpay", COIN, "coinqpay")
        await self.stage.control("POST", "coinqpay/fund", coin=COIN, amount=PLENTY)

    async def judge(self, order_ids: Collection[str], stage: Stage | None = None) -> Counter[str]:
        """Nothing lost, nothing twice, all books agree, the audit finds nothing. How many orders ended how.

        `stage`: where the books are now, when they are not where they were.
        """
        stage = stage or self.stage
        await judge(stage, self.client)
        rows = await stage.query("SELECT order_id, type, state FROM ledger.order_status WHERE order_id LIKE 'load-%'")
        assert {row["order_id"] for row in rows} == set(order_ids)
        told = {event["data"]["orderId"] for event in self.client.tap.events if "orderId" in event["data"]}
        assert set(order_ids) <= told
        return Counter(f"{row['type']} {row['state']}" for row in rows)


@asynccontextmanager
async def open_scene(database_url: str, amqp_url: str, heard_at: str, folder: Path) -> AsyncIterator[Scene]:
    """Sandbox and client; no worker yet, and no money. `heard_at`: where the client listens, of the same broker."""
    port = str(free_port())
    async with (
        sandbox_at(CREDENTIALS, folder, "--webhooks-to", f"http://127.0.0.1:{port}") as sandbox_url,
        connected(heard_at) as client,
    ):
        settings = {
            **CREDENTIALS,
            "LEDGER_DATABASE_URL": database_url,
            "LEDGER_AMQP_URL": amqp_url,
            "LEDGER_CCPAYMENT_BASE_URL": sandbox_url,
            "LEDGER_COINQPAY_BASE_URL": sandbox_url,
            "LEDGER_HTTP_PORT": port,
            **SETTINGS,
        }
        scene = Scene(Stage(database_url, amqp_url, sandbox_url, folder, settings), client)
        await scene.stage.control("POST", "webhooks", on=True, delaySeconds=0, duplicate=False, retrySeconds=0.3)
        yield scene
