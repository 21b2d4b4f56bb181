"""A load with everything in it that goes wrong between services and providers, and the oracle that judges the end."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.e2e.client import Client, transfer
from tests.e2e.stage import APP_ID, Stage

USERS = [f"user-{number:02}" for number in range(20)]
OPENING = 60  # coins for each; transfers are of up to 20, so that some are not covered

# Route, kind, when, probability, and what the kind needs. The first that fires wins.
FAULTS: list[tuple[str, str, str, float, dict[str, object]]] = [
    ("userTransfer", "reset", "before", 0.04, {}),
    ("userTransfer", "reset", "after", 0.04, {}),
    ("userTransfer", "reset", "late", 0.03, {"lateSeconds": 1.2}),
    ("userTransfer", "hang", "before", 0.01, {"seconds": 5}),
    ("userTransfer", "hang", "after", 0.02, {"seconds": 5}),
    ("userTransfer", "http_500", "before", 0.02, {}),
    ("userTransfer", "http_500", "after", 0.03, {}),
    ("userTransfer", "http_502", "before", 0.02, {}),
    ("userTransfer", "http_502", "late", 0.02, {"lateSeconds": 0.3}),
    ("userTransfer", "http_429", "before", 0.03, {}),
    ("userTransfer", "non_json", "after", 0.03, {}),
    ("userTransfer", "truncated_json", "before", 0.02, {}),
    ("userTransfer", "truncated_json", "after", 0.03, {}),
    ("userTransfer", "code", "before", 0.04, {"code": 11004}),
    ("userTransfer", "code", "before", 0.02, {"code": 11002}),
    ("userTransfer", "code", "after", 0.02, {"code": 11002}),
    ("userTransfer", "code", "before", 0.02, {"code": 10001}),
    ("userTransfer", "code", "after", 0.02, {"code": 10001}),
    ("getUserTransferRecord", "reset", "before", 0.04, {}),
    ("getUserTransferRecord", "hang", "before", 0.01, {"seconds": 5}),
    ("getUserTransferRecord", "http_500", "before", 0.04, {}),
    ("getUserTransferRecord", "http_429", "before", 0.03, {}),
    ("getUserTransferRecord", "truncated_json", "after", 0.02, {}),
    ("getUserTransferRecord", "code", "before", 0.03, {"code": 11004}),
    ("getUserTransferRecord", "code", "before", 0.02, {"code": 11002}),
    ("getUserTransferRecord", "lag", "before", 0.5, {"seconds": 1}),
]


def draw_seed() -> int:
    """The seed of this run, printed so that it can be run again with SEED=…"""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={seed}")  # noqa: T201
    return seed


class Load:
    """Transfers among a few users, some repeated, some contradicted, some too large; the same for one seed."""

    def __init__(self, seed: int, orders: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self.order_ids = [f"load-{number:04}" for number in range(orders)]
        self.contradicted: set[str] = set()
        timed = [item for number, order_id in enumerate(self.order_ids) for item in self._told(number, order_id)]
        self.messages = [message for _, message in sorted(timed, key=lambda item: item[0])]

    def _told(self, number: int, order_id: str) -> list[tuple[float, bytes]]:
        """The order's messages, each with its place among the others."""
        command = self._command(order_id)
        told = [(float(number), json.dumps(command).encode())]
        if self.random.random() < 0.15:
            told.append((number + self.random.uniform(0, 100), _spelled_otherwise(command)))
        if self.random.random() < 0.05:
            other = {**command, "amount": str(Decimal(str(command["amount"])) + 1)}
            told.append((number + self.random.uniform(50, 150), json.dumps(other).encode()))
            self.contradicted.add(order_id)
        return told

    def _command(self, order_id: str) -> dict[str, object]:
        sender, receiver = self.random.sample([*USERS, APP_ID], 2)
        if self.random.random() < 0.3:  # two hot accounts
            sender, receiver = USERS[:2]
        if self.random.random() < 0.05:
            return transfer(order_id, sender, receiver, "5000000")
        amount = Decimal(self.random.randint(1_000, 20_000_000)).scaleb(-6)
        return transfer(order_id, sender, receiver, f"{amount:f}")


async def fund_users(stage: Stage, client: Client) -> None:
    """The same opening balances in both books, before anything goes wrong."""
    await stage.fund_merchant("10000")
    await asyncio.gather(*(stage.fund(client, user, str(OPENING)) for user in USERS))


async def have_faults(stage: Stage) -> None:
    """Everything that can go wrong at the provider, goes wrong now and then."""
    for route, kind, when, probability, more in FAULTS:
        await stage.fault(kind, when=when, route=route, probability=probability, **more)


