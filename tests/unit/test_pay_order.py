"""The command `payOrder`: it holds nothing, asks for an address, and leaves what is paid to the deposits."""

from decimal import Decimal
from typing import Any

from schemas.pay_order import PayOrder
from tests.unit.stand_in import StandIn
from worker.commands.pay_order import PayOrderRules
from worker.providers.protocol import Collect, Collected

PROVIDER = StandIn("coinqpay", merchant_user_id="")
RULES = PayOrderRules()


def pay_order(**changes: Any) -> PayOrder:
    fields = {"type": "payOrder", "orderId": "ord-1", "coin": "ETH", "amount": "0.50"}
    return PayOrder.model_validate({**fields, **changes})


def test_it_holds_nothing_for_it_brings_funds() -> None:
    assert RULES.hold(pay_order(), PROVIDER) is None


def test_it_asks_for_an_address_in_one_spelling_of_the_amount() -> None:
    assert RULES.instruction(pay_order(), PROVIDER) == Collect("ord-1", "ETH", "0.5")


def test_its_success_posts_nothing_of_its_own_for_what_was_paid_is_a_deposit() -> None:
    assert RULES.lines(pay_order(), PROVIDER, Collected(Decimal("0.5"), "ETH", "0xabc", "0xdef")) == ()
