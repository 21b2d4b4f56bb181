"""Settle, for what has more than one event or is bound to the provider's id: pay orders, swaps and payments."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import pytest

from schemas.event import deposit_event_id, event_id_of
from schemas.registry import COMMANDS
from tests.unit.test_settle import NOW, SENDING, Handed, Rows, world_of
from worker.order import Order
from worker.providers.protocol import (
    Collected,
    Converted,
    Disputed,
    Finding,
    Payable,
    Processing,
    Refused,
    Sent,
    Succeeded,
)
from worker.steps.decide import Source
from worker.steps.settle import settle

PAY_ORDER = {"type": "payOrder", "orderId": "ord-1", "coin": "ETH", "amount": "0.5", "account": "user:alice1"}
PAYOUT = {"type": "payout", "orderId": "ord-1", "coin": "ETH", "address": "0x1", "amount": "5"}
SWAP = {"type": "swap", "orderId": "ord-1", "userId": "alice1", "coinIdIn": 1280, "amountIn": "5", "coinIdOut": 1329}

PAYABLE = Payable("p-1", "ETH", "0.5", "0xabc", datetime(2026, 1, 1, 12, 15, tzinfo=UTC))
PAID = Succeeded("p-1", Collected(Decimal("0.4"), "ETH", "0xabc", "0xdef"))


def order(fields: dict[str, Any], **changes: Any) -> Order:
    command = COMMANDS[str(fields["type"])].model_validate(fields)
    return replace(SENDING, command=command, provider=command.executed_by, **changes)


async def settled(
    before: Order,
    finding: Finding,
    bound: frozenset[str] = frozenset(),
    credit: Literal["credited", "known", "repeated"] = "credited",
    source: Source = "record",
) -> tuple[Rows, Handed]:
    rows, handed = Rows(before, bound=set(bound), credit=credit), Handed()
    await settle(before, finding, source, world_of(rows, handed))
    return rows, handed


def data_of(handed: Handed) -> list[dict[str, Any]]:
    return [json.loads(event.body)["data"] for event in handed.events]


async def test_a_pay_order_that_was_made_tells_that_it_is_under_way_and_then_where_to_pay() -> None:
    rows, handed = await settled(order(PAY_ORDER), Processing("p-1", PAYABLE))
    assert [event.routing_key for event in handed.events] == ["payOrder.processing", "payOrder.created"]
    assert [event.event_id for event in handed.events] == [event_id_of("ord-1", 1), event_id_of("ord-1", 2)]
    assert data_of(handed)[1] == {
        "orderId": "ord-1",
        "type": "payOrder",
        "result": "created",
        "sequence": 2,
        "provider": "coinqpay",
        "paymentId": "p-1",
        "coin": "ETH",
        "amount": "0.5",
        "address": "0xabc",
        "expiresAt": "2026-01-01T12:15:00.000000Z",
    }
    [settlement] = rows.settled
    assert settlement.decision.lines == ()
    assert not any(event.terminal for event in settlement.decision.events)


async def test_where_to_pay_is_told_once() -> None:
    _, handed = await settled(order(PAY_ORDER, state="processing", events=2), Processing("p-1", PAYABLE))
    assert handed.events == []


ENTRIES = [
    {"account": "custody", "coin": "ETH", "amount": "-0.4", "purpose": "deposit"},
    {"account": "user:alice1", "coin": "ETH", "amount": "0.4", "purpose": "deposit"},
]


async def test_what_was_paid_is_credited_as_the_providers_deposit_and_then_ends_the_order() -> None:
    before = order(PAY_ORDER, state="processing", provider_ref="p-1", events=2)
    rows, handed = await settled(before, PAID)
    [(deposit, order_id, _)] = rows.credited
    assert (deposit.provider, deposit.record_id, deposit.kind, deposit.state) == (
        *("coinqpay", "p-1", "payOrder", "final"),
    )
    assert (deposit.account, deposit.coin, deposit.amount, deposit.fee) == (
        *("user:alice1", "ETH", Decimal("0.4"), Decimal(0)),
    )
    assert (deposit.chain, deposit.address, deposit.tx_id, deposit.order_id) == ("ETH", "0xabc", "0xdef", "ord-1")
    assert order_id == "ord-1"
    [settlement] = rows.settled
    assert settlement.decision.state == "succeeded"
    assert settlement.decision.lines == ()
    assert [event.routing_key for event in handed.events] == ["deposit.credited", "payOrder.succeeded"]
    assert [event.event_id for event in handed.events] == [
        deposit_event_id("coinqpay", "p-1"),
        event_id_of("ord-1", 4),
    ]
    credited, succeeded = data_of(handed)
    assert credited == {
        "orderId": "ord-1",
        "type": "deposit",
        "result": "credited",
        "sequence": 3,
        "provider": "coinqpay",
        "recordId": "p-1",
        "account": "user:alice1",
        "coin": "ETH",
        "amount": "0.4",
        "fee": "0",
        "chain": "ETH",
        "txId": "0xdef",
        "entries": ENTRIES,
    }
    assert (succeeded["sequence"], succeeded["providerRef"]) == (4, "p-1")
    assert (succeeded["entries"], succeeded["error"]) == (ENTRIES, None)
    [event] = settlement.decision.events
    assert event.terminal


async def test_what_was_credited_before_a_crash_is_told_once_and_the_order_ends_all_the_same() -> None:
    before = order(PAY_ORDER, state="processing", provider_ref="p-1", events=3)
    rows, handed = await settled(before, PAID, credit="known")
    assert [event.routing_key for event in handed.events] == ["payOrder.succeeded"]
    assert rows.settled[0].decision.events[0].event_id == event_id_of("ord-1", 4)


async def test_an_order_that_told_something_meanwhile_is_credited_with_its_next_place_and_ends() -> None:
    before = order(PAY_ORDER, state="processing", provider_ref="p-1", events=2)
    rows, handed = Rows(before, moves=replace(before, revision=before.revision + 1, events=3)), Handed()
    await settle(before, PAID, "record", world_of(rows, handed))
    [(_, order_id, event)] = rows.credited
    assert (order_id, event.sequence) == ("ord-1", 4)
    assert handed.events[-1].event_id == event_id_of("ord-1", 5)


async def test_an_order_that_ended_meanwhile_is_not_told_of_as_ended_by_the_deposit() -> None:
    before = order(PAY_ORDER, state="processing", provider_ref="p-1", events=2)
    ended = replace(before, state="failed", due_at=None, revision=before.revision + 1, events=3)
    rows, handed = Rows(before, moves=ended), Handed()
    await settle(before, PAID, "record", world_of(rows, handed))
    [(_, order_id, event)] = rows.credited
    assert (order_id, event.sequence) == (None, 0)
    assert rows.settled == []
    assert rows.contradictions == []


async def test_one_payment_under_two_ids_is_credited_once_and_goes_to_a_person() -> None:
    before = order(PAY_ORDER, state="processing", provider_ref="p-1", events=2)
    rows, handed = await settled(before, PAID, credit="repeated")
    assert [(deposit.state, due_at) for deposit, due_at in rows.noted] == [("repeated", None)]
    assert rows.settled[0].decision.state == "review"
    assert [event.routing_key for event in handed.events] == ["payOrder.review"]


async def test_a_pay_order_that_nobody_paid_fails_and_is_still_looked_at() -> None:
    unpaid = Refused("payment_expired", "nobody paid", "5", by_record=True, provider_ref="p-1")
    rows, handed = await settled(order(PAY_ORDER, state="processing", provider_ref="p-1"), unpaid)
    [settlement] = rows.settled
    assert (settlement.decision.state, settlement.decision.lines) == ("failed", ())
    assert [event.routing_key for event in handed.events] == ["payOrder.failed"]
    [(deposit, due_at)] = rows.noted
    assert (deposit.record_id, deposit.state, deposit.amount, deposit.note) == ("p-1", "failed", None, "nobody paid")
    assert due_at is not None
    assert due_at > NOW
    assert rows.credited == []


@pytest.mark.parametrize(
    "refused", [Refused("coin_not_supported", "", "12002"), Refused("failed", "", by_record=True)]
)
async def test_a_pay_order_that_was_never_made_is_not_looked_at(refused: Refused) -> None:
    rows, _ = await settled(order(PAY_ORDER), refused)
    assert rows.settled[0].decision.state == "failed"
    assert rows.noted == []


async def test_a_payment_after_the_pay_order_had_failed_is_credited_and_contradicts_nothing() -> None:
    rows, handed = await settled(order(PAY_ORDER, state="failed", due_at=None, provider_ref="p-1"), PAID)
    assert rows.contradictions == []
    assert [event.routing_key for event in handed.events] == ["deposit.credited"]
    assert data_of(handed)[0]["orderId"] is None
    assert data_of(handed)[0]["entries"] == ENTRIES


@pytest.mark.parametrize(
    ("fields", "receipt", "lines"),
    [
        (PAYOUT, Sent(Decimal("4.9"), Decimal("0.1"), "0xdef"), 4),
        (SWAP, Converted(Decimal(9), Decimal("0.1"), Decimal(0)), 6),
    ],
    ids=["payout", "swap"],
)
async def test_a_success_of_any_other_kind_is_posted_under_the_order(
    fields: dict[str, Any], receipt: Any, lines: int
) -> None:
    rows, handed = await settled(order(fields), Succeeded("r-1", receipt))
    [settlement] = rows.settled
    assert len(settlement.decision.lines) == lines
    assert rows.credited == []
    assert [event.routing_key for event in handed.events] == [f"{fields['type']}.succeeded"]
    assert len(data_of(handed)[0]["entries"]) == lines


@pytest.mark.parametrize(
    "finding",
    [
        Processing("w-1"),
        Succeeded("w-1", Sent(Decimal("4.9"), Decimal("0.1"), None)),
        Refused("failed", "", by_record=True, provider_ref="w-1"),
        Disputed("differs", "w-1"),
    ],
    ids=lambda finding: type(finding).__name__,
)
async def test_a_payment_answered_with_an_id_that_belongs_to_another_order_goes_to_a_person(finding: Finding) -> None:
    rows, handed = await settled(order(PAYOUT), finding, bound=frozenset({"w-1"}), source="answer")
    [settlement] = rows.settled
    assert (settlement.decision.state, settlement.decision.provider_ref) == ("review", None)
    assert settlement.decision.lines == ()
    [told] = data_of(handed)
    assert (told["result"], told["providerRef"]) == ("review", None)
    assert "another order" in told["error"]["message"]


async def test_a_payment_guessed_to_be_one_that_belongs_to_another_order_is_left_as_it_is() -> None:
    rows, handed = await settled(order(PAYOUT), Processing("w-1"), bound=frozenset({"w-1"}))
    assert (rows.settled, handed.events) == ([], [])
