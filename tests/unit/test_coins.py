"""Coin data: how old they may be, whom they come from, and that without them commands go on."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from tests.unit.stand_in import StandIn
from worker.clock import Clock
from worker.coins import FRESH, RELOAD_SECONDS, STALE, Coins
from worker.ledger import Ledger
from worker.providers.protocol import Coin, ReadFailed

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def coin(name: str) -> Coin:
    return Coin(name, name, decimals=6, enabled=True, minimum=None, price_usd=None)


class Ended(Exception):
    """The time that a test gives to a loop."""


@dataclass
class Time:
    """Time that passes when a test lets it."""

    time: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 3:
            raise Ended


@dataclass
class Stored:
    """The table of coins."""

    time: Time
    rows: dict[tuple[str, str], tuple[str, Coin, datetime]] = field(default_factory=dict)

    async def store_coins(self, provider: str, coins: list[Coin]) -> None:
        self.put(provider, coins, self.time.now())

    def put(self, provider: str, coins: list[Coin], at: datetime) -> None:
        self.rows = {key: row for key, row in self.rows.items() if key[0] != provider}
        self.rows |= {(provider, coin.coin): (provider, coin, at) for coin in coins}

    async def read_coins(self) -> list[tuple[str, Coin, datetime]]:
        return list(self.rows.values())


@dataclass
class Stage:
    """One process's coin data, and everything around it."""

    provider: StandIn = field(default_factory=lambda: StandIn(listed=[coin("ETH")]))
    time: Time = field(default_factory=Time)

    def __post_init__(self) -> None:
        self.stored = Stored(self.time)
        self.coins = self.process()

    def process(self) -> Coins:
        """Another process on the same database."""
        return Coins(cast("Ledger", self.stored), {"ccpayment": cast("Any", self.provider)}, cast("Clock", self.time))

    def known(self) -> set[str] | None:
        found = self.coins.of("ccpayment")
        return None if found is None else set(found)


async def test_nothing_is_known_before_anybody_has_asked() -> None:
    stage = Stage()
    assert stage.known() is None
    assert stage.provider.coins_asked == 0


async def test_what_was_asked_is_known_here_and_by_every_process_that_reads_it() -> None:
    stage = Stage()
    assert await stage.coins.refresh("ccpayment") == 1
    assert stage.known() == {"ETH"}
    another = stage.process()
    assert another.of("ccpayment") is None
    assert await another.run_once() == 1
    assert set(another.of("ccpayment") or ()) == {"ETH"}


@pytest.mark.parametrize(("age", "known"), [(STALE, {"ETH"}), (STALE + MOMENT, None)], ids=["an hour", "longer"])
async def test_what_is_stale_says_nothing_any_more(age: timedelta, known: set[str] | None) -> None:
    stage = Stage()
    await stage.coins.refresh("ccpayment")
    stage.time.time += age
    assert stage.known() == known


@pytest.mark.parametrize(
    ("age", "asked"), [(timedelta(0), 1), (FRESH, 1), (FRESH + MOMENT, 2)], ids=["just now", "fresh", "older"]
)
async def test_before_a_refusal_the_provider_is_asked_unless_it_just_was(age: timedelta, asked: int) -> None:
    stage = Stage()
    await stage.coins.refresh("ccpayment")
    stage.time.time += age
    stage.provider.listed = [coin("ETH"), coin("NEW")]
    anew = await stage.coins.anew("ccpayment")
    assert anew is not None
    assert set(anew) == ({"ETH"} if asked == 1 else {"ETH", "NEW"})
    assert stage.provider.coins_asked == asked


async def test_what_is_asked_for_a_refusal_is_kept_for_all() -> None:
    stage = Stage()
    await stage.coins.anew("ccpayment")
    assert [coin.coin for _, coin, _ in await stage.stored.read_coins()] == ["ETH"]


async def test_when_the_provider_cannot_be_asked_nothing_is_known_for_this_refusal() -> None:
    stage = Stage()
    await stage.coins.refresh("ccpayment")
    stage.time.time += FRESH + MOMENT
    stage.provider.listed = None
    assert await stage.coins.anew("ccpayment") is None
    assert stage.known() == {"ETH"}


async def test_a_job_that_cannot_ask_says_so_and_leaves_what_was_known() -> None:
    stage = Stage()
    await stage.coins.refresh("ccpayment")
    stage.provider.listed = None
    with pytest.raises(ReadFailed):
        await stage.coins.refresh("ccpayment")
    assert stage.known() == {"ETH"}


async def test_a_coin_that_is_no_longer_listed_is_gone() -> None:
    stage = Stage()
    await stage.coins.refresh("ccpayment")
    stage.provider.listed = [coin("NEW")]
    await stage.coins.refresh("ccpayment")
    assert stage.known() == {"NEW"}


@pytest.mark.parametrize(("seconds", "known"), [(-1, {"ETH"}), (0, {"ETH"}), (1, {"NEW"})])
async def test_only_what_is_newer_replaces_what_is_known(seconds: int, known: set[str]) -> None:
    stage = Stage()
    await stage.coins.refresh("ccpayment")
    stage.stored.put("ccpayment", [coin("NEW")], START + timedelta(seconds=seconds))
    await stage.coins.run_once()
    assert stage.known() == known


async def test_what_is_stored_of_a_provider_that_is_not_configured_here_disturbs_nobody() -> None:
    stage = Stage()
    stage.stored.put("coinqpay", [coin("ETH")], START)
    assert await stage.coins.run_once() == 1
    assert stage.known() is None


async def test_it_is_read_again_and_again() -> None:
    stage = Stage()
    with pytest.raises(Ended):
        await stage.coins.run()
    assert stage.time.slept == [RELOAD_SECONDS] * 3
