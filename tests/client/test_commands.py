"""Commands: made only of valid fields, and published as the contract says."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from ledger_client import Command, InvalidCommand, Payout, Rescan, Swap, Transfer
from tests.client.commands import VALID, transfer

LOCAL = timezone(timedelta(hours=2))

REFUSED: dict[str, tuple[type[Command], dict[str, Any], str]] = {
    "an order id with a space": (Transfer, {"order_id": "a b"}, "order_id"),
    "an order id with a newline at its end": (Transfer, {"order_id": "ord-1\n"}, "order_id"),
    "an amount that is a float": (Transfer, {"amount": 12.5}, "amount"),
    "an amount that is an int": (Transfer, {"amount": 12}, "amount"),
    "an amount of nothing": (Transfer, {"amount": "0.00"}, "amount"),
    "an amount below nothing": (Transfer, {"amount": Decimal(-1)}, "amount"),
    "an amount that is not a number": (Transfer, {"amount": Decimal("NaN")}, "amount"),
    "an amount with too many decimals": (Transfer, {"amount": Decimal("1E-19")}, "amount"),
    "a coin id that is text": (Transfer, {"coin_id": "1280"}, "coin_id"),
    "a transfer to oneself": (Transfer, {"to_user_id": "alice1"}, "to_user_id"),
    "a swap into the same coin": (Swap, {"coin_id_out": 1280}, "coin_id_out"),
    "a rate of one": (Swap, {"extra_fee_rate": Decimal(1)}, "extra_fee_rate"),
    "an account that is none": (Payout, {"account": "custody"}, "account"),
    "a control character": (Rescan, {"memo": "a\tb"}, "memo"),
    "a time without its zone": (Transfer, {"expires_at": datetime(2027, 1, 1)}, "expires_at"),  # noqa: DTZ001
    "a time at the end of all times": (
        Transfer,
        {"expires_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=2)))},
        "expires_at",
    ),
    "a field that there is none": (Transfer, {"speed": "fast"}, "speed"),
    "a field under its JSON name": (Transfer, {"orderId": "ord-1"}, "orderId"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_field_that_breaks_its_rule_is_named_and_its_value_is_not(case: str) -> None:
    kind, changes, field = REFUSED[case]
    with pytest.raises(InvalidCommand) as refusal:
        kind(**{**VALID[kind], **changes})
    assert refusal.value.field == field
    assert str(refusal.value).startswith(f"{field}: ")
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12.50", "12.50"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-18"), f"0.{'0' * 17}1"),
    ],
)
def test_an_amount_is_published_exactly(amount: str | Decimal, text: str) -> None:
    assert json.loads(transfer(amount=amount).body())["amount"] == text


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidCommand, match=r"^from_user_id: is required$"):
        Transfer(order_id="ord-1")


def test_a_time_is_published_in_utc() -> None:
    command = transfer(expires_at=datetime(2027, 1, 1, 2, tzinfo=LOCAL))
    assert command.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert json.loads(command.body())["expiresAt"] == "2027-01-01T00:00:00Z"


def test_a_command_does_not_change() -> None:
    with pytest.raises(ValidationError):
        setattr(transfer(), "amount", "1")  # noqa: B010 - a type checker sees the other way


def test_a_copy_with_changes_is_checked_when_it_is_used() -> None:
    with pytest.raises(InvalidCommand, match="amount"):
        transfer().model_copy(update={"amount": "-1"}).checked()


def test_what_is_not_set_is_not_published() -> None:
    assert json.loads(transfer(remark=None).body()).keys() == {
        *("type", "orderId", "fromUserId", "toUserId", "coinId", "amount")
    }
