"""The ledger and the truth, in both directions: everything final is credited, once, as it is; and nothing else is."""

import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from tests.chaos.end import _check_events
from tests.deposits_play import truth
from tests.deposits_play.play import DepositPlay
from tests.deposits_play.truth import Key, Money

# How the ledger explains what it does not credit, by what the provider says of it.
EXPLAINED = {"Processing": {"pending"}, "Failed": {"failed"}, "Success": {"risky"}}


async def check(play: DepositPlay) -> None:
    """Raises AssertionError for whatever is otherwise than it should be."""
    assert not play.broken, play.broken
    waits = await truth.waits_for(play)
    assert not waits, f"not everything has ended: {waits}, missing {await truth.missing(play)}"
    orders = {row["order_id"]: row for row in await play.owner.fetch("SELECT * FROM ledger.orders")}
    await _check_events(play, orders)
    lines = {
        (row["provider"], row["record_id"]): row
        for row in await play.owner.fetch("SELECT * FROM ledger.deposit_line")
    }
    credited = {key for key, row in lines.items() if row["state"] == "credited"}
    came = truth.money(play)
    await _check_posted(play, came, credited)
    await _check_explained(play, came, lines)
    await _check_violations(play, lines)
    _check_told(play, credited, orders)
    _check_orders(play, orders, credited)
    await _check_balances(play)


async def _check_posted(play: DepositPlay, came: dict[Key, Money], credited: set[Key]) -> None:
    """Each credited deposit is one journal with the right lines, and is what the provider has, or had."""
    posted: dict[Key, Counter[tuple[str, str, str, Decimal]]] = defaultdict(Counter)
    rows = await play.owner.fetch("SELECT * FROM ledger.entry_line WHERE order_id LIKE 'deposit:%'")
    for row in rows:
        _, provider, record_id = row["order_id"].split(":")
        assert row["provider"] == provider
        posted[provider, record_id][row["account"], row["coin"], row["purpose"], row["amount"]] += 1
    assert posted.keys() == credited, "posted is something else than credited"
    for key, lines in posted.items():
        allowed = [came[key]] if key in came else []
        if key[1] in play.before:
            allowed.append(truth.of_deposit(play.before[key[1]]))
        assert any(lines == _lines(each) for each in allowed), f"{key}: posted {dict(lines)}, came {allowed}"
    twins = Counter(came[key].twin for key in credited if key in came)
    assert all(count == 1 for count in twins.values()), f"credited twice: {twins}"


def _lines(each: Money) -> Counter[tuple[str, str, str, Decimal]]:
    gross = [(each.account, each.coin, "deposit", each.amount), ("custody", each.coin, "deposit", -each.amount)]
    fee = [(each.account, each.coin, "provider_fee", -each.fee), ("custody", each.coin, "provider_fee", each.fee)]
    return Counter([*gross, *(fee if each.fee else [])])


async def _check_explained(play: DepositPlay, came: dict[Key, Money], lines: dict[Key, Any]) -> None:
    """What came in and is not credited is listed with its state and the reason; nothing is listed that never was."""
    now, unheard = play.bank._now(), await truth.unheard(play)
    records = {("ccpayment", each.record_id): each for each in play.bank.books.deposits()}
    orders = {("coinqpay", each.payment_id): each for each in play.bank.coinqpay_books.pay_orders()}
    assert lines.keys() <= records.keys() | orders.keys(), "a deposit that the provider does not have"
    for key, record in records.items():
        row = lines.get(key)
        if row is None:
            assert key in unheard, f"{key} is {record.status(now)}, and is not listed"
            play.seen["user unheard of"] += 1
            continue
        if row["state"] == "credited":
            play.seen[f"credited: {row['kind']}"] += 1
            play.seen["user heard of"] += row["account"] == "user:bobby"
            continue
        expected = {"repeated"} if key in came else EXPLAINED[record.status(now)]
        was = {"repeated", "risky", "failed", "pending"} if record.record_id in play.before else set()
        assert row["state"] in expected | was, f"{key}: the provider says {record.status(now)}, listed as {dict(row)}"
        assert row["note"], f"{key} is {row['state']} without a reason"
        play.seen[f"explained: {row['state']}"] += 1


async def _check_violations(play: DepositPlay, lines: dict[Key, Any]) -> None:
    """None, but for what was credited and is said to be otherwise since; and those, when somebody has told."""
    rows = await play.owner.fetch("SELECT invariant, detail FROM ledger.violation")
    assert {row["invariant"] for row in rows} <= {"a credited deposit stays what the provider says"}, rows
    shown = {row["detail"].split(":")[1] for row in rows}
    credited = {record_id for (_, record_id), row in lines.items() if row["state"] == "credited"}
    assert shown <= play.before.keys() & credited, rows
    now_said = {record_id for _, record_id in truth.money(play)}
    for record_id in play.before.keys() & credited - now_said:
        play.seen["contradicted and shown" if record_id in shown else "contradicted and not told"] += 1


def _check_told(play: DepositPlay, credited: set[Key], orders: dict[str, Any]) -> None:
    """One event for each deposit, under one id; its order, if it names one, is one that it ended."""
    told: dict[Key, set[str]] = defaultdict(set)
    for message in play.bus.published:
        event = json.loads(message.body)
        data = event["data"]
        if data.get("result") != "credited":
            continue
        told[data["provider"], data["recordId"]].add(event["id"])
        if data["orderId"] is not None:
            order = orders[data["orderId"]]
            assert order["state"] == "succeeded", (
                f"{data['orderId']} is {order['state']}, and a deposit says to end it"
            )
            assert order["provider_ref"] == data["recordId"], f"{data['orderId']} was ended by another deposit"
            play.seen[f"credited with its order: {order['type']}"] += 1
    assert told.keys() == credited, "told of is something else than credited"
    assert all(len(ids) == 1 for ids in told.values()), "a deposit is told of twice"


def _check_orders(play: DepositPlay, orders: dict[str, Any], credited: set[Key]) -> None:
    """A pay order that was paid in time and a rescan that could find something have succeeded."""
    records = {each.tx_id for each in play.bank.books.deposits() if ("ccpayment", each.record_id) in credited}
    for order_id, row in orders.items():
        if row["type"] == "adjust":
            continue
        play.seen[f"{row['type']} {row['state']}"] += 1
        if row["state"] == "succeeded":
            assert (row["provider"], row["provider_ref"]) in credited, f"{order_id} succeeded by nothing"
            assert order_id not in play.in_vain, f"{order_id} succeeded, and could not"
        else:
            assert row["state"] == "failed", f"{order_id} is {row['state']}"
            assert order_id not in play.must_succeed, f"{order_id} failed, and was paid in time"
            found = row["type"] == "rescan" and json.loads(row["command"])["txId"] in records
            assert not found or order_id in play.in_vain, f"{order_id} was given up, and its payment is credited"
        if row["type"] == "payOrder" and row["state"] == "failed":
            play.seen["paid late"] += ("coinqpay", row["provider_ref"]) in credited


async def _check_balances(play: DepositPlay) -> None:
    """What everybody has at CoinQ Pay is what it has; nothing is held."""
    rows = await play.owner.fetch("SELECT provider, posted, held, account FROM ledger.account_balance")
    assert not any(row["held"] for row in rows), "something is held"
    ours = sum(row["posted"] for row in rows if row["provider"] == "coinqpay" and row["account"] != "custody")
    assert ours == sum(play.bank.coinqpay_books.balances().values())