async def publish(load: Load, client: Client) -> None:
    """All of it, as fast as the broker takes it, in order."""
    for start in range(0, len(load.messages), 100):
        batch = load.messages[start : start + 100]
        await asyncio.gather(*(client.publish(message, "ccpayment.transfer") for message in batch))


async def run_out(load: Load, stage: Stage, client: Client) -> None:
    """Wait for the end of every order. Towards the end the provider recovers, for patience doubles each time."""
    await _until_ended(load, stage, client, len(load.order_ids) * 4 // 5)
    await stage.control("DELETE", "faults")
    await _until_ended(load, stage, client, len(load.order_ids))
    await client.tap.until(lambda: load.contradicted <= _told_of_conflict(client))


async def _until_ended(load: Load, stage: Stage, client: Client, orders: int) -> None:
    try:
        await client.tap.until(lambda: len(client.tap.terminal_ids.keys() & set(load.order_ids)) >= orders)
    except TimeoutError:
        rows = await stage.query("SELECT * FROM ledger.order_status WHERE state NOT IN ('succeeded', 'rejected')")
        untold = set(load.order_ids) - client.tap.terminal_ids.keys()
        raise AssertionError(f"{len(untold)} orders have not ended: {sorted(untold)[:20]}, {rows[:20]}") from None


async def judge(load: Load, stage: Stage, client: Client) -> Counter[str]:
    """Nothing lost, nothing twice, and all books agree. How many orders ended how."""
    results = await _judge_events(load, stage, client)
    books = await stage.control("GET", "books")
    await _judge_transfers(stage, books["transfers"], results)
    await _judge_balances(stage, books["balances"])
    audit = await stage.run("audit")
    assert audit.code == 0, audit.out
    for queue in ("ledger.commands.ccpayment", "ledger.dead.ccpayment"):
        declared = await client.channel.declare_queue(queue, passive=True)
        assert declared.declaration_result.message_count == 0, queue
    return Counter(results[order_id] for order_id in load.order_ids)


async def _judge_events(load: Load, stage: Stage, client: Client) -> dict[str, str]:
    """Exactly one terminal event per order, and it says what the order's row says."""
    assert {order_id: len(ids) for order_id, ids in client.tap.terminal_ids.items() if len(ids) != 1} == {}
    rows = await stage.query("SELECT * FROM ledger.order_status WHERE type = 'transfer'")
    states = {row["order_id"]: row["state"] for row in rows}
    told = {order_id: (await client.tap.end_of(order_id))["data"]["result"] for order_id in states}
    assert told == states
    assert set(load.order_ids) <= states.keys()
    return states


async def _judge_transfers(stage: Stage, transfers: list[dict[str, Any]], results: Mapping[str, str]) -> None:
    """Every transfer at the provider has one succeeded order, with its lines, and every succeeded order one there."""
    done = {record["orderId"]: record for record in transfers}
    assert len(done) == len(transfers)
    assert done.keys() == {order_id for order_id, result in results.items() if result == "succeeded"}
    lines: dict[str, list[tuple[str, Decimal]]] = {}
    for row in await stage.query("SELECT * FROM ledger.entry_line WHERE purpose = 'transfer' ORDER BY amount"):
        lines.setdefault(row["order_id"], []).append((row["account"], row["amount"]))
    for order_id, record in done.items():
        amount = Decimal(record["amount"])
        sent, received = _account(record["fromUserId"]), _account(record["toUserId"])
        assert lines.pop(order_id) == [(sent, -amount), (received, amount)]
    assert lines == {}


async def _judge_balances(stage: Stage, balances: list[dict[str, Any]]) -> None:
    """What each user has is the same in both books, and nothing is held any more."""
    rows = await stage.query("SELECT * FROM ledger.account_balance")
    ours = {row["account"]: row["posted"] for row in rows if row["posted"] and row["account"] != "custody"}
    theirs = {_account(row["userId"]): Decimal(row["amount"]) for row in balances if Decimal(row["amount"])}
    assert ours == theirs
    assert {row["account"]: row["held"] for row in rows if row["held"]} == {}
    assert sum(row["posted"] for row in rows) == 0


def _account(user: str) -> str:
    return "merchant" if user == APP_ID else f"user:{user}"


def _told_of_conflict(client: Client) -> set[str]:
    return {
        event["data"]["orderId"]
        for event in client.tap.events
        if (event["data"]["error"] or {}).get("code") == "order_id_conflict"
    }


def _spelled_otherwise(command: Mapping[str, object]) -> bytes:
    amount = str(command["amount"])
    padded = f"{amount}0" if "." in amount else f"{amount}.00"
    return json.dumps(
        {**dict(reversed(command.items())), "amount": padded, "provider": "ccpayment"}, indent=1
    ).encode()
