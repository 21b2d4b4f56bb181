"""The control by which the provider thinks again of a deposit: a flag is lifted or set, a chain reorganised."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.arrivals import tell
from worker.sandbox.ccpayment.fields import check_fields, is_flag
from worker.sandbox.ccpayment.parameters import is_text
from worker.sandbox.ccpayment.records import Deposit, Status
from worker.sandbox.errors import InputError, require
from worker.sandbox.exact import subtract
from worker.sandbox.parameters import is_amount


def change_deposit(account: Account, fields: Mapping[str, Any], at: float) -> Mapping[str, object]:
    """A deposit that was done is found risky or not, failed or not, or of another amount; a webhook tells.

    What its owner has of it follows, as far as it is still there.
    """
    optional = {"risky": is_flag, "fails": is_flag, "amount": is_amount}
    check_fields(fields, {"recordId": is_text}, optional)
    before = account.books.deposit_shelf.by_record_id(fields["recordId"])
    if before is None:
        raise InputError("recordId", "is of no deposit")
    require(before.status(at) is not Status.PROCESSING, "recordId", "is of a deposit that is under way")
    after = replace(
        before,
        is_risky=fields.get("risky", before.is_risky),
        outcome=_outcome(fields, before),
        amount=Decimal(fields["amount"]) if "amount" in fields else before.amount,
    )
    require(after.amount >= after.service_fee, "amount", "is less than the fee")
    account.books.deposit_shelf.replace(after)
    _move(account, before, after)
    tell(account, after, at)
    return {"status": after.outcome, "risky": after.is_risky}


def _outcome(fields: Mapping[str, Any], before: Deposit) -> Status:
    if "fails" not in fields:
        return before.outcome
    return Status.FAILED if fields["fails"] else Status.SUCCESS


def _move(account: Account, before: Deposit, after: Deposit) -> None:
    """Not documented whether the provider takes back what was spent: assumed it takes what is left."""
    owner = account.app_id if after.user_id is None else after.user_id
    had, has = _money(before), _money(after)
    if has > had:
        account.books.fund(owner, after.coin_id, subtract(has, had))
    elif has < had:
        taken = min(subtract(had, has), account.books.balance(owner, after.coin_id))
        account.books.spend(owner, after.coin_id, taken)


def _money(deposit: Deposit) -> Decimal:
    """What its owner gets of it."""
    is_money = deposit.outcome is Status.SUCCESS and not deposit.is_risky
    return subtract(deposit.amount, deposit.service_fee) if is_money else Decimal(0)
