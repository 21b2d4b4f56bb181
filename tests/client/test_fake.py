"""The double: what a service can test with it, and where it behaves as the worker does."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from ledger_client import (
    EntryLine,
    FakeLedger,
    InvalidCommand,
    Ledger,
    NotConnected,
    StillRunning,
    Transfer,
)
from tests.client.commands import VALID, deposit, transfer

LINE = EntryLine(account="user:alice1", coin="1280", amount=Decimal("-12.50"), purpose="transfer")


async def test_a_scripted_result_answers_its_command() -> None:
    ledger = FakeLedger()
    ledger.succeed("ord-1", entries=[LINE], provider_ref="ref-1")
    ledger.fail("ord-2", "insufficient_balance", "no", provider_code="11029")
    ledger.reject("ord-3")
    done, failed, rejected = [await ledger.execute(transfer(f"ord-{number}")) for number in (1, 2, 3)]
    assert (done.kind, done.data.provider) == ("transfer.succeeded", "ccpayment")
    assert done.data.entries == (LINE,)  # type: ignore[attr-defined]
    assert (failed.kind, failed.error_code) == ("transfer.failed", "insufficient_balance")
    assert (rejected.kind, rejected.error_code) == ("transfer.rejected", "insufficient_funds")
    assert all(event.is_terminal for event in (done, failed, rejected))
    assert ledger.commands == [transfer(f"ord-{number}") for number in (1, 2, 3)]


@pytest.mark.parametrize("kind", VALID)
async def test_every_command_succeeds_when_that_is_automatic(kind: type[Transfer]) -> None:
    event = await FakeLedger(automatic=True).execute(kind(**VALID[kind]))
    assert event.kind == f"{kind.type}.succeeded"


async def test_a_result_may_be_said_while_the_service_waits() -> None:
    ledger = FakeLedger()
    waiting = asyncio.create_task(ledger.execute(transfer()))
    await asyncio.sleep(0)
    ledger.process("ord-1")
    ledger.succeed("ord-1")
    assert (await waiting).data.sequence == 2


async def test_an_order_that_does_not_end_goes_on_running() -> None:
    ledger = FakeLedger()
    ledger.review("ord-1")
    with pytest.raises(StillRunning) as running:
        await ledger.execute(transfer(), timeout=0.01)
    assert running.value.order_id == "ord-1"
    assert running.value.last is not None
    assert running.value.last.kind == "transfer.review"
    ledger.succeed("ord-1")
    assert (await ledger.execute(transfer())).result == "succeeded"


async def test_the_same_command_again_is_told_the_same_event() -> None:
    ledger = FakeLedger(automatic=True)
    first, second = await ledger.execute(transfer()), await ledger.execute(transfer())
    assert first.id == second.id
    assert len(ledger.commands) == 2


async def test_another_command_under_the_same_order_id_is_refused_and_the_first_is_untouched() -> None:
    ledger = FakeLedger()
    first = asyncio.create_task(ledger.execute(transfer(), correlation_id="first"))
    await asyncio.sleep(0)
    refused = await ledger.execute(transfer(amount="99"))
    assert (refused.result, refused.error_code, refused.is_terminal) == ("rejected", "order_id_conflict", False)
    assert not first.done()
    ledger.succeed("ord-1")
    assert (await first).result == "succeeded"


async def test_an_order_ends_once() -> None:
    ledger = FakeLedger(automatic=True)
    await ledger.publish(transfer())
    with pytest.raises(AssertionError, match="ended before"):
        ledger.fail("ord-1")


async def test_a_broken_publish_is_raised_once_and_leaves_nothing() -> None:
    ledger = FakeLedger(automatic=True)
    ledger.break_next(NotConnected("away"))
    with pytest.raises(NotConnected):
        await ledger.publish(transfer())
    assert ledger.commands == []
    await ledger.publish(transfer())


async def test_the_properties_of_a_message_are_recorded_and_checked() -> None:
    ledger = FakeLedger()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await ledger.publish(transfer(), message_id="m-1", correlation_id="c-1", traceparent=trace)
    [published] = ledger.published
    assert (published.message_id, published.correlation_id, published.traceparent) == ("m-1", "c-1", trace)
    wrongs: list[dict[str, Any]] = [{"message_id": "a\n"}, {"correlation_id": "x" * 256}, {"traceparent": "00-x"}]
    for wrong in wrongs:
        with pytest.raises(InvalidCommand, match=next(iter(wrong))):
            await ledger.publish(transfer(), **wrong)


async def test_any_event_can_be_told() -> None:
    ledger = FakeLedger()
    async with ledger.events("deposit.credited") as events:
        ledger.tell(deposit("rec-1"))
        event = await anext(events)
        assert (event.kind, event.data) == ("deposit.credited", deposit("rec-1"))


async def test_a_service_can_take_either_ledger() -> None:
    async def pay(ledger: Ledger) -> str:
        return (await ledger.execute(transfer())).result

    assert await pay(FakeLedger(automatic=True)) == "succeeded"
