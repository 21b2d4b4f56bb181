"""How a payment drama must have ended: what was ordered and what was paid, compared in both directions."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from schemas.money import show
from tests.chaos.bank import APP_ID, COIN
from tests.chaos.play import Play
from tests.chaos.truth import credited, waits_for
from worker.providers.protocol import payee
from worker.topology import EVENTS_EXCHANGE


async def check(play: Play, *, is_confirmed: bool) -> dict[str, str]:
    """The oracle. Returns how each order ended: its state, or that a person has given it up.

    `is_confirmed`: nothing is paid that the second confirmation did not approve.
    """
    assert not play.broken, play.broken
    waits = await waits_for(play)
    assert not waits, f"not everything has ended: {waits}"
    violations = await play.owner.fetch("SELECT * FROM ledger.violation")
    assert not violations, violations
    orders = {row["order_id"]: row for row in await play.owner.fetch("SELECT * FROM ledger.orders")}
    await _check_events(play, orders)
    unowned = await _check_withdrawals(play, orders, is_confirmed=is_confirmed)
    await _check_deposits(play)
    await _check_books(play, unowned)
    refused = {row[0] for row in await play.owner.fetch("SELECT provider_ref FROM ledger.refusal")}
    assert not refused & play.witness.approved, "a refused id was approved"
    return {
        order_id: "given up" if row["error_code"] == "not_executed" else row["state"]
        for order_id, row in orders.items()
        if row["type"] != "adjust"
    }


async def _check_events(play: Play, orders: dict[str, Any]) -> None:
    """Exactly one terminal event id per order, which says how it ended; every event published, each of its own."""
    told: dict[str, dict[str, str]] = {order_id: {} for order_id, row in orders.items() if row["type"] != "adjust"}
    ids: dict[tuple[str, int], set[str]] = {}
    for message in play.bus.published:
        assert message.exchange == EVENTS_EXCHANGE, "a command became a dead letter"
        event = json.loads(message.body)
        data = event["data"]
        if data.get("result") in ("succeeded", "failed", "rejected"):
            told[data["orderId"]][event["id"]] = data["result"]
        if data.get("orderId") and data["sequence"] > 0:
            ids.setdefault((data["orderId"], data["sequence"]), set()).add(event["id"])
    for order_id, results in told.items():
        state = orders[order_id]["state"]
        assert list(results.values()) == [state], f"{order_id} is {state}, and told of as {results}"
    assert all(len(each) == 1 for each in ids.values()), "two events have one sequence"
    stored = {str(row[0]) for row in await play.owner.fetch("SELECT event_id FROM ledger.outbox")}
    assert stored == {str(message.message_id) for message in play.bus.published}, "an event was never published"


async def _check_withdrawals(play: Play, orders: dict[str, Any], *, is_confirmed: bool) -> Decimal:
    """Paid withdrawals and orders that succeeded, one to one; the amounts of those that are nobody's."""
    paid = play.bank.paid()
    payments = [row for row in orders.values() if row["payee"] is not None]
    owners = {row["provider_ref"]: row for row in payments if row["state"] == "succeeded"}
    assert len(owners) == sum(row["state"] == "succeeded" for row in payments), "one withdrawal ended two orders"
    for provider_ref, row in owners.items():
        assert provider_ref in paid, f"{row['order_id']} succeeded, and {provider_ref} was not paid"
        withdrawal = paid[provider_ref]
        equal = payee(withdrawal.coin, show(withdrawal.amount), withdrawal.address)
        assert equal == row["payee"], f"{row['order_id']} ended by a payment of another kind: {equal}"
        lines = await play.owner.fetch(
            "SELECT purpose, amount FROM ledger.entry_line WHERE order_id = $1 AND account = 'merchant'",
            row["order_id"],
        )
        booked = {line["purpose"]: -line["amount"] for line in lines}
        assert booked == {row["type"]: withdrawal.amount - withdrawal.fee, "provider_fee": withdrawal.fee}, booked
    unowned = paid.keys() - owners.keys()
    others = play.bank.by_hand if is_confirmed else play.bank.by_hand | play.bank.by_strangers
    assert unowned <= others, f"paid and nobody's: {unowned - others}"
    return sum((paid[each].amount for each in unowned), Decimal(0))


async def _check_deposits(play: Play) -> None:
    """What came in is credited, each once, with the amount that came in; and nothing else is."""
    came = play.bank.credited()
    assert await credited(play) == came.keys(), "credited is something else than came in"
    rows = await play.owner.fetch(
        "SELECT j.order_id, sum(e.amount) AS amount FROM ledger.journal j JOIN ledger.entry_line e"
        " ON e.journal_id = j.id WHERE e.account <> 'custody' AND e.purpose = 'deposit' GROUP BY j.id, j.order_id"
    )
    expected = {f"deposit:{provider}:{record_id}": amount for (provider, record_id), amount in came.items()}
    posted = {row["order_id"]: row["amount"] for row in rows}
    assert posted == expected, f"came in: {expected}; posted: {posted}"
    told = Counter(
        event["id"]
        for event in {message.message_id: json.loads(message.body) for message in play.bus.published}.values()
        if "recordId" in event["data"]
    )
    assert len(told) == len(came), "deposits told of otherwise than once"


async def _check_books(play: Play, unowned: Decimal) -> None:
    """Ledger and providers have the same, and nothing is held."""
    rows = await play.owner.fetch("SELECT account, provider, coin, posted, held FROM ledger.account_balance")
    posted = {(row["provider"], row["account"], row["coin"]): row["posted"] for row in rows}
    assert not any(row["held"] for row in rows), "something is held"
    # What was paid by others was funded for them, and has left again.
    sent_by_others = unowned - _funded_for_others(play)
    theirs = play.bank.coinqpay_books.balance(COIN) + sent_by_others
    assert posted["coinqpay", "merchant", COIN] == theirs, f"the merchant has {theirs} there"
    for (user_id, coin_id), theirs in play.bank.books.balances().items():
        account = "merchant" if user_id == APP_ID else f"user:{user_id}"
        assert posted.get(("ccpayment", account, str(coin_id)), 0) == theirs, (user_id, coin_id)


def _funded_for_others(play: Play) -> Decimal:
    """What the bank was given for payments that are not ours, at their making."""
    books = play.bank.coinqpay_books
    others = play.bank.by_hand | play.bank.by_strangers
    return sum((each.amount for each in books.withdrawals() if each.withdrawal_id in others), Decimal(0))
