"""CoinQ Pay's webhooks: results, status changes, and the second confirmation that everything waits for."""

import pytest

from .caller import NOW
from .coinqpay_caller import HOOKS, TRON_ADDRESS, CoinQPayCaller, result_of

PAY_ORDER, RESULT, CONFIRM = "coinqpay.pay-order", "coinqpay.withdrawal", "coinqpay.confirm"


@pytest.fixture
def caller() -> CoinQPayCaller:
    caller = CoinQPayCaller(webhooks_to=HOOKS)
    caller.ask("fund", coin="TRON_USDT", amount="100")
    caller.ask("pace", seconds=1)
    return caller


def test_a_second_confirmation_has_the_documented_fields(caller: CoinQPayCaller) -> None:
    created = result_of(caller.payout())
    assert caller.hooks(CONFIRM) == [
        {
            "id": created["id"],
            "coin": "TRON_USDT",
            "withdraw_amount": "5",
            "fee": "0.1049",
            "actual_amount": "4.8951",
            "address": TRON_ADDRESS,
            "create_time": NOW,
        }
    ]


@pytest.mark.parametrize("route", ["payout", "withdraw"])
def test_a_withdrawal_waits_for_its_confirmation(caller: CoinQPayCaller, route: str) -> None:
    caller.post(route, coin="TRON_USDT", amount="5", address=TRON_ADDRESS)
    caller.wait(3000)
    assert caller.statuses() == [1]
    assert caller.answer_webhooks() == [CONFIRM]
    caller.wait(2.9)
    assert caller.statuses() == [3]
    caller.wait(0.1)
    assert caller.statuses() == [4]


@pytest.mark.parametrize(("status", "body"), [(200, b"no"), (200, b"ok"), (409, b"OK"), (503, b"OK"), (None, b"")])
def test_any_other_answer_is_no_confirmation(caller: CoinQPayCaller, status: int | None, body: bytes) -> None:
    caller.payout()
    for _ in range(20):
        assert caller.answer_webhooks(status, body) == [CONFIRM]
        caller.wait(60)
        assert (caller.statuses(), caller.balance()) == ([1], "95")
    assert caller.answer_webhooks(status, body) == [CONFIRM]
    assert (caller.statuses(), caller.balance()) == ([6], "100")
    assert [hook["status"] for hook in caller.hooks(RESULT)] == [6]


def test_a_later_yes_confirms_too(caller: CoinQPayCaller) -> None:
    caller.payout()
    caller.answer_webhooks(409, b"")
    caller.wait(60)
    caller.answer_webhooks()
    caller.wait(3)
    assert caller.statuses() == [4]


def test_without_the_url_nothing_is_to_be_confirmed(caller: CoinQPayCaller) -> None:
    caller.sandbox.webhooks.switches[CONFIRM].is_on = False
    caller.payout()
    caller.wait(3)
    assert (caller.statuses(), caller.hooks(CONFIRM)) == ([4], [])


def test_a_confirmation_is_there_before_the_answer_is_read(caller: CoinQPayCaller) -> None:
    caller.sandbox.add_fault("hang", when="after", seconds=5, times=1)
    caller.payout()
    assert caller.answer_webhooks() == [CONFIRM]


def test_a_confirmation_may_come_later_and_twice(caller: CoinQPayCaller) -> None:
    switch = caller.sandbox.webhooks.switches[CONFIRM]
    switch.delay_seconds, switch.duplicate = 7, True
    caller.payout()
    assert caller.answer_webhooks() == []
    caller.wait(7)
    assert caller.answer_webhooks() == [CONFIRM, CONFIRM]
    caller.wait(3)
    assert caller.statuses() == [4]


def test_a_refused_copy_does_not_undo_a_confirmation(caller: CoinQPayCaller) -> None:
    caller.sandbox.webhooks.switches[CONFIRM].duplicate = True
    caller.sandbox.webhooks.switches[CONFIRM].retry_seconds = 0
    caller.payout()
    first, second = caller.sandbox.due_webhooks()
    caller.sandbox.webhook_answered(first.delivery_id, 200, b"OK")
    for _ in range(21):
        caller.sandbox.webhook_answered(second.delivery_id, 409)
        caller.sandbox.due_webhooks()
        if second.outcome == "failed":
            break
    caller.wait(3)
    assert (second.outcome, caller.statuses()) == ("failed", [4])


@pytest.mark.parametrize(("status", "told"), [(4, [4]), (5, [5]), (6, [6]), (7, []), (8, [8]), (2, []), (42, [])])
def test_results_are_told_but_for_an_exception(caller: CoinQPayCaller, status: int, told: list[int]) -> None:
    created = result_of(caller.payout())
    caller.ask("hold", status=2)
    caller.ask("end-withdrawal", id=created["id"], status=status)
    bodies = caller.hooks(RESULT)
    assert [body["status"] for body in bodies] == told
    assert all(body == result_of(caller.get("withdraws", id=created["id"]))[0] for body in bodies)


def test_a_pay_order_is_told_at_each_change_with_seconds(caller: CoinQPayCaller) -> None:
    caller.order()
    assert caller.hooks(PAY_ORDER) == []
    caller.wait(900)
    caller.ask("pay", orderId="OR-1", amount="9", txHash="abc")
    caller.wait(1)
    told = caller.hooks(PAY_ORDER)
    assert [(body["status"], body["pay_amount"]) for body in told] == [(5, None), (2, None), (6, "9")]
    query = result_of(caller.get("pay_order", order_id="OR-1"))
    assert told[-1] == {**query, "expire_time": NOW + 900, "create_time": NOW}


def test_a_failed_payment_is_told(caller: CoinQPayCaller) -> None:
    caller.order()
    caller.ask("pay", orderId="OR-1")
    caller.ask("fail-pay-order", orderId="OR-1")
    assert [body["status"] for body in caller.hooks(PAY_ORDER)] == [2, 4]


def test_webhooks_carry_no_signature_but_their_type(caller: CoinQPayCaller) -> None:
    caller.payout()
    [delivery] = caller.sandbox.due_webhooks()
    assert delivery.headers == {"Content-Type": "application/json"}
