"""What is left to do about deposits: records to look at again, webhooks to look into, lists to read, rescans."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from tests.sql.calls import Calls
from tests.sql.connections import THREADS, at_once, connected
from tests.sql.deposit_calls import Deposit, credit, note, take
from tests.sql.items import LEASE, NOW, Intake, fails, later, waits


def scans(calls: Calls, now: Any = NOW, provider: str = "ccpayment", most: int = 100) -> dict[str, Any]:
    """The lists that are read now, and from when each; never read before: from a day ago."""
    since = now - timedelta(days=1)
    rows = calls.dicts("SELECT * FROM ledger.take_scans(%s, %s, %s, %s, %s)", provider, since, now, now + LEASE, most)
    return {row["of"]: row["read_until"] for row in rows}


def end_scan(calls: Calls, of: str, read_until: Any, found: bool = True, now: Any = NOW) -> None:
    calls.value("SELECT ledger.end_scan('ccpayment', %s, %s, %s, %s)", of, read_until, found, now)


def webhooks(calls: Calls, provider: str = "ccpayment", most: int = 100, now: Any = NOW) -> list[bytes]:
    rows = calls.dicts("SELECT * FROM ledger.take_webhooks(%s, %s, %s, %s)", provider, now, now + LEASE, most)
    return sorted(row["digest"] for row in rows)


def end_webhook(calls: Calls, digest: bytes, due_at: Any = None) -> None:
    calls.value("SELECT ledger.end_webhook('ccpayment', %s, %s)", digest, due_at)


@pytest.fixture
def seen(calls: Calls) -> Calls:
    """Two deposits that are not money yet, due after a minute and after two."""
    note(calls, Deposit("rec-1"), due_at=later(60))
    note(calls, Deposit("rec-2"), "risky", due_at=later(120))
    return calls


def test_a_deposit_that_is_due_is_looked_at_by_one_until_its_lease_ends(seen: Calls) -> None:
    assert take(seen, now=later(59)) == []
    assert take(seen, now=later(60), lease_until=later(90)) == ["rec-1"]
    assert take(seen, now=later(89)) == []
    assert take(seen, now=later(120)) == ["rec-1", "rec-2"]
    assert take(seen, "coinqpay", now=later(10**6)) == []


def test_so_many_deposits_are_taken_the_longest_due_first(seen: Calls) -> None:
    assert take(seen, now=later(600), lease_until=later(900), most=1) == ["rec-1"]
    assert take(seen, now=later(600), lease_until=later(900), most=1) == ["rec-2"]


def test_one_that_is_credited_or_has_no_moment_is_never_due(seen: Calls) -> None:
    credit(seen, Deposit("rec-1"))
    note(seen, Deposit("rec-2"), "failed", due_at=None)
    assert take(seen, now=later(10**6)) == []


@pytest.mark.parametrize(("rescanned", "rescans"), [(True, 1), (False, 0)])
def test_a_postponed_deposit_is_due_then_and_counts_its_rescans(seen: Calls, rescanned: bool, rescans: int) -> None:
    seen.value("SELECT ledger.postpone_deposit('ccpayment', 'rec-1', %s, %s)", rescanned, later(300))
    [row] = seen.dicts("SELECT rescans, due_at, state FROM ledger.deposit_line WHERE record_id = 'rec-1'")
    assert row == {"rescans": rescans, "due_at": later(300), "state": "pending"}


def test_a_credited_deposit_is_not_postponed(seen: Calls) -> None:
    credit(seen, Deposit("rec-1"))
    seen.value("SELECT ledger.postpone_deposit('ccpayment', 'rec-1', true, %s)", later(300))
    assert take(seen, now=later(300)) == ["rec-2"]


def test_a_webhook_is_looked_into_by_one_until_its_lease_ends_and_again_when_due(calls: Calls) -> None:
    for digest in (b"one", b"two"):
        calls.remember_webhook(digest)
    calls.remember_webhook(b"three", "coinqpay")
    assert len(webhooks(calls, most=1)) == 1
    assert len(webhooks(calls)) == 1
    assert webhooks(calls, now=later(29)) == []
    assert webhooks(calls, now=later(30)) == [b"one", b"two"]
    end_webhook(calls, b"one")
    end_webhook(calls, b"two", later(100))
    assert webhooks(calls, now=later(99)) == []
    assert webhooks(calls, now=later(100)) == [b"two"]
    assert webhooks(calls, "coinqpay") == [b"three"]


def test_only_old_webhooks_that_were_looked_into_are_forgotten(calls: Calls) -> None:
    for digest in (b"one", b"two"):
        calls.remember_webhook(digest)
    end_webhook(calls, b"one")
    assert calls.value("SELECT ledger.forget_webhooks(%s)", NOW) == 0
    assert calls.value("SELECT ledger.forget_webhooks(%s)", later(1)) == 1
    assert webhooks(calls) == [b"two"]
    assert calls.remember_webhook(b"one"), "nobody knows it any more"


def test_the_merchants_list_and_those_of_all_users_are_read(calls: Calls) -> None:
    assert scans(calls) == {"": later(-86400)}
    calls.fund("1")
    calls.fund("1", "merchant")
    calls.fund("1", "user:bob123", coin="1329")
    calls.fund("1", "user:carol5", provider="coinqpay")
    assert set(scans(calls, now=later(60))) == {"", "alice1", "bob123"}
    assert set(scans(calls, provider="coinqpay")) == {"", "carol5"}


def test_a_list_is_read_by_one_until_its_lease_ends_and_again_when_due(calls: Calls) -> None:
    assert set(scans(calls)) == {""}
    assert scans(calls, now=later(29)) == {}
    assert set(scans(calls, now=later(30))) == {""}
    end_scan(calls, "", later(20), now=later(40))
    assert scans(calls, now=later(99)) == {}
    assert scans(calls, now=later(100)) == {"": later(20)}


def test_a_users_list_that_has_nothing_new_is_read_more_and_more_seldom(calls: Calls) -> None:
    calls.fund("1")
    at, waits_seconds = 0, []
    for _ in range(8):
        while "alice1" not in scans(calls, now=later(at)):
            at += 60
        waits_seconds.append(at)
        end_scan(calls, "alice1", later(at), found=False, now=later(at))
    gaps = [after - before for before, after in itertools.pairwise(waits_seconds)]
    assert gaps == [60, 120, 240, 480, 960, 1920, 3600]
    end_scan(calls, "alice1", later(at), found=True, now=later(at))
    assert "alice1" in scans(calls, now=later(at + 60))


def test_the_merchants_list_never_waits_behind_users(calls: Calls) -> None:
    for number in range(4):
        calls.fund("1", f"user:user-{number}")
    scans(calls, most=0)
    end_scan(calls, "", NOW)  # due in a minute, and the users have been due for ever
    first = list(scans(calls, now=later(60), most=2))
    assert (first[0], len(first)) == ("", 3)
    assert len(scans(calls, now=later(60), most=3)) == 2


def test_what_a_list_has_from_before_its_turn_is_not_left_out(calls: Calls) -> None:
    for user in ("alice1", "bob123"):
        calls.fund("1", f"user:{user}")
    scans(calls, most=0)  # nobody's turn yet
    end_scan(calls, "alice1", later(100), now=later(200))
    late = later(30 * 86400)
    assert scans(calls, now=late) == {"": later(-86400), "alice1": later(100), "bob123": later(-86400)}


def test_how_far_a_list_was_read_never_goes_back(calls: Calls) -> None:
    scans(calls)
    for read_until in (later(20), later(10)):
        end_scan(calls, "", read_until)
    assert scans(calls, now=later(60)) == {"": later(20)}


def test_what_is_due_is_taken_by_one_of_many(database_url: str) -> None:
    with connected(database_url) as calls:
        for number in range(40):
            calls.fund("1", f"user:user-{number}")
            note(calls, Deposit(f"rec-{number}"), due_at=NOW)

        def work(calls: Calls, _number: int) -> tuple[list[str], list[str]]:
            records: list[str] = []
            lists: list[str] = []
            for _ in range(2 * THREADS):
                records += take(calls, most=5)
                lists += scans(calls, most=5)
            return records, lists

        answers = at_once(database_url, work)
        assert sorted(name for records, _ in answers for name in records) == sorted(f"rec-{n}" for n in range(40))
        assert sorted(name for _, lists in answers for name in lists) == ["", *sorted(f"user-{n}" for n in range(40))]


COMMAND = '{"chain": "POLYGON", "toAddress": "0xAddress", "txId": "0xabc"}'
OF_ALICE = '{"chain": "POLYGON", "toAddress": "0xAddress", "txId": "0xabc", "userId": "alice1"}'


def rescan(order_id: str, command: str = COMMAND) -> Intake:
    """An order to have the provider look again for a transaction."""
    return Intake(order_id, type="rescan", command=command, account=None, coin=None, amount=None)


def rescan_for(calls: Calls, **changes: str) -> str | None:
    about = {
        "provider": "ccpayment",
        "chain": "POLYGON",
        "tx_id": "0xabc",
        "address": "0xADDRESS",
        "memo": "7",
        "account": "user:alice1",
        **changes,
    }
    order_id: str | None = calls.value("SELECT ledger.rescan_for(%s, %s, %s, %s, %s, %s)", *about.values())
    return order_id


def test_a_deposit_finds_the_oldest_open_rescan_of_its_transaction(calls: Calls) -> None:
    calls.admit(rescan("res-2"), now=later(1))
    calls.admit(rescan("res-1"), now=later(2))
    assert rescan_for(calls) == "res-2"
    calls.settle(fails("res-2"))
    assert rescan_for(calls) == "res-1"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"tx_id": "0xdef"}, id="transaction"),
        pytest.param({"chain": "ETH"}, id="chain"),
        pytest.param({"address": "0xOther"}, id="address"),
        pytest.param({"provider": "coinqpay"}, id="provider"),
        pytest.param({"account": "user:bob123"}, id="user"),
    ],
)
def test_a_rescan_of_something_else_is_not_found(calls: Calls, changes: dict[str, str]) -> None:
    calls.admit(rescan("res-1", OF_ALICE))
    assert rescan_for(calls) == "res-1"
    assert rescan_for(calls, **changes) is None


def test_a_rescan_that_names_no_user_is_of_any(calls: Calls) -> None:
    calls.admit(rescan("res-1"))
    assert rescan_for(calls, account="merchant") == "res-1"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(("POLYGON", "0xabc", "0xADDRESS", None, None), True, id="transaction and address"),
        pytest.param(("POLYGON", "0xabc", "0xAddress", "7", "user:alice1"), True, id="all"),
        pytest.param(("ETH", "0xabc", "0xAddress", None, None), False, id="another chain"),
        pytest.param(("POLYGON", "0xdef", "0xAddress", None, None), False, id="another transaction"),
        pytest.param(("POLYGON", "0xabc", "0xOther", None, None), False, id="another address"),
        pytest.param(("POLYGON", "0xabc", "0xAddress", "8", None), False, id="another memo"),
        pytest.param(("POLYGON", "0xabc", "0xAddress", None, "merchant"), False, id="another account"),
    ],
)
def test_a_credited_deposit_is_found_by_its_transaction(calls: Calls, asked: tuple[Any, ...], found: bool) -> None:
    deposit = Deposit(memo="7")
    query = "SELECT record_id FROM ledger.credited_deposit('ccpayment', %s, %s, %s, %s, %s)"
    note(calls, deposit)
    assert calls.value(query, *asked) is None, "it is not credited yet"
    credit(calls, deposit)
    assert calls.value(query, *asked) == ("rec-1" if found else None)


def test_open_rescans_of_a_transaction_are_hastened(calls: Calls) -> None:
    other = COMMAND.replace("0xabc", "0xdef")
    calls.admit(*(rescan(f"res-{number}") for number in (1, 2, 3)), rescan("res-4", other))
    calls.settle(*(waits(f"res-{number}", 1, "processing", due_at=later(60)) for number in (1, 2, 4)), fails("res-3"))
    assert calls.value("SELECT ledger.hasten_rescans('ccpayment', '0xabc', %s)", NOW) == 2
    rows = calls.dicts("SELECT order_id FROM ledger.orders WHERE due_at <= %s ORDER BY 1", NOW)
    assert [row["order_id"] for row in rows] == ["res-1", "res-2"]


def test_of_two_that_look_for_one_payment_at_once_only_the_later_is_believed(calls: Calls) -> None:
    calls.admit(rescan("res-1"))
    claimed = {"types": ("rescan",), "now": later(31)}
    assert calls.claim(**claimed) == {"res-1"}
    calls.value("SELECT ledger.hasten_rescans('ccpayment', NULL, %s)", later(31))
    assert calls.claim(**claimed) == {"res-1"}, "the first has not ended"
    assert calls.settle(waits("res-1", 2, "held", due_at=later(60))) == ["stale"]
    assert calls.settle(waits("res-1", 3, "held", due_at=later(60))) == ["settled"]
