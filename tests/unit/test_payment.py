"""The commands `payout` and `withdraw`: what they hold, what they ask, and what their success posts."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import EXACT, negate, parse_amount, show, total
from schemas.payout import Payout
from schemas.withdraw import Withdraw
from tests.unit.stand_in import StandIn
from worker.commands.payout import PayoutRules
from worker.commands.withdraw import WithdrawRules
from worker.order import Hold
from worker.providers.protocol import Moved, Send, Sent

BOUND = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"
PROVIDER = StandIn("coinqpay", merchant_user_id="", bound_addresses={"TRON_USDT": BOUND})
AMOUNTS = st.decimals(0, 10**20, places=18)

PAYOUT = {"type": "payout", "orderId": "ord-1", "coin": "TRON_USDT", "address": "TDD1DYWk", "amount": "5.00"}
WITHDRAW = {"type": "withdraw", "orderId": "ord-1", "coin": "TRON_USDT", "amount": "5.00"}

Case = tuple[Any, Any]


def payout(**changes: Any) -> Case:
    return PayoutRules(), Payout.model_validate({**PAYOUT, **changes})


def withdraw(**changes: Any) -> Case:
    return WithdrawRules(), Withdraw.model_validate({**WITHDRAW, **changes})


BOTH = pytest.mark.parametrize("make", [payout, withdraw], ids=["payout", "withdraw"])


def posted(case: Case, actual: str, fee: str) -> list[tuple[str, str, str, str]]:
    rules, command = case
    lines = rules.lines(command, PROVIDER, Sent(Decimal(actual), Decimal(fee), "0xabc"))
    return [(line.account, line.coin, str(line.amount), line.purpose) for line in lines]


@BOTH
@pytest.mark.parametrize("account", ["merchant", "user:alice1"])
def test_it_holds_the_gross_amount_on_the_payers_account(make: Any, account: str) -> None:
    rules, command = make(account=account)
    assert rules.hold(command, PROVIDER) == Hold(account, "TRON_USDT", "5.00")


@BOTH
def test_the_merchant_pays_when_nobody_is_named(make: Any) -> None:
    rules, command = make()
    assert rules.hold(command, PROVIDER).account == "merchant"


def test_a_payout_is_sent_to_the_address_that_is_given() -> None:
    rules, command = payout()
    assert rules.instruction(command, PROVIDER) == Send("ord-1", "TRON_USDT", "TDD1DYWk", "5", bound=False)


def test_a_withdrawal_is_sent_to_the_address_that_is_bound() -> None:
    rules, command = withdraw()
    assert rules.instruction(command, PROVIDER) == Send("ord-1", "TRON_USDT", BOUND, "5", bound=True)


@BOTH
@pytest.mark.parametrize(("amount", "asked"), [("5.00", "5"), ("0.50", "0.5"), ("100", "100")])
def test_equal_amounts_are_asked_for_in_one_spelling(make: Any, amount: str, asked: str) -> None:
    rules, command = make(amount=amount)
    assert rules.instruction(command, PROVIDER).amount == asked


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (payout(amount="5"), payout(amount="5.00", orderId="ord-2", account="user:alice1")),
        (payout(address=BOUND), withdraw(orderId="ord-2")),
        (payout(address="0x" + "aB" * 20), payout(address="0x" + "Ab" * 20)),
    ],
    ids=["spelled otherwise, for another payer", "payout and withdraw", "the checksum of an address"],
)
def test_what_the_provider_cannot_tell_apart_is_one_payee(one: Case, another: Case) -> None:
    (rules_one, command_one), (rules_another, command_another) = one, another
    assert (
        rules_one.instruction(command_one, PROVIDER).payee
        == rules_another.instruction(command_another, PROVIDER).payee
    )


@pytest.mark.parametrize(
    "changes", [{"amount": "5.01"}, {"coin": "TRON_USDC"}, {"address": "TDD1DYWK"}], ids=["amount", "coin", "address"]
)
def test_what_the_provider_can_tell_apart_is_another_payee(changes: dict[str, str]) -> None:
    (rules, one), (_, another) = payout(), payout(**changes)
    assert rules.instruction(one, PROVIDER).payee != rules.instruction(another, PROVIDER).payee


def test_a_withdrawal_of_a_coin_without_a_bound_address_is_refused_whatever_the_coin_data_say() -> None:
    rules, command = withdraw(coin="ETH")
    refusal = rules.refuse(command, PROVIDER, None)
    assert refusal is not None
    assert (refusal.code, refusal.message, refusal.by_data) == (
        "unsupported",
        "coin: no address is bound for ETH",
        False,
    )


@pytest.mark.parametrize(
    ("make", "purpose"), [(payout, "payout"), (withdraw, "withdraw")], ids=["payout", "withdraw"]
)
def test_its_success_posts_what_was_sent_and_what_was_charged(make: Any, purpose: str) -> None:
    assert posted(make(account="user:alice1"), "4.8951", "0.1049") == [
        ("user:alice1", "TRON_USDT", "-4.8951", purpose),
        ("custody", "TRON_USDT", "4.8951", purpose),
        ("user:alice1", "TRON_USDT", "-0.1049", "provider_fee"),
        ("custody", "TRON_USDT", "0.1049", "provider_fee"),
    ]


@BOTH
def test_a_fee_of_zero_makes_no_lines(make: Any) -> None:
    assert [amount for _, _, amount, _ in posted(make(), "5", "0.00")] == ["-5", "5"]


@BOTH
@given(actual=AMOUNTS.filter(bool), fee=AMOUNTS, account=st.sampled_from(["merchant", "user:alice1"]))
def test_the_lines_sum_to_zero_and_take_the_gross_amount_from_the_payer(
    make: Any, actual: Decimal, fee: Decimal, account: str
) -> None:
    rules, command = make(amount=show(EXACT.add(actual, fee)), account=account)
    lines = rules.lines(command, PROVIDER, Sent(actual, fee, None))
    assert total(line.amount for line in lines) == 0
    assert all(line.amount for line in lines)
    paid = total(line.amount for line in lines if line.account == account)
    assert paid == negate(parse_amount(rules.hold(command, PROVIDER).amount))


@BOTH
def test_a_receipt_of_another_kind_is_a_mistake_of_ours(make: Any) -> None:
    rules, command = make()
    with pytest.raises(AssertionError):
        rules.lines(command, PROVIDER, Moved())
