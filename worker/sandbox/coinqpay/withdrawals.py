"""Withdrawals: `withdraw` to the bound address, `payout` to any, and `withdraws` to look at both."""

from collections.abc import Sequence
from decimal import Decimal

from worker.sandbox.coinqpay.codes import Code, Refusal
from worker.sandbox.coinqpay.coins import COINS, Coin
from worker.sandbox.coinqpay.merchant import Merchant
from worker.sandbox.coinqpay.parameters import is_address_of, is_coin, is_text, is_withdrawal_id
from worker.sandbox.coinqpay.records import (
    Withdrawal,
    WithdrawalStatus,
    created_withdrawal,
    queried_withdrawal,
)
from worker.sandbox.exact import decimals
from worker.sandbox.parameters import first_wrong, is_amount
from worker.sandbox.provider import Conditions, Parameters

WITHDRAW = {"coin": is_coin, "amount": is_amount}
PAYOUT = {"coin": is_coin, "address": is_text, "amount": is_amount}


def withdraw(
    merchant: Merchant, parameters: Parameters, at: float, conditions: Conditions
) -> dict[str, object] | Refusal:
    """A withdrawal to the bound address. There is no request id: every call is one more."""
    wrong = first_wrong(parameters, WITHDRAW, {})
    if wrong is not None:
        return Refusal(Code.UNEXPECTED_REQUEST, wrong)
    address = merchant.account.withdraw_addresses.get(str(parameters["coin"]))
    return _create(merchant, parameters, address, at, conditions)


def payout(
    merchant: Merchant, parameters: Parameters, at: float, conditions: Conditions
) -> dict[str, object] | Refusal:
    """A withdrawal to the given address. There is no request id: every call is one more."""
    wrong = first_wrong(parameters, PAYOUT, {})
    if wrong is not None:
        return Refusal(Code.UNEXPECTED_REQUEST, wrong)
    return _create(merchant, parameters, str(parameters["address"]), at, conditions)


def withdraws(
    merchant: Merchant, parameters: Parameters, at: float, conditions: Conditions
) -> list[dict[str, object]] | Refusal:
    """The withdrawal with this id, in a list, or all."""
    wrong = first_wrong(parameters, {}, {"id": is_withdrawal_id})
    if wrong is not None:
        return Refusal(Code.UNEXPECTED_REQUEST, wrong)
    seen = [each for each in asked(merchant, parameters) if not _is_hidden(each, at, conditions)]
    if "id" in parameters and not seen and merchant.switches.unknown_withdrawal_is_error:
        return Refusal(Code.TRANSACTION_NOT_FOUND)
    if conditions.keep is not None:
        seen = seen[max(0, len(seen) - conditions.keep) :]
    ordered = seen if merchant.switches.oldest_first else list(reversed(seen))
    return [queried_withdrawal(each) for each in ordered]


def asked(merchant: Merchant, parameters: Parameters) -> Sequence[Withdrawal]:
    """The withdrawals that a query is about, oldest first."""
    if "id" not in parameters:
        return merchant.books.withdrawals()
    found = merchant.books.withdrawal(str(parameters["id"]))
    return [] if found is None else [found]


def _create(
    merchant: Merchant, parameters: Parameters, address: str | None, at: float, conditions: Conditions
) -> dict[str, object] | Refusal:
    coin = COINS.get(str(parameters["coin"]))
    if coin is None:
        return Refusal(Code.COIN_NOT_SUPPORTED)
    amount = Decimal(str(parameters["amount"]))
    refused = _judge(merchant, coin, address, amount)
    if refused is not None:
        return refused
    withdrawal = Withdrawal(
        withdrawal_id=merchant.books.ids.next(at),
        coin=coin.name,
        amount=amount,
        fee=coin.fee(amount),
        address=str(address),
        at=at,
    )
    merchant.books.write_withdrawal(withdrawal)
    merchant.withdrawals.start(withdrawal)
    if conditions.fails:
        withdrawal.ending = WithdrawalStatus.FAILED
    return created_withdrawal(withdrawal)


def _judge(merchant: Merchant, coin: Coin, address: str | None, amount: Decimal) -> Refusal | None:
    """Validity before funds, so that a wrong request is called so whatever the balance."""
    if coin.name in merchant.switches.unavailable_coins:
        return Refusal(Code.COIN_UNAVAILABLE)
    if decimals(amount) > coin.decimals:
        return Refusal(Code.TOO_MANY_DECIMALS)
    if address is None or not is_address_of(coin.chain, address):
        return Refusal(Code.ADDRESS_NOT_BOUND if address is None else Code.ADDRESS_INVALID)
    if coin.fee(amount) >= amount:
        return Refusal(Code.AMOUNT_TOO_SMALL)
    if merchant.books.balance(coin.name) < amount:
        return Refusal(Code.BALANCE_INSUFFICIENT)
    return None


def _is_hidden(withdrawal: Withdrawal, at: float, conditions: Conditions) -> bool:
    return conditions.lag_seconds > 0 and at - withdrawal.at < conditions.lag_seconds
