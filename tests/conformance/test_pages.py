"""Lists longer than two pages: every record once, though new ones arrive while the pages are read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import pytest

from tests.conformance.ends import Ends
from tests.conformance.orders import ALICE, BOB, CONVERT, MOVE, PAYOUT
from worker.providers.ccpayment.deposits import app_deposits, user_deposits
from worker.providers.ccpayment.records import swap_records, transfer_records

RECORDS = 47
PAGE = 20


class Recorded(Protocol):
    @property
    def record_id(self) -> str: ...


@dataclass(frozen=True)
class Kind:
    """One kind of record: how one is made, and the client's list of them."""

    name: str
    route: str
    make: Callable[[Ends, int], Awaitable[None]]
    between: Callable[[Ends, datetime | None, datetime | None], AsyncIterator[Recorded]]
    made: Callable[[Ends], list[str]]

    def listed(self, ends: Ends) -> AsyncIterator[Recorded]:
        """All of them, as far back as the provider goes by itself."""
        return self.between(ends, None, None)


async def make_transfer(ends: Ends, number: int) -> None:
    await ends.attempt(replace(MOVE, instruction=replace(MOVE.instruction, order_id=f"move-{number}")))


async def make_swap(ends: Ends, number: int) -> None:
    await ends.attempt(replace(CONVERT, instruction=replace(CONVERT.instruction, order_id=f"convert-{number}")))


async def make_user_deposit(ends: Ends, number: int) -> None:
    ends.ask("ccpayment", "deposit", userId=ALICE, coinId=1280, chain="TRX", amount="1", txId=f"tx-{number}")


async def make_app_deposit(ends: Ends, number: int) -> None:
    ends.ask("ccpayment", "deposit", referenceId="ref-1", coinId=1280, chain="TRX", amount="1", txId=f"tx-{number}")


KINDS = (
    Kind(
        "transfers",
        "getUserTransferRecordList",
        make_transfer,
        lambda ends, since, until: transfer_records(
            ends.ccpayment.api, from_user_id=ALICE, to_user_id=BOB, coin_id=1280, start_at=since, end_at=until
        ),
        lambda ends: [each.record_id for each in ends.sandbox.books.transfers()],
    ),
    Kind(
        "swaps",
        "getUserSwapRecordList",
        make_swap,
        lambda ends, since, until: swap_records(
            ends.ccpayment.api, user_id=ALICE, coin_id_in=1280, coin_id_out=1329, start_at=since, end_at=until
        ),
        lambda ends: [each.record_id for each in ends.sandbox.books.swaps()],
    ),
    Kind(
        "deposits of a user",
        "getUserDepositRecordList",
        make_user_deposit,
        lambda ends, since, until: user_deposits(
            ends.ccpayment.api, ALICE, coin_id=1280, chain="TRX", start_at=since, end_at=until
        ),
        lambda ends: [each.record_id for each in ends.sandbox.books.deposits()],
    ),
    Kind(
        "deposits of the merchant",
        "getAppDepositRecordList",
        make_app_deposit,
        lambda ends, since, until: app_deposits(
            ends.ccpayment.api, reference_id="ref-1", start_at=since, end_at=until
        ),
        lambda ends: [each.record_id for each in ends.sandbox.books.deposits()],
    ),
)
EACH = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


async def make_all(ends: Ends, kind: Kind, seconds: float) -> list[str]:
    """So many records that there are three pages, newest first."""
    ends.sandbox.fund(ALICE, 1280, "10000")
    for number in range(RECORDS):
        await kind.make(ends, number)
        ends.clock.go_on(seconds)
    made = kind.made(ends)
    assert len(made) == RECORDS
    return made[::-1]


@EACH
@pytest.mark.parametrize("seconds", [0, 1], ids=["in one second", "a second apart"])
async def test_every_record_comes_once_and_the_newest_first(ends: Ends, kind: Kind, seconds: float) -> None:
    made = await make_all(ends, kind, seconds)
    assert [each.record_id async for each in kind.listed(ends)] == made
    assert ends.heard().count(kind.route) == 3


@EACH
async def test_none_is_missing_or_twice_while_new_ones_arrive(ends: Ends, kind: Kind) -> None:
    made = await make_all(ends, kind, seconds=0)
    read = []
    async for record in kind.listed(ends):
        read.append(record.record_id)
        if len(read) % (PAGE // 2) == 1:
            await kind.make(ends, RECORDS + len(read))
    assert read == made
    assert len(kind.made(ends)) > RECORDS
    assert {each.record_id async for each in kind.listed(ends)} == set(kind.made(ends))


@EACH
async def test_ranges_of_time_that_overlap_leave_nothing_out(ends: Ends, kind: Kind) -> None:
    begun = ends.clock.at
    made = await make_all(ends, kind, seconds=1)
    half = begun + (ends.clock.at - begun) / 2
    newer = [each.record_id async for each in kind.between(ends, half, ends.clock.at)]
    older = [each.record_id async for each in kind.between(ends, begun, half)]
    assert 0 < len(newer) < RECORDS
    assert 0 < len(older) < RECORDS
    assert {*newer, *older} == {*made}


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_the_list_of_withdrawals_has_no_pages(ends: Ends, oldest_first: bool) -> None:
    ends.ask("coinqpay", "answers", oldestFirst=oldest_first)
    for _ in range(RECORDS):
        await ends.attempt(PAYOUT)
    made = [each.withdrawal_id for each in ends.sandbox.coinqpay_books.withdrawals()]
    listed = [each.id for each in await ends.coinqpay.api.withdraws()]
    assert (listed if oldest_first else listed[::-1]) == made == sorted(made)
    assert len({*listed}) == RECORDS
