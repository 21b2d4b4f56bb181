"""Webhooks: what is answered when the database will not be asked, and to a notice about another kind of order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from starlette.applications import Starlette

from schemas.registry import COMMANDS
from tests.providers.test_coinqpay_provider import provider
from tests.providers.test_coinqpay_records import PAID_ORDER, WITHDRAWAL
from tests.unit.test_settle import SENDING
from worker.errors import BadSettings, SchemaMissing, WorkerError
from worker.ledger import Confirmation
from worker.order import Order
from worker.web.webhooks import webhook_routes
from worker.world import World

UNPAID = {**PAID_ORDER, "status": 5}
RESCAN = {"type": "rescan", "chain": "TRX", "toAddress": "TDD1DYWk", "txId": "tx-1"}
SUCCEEDED = replace(SENDING, state="succeeded", due_at=None, doubtful=(), provider_ref="ref-1")


@dataclass
class Ledger:
    """The ledger's side: orders that ended, or a database that lets nobody in."""

    orders: list[Order] = field(default_factory=list)
    error: WorkerError | None = None
    hastened: list[str | None] = field(default_factory=list)

    async def hasten(self, _provider: str, *, order_id: str | None = None, **_others: str) -> int:
        if self.error is not None:
            raise self.error
        self.hastened.append(order_id)
        return 0

    async def read_orders(self, _order_ids: Sequence[str]) -> list[Order]:
        return self.orders

    async def confirmation(self, _provider: str, _provider_ref: str) -> Confirmation:
        if self.error is not None:
            raise self.error
        return Confirmation(None, None, refused=True)


def unasked(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"the provider is not to be asked: {request.url}")


async def post(path: str, fields: object, ledger: Ledger) -> int:
    coinqpay = provider(unasked)
    world = cast("World", SimpleNamespace(ledger=ledger, providers={"coinqpay": coinqpay}))
    app = Starlette(routes=webhook_routes({"coinqpay": coinqpay}, world))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://worker") as client:
        return (await client.post(f"/webhooks/coinqpay/{path}", content=json.dumps(fields))).status_code


@pytest.mark.parametrize("error", [BadSettings("password"), SchemaMissing("migrate")], ids=str)
@pytest.mark.parametrize(
    ("path", "fields"), [("confirm", WITHDRAWAL), ("withdrawal", WITHDRAWAL), ("pay-order", PAID_ORDER)]
)
async def test_a_database_that_cannot_be_asked_is_answered_503(path: str, fields: object, error: WorkerError) -> None:
    assert await post(path, fields, Ledger(error=error)) == 503


async def test_what_was_refused_stays_refused() -> None:
    assert await post("confirm", WITHDRAWAL, Ledger()) == 409


@pytest.mark.parametrize("fields", [RESCAN, None], ids=["rescan", "transfer"])
async def test_a_notice_of_a_pay_order_makes_nobody_look_at_another_kind_of_order(
    fields: dict[str, object] | None,
) -> None:
    order_id = str(UNPAID["order_id"])
    order = SUCCEEDED
    if fields is not None:
        order = replace(order, command=COMMANDS["rescan"].model_validate({**fields, "orderId": order_id}))
    ledger = Ledger([order])
    assert await post("pay-order", UNPAID, ledger) == 200
    assert ledger.hastened == [order_id]
