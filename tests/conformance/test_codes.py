"""Every error code that is documented, as the answer to every instruction and to every look-up."""

import pytest

from tests.conformance.clock import NOW
from tests.conformance.codes import NOT_FOUND, UNLISTED, documented, meaning
from tests.conformance.ends import Attempt, Ends
from tests.conformance.orders import ORDERS, SENDS, Order, count, only
from worker.providers.ccpayment import errors as ccpayment_errors
from worker.providers.coinqpay import errors as coinqpay_errors
from worker.providers.protocol import Absent, Prepared, Unknown
from worker.sandbox.coinqpay.codes import Code

ANSWERS = [(order, code) for order in ORDERS for code in (*documented(order.provider), *UNLISTED[order.provider])]


def named(value: object) -> str:
    return value.name if isinstance(value, Order) else str(value)


@pytest.mark.parametrize(
    ("provider", "codes"), [("ccpayment", ccpayment_errors.CODES), ("coinqpay", coinqpay_errors.CODES)]
)
def test_the_worker_knows_exactly_the_codes_that_are_documented(provider: str, codes: dict[int, object]) -> None:
    assert codes.keys() == documented(provider).keys()


def test_the_sandbox_knows_exactly_the_codes_of_coinq_pay_that_are_documented() -> None:
    assert {int(code) for code in Code} == documented("coinqpay").keys()


@pytest.mark.parametrize(("order", "code"), ANSWERS, ids=named)
async def test_a_code_means_what_is_documented(shared_ends: Ends, order: Order, code: int) -> None:
    shared_ends.sandbox.add_fault("code", route=order.route, code=code, times=1)
    attempt = await shared_ends.attempt(order)
    assert isinstance(attempt.outcome, meaning(order.provider, code))
    assert attempt.outcome.provider_code == str(code)  # type: ignore[union-attr]
    assert count(shared_ends.sandbox, order) == 0


@pytest.mark.parametrize(("order", "code"), ANSWERS, ids=named)
async def test_only_a_documented_word_makes_an_order_absent(shared_ends: Ends, order: Order, code: int) -> None:
    shared_ends.sandbox.add_fault("code", route=order.look_up_route, code=code, times=1)
    attempt = Attempt(order, Prepared(b"", NOW, ""), Unknown("no_answer", "for this test"))
    found = only(await shared_ends.look_up(attempt))
    is_absent = code == NOT_FOUND[order.look_up_route] and order not in SENDS
    assert isinstance(found, Absent if is_absent else Unknown)


@pytest.mark.parametrize("order", SENDS, ids=named)
@pytest.mark.parametrize("code", [*documented("coinqpay"), *UNLISTED["coinqpay"]])
async def test_of_a_payment_with_an_id_too(shared_ends: Ends, order: Order, code: int) -> None:
    shared_ends.sandbox.add_fault("code", route=order.look_up_route, code=code, times=1)
    attempt = Attempt(order, Prepared(b"", NOW, ""), Unknown("no_answer", "for this test"))
    found = only(await shared_ends.look_up(attempt, provider_ref="1810000000000000000"))
    assert isinstance(found, Absent if code == NOT_FOUND[order.look_up_route] else Unknown)


@pytest.mark.parametrize("order", [order for order in ORDERS if order.provider == "ccpayment"], ids=named)
async def test_a_success_that_holds_nothing_is_neither_done_nor_found(shared_ends: Ends, order: Order) -> None:
    for route in (order.route, order.look_up_route):
        shared_ends.sandbox.add_fault("code", route=route, code=10000, times=1)
    attempt = await shared_ends.attempt(order)
    assert isinstance(attempt.outcome, Unknown)
    assert only(await shared_ends.look_up(attempt)) == Absent()
