"""CoinQ Pay's routes: every field that the client reads is what the sandbox's books hold.

Each test here takes both ends and nothing else: `test_coverage` runs them all to see which routes are called.
"""

from decimal import Decimal
from typing import Any

from schemas.money import negate, total
from tests.conformance.clock import at
from tests.conformance.ends import Ends
from tests.conformance.orders import OTHER_ADDRESS
from worker.providers.coinqpay.records import CreatedPayOrder, CreatedWithdrawal
from worker.providers.coinqpay.wire import Result, read_result
from worker.sandbox.coinqpay.coins import COINS
from worker.sandbox.coinqpay.records import PayOrder, Withdrawal


def withdrawal_fields(withdrawal: Withdrawal) -> dict[str, Any]:
    return {
        "id": withdrawal.withdrawal_id,
        "coin": withdrawal.coin,
        "withdraw_amount": withdrawal.amount,
        "fee": withdrawal.fee,
        "actual_amount": total([withdrawal.amount, negate(withdrawal.fee)]),
        "address": withdrawal.address,
        "create_time": at(withdrawal.at),
        "status": withdrawal.status,
        "tx_hash": withdrawal.tx_hash or None,
    }


def pay_order_fields(order: PayOrder) -> dict[str, Any]:
    return {
        "payment_id": order.payment_id,
        "order_id": order.order_id,
        "coin": order.coin,
        "chain": order.chain,
        "original_amount": order.amount,
        "pay_amount": order.pay_amount,
        "address": order.address,
        "tx_hash": order.tx_hash,
        "status": int(order.status),
        "expire_time": at(order.expires_at),
        "create_time": at(order.at),
        "success_time": at(order.success_at) if order.success_at else None,
    }


async def created(ends: Ends, name: str, **fields: str) -> object:
    """The result of a POST, unread."""
    api = ends.coinqpay.api
    answer = await api.post(name, *api.prepare(name, fields, ends.clock.now()))
    assert isinstance(answer, Result)
    return answer.result


async def test_every_coin(ends: Ends) -> None:
    listed = await ends.coinqpay.api.supported_coins()
    assert [each.model_dump() for each in listed] == [
        {
            "coin": coin.name,
            "chain": coin.chain,
            "display_code": coin.display_code,
            "contract_address": coin.contract_address or None,
            "decimals": coin.decimals,
            "can_pay": True,
            "minimum_pay_amount": coin.minimum_pay_amount,
            "withdrawal_fixed_fee": coin.fixed_fee,
            "withdrawal_percentage_fee": coin.percentage_fee,
        }
        for coin in COINS.values()
    ]


async def test_every_price_in_every_currency(ends: Ends) -> None:
    api, updated = ends.coinqpay.api, ends.clock.at.replace(second=0, microsecond=0)
    for currency in ("USD", "HKD"):
        listed = await api.coin_prices(currency)
        assert [(each.coin, each.currency, each.price, each.update_time) for each in listed] == [
            (coin.name, currency, coin.prices[currency], updated) for coin in COINS.values()
        ]
        assert await api.coin_prices(currency, "ETH") == tuple(each for each in listed if each.coin == "ETH")


async def test_every_balance(ends: Ends) -> None:
    ends.ask("coinqpay", "fund", coin="ETH", amount="0.000000000000000001")
    api = ends.coinqpay.api
    listed = await api.coin_balances()
    assert {each.coin: each.balance for each in listed} == ends.sandbox.coinqpay_books.balances()
    [alone] = await api.coin_balances("ETH")
    assert (alone.coin, alone.balance) == ("ETH", Decimal("0.000000000000000001"))


async def test_a_payout_and_a_withdrawal(ends: Ends) -> None:
    first = await created(ends, "payout", coin="TRON_USDT", address=OTHER_ADDRESS, amount="5")
    ends.clock.go_on(2)
    second = await created(ends, "withdraw", coin="TRON_USDT", amount="7.25")
    withdrawals = ends.sandbox.coinqpay_books.withdrawals()
    for answer, withdrawal in zip((first, second), withdrawals, strict=True):
        expected = {**withdrawal_fields(withdrawal), "status": 1}
        expected.pop("tx_hash")
        assert read_result(CreatedWithdrawal, answer).model_dump() == expected
    ends.clock.go_on(2)
    listed = await ends.coinqpay.api.withdraws()
    assert [each.model_dump() for each in listed] == [withdrawal_fields(each) for each in reversed(withdrawals)]
    for each in listed:
        assert await ends.coinqpay.api.withdraws(each.id) == (each,)
        assert (len(each.id), each.status, each.tx_hash is None) == (19, 4, False)


async def test_a_pay_order(ends: Ends) -> None:
    answer = await created(ends, "pay_order", coin="TRON_USDT", order_id="ord-collect", amount="10.500001")
    [order] = ends.sandbox.coinqpay_books.pay_orders()
    read = read_result(CreatedPayOrder, answer)
    assert read.model_dump() == {
        "payment_id": order.payment_id,
        "order_id": "ord-collect",
        "coin": "TRON_USDT",
        "chain": "TRON",
        "amount": Decimal("10.500001"),
        "address": order.address,
        "expire_time": at(order.expires_at),
        "create_time": at(order.at),
    }
    api = ends.coinqpay.api
    for milliseconds in (True, False):
        ends.ask("coinqpay", "answers", millisecondPayOrders=milliseconds)
        found = await api.pay_order("ord-collect")
        assert found is not None
        assert found.model_dump() == pay_order_fields(order)
    ends.ask("coinqpay", "pay", orderId="ord-collect", txHash="5f0c")
    ends.clock.go_on(1)
    paid = await api.pay_order("ord-collect")
    assert paid is not None
    assert paid.model_dump() == pay_order_fields(order)
    assert (paid.pay_amount, paid.tx_hash, paid.success_time is None) == (Decimal("10.500001"), "5f0c", False)
    assert await api.pay_order("nobody's, of any kind&x=y?%41é") is None
