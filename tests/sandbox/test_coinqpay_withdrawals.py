"""CoinQ Pay's withdrawals: creation, refusals, the statuses over time, and the list."""

import pytest

from .caller import NOW
from .coinqpay_caller import (
    ETH_ADDRESS,
    OTHER_TRON_ADDRESS,
    TRON_ADDRESS,
    CoinQPayCaller,
    refusal_of,
    result_of,
)


@pytest.fixture
def caller() -> CoinQPayCaller:
    caller = CoinQPayCaller()
    caller.ask("fund", coin="TRON_USDT", amount="100")
    caller.ask("pace", seconds=1)
    return caller


def withdrawal_id(number: int = 0) -> str:
    """The id that the documents' recipe gives to the first withdrawals of this second."""
    return str((NOW * 1000 - 1288834974657 << 22 | 131072) + number)


def test_a_payout_answers_as_documented(caller: CoinQPayCaller) -> None:
    assert result_of(caller.payout()) == {
        "id": withdrawal_id(),
        "coin": "TRON_USDT",
        "withdraw_amount": "5",
        "fee": "0.1049",
        "actual_amount": "4.8951",
        "address": TRON_ADDRESS,
        "status": 1,
        "create_time": NOW,
    }
    assert len(withdrawal_id()) == 19
    assert caller.balance() == "95"


def test_a_withdraw_goes_to_the_bound_address(caller: CoinQPayCaller) -> None:
    paid = result_of(caller.payout())
    withdrawn = result_of(caller.post("withdraw", coin="TRON_USDT", amount="5"))
    assert withdrawn == {**paid, "id": withdrawal_id(1)}


def test_an_equal_payout_is_a_second_one(caller: CoinQPayCaller) -> None:
    assert result_of(caller.payout())["id"] != result_of(caller.payout())["id"]
    assert caller.balance() == "90"


def test_ids_grow_even_when_the_clock_goes_back(caller: CoinQPayCaller) -> None:
    ids = []
    for seconds in (0, 0, -5, 0, 7):
        caller.clock.seconds += seconds
        ids.append(int(result_of(caller.payout(amount="1"))["id"]))
    assert ids == sorted(set(ids))


REFUSALS = {
    "no coin": ({"coin": None}, (400, 1003)),
    "empty coin": ({"coin": ""}, (400, 1003)),
    "long coin": ({"coin": "x" * 51}, (400, 1003)),
    "no address": ({"address": None}, (400, 1003)),
    "number as address": ({"address": 5}, (400, 1003)),
    "no amount": ({"amount": None}, (400, 1003)),
    "number as amount": ({"amount": 5}, (400, 1003)),
    "zero": ({"amount": "0.0"}, (400, 1003)),
    "negative": ({"amount": "-5"}, (400, 1003)),
    "exponent": ({"amount": "5e1"}, (400, 1003)),
    "grouping": ({"amount": "1,000"}, (400, 1003)),
    "digits of another script": ({"amount": "٥"}, (400, 1003)),
    "unknown coin": ({"coin": "DOGE"}, (400, 12002)),
    "too many decimals": ({"amount": "0.0000001"}, (400, 12204)),
    "address of another chain": ({"address": ETH_ADDRESS}, (400, 12012)),
    "cut address": ({"address": TRON_ADDRESS[:-1]}, (400, 12012)),
    "fee above the amount": ({"amount": "0.05"}, (400, 12011)),
    "nothing left after the fee": ({"coin": "BSC_USDC", "address": ETH_ADDRESS, "amount": "0.1"}, (400, 12011)),
    "more than there is": ({"amount": "100.000001"}, (400, 12007)),
    "nothing there": ({"coin": "ETH", "address": ETH_ADDRESS, "amount": "1"}, (400, 12007)),
}


@pytest.mark.parametrize(("changes", "refusal"), REFUSALS.values(), ids=REFUSALS)
def test_a_payout_refuses(caller: CoinQPayCaller, changes: dict[str, object], refusal: tuple[int, int]) -> None:
    assert refusal_of(caller.payout(**changes)) == refusal
    assert caller.books.withdrawals() == []
    assert caller.balance() == "100"


def test_a_coin_without_a_bound_address_cannot_be_withdrawn(caller: CoinQPayCaller) -> None:
    caller.ask("fund", coin="ETH", amount="1")
    assert refusal_of(caller.post("withdraw", coin="ETH", amount="1")) == (400, 12015)
    assert refusal_of(caller.post("withdraw", amount="1")) == (400, 1003)


def test_a_coin_can_be_unavailable_for_a_while(caller: CoinQPayCaller) -> None:
    caller.ask("coin", coin="TRON_USDT", available=False)
    assert [refusal_of(reply) for reply in (caller.payout(), caller.order())] == [(400, 12008)] * 2
    caller.ask("coin", coin="TRON_USDT", available=True)
    assert result_of(caller.payout())["status"] == 1


def test_a_withdrawal_succeeds_step_by_step(caller: CoinQPayCaller) -> None:
    created = result_of(caller.payout())
    seen = []
    for _ in range(5):
        [row] = result_of(caller.get("withdraws", id=created["id"]))
        seen.append((row["status"], row["tx_hash"] != ""))
        caller.wait(1)
    assert seen == [(1, False), (2, False), (3, True), (4, True), (4, True)]
    assert row == {**created, "tx_hash": row["tx_hash"], "status": 4}
    assert caller.balance() == "95"


def test_several_steps_may_be_due_at_once(caller: CoinQPayCaller) -> None:
    caller.payout()
    caller.wait(3)
    assert caller.statuses() == [4]


