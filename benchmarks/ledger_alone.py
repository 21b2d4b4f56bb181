"""The ledger without broker and provider: admit + settle pairs per second, beside a plain transfer function.

The plain one is what many start with: one transaction per transfer that locks two accounts, checks the balance,
writes two entries and updates two balances. It keeps no orders, attempts, holds, events or idempotency.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import count
from typing import Any

import asyncpg

from schemas.event import Line, order_event
from schemas.transfer import Transfer
from worker.clock import SystemClock
from worker.database import FOR_FUNCTIONS, Database
from worker.ledger import Intake, Ledger, Settlement
from worker.message import Incoming
from worker.order import Decision, Evidence, Hold
from worker.providers.protocol import Prepared
from worker.steps.admit import new_order

COIN = 1280
# Spread: each of this many users pays the next. Hot: all of them pay one.
USERS = 1000
PLAIN_CONNECTIONS = 8
SECONDS = 1.5
BATCH = 256
BESIDE_BATCHES = 60
REPEATS = 5

PLAIN = """
CREATE SCHEMA plain;
CREATE TABLE plain.account (id int PRIMARY KEY, balance numeric NOT NULL CHECK (balance >= 0)) WITH (fillfactor=50);
CREATE TABLE plain.entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, transfer text NOT NULL,
    account int NOT NULL REFERENCES plain.account (id), amount numeric NOT NULL, balance_after numeric NOT NULL);
INSERT INTO plain.account SELECT i, 1e12 FROM generate_series(0, %d) i;
CREATE FUNCTION plain.transfer(id text, payer int, payee int, amount numeric) RETURNS void LANGUAGE plpgsql AS $$
DECLARE paid numeric; got numeric;
BEGIN
    PERFORM FROM plain.account a WHERE a.id IN (payer, payee) ORDER BY a.id FOR NO KEY UPDATE;
    UPDATE plain.account a SET balance = balance - amount WHERE a.id = payer RETURNING balance INTO paid;
    UPDATE plain.account a SET balance = balance + amount WHERE a.id = payee RETURNING balance INTO got;
    INSERT INTO plain.entry (transfer, account, amount, balance_after)
    VALUES (transfer.id, payer, -amount, paid), (transfer.id, payee, amount, got);
