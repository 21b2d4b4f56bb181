"""Admit: what is handed to the ledger, what is refused before it, and on whose word."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from schemas.event import Event, event_id_of
from schemas.registry import COMMANDS
from tests.unit.stand_in import StandIn
from worker.clock import Clock
from worker.coins import Coins
from worker.ledger import Admission, Intake, Rejection, Stored, Verdict
from worker.ledger import Ledger as RealLedger
from worker.message import Incoming
from worker.metrics import Metrics
from worker.order import Hold, Order
from worker.providers.protocol import Coin, Prepared
from worker.steps.admit import admit
from worker.world import World

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ETH = Coin("ETH", "ETH", decimals=4, enabled=True, minimum=None, price_usd=None)

TRANSFER = {"type": "transfer", "fromUserId": "alice1", "toUserId": "bob123", "coinId": 1280, "amount": "1"}
PAYOUT = {"type": "payout", "coin": "ETH", "address": "0x1", "amount": "5.0", "account": "user:alice1"}
WITHDRAW = {"type": "withdraw", "coin": "ETH", "amount": "5"}
PAY_ORDER = {"type": "payOrder", "coin": "ETH", "amount": "5"}


@dataclass
class Ledger:
    """The ledger's side: one verdict for every intake, and what was handed over."""

    verdict: Verdict = "admitted"
    events: int = 0
    rejection: Verdict = "rejected"
    intakes: list[Intake] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    announced: list[Event] = field(default_factory=list)
    replayed: list[UUID] = field(default_factory=list)

    async def admit(self, intake: Intake) -> Admission:
        self.intakes.append(intake)
        return Admission(self.verdict, self.events)

    async def reject(self, rejection: Rejection) -> Admission:
        self.rejections.append(rejection)
        return Admission(self.rejection, self.events)

    async def announce(self, event: Event, _traceparent: str | None, _app_id: str | None) -> None:
        self.announced.append(event)

    async def replay(self, event_id: UUID) -> None:
        self.replayed.append(event_id)

    async def store_coins(self, _provider: str, _coins: Sequence[Coin]) -> None:
        return None


@dataclass
class Stage:
    """A world around one command."""

    ledger: Ledger = field(default_factory=Ledger)
    provider: StandIn = field(default_factory=lambda: StandIn("coinqpay", "", bound_addresses={"ETH": "0x2"}))
    offered: list[Stored] = field(default_factory=list)
    wakes: int = 0
    now: datetime = NOW

    def __post_init__(self) -> None:
        clock = cast("Clock", SimpleNamespace(now=lambda: self.now))
        providers: dict[str, Any] = {"coinqpay": self.provider, "ccpayment": self.provider}
        self.coins = Coins(cast("RealLedger", self.ledger), providers, clock)
        self.world = cast(
            "World",
            SimpleNamespace(
                ledger=self.ledger,
                relay=SimpleNamespace(offer=self.offered.append, wake=self.wake),
                providers=providers,
                coins=self.coins,
                clock=clock,
                metrics=Metrics(),
            ),
        )

    def wake(self) -> None:
        self.wakes += 1

    async def admit(self, fields: dict[str, Any], **changes: Any) -> Order | None:
        command = COMMANDS[str(fields["type"])].model_validate({"orderId": "ord-1", **fields, **changes})
        message = Incoming(b"", f"{command.executed_by}.{command.type}", command.executed_by)
        return await admit(command, message, self.world)

    async def knows(self, *coins: Coin) -> None:
        """The provider listed these a while ago."""
        self.provider.listed = coins
        for name in ("coinqpay", "ccpayment"):
            await self.coins.refresh(name)
        self.provider.coins_asked = 0
        self.now += timedelta(minutes=1)

    def rejected(self) -> str:
        """The code of the one rejection, which was told."""
        [rejection] = self.ledger.rejections
        [event] = self.offered
        error = json.loads(event.body)["data"]["error"]
        assert error["code"] == rejection.error_code
        return str(error["code"])


class Slow(StandIn):
    """A provider that takes nine seconds to say that it cannot tell of its coins."""

    stage: Stage

    async def coins(self) -> Sequence[Coin]:
        self.stage.now += timedelta(seconds=9)
        return await super().coins()


HOLDS: list[tuple[dict[str, Any], Hold | None, str | None]] = [
    (TRANSFER, Hold("user:alice1", "1280", "1"), None),
    (PAYOUT, Hold("user:alice1", "ETH", "5.0"), "ETH 5 0x1"),
    (WITHDRAW, Hold("merchant", "ETH", "5"), "ETH 5 0x2"),
    (PAY_ORDER, None, None),
]


