"""A stage for each test: alice has 1000 USDT, the merchant 1000 USDT and, at the other provider, 1000 TRON_USDT."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest

from tests.conformance.ends import APP_ID, open_ends
from tests.conformance.orders import ALICE
from tests.reconcile.stage import TRON, USDT, Stage
from worker.clock import SystemClock
from worker.database import FOR_FUNCTIONS, Database
from worker.ledger import Ledger


@pytest.fixture(scope="module", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """Nothing here is https, and reading the machine's certificates for every client would be half of the time."""
    context = httpx.create_ssl_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", lambda **_: context)
        yield


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    """Both books, equal."""
    database = await Database.open(database_url, SystemClock(), FOR_FUNCTIONS)
    owner = await asyncpg.connect(database_url)
    async with open_ends() as ends:
        made = Stage.of(ends, owner, Ledger(database, ends.clock, lease_seconds=30))
        # What the two ends open with at the provider.
        await made.adjust(f"user:{ALICE}", "1000", str(USDT))
        await made.adjust("merchant", "1000", TRON, "coinqpay")
        await made.fund(APP_ID, "1000")
        yield made
    await owner.close()
    await database.close()