END $$;
"""

_numbers = count()


async def measure(url: str) -> list[dict[str, Any]]:
    """A row per way of working, with transfers per second spread over many accounts and onto one hot one."""
    await _fund(url)
    owner = await asyncpg.connect(url)
    await owner.execute(PLAIN % USERS)
    await owner.close()

    pool = await asyncpg.create_pool(url, min_size=PLAIN_CONNECTIONS, max_size=PLAIN_CONNECTIONS)
    database = await Database.open(url, SystemClock(), FOR_FUNCTIONS)
    ledger = Ledger(database, SystemClock(), lease_seconds=30)
    ways: dict[str, Callable[[bool], Awaitable[float]]] = {
        f"plain function, one transaction each, {PLAIN_CONNECTIONS} connections": lambda hot: _plain(pool, hot),
        "admit + settle, batch 1, one connection": lambda hot: _ours(ledger, 1, hot),
        "admit + settle, batch 16, one connection": lambda hot: _ours(ledger, 16, hot),
        f"admit + settle, batch {BATCH}, one connection": lambda hot: _ours(ledger, BATCH, hot),
        "the same as a worker has it: the next is admitted while one is settled": lambda hot: _beside(ledger, hot),
    }
    best: dict[tuple[str, bool], float] = {}
    for _ in range(REPEATS):  # in turn, so that a noisy minute meets all of them
        for name, way in ways.items():
            for hot in (False, True):
                best[name, hot] = max(best.get((name, hot), 0.0), await way(hot))
    await database.close()
    await pool.close()
    plain = best[next(iter(ways)), False]
    return [
        {
            "way": name,
            "spread/s": round(best[name, False]),
            "hot/s": round(best[name, True]),
            "spread, plain = 1": f"{best[name, False] / plain:.2f}",
        }
        for name in ways
    ]


async def pairs_per_second(url: str) -> float:
    """Admit + settle in batches of 256, spread over many accounts, the best of some runs."""
    await _fund(url)
    database = await Database.open(url, SystemClock(), FOR_FUNCTIONS)
    try:
        ledger = Ledger(database, SystemClock(), lease_seconds=30)
        return max([await _ours(ledger, BATCH, hot=False) for _ in range(REPEATS)])
    finally:
        await database.close()


async def _fund(url: str) -> None:
    """Every user can pay for everything. Once is enough: the second time the orderIds are known."""
    owner = await asyncpg.connect(url)
    for user in range(USERS + 1):
        await owner.execute(
            "SELECT ledger.adjust($1, '', $2, 'ccpayment', $3, 1000000000000, 'bench', now())",
            f"fund-{user}",
            _account(user),
            str(COIN),
        )
    await owner.execute("ANALYZE")
    await owner.close()


async def _plain(pool: Any, hot: bool) -> float:
    done = 0
    start = time.perf_counter()

    async def one() -> None:
        nonlocal done
        while time.perf_counter() - start < SECONDS:
            number = next(_numbers)
            payer, payee = _pair(number, hot)
            await pool.execute("SELECT plain.transfer($1, $2, $3, $4)", f"o-{number}", payer, payee, Decimal("0.01"))
            done += 1

    await asyncio.gather(*(one() for _ in range(PLAIN_CONNECTIONS)))
    return done / (time.perf_counter() - start)


async def _ours(ledger: Ledger, size: int, hot: bool) -> float:
    """Batches one after the other; building the commands is not counted, encoding them for PostgreSQL is."""
    done, spent = 0, 0.0
    while spent < SECONDS:
        intakes = [_intake(next(_numbers), hot) for _ in range(size)]
        settlements = [_settlement(intake) for intake in intakes]
        start = time.perf_counter()
        admissions = await ledger.admit.commit(intakes)
        settled = await ledger.settle.commit(settlements)
        spent += time.perf_counter() - start
        assert all(admission.verdict == "admitted" for admission in admissions)
        assert all(verdict == "settled" for verdict in settled)
        done += size
    return done / spent


async def _beside(ledger: Ledger, hot: bool) -> float:
    """Each function on its own connection, as the worker's group commits are: a batch is settled once admitted."""
    batches = []
    for _ in range(BESIDE_BATCHES):
        intakes = [_intake(next(_numbers), hot) for _ in range(BATCH)]
        batches.append((intakes, [_settlement(intake) for intake in intakes]))
    admitted: asyncio.Queue[None] = asyncio.Queue()

    async def admit() -> None:
        for intakes, _ in batches:
            assert all(admission.verdict == "admitted" for admission in await ledger.admit.commit(intakes))
            admitted.put_nowait(None)

    async def settle() -> None:
        for _, settlements in batches:
            await admitted.get()
            assert all(verdict == "settled" for verdict in await ledger.settle.commit(settlements))

    start = time.perf_counter()
    await asyncio.gather(admit(), settle())
    return BATCH * BESIDE_BATCHES / (time.perf_counter() - start)


def _intake(number: int, hot: bool) -> Intake:
    payer, payee = _pair(number, hot)
    command = Transfer.model_validate(
        {
            "type": "transfer",
            "orderId": f"bench-{number}",
            "fromUserId": _user(payer),
            "toUserId": _user(payee),
            "coinId": COIN,
            "amount": "0.01",
        }
    )
    return Intake(
        command=command,
        message=Incoming(body=b"", routing_key="ccpayment.transfer", provider="ccpayment"),
        fingerprint=command.fingerprint(),
        hold=Hold(_account(payer), str(COIN), "0.01"),
        prepared=Prepared(b"x" * 120, SystemClock().now(), "f" * 64),
        payee=None,
    )


def _settlement(intake: Intake) -> Settlement:
    command = intake.command
    assert isinstance(command, Transfer)
    lines = (
        Line(f"user:{command.from_user_id}", str(COIN), Decimal("-0.01"), "transfer"),
        Line(f"user:{command.to_user_id}", str(COIN), Decimal("0.01"), "transfer"),
    )
    event = order_event(
        order_id=command.order_id,
        command_type="transfer",
        provider="ccpayment",
        result="succeeded",
        sequence=1,
        now=SystemClock().now(),
        correlation_id=None,
        lines=lines,
    )
    decision = Decision(
        "succeeded",
        Evidence(1, "answer", "succeeded"),
        provider_ref="r",
        lines=lines,
        tells="succeeded",
        events=(event,),
    )
    return Settlement(new_order(command, intake.message, _written(intake)), decision)


def _written(intake: Intake) -> Prepared:
    assert intake.prepared is not None
    return intake.prepared


def _pair(number: int, hot: bool) -> tuple[int, int]:
    payer = number % USERS
    return payer, USERS if hot else (payer + 1) % USERS


def _user(number: int) -> str:
    return f"bench{number:05d}"


def _account(number: int) -> str:
    return f"user:{_user(number)}"
