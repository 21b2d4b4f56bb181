"""The command `transfer`: what it holds, what it asks, and what its success posts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import parse_amount, total
from schemas.transfer import Transfer
from tests.unit.stand_in import MERCHANT, StandIn
from worker.commands.transfer import TransferRules
from worker.order import Hold
from worker.providers.protocol import Move, Moved

PROVIDER = StandIn()
RULES = TransferRules()


def transfer(**changes: Any) -> Transfer:
    fields = {
        "type": "transfer",
        "orderId": "ord-1",
        "fromUserId": "alice1",
        "toUserId": "bob123",
        "coinId": 1280,
        "amount": "0.5",
    }
    return Transfer.model_validate({**fields, **changes})


def posted(command: Transfer) -> list[tuple[str, str, str, str]]:
    return [
        (line.account, line.coin, str(line.amount), line.purpose) for line in RULES.lines(command, PROVIDER, Moved())
    ]


def test_it_holds_the_whole_amount_on_the_senders_account() -> None:
    assert RULES.hold(transfer(), PROVIDER) == Hold("user:alice1", "1280", "0.5")


def test_it_asks_the_provider_to_move_it() -> None:
    assert RULES.instruction(transfer(remark="x"), PROVIDER) == Move("ord-1", "alice1", "bob123", 1280, "0.5", "x")


def test_its_success_takes_from_one_and_gives_to_the_other() -> None:
    assert posted(transfer()) == [
        ("user:alice1", "1280", "-0.5", "transfer"),
        ("user:bob123", "1280", "0.5", "transfer"),
    ]


def test_the_providers_name_for_the_merchant_is_the_merchants_account() -> None:
    assert RULES.hold(transfer(fromUserId=MERCHANT), PROVIDER).account == "merchant"
    assert [account for account, *_ in posted(transfer(fromUserId=MERCHANT))] == ["merchant", "user:bob123"]
    assert [account for account, *_ in posted(transfer(toUserId=MERCHANT))] == ["user:alice1", "merchant"]
    assert RULES.instruction(transfer(toUserId=MERCHANT), PROVIDER).to_user_id == MERCHANT


@pytest.mark.parametrize("user", ["merchant", "custody"])
def test_a_user_who_is_called_like_an_account_is_only_a_user(user: str) -> None:
    assert RULES.hold(transfer(fromUserId=user), PROVIDER).account == f"user:{user}"


@pytest.mark.parametrize(("amount", "asked"), [("5.00", "5"), ("0.50", "0.5"), ("100", "100"), ("10.0", "10")])
def test_the_provider_is_asked_in_one_spelling_whichever_copy_of_the_command_came_first(
    amount: str, asked: str
) -> None:
    command = transfer(amount=amount)
    assert RULES.instruction(command, PROVIDER).amount == asked
    assert command.fingerprint() == transfer(amount=asked).fingerprint()


@given(st.integers(1, 10**38 - 1), st.integers(0, 10**18 - 1), st.sampled_from(["alice1", MERCHANT]))
def test_what_it_holds_is_what_it_takes_and_the_lines_sum_to_zero(whole: int, fraction: int, sender: str) -> None:
    command = transfer(amount=f"{whole}.{fraction:018}", fromUserId=sender)
    hold, lines = RULES.hold(command, PROVIDER), RULES.lines(command, PROVIDER, Moved())
    assert total(line.amount for line in lines) == 0
    assert lines[0].account == hold.account
    assert (
        lines[0].amount.copy_negate()
        == parse_amount(hold.amount)
        == parse_amount(RULES.instruction(command, PROVIDER).amount)
    )
    assert {line.coin for line in lines} == {hold.coin}