@pytest.mark.parametrize(("fields", "hold", "payee"), HOLDS, ids=[fields["type"] for fields, *_ in HOLDS])
async def test_the_ledger_is_handed_the_hold_the_attempt_and_whom_it_pays(
    fields: dict[str, Any], hold: Hold | None, payee: str | None
) -> None:
    stage = Stage()
    order = await stage.admit(fields)
    [intake] = stage.ledger.intakes
    assert (intake.hold, intake.payee) == (hold, payee)
    assert intake.prepared == Prepared(repr(stage.provider.prepared[0]).encode(), NOW, "signature 1")
    assert order is not None
    assert (order.state, order.attempts, order.doubtful) == ("sending", 1, (1,))
    assert (order.prepared, order.attempted_at) == (intake.prepared, NOW)
    assert stage.provider.sent == []


async def test_a_payment_that_waits_for_an_equal_one_is_left_to_its_turn() -> None:
    stage = Stage(Ledger("waiting"))
    assert await stage.admit(PAYOUT) is None
    assert stage.ledger.rejections == []
    assert stage.offered == []


@pytest.mark.parametrize(
    ("verdict", "events", "replays"), [("duplicate", 0, False), ("duplicate", 3, True), ("conflict", 3, False)]
)
async def test_a_known_order_id_is_told_its_last_event_or_that_it_is_taken(
    verdict: Verdict, events: int, replays: bool
) -> None:
    stage = Stage(Ledger(verdict, events))
    assert await stage.admit(PAY_ORDER) is None
    assert stage.ledger.replayed == ([event_id_of("ord-1", 3)] if replays else [])
    assert len(stage.ledger.announced) == (verdict == "conflict")


async def test_short_funds_reject_the_order() -> None:
    stage = Stage(Ledger("insufficient_funds"))
    assert await stage.admit(PAYOUT) is None
    assert stage.rejected() == "insufficient_funds"


async def test_what_has_expired_is_rejected_and_not_even_signed() -> None:
    stage = Stage()
    assert await stage.admit(PAYOUT, expiresAt="2026-01-01T12:00:00Z") is None
    assert stage.rejected() == "expired"
    assert stage.provider.prepared == []


async def test_coin_data_that_speak_for_the_command_are_believed_as_they_are() -> None:
    stage = Stage()
    await stage.knows(ETH)
    assert await stage.admit(PAYOUT) is not None
    assert stage.provider.coins_asked == 0


async def test_coin_data_that_speak_against_the_command_are_read_anew_and_then_reject_it() -> None:
    stage = Stage()
    await stage.knows(ETH)
    assert await stage.admit(PAYOUT, amount="1.00001") is None
    assert stage.rejected() == "amount_precision"
    assert stage.provider.coins_asked == 1
    assert stage.ledger.intakes == []


async def test_coin_data_that_have_changed_meanwhile_reject_nothing() -> None:
    stage = Stage()
    await stage.knows(ETH)
    stage.provider.listed = [replace(ETH, decimals=18)]
    assert await stage.admit(PAYOUT, amount="1.00001") is not None
    assert stage.ledger.rejections == []


async def test_the_attempt_is_signed_after_coin_data_were_waited_for() -> None:
    provider = Slow("coinqpay", "")
    stage = provider.stage = Stage(provider=provider)
    await stage.knows(ETH)
    provider.listed = None
    asked_at = stage.now
    order = await stage.admit(PAYOUT, amount="1.00001")
    assert order is not None
    assert order.attempted_at == stage.now == asked_at + timedelta(seconds=9)


async def test_when_the_provider_cannot_be_asked_the_command_goes_on_to_it() -> None:
    stage = Stage()
    await stage.knows(ETH)
    stage.provider.listed = None
    assert await stage.admit(PAYOUT, amount="1.00001") is not None


async def test_a_withdrawal_without_a_bound_address_is_rejected_without_asking_anybody() -> None:
    stage = Stage()
    assert await stage.admit(WITHDRAW, coin="BNB") is None
    assert stage.rejected() == "unsupported"
    assert stage.provider.coins_asked == 0
    assert stage.provider.prepared == []


async def test_a_repeated_command_that_would_be_refused_today_is_told_its_stored_result() -> None:
    stage = Stage(Ledger(rejection="duplicate", events=2))
    assert await stage.admit(WITHDRAW, coin="BNB") is None
    assert stage.offered == []
    assert stage.ledger.replayed == [event_id_of("ord-1", 2)]
