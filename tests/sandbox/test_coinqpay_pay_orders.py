"""CoinQ Pay's pay orders: creation, refusals, payments in time and late, expiry."""

import pytest

from .caller import NOW
from .coinqpay_caller import CoinQPayCaller, refusal_of, result_of


@pytest.fixture
def caller() -> CoinQPayCaller:
    caller = CoinQPayCaller()
    caller.ask("pace", seconds=1)
    return caller


def queried(caller: CoinQPayCaller) -> dict[str, object]:
    order = result_of(caller.get("pay_order", order_id="OR-1"))
    assert isinstance(order, dict)
    return order


def test_an_order_answers_as_documented(caller: CoinQPayCaller) -> None:
    created = result_of(caller.order(amount="10.50"))
    assert created == {
        "payment_id": str(NOW * 1000 - 1288834974657 << 22 | 131072),
        "order_id": "OR-1",
        "coin": "TRON_USDT",
        "chain": "TRON",
        "amount": "10.5",
        "address": created["address"],
        "expire_time": NOW + 900,
        "create_time": NOW,
    }
    assert len(created["address"]) == 34


def test_a_query_of_an_unpaid_order_has_the_documented_traps(caller: CoinQPayCaller) -> None:
    created = result_of(caller.order())
    order = queried(caller)
    assert order == {
        "payment_id": created["payment_id"],
        "order_id": "OR-1",
        "coin": "TRON_USDT",
        "chain": "TRON",
        "original_amount": "10",
        "pay_amount": None,
        "address": created["address"],
        "tx_hash": order["tx_hash"],
        "status": 1,
        "expire_time": (NOW + 900) * 1000,
        "create_time": NOW * 1000,
        "success_time": 0,
    }
    assert len(str(order["tx_hash"])) == 64
    caller.ask("answers", millisecondPayOrders=False)
    assert queried(caller) == {**order, "expire_time": NOW + 900, "create_time": NOW}


def test_each_order_has_an_address_of_its_own(caller: CoinQPayCaller) -> None:
    orders = [result_of(caller.order(order_id=f"OR-{n}", coin="ETH", amount="1")) for n in range(20)]
    assert len({order["address"] for order in orders}) == 20
    assert all(len(order["address"]) == 42 for order in orders)


REFUSALS = {
    "no order id": ({"order_id": None}, (400, 1003)),
    "empty order id": ({"order_id": ""}, (400, 1003)),
    "long order id": ({"order_id": "x" * 65}, (400, 1003)),
    "number as order id": ({"order_id": 5}, (400, 1003)),
    "no coin": ({"coin": None}, (400, 1003)),
    "zero": ({"amount": "0"}, (400, 1003)),
    "number as amount": ({"amount": 10}, (400, 1003)),
    "unknown coin": ({"coin": "DOGE"}, (400, 12002)),
    "too many decimals": ({"amount": "10.0000001"}, (400, 12204)),
    "below the minimum": ({"amount": "0.999999"}, (400, 12011)),
}


@pytest.mark.parametrize(("changes", "refusal"), REFUSALS.values(), ids=REFUSALS)
def test_an_order_refuses(caller: CoinQPayCaller, changes: dict[str, object], refusal: tuple[int, int]) -> None:
    assert refusal_of(caller.order(**changes)) == refusal
    assert caller.books.pay_orders() == []


@pytest.mark.parametrize("changes", [{}, {"amount": "11"}, {"coin": "DOGE"}])
def test_an_order_id_is_used_once_whatever_the_content(caller: CoinQPayCaller, changes: dict[str, object]) -> None:
    caller.order()
    assert refusal_of(caller.order(**changes)) == (400, 12017)
    assert len(caller.books.pay_orders()) == 1


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"order_id": "OR-9"}, (404, 12016)),
        ({}, (400, 1003)),
        ({"order_id": ""}, (400, 1003)),
        ({"order_id": "x" * 65}, (400, 1003)),
    ],
)
def test_a_query_refuses(caller: CoinQPayCaller, parameters: dict[str, str], refusal: tuple[int, int]) -> None:
    assert refusal_of(caller.get("pay_order", **parameters)) == refusal


def test_a_payment_is_pending_and_then_paid(caller: CoinQPayCaller) -> None:
    caller.order()
    assert caller.ask("pay", orderId="OR-1", txHash="abc") == {"status": 2}
    pending = queried(caller)
    assert (pending["status"], pending["pay_amount"], pending["tx_hash"]) == (2, None, "abc")
    assert caller.balance() == "0"
    caller.wait(1)
    paid = queried(caller)
    assert (paid["status"], paid["pay_amount"], paid["success_time"]) == (3, "10", NOW + 1)
    assert caller.balance() == "10"


@pytest.mark.parametrize("amount", ["9.999999", "10.000001"])
def test_another_amount_is_an_exception(caller: CoinQPayCaller, amount: str) -> None:
    caller.order()
    caller.ask("pay", orderId="OR-1", amount=amount)
    caller.wait(1)
    order = queried(caller)
    assert (order["status"], order["pay_amount"], order["success_time"]) == (6, amount, 0)
    assert caller.balance() == amount


def test_an_unpaid_order_expires_and_can_still_be_paid(caller: CoinQPayCaller) -> None:
    caller.order()
    caller.wait(899.9)
    assert queried(caller)["status"] == 1
    caller.wait(0.1)
    assert queried(caller)["status"] == 5
    caller.wait(3600)
    caller.ask("pay", orderId="OR-1")
    caller.wait(1)
    paid = queried(caller)
    assert (paid["status"], paid["success_time"]) == (3, NOW + 900 + 3600 + 1)


def test_a_payment_seen_in_time_does_not_expire(caller: CoinQPayCaller) -> None:
    caller.ask("pace", seconds=60)
    caller.order()
    caller.wait(890)
    caller.ask("pay", orderId="OR-1")
    caller.wait(20)
    assert queried(caller)["status"] == 2
    caller.wait(40)
    assert queried(caller)["status"] == 3


def test_a_payment_can_fail_and_be_made_again(caller: CoinQPayCaller) -> None:
    caller.order()
    caller.ask("pay", orderId="OR-1")
    caller.wait(0.5)
    assert caller.ask("fail-pay-order", orderId="OR-1") == {"status": 4}
    caller.ask("pay", orderId="OR-1")
    caller.wait(0.5)
    assert (queried(caller)["status"], caller.balance()) == (2, "0")
    caller.wait(0.5)
    assert (queried(caller)["status"], caller.balance()) == (3, "10")


def test_a_failed_order_stays_failed(caller: CoinQPayCaller) -> None:
    caller.order()
    caller.ask("pay", orderId="OR-1")
    caller.ask("fail-pay-order", orderId="OR-1")
    caller.wait(10_000)
    assert (queried(caller)["status"], caller.balance()) == (4, "0")


def test_an_order_can_be_made_to_expire_at_once_and_be_paid_all_the_same(caller: CoinQPayCaller) -> None:
    caller.order()
    assert caller.ask("expire-pay-order", orderId="OR-1") == {"status": 5}
    assert queried(caller)["status"] == 5
    caller.ask("pay", orderId="OR-1")
    caller.wait(10_000)
    assert (queried(caller)["status"], caller.balance()) == (3, "10")