@pytest.mark.parametrize(
    ("status", "road", "balance"),
    [
        (5, [1, 2, 5, 5], "100"),
        (6, [1, 6, 6, 6], "100"),
        (7, [1, 2, 3, 7], "95"),
        (8, [1, 8, 8, 8], "95"),
        (42, [1, 2, 3, 42], "95"),
    ],
)
def test_the_next_withdrawal_can_end_otherwise(
    caller: CoinQPayCaller, status: int, road: list[int], balance: str
) -> None:
    caller.ask("end-withdrawal", status=status)
    caller.payout()
    seen = []
    for _ in range(4):
        seen += caller.statuses()
        caller.wait(1)
    assert (seen, caller.balance()) == (road, balance)
    caller.payout()
    caller.wait(3)
    assert caller.statuses()[1] == 4


@pytest.mark.parametrize(
    ("wish", "endings"),
    [
        ({"coin": "TRON_USDT"}, [5, 5, 5]),
        ({"coin": "TRON_USDT", "times": 2}, [5, 5, 4]),
        ({"coin": "TRON_USDT", "amount": "2.0"}, [4, 5, 4]),
        ({"address": OTHER_TRON_ADDRESS}, [4, 4, 5]),
        ({"coin": "ETH"}, [4, 4, 4]),
        ({"times": 2}, [5, 5, 4]),
    ],
)
def test_those_to_come_can_be_told_apart(caller: CoinQPayCaller, wish: dict[str, object], endings: list[int]) -> None:
    caller.ask("end-withdrawal", status=5, **wish)
    caller.payout(amount="1")
    caller.payout(amount="2")
    caller.payout(amount="3", address=OTHER_TRON_ADDRESS)
    caller.wait(3)
    assert caller.statuses() == endings


def test_a_success_can_go_back_and_comes_again(caller: CoinQPayCaller) -> None:
    created = result_of(caller.payout())
    caller.wait(3)
    caller.ask("end-withdrawal", id=created["id"], status=2)
    [row] = result_of(caller.get("withdraws", id=created["id"]))
    assert (row["status"], row["tx_hash"] != "", caller.balance()) == (2, True, "95")
    caller.wait(2)
    assert (caller.statuses(), caller.balance()) == ([4], "95")


def test_a_failure_that_turns_out_a_success_takes_the_money_again(caller: CoinQPayCaller) -> None:
    created = result_of(caller.payout())
    caller.ask("end-withdrawal", id=created["id"], status=5)
    assert caller.balance() == "100"
    caller.ask("end-withdrawal", id=created["id"], status=6)
    assert caller.balance() == "100"
    caller.ask("end-withdrawal", id=created["id"], status=4)
    assert caller.balance() == "95"


def test_withdrawals_can_be_held_in_a_status(caller: CoinQPayCaller) -> None:
    caller.ask("hold", status=2)
    caller.payout()
    caller.wait(10)
    assert caller.statuses() == [2]
    caller.ask("hold", status=3)
    caller.wait(10)
    assert caller.statuses() == [3]
    caller.ask("hold")
    caller.wait(0.9)
    assert caller.statuses() == [3]
    caller.wait(0.1)
    assert caller.statuses() == [4]


def test_another_pace_is_for_those_on_their_way_too(caller: CoinQPayCaller) -> None:
    caller.ask("pace", seconds=1000)
    caller.payout()
    caller.wait(5)
    assert caller.statuses() == [1]
    caller.ask("pace", seconds=2)
    assert caller.statuses() == [3]


def test_the_list_mixes_both_kinds_newest_first(caller: CoinQPayCaller) -> None:
    paid = result_of(caller.payout())["id"]
    withdrawn = result_of(caller.post("withdraw", coin="TRON_USDT", amount="1"))["id"]
    rows = result_of(caller.get("withdraws"))
    assert [row["id"] for row in rows] == [withdrawn, paid]
    assert rows[0].keys() == {
        *("id", "coin", "withdraw_amount", "fee", "actual_amount", "address", "tx_hash", "status", "create_time")
    }
    caller.ask("answers", oldestFirst=True)
    assert [row["id"] for row in result_of(caller.get("withdraws"))] == [paid, withdrawn]


def test_an_unknown_id_is_an_empty_list_or_an_error(caller: CoinQPayCaller) -> None:
    assert result_of(caller.get("withdraws", id="1")) == []
    caller.ask("answers", unknownWithdrawalIsError=True)
    assert refusal_of(caller.get("withdraws", id="1")) == (404, 12004)
    assert result_of(caller.get("withdraws")) == []


@pytest.mark.parametrize("given", ["", "1" * 21])
def test_an_id_has_1_to_20_characters(caller: CoinQPayCaller, given: str) -> None:
    assert refusal_of(caller.get("withdraws", id=given)) == (400, 1003)


def test_a_query_sees_what_became_due_since_the_last_call(caller: CoinQPayCaller) -> None:
    caller.payout()
    caller.clock.seconds += 3
    assert [row["status"] for row in result_of(caller.get("withdraws"))] == [4]


def test_a_status_that_was_set_lasts_its_whole_time(caller: CoinQPayCaller) -> None:
    caller.ask("pace", seconds=10)
    created = result_of(caller.payout())
    caller.wait(5)
    caller.ask("end-withdrawal", id=created["id"], status=2)
    caller.wait(9)
    assert caller.statuses() == [2]
    caller.wait(1)
    assert caller.statuses() == [3]
