"""The oracle of a file: every order has ended once, no invariant is broken, and both providers' books are ours."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from tests.e2e.client import Client
from tests.e2e.stage import APP_ID, Stage

GIVEN_BACK = (5, 6)  # of a withdrawal: its money is in the provider's balance again
PAID = (3, 6)  # of a pay order: money has come, as much as was asked for or another amount


async def judge(stage: Stage, client: Client) -> None:
    """Compare everything with everything, after the last story."""
    await _judge_events(stage, client)
    await _judge_ccpayment(stage)
    await _judge_coinqpay(stage)
    audit = await stage.run("audit")
    assert audit.code == 0, audit.out


async def _judge_events(stage: Stage, client: Client) -> None:
    """Exactly one terminal event for each order, whose result is the order's state."""
    rows = await stage.query("SELECT order_id, state FROM ledger.order_status WHERE type <> 'adjust'")
    states = {row["order_id"]: row["state"] for row in rows}
    told: dict[str, list[str]] = {order_id: [] for order_id in states}
    for order_id in states:
        seen = {event["id"]: event for event in client.tap.of(order_id)}
        ids = client.tap.terminal_ids.get(order_id, set())
        told[order_id] = [seen[event_id]["data"]["result"] for event_id in ids]
    assert told == {order_id: [state] for order_id, state in states.items()}


async def _judge_ccpayment(stage: Stage) -> None:
    """What each user has of each coin is the same in both books."""
    books = await stage.control("GET", "books")
    names = {APP_ID: "merchant"}
    theirs = {
        (names.get(row["userId"], f"user:{row['userId']}"), str(row["coinId"])): Decimal(row["amount"])
        for row in books["balances"]
        if Decimal(row["amount"])
    }
    rows = await _accounts(stage, "ccpayment")
    assert {(row["account"], row["coin"]): row["posted"] for row in rows if row["posted"]} == theirs


async def _judge_coinqpay(stage: Stage) -> None:
    """One balance there for all accounts here; a succeeded order for every payment, and a payment for every order."""
    books = await stage.control("GET", "coinqpay/books")
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in await _accounts(stage, "coinqpay"):
        totals[row["coin"]] += row["posted"]
    theirs = {coin: Decimal(amount) for coin, amount in books["balances"].items() if Decimal(amount)}
    assert {coin: total for coin, total in totals.items() if total} == theirs
    await _judge_withdrawals(stage, books["withdrawals"])
    await _judge_pay_orders(stage, books["payOrders"])


async def _judge_withdrawals(stage: Stage, withdrawals: list[dict[str, Any]]) -> None:
    rows = await stage.query(
        "SELECT order_id, provider_ref FROM ledger.order_status"
        " WHERE type IN ('payout', 'withdraw') AND state = 'succeeded'"
    )
    paid = {each["id"]: each for each in withdrawals if each["status"] not in GIVEN_BACK}
    assert sorted(row["provider_ref"] for row in rows) == sorted(paid)
    for row in rows:
        record = paid[row["provider_ref"]]
        assert record["status"] == 4
        lines = await stage.lines(row["order_id"])
        amounts = [amount for account, amount, _ in lines if account == "custody"]
        assert sorted(amounts) == sorted([Decimal(record["actual_amount"]), Decimal(record["fee"])])


async def _judge_pay_orders(stage: Stage, pay_orders: list[dict[str, Any]]) -> None:
    rows = await stage.query(
        "SELECT order_id, sum(amount) AS amount FROM ledger.entry_line"
        " WHERE provider = 'coinqpay' AND purpose = 'deposit' AND account <> 'custody' GROUP BY order_id"
    )
    ours = {row["order_id"]: row["amount"] for row in rows}
    paid = [order for order in pay_orders if order["status"] in PAID]
    assert ours == {f"deposit:coinqpay:{order['payment_id']}": Decimal(order["pay_amount"]) for order in paid}


async def _accounts(stage: Stage, provider: str) -> list[dict[str, Any]]:
    """All but custody; nothing is held any more."""
    rows = await stage.query(
        "SELECT * FROM ledger.account_balance WHERE provider = $1 AND account <> 'custody'", provider
    )
    assert {row["account"]: row["held"] for row in rows if row["held"]} == {}
    return rows
