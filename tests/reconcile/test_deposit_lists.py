"""The lists of deposits, as the job reads them: long ones in parts, many in rounds, and none waits for ever."""

import itertools
from datetime import timedelta

import pytest

from tests.reconcile.stage import ALICE, Stage
from worker.jobs import deposit_lists, deposits
from worker.jobs.deposit_lists import LOOK_BACK, SEAM, SPAN_MAX, halves_of, spans_of
from worker.providers.ccpayment import pages
from worker.providers.reading import EPOCH

RECORDS = 50


@pytest.fixture(autouse=True)
def _short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty records are all that is read at once."""
    monkeypatch.setattr(pages, "PAGES_MAX", 1)


async def credited(stage: Stage) -> int:
    return int(await stage.owner.fetchval("SELECT count(*) FROM ledger.deposit WHERE state = 'credited'"))


async def come(stage: Stage, count: int, user_id: str | None = ALICE) -> None:
    """So many deposits, a minute apart."""
    for _ in range(count):
        stage.deposit("1", user_id)
        await stage.wait(60)


@pytest.mark.parametrize("owner", [ALICE, None], ids=["a user's", "the merchant's"])
async def test_a_list_that_is_longer_than_is_read_at_once_is_read_in_parts(stage: Stage, owner: str | None) -> None:
    await come(stage, RECORDS, owner)
    await stage.take_deposits()
    assert await credited(stage) == RECORDS
    await stage.wait(61)
    before = len(stage.ends.heard())
    await stage.take_deposits()  # it has advanced: what is read again is the overlap
    assert len(stage.ends.heard()) - before < 12


async def test_what_was_read_is_kept_when_a_later_part_cannot_be(stage: Stage) -> None:
    await come(stage, RECORDS)
    for _ in range(25):
        stage.deposit("1")  # in one moment more than is read at once
    await stage.wait(60)
    await stage.take_deposits()
    row = await stage.owner.fetchrow("SELECT read_until, due_at FROM ledger.deposit_scan WHERE of = $1", ALICE)
    assert row is not None
    behind = stage.ends.clock.at - row["read_until"]
    assert timedelta(0) < behind < timedelta(minutes=4)
    assert row["due_at"] <= stage.ends.clock.at + timedelta(minutes=1)


async def test_all_lists_that_are_due_are_read_in_one_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (deposit_lists, deposits):
        monkeypatch.setattr(module, "LISTS_MAX", 3)
    users = [f"user-{number}" for number in range(10)]
    for user in users:
        await stage.fund(user, "1")
        stage.deposit("1", user)
    stage.deposit("1", None)
    await stage.take_deposits()
    assert await credited(stage) == len(users) + 1


async def test_a_list_that_nobody_could_read_for_long_is_read_from_where_it_was_left(stage: Stage) -> None:
    await stage.take_deposits()
    stage.deposit("1")
    await stage.wait(20 * 86400)
    await stage.take_deposits()
    assert await credited(stage) == 1


async def test_the_list_of_a_user_whom_the_provider_does_not_know_is_empty(stage: Stage) -> None:
    await stage.adjust("user:nobody1", "1", "1280")
    stage.ends.sandbox.add_fault("code", code=11015, route="getUserDepositRecordList")
    await stage.take_deposits()
    quiet = await stage.owner.fetchval("SELECT quiet FROM ledger.deposit_scan WHERE of = 'nobody1'")
    assert quiet == 1


def test_spans_and_halves_leave_nothing_out() -> None:
    began = timedelta(days=30)
    for since, until in ((began - LOOK_BACK, began), (timedelta(0), began)):
        pieces = spans_of(EPOCH + since, EPOCH + until)
        assert (pieces[0][0], pieces[-1][1]) == (EPOCH + since, EPOCH + until)
        for piece in (pieces, *(halves_of(*one) for one in pieces)):
            assert all(one[1] - other[0] == SEAM for one, other in itertools.pairwise(piece))
        assert all(one[1] - one[0] <= SPAN_MAX for one in pieces)
