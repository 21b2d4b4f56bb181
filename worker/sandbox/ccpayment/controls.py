"""What a test may ask of the provider beside its routes: coins, balances, swaps and deposits."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import wraps
from types import MappingProxyType
from typing import Any

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.coins import CoinStatus
from worker.sandbox.ccpayment.deposit_change import change_deposit
from worker.sandbox.ccpayment.deposit_control import deposit
from worker.sandbox.ccpayment.fields import check_fields, is_flag, is_seconds
from worker.sandbox.ccpayment.parameters import is_coin_id, is_order_id
from worker.sandbox.ccpayment.swap_plans import SwapPlan
from worker.sandbox.errors import require
from worker.sandbox.exact import plain
from worker.sandbox.parameters import is_amount
from worker.sandbox.provider import Control

# The quotient of two prices, times an amount, stays within exact arithmetic.
PRICE_CHARACTERS = 40


def controls_of(account: Account) -> Mapping[str, Control]:
    """The controls by name. Each takes camelCase fields and the unix time, and raises `InputError`."""
    actions: Mapping[str, Callable[[Account, Mapping[str, Any], float], Mapping[str, object]]] = {
        "deposit": deposit,
        "change-deposit": change_deposit,
        "swaps": _swaps,
        "coin": _coin,
        "balances": _balances,
    }
    return MappingProxyType({name: _bind(account, action) for name, action in actions.items()})


def _bind(account: Account, action: Callable[[Account, Mapping[str, Any], float], Mapping[str, object]]) -> Control:
    @wraps(action)  # its docstring is the control's line in the list
    def run(fields: Mapping[str, Any], at: float) -> Mapping[str, object]:
        account.agenda.advance(at)
        answer = action(account, fields, at)
        account.agenda.advance(at)
        return answer

    return run


def _swaps(account: Account, fields: Mapping[str, Any], _at: float) -> Mapping[str, object]:
    """How swaps end from now on: all, or the one with this order id."""
    check_fields(
        fields,
        required={"processingSeconds": is_seconds},
        optional={"fails": is_flag, "orderId": is_order_id},
    )
    plan = SwapPlan(fields["processingSeconds"], fields.get("fails", False))
    account.swap_plans.set(plan, fields.get("orderId"))
    return {"processingSeconds": plan.processing_seconds, "fails": plan.fails}


def _coin(account: Account, fields: Mapping[str, Any], _at: float) -> Mapping[str, object]:
    """A coin's price in USDT, its state, and whether it can be swapped."""
    check_fields(
        fields,
        required={"coinId": is_coin_id},
        optional={"priceUsdt": _is_price, "status": _is_status, "canSwap": is_flag},
    )
    coin_id = fields["coinId"]
    require(coin_id in account.market.coins, "coinId", "is of no coin")
    coin = account.market.change(
        coin_id,
        price=Decimal(fields["priceUsdt"]) if "priceUsdt" in fields else None,
        status=CoinStatus(fields["status"]) if "status" in fields else None,
        can_swap=fields.get("canSwap"),
    )
    return {
        "coinId": coin_id,
        "priceUsdt": plain(coin.price_usdt),
        "status": coin.status,
        "canSwap": coin.can_swap,
    }


def _balances(account: Account, fields: Mapping[str, Any], _at: float) -> Mapping[str, object]:
    """Whether the merchant's balances are blank texts, as the provider's own samples print them."""
    check_fields(fields, required={"blank": is_flag}, optional={})
    account.blanks_balances = fields["blank"]
    return {"blank": account.blanks_balances}


def _is_price(value: object) -> bool:
    return is_amount(value) and len(str(value)) <= PRICE_CHARACTERS


def _is_status(value: object) -> bool:
    return isinstance(value, str) and value in {*CoinStatus}
