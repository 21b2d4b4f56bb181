"""ledger.take_job, ledger.end_job and ledger.job_status: a job runs once per period, in one worker."""

from decimal import Decimal
from typing import Any

from tests.sql.calls import Calls
from tests.sql.connections import THREADS, at_once
from tests.sql.items import NOW, later

ROUNDS = 20


def status(calls: Calls, name: str = "job") -> dict[str, Any]:
    [row] = calls.dicts("SELECT * FROM ledger.job_status WHERE name = %s", name)
    return row


def test_a_job_that_never_ran_is_taken_at_once(calls: Calls) -> None:
    assert calls.take_job(now=NOW, lease_until=later(300)) == 1
    assert status(calls) == {
        "name": "job",
        "run": 1,
        "started_at": NOW,
        "finished_at": None,
        "seconds": None,
        "result": None,
        "due_at": later(300),
    }


def test_a_job_that_runs_is_not_taken_by_another(calls: Calls) -> None:
    calls.take_job(now=NOW, lease_until=later(300))
    before = status(calls)
    assert calls.take_job(now=later(299)) is None
    assert status(calls) == before


def test_a_run_that_never_ended_is_followed_by_another_after_its_lease(calls: Calls) -> None:
    calls.take_job(now=NOW, lease_until=later(300))
    assert calls.take_job(now=later(300), lease_until=later(600)) == 2
    assert (status(calls)["started_at"], status(calls)["due_at"]) == (later(300), later(600))


def test_a_run_that_ended_says_how_and_when_the_next_is_due(calls: Calls) -> None:
    calls.take_job(now=NOW, lease_until=later(300))
    calls.end_job(1, later(2.5), later(60), "12 coins")
    assert status(calls) == {
        "name": "job",
        "run": 1,
        "started_at": NOW,
        "finished_at": later(2.5),
        "seconds": Decimal("2.5"),
        "result": "12 coins",
        "due_at": later(60),
    }


def test_a_job_is_not_taken_before_it_is_due(calls: Calls) -> None:
    calls.take_job(now=NOW)
    calls.end_job(1, later(1), later(60))
    assert calls.take_job(now=later(59.999999)) is None
    assert calls.take_job(now=later(60), lease_until=later(360)) == 2


def test_while_a_run_is_under_way_the_last_that_ended_is_still_told(calls: Calls) -> None:
    calls.take_job(now=NOW)
    calls.end_job(1, later(1), later(60), "first")
    calls.take_job(now=later(60), lease_until=later(360))
    row = status(calls)
    assert (row["run"], row["started_at"], row["finished_at"], row["result"]) == (2, later(60), later(1), "first")


def test_an_old_run_that_ends_after_a_new_one_began_changes_nothing(calls: Calls) -> None:
    calls.take_job(now=NOW, lease_until=later(300))
    calls.take_job(now=later(300), lease_until=later(600))
    before = status(calls)
    calls.end_job(1, later(301), later(302), "late")
    assert status(calls) == before
    assert calls.take_job(now=later(302)) is None
    calls.end_job(2, later(310), later(900), "in time")
    assert status(calls)["result"] == "in time"


def test_ending_a_job_that_nobody_took_does_nothing(calls: Calls) -> None:
    calls.end_job(1, NOW, later(60))
    assert calls.count("job") == 0


def test_jobs_do_not_wait_for_each_other(calls: Calls) -> None:
    assert [calls.take_job("one"), calls.take_job("two"), calls.take_job("one")] == [1, 1, None]
    calls.end_job(1, later(1), later(60), name="one")
    assert status(calls, "two")["finished_at"] is None


def test_of_those_that_take_a_job_at_once_one_gets_it_and_one_the_next_run(database_url: str) -> None:
    moments = (NOW, later(30))  # the lease of the first run ends when the second is due

    def work(calls: Calls, _number: int) -> list[int | None]:
        return [calls.take_job(f"job-{turn}", now) for turn in range(ROUNDS) for now in moments]

    answers = at_once(database_url, work)
    for turn in range(ROUNDS):
        for moment in range(len(moments)):
            numbers = [taken[2 * turn + moment] for taken in answers]
            assert [number for number in numbers if number is not None] == [moment + 1]
            assert len(numbers) == THREADS


def test_a_run_that_lasts_is_kept_and_taken_by_nobody(calls: Calls) -> None:
    calls.take_job(now=NOW, lease_until=later(300))
    assert keep(calls, 1, later(400))
    assert calls.take_job(now=later(399)) is None
    assert calls.take_job(now=later(400), lease_until=later(700)) == 2


def test_a_run_that_another_has_followed_is_not_kept(calls: Calls) -> None:
    calls.take_job(now=NOW, lease_until=later(300))
    calls.take_job(now=later(300), lease_until=later(600))
    before = status(calls)
    assert not keep(calls, 1, later(900))
    assert status(calls) == before


def test_a_run_that_has_ended_is_not_kept(calls: Calls) -> None:
    calls.take_job(now=NOW, lease_until=later(300))
    calls.end_job(1, later(1), later(60))
    assert not keep(calls, 1, later(900))
    assert calls.take_job(now=later(60), lease_until=later(360)) == 2
    assert keep(calls, 2, later(460))


def keep(calls: Calls, run: int, lease_until: Any) -> bool:
    return bool(calls.value("SELECT ledger.keep_job('job', %s::bigint, %s)", run, lease_until))
