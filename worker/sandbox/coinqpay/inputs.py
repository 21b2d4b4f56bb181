"""The fields of CoinQ Pay's controls: which there are, and what each may say."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from worker.sandbox.coinqpay.books import Books
from worker.sandbox.coinqpay.coins import COINS, Coin
from worker.sandbox.coinqpay.records import PayOrder
from worker.sandbox.errors import InputError, require
from worker.sandbox.exact import decimals
from worker.sandbox.parameters import is_amount

# Some thirty years; also refuses NaN and infinity.
LONGEST_SECONDS = 1e9


def read(
    fields: Mapping[str, Any],
    required: Sequence[str] = (),
    optional: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> None:
    """Raise `InputError` for a field that is unknown, missing, or a flag that is neither true nor false."""
    known = (*required, *optional)
    for name in fields:
        require(name in known, name, "is unknown; known are " + (", ".join(known) or "none"))
    for name in required:
        require(name in fields, name, "is required")
    for name in flags:
        require(name not in fields or isinstance(fields[name], bool), name, "must be true or false")


def coin_of(fields: Mapping[str, Any]) -> Coin:
    """The coin of field `coin`."""
    name = fields["coin"]
    if not isinstance(name, str) or name not in COINS:
        raise InputError("coin", "must be one of " + ", ".join(COINS))
    return COINS[name]


def amount_of(fields: Mapping[str, Any], coin: Coin) -> Decimal:
    """The amount of field `amount`, as the coin can carry it."""
    require(is_amount(fields["amount"]), "amount", "must be a decimal text above zero")
    amount = Decimal(fields["amount"])
    require(decimals(amount) <= coin.decimals, "amount", f"has more than {coin.decimals} decimals")
    return amount


def order_of(fields: Mapping[str, Any], books: Books) -> PayOrder:
    """The pay order of field `orderId`."""
    order = books.pay_order(str(fields["orderId"]))
    if order is None:
        raise InputError("orderId", "is of no pay order")
    return order


def status_of(fields: Mapping[str, Any], name: str) -> int:
    """A status, documented or not."""
    value = fields[name]
    if type(value) is not int or not 0 <= value <= 999:
        raise InputError(name, "must be a whole number from 0 to 999")
    return value


def seconds_of(fields: Mapping[str, Any], name: str) -> float:
    """A time span."""
    value = fields[name]
    # `true` is an int to Python.
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LONGEST_SECONDS:
        raise InputError(name, "must be a number from 0 to a thousand million")
    return value
