"""`swap`: hold what goes in; what comes out and the fees are posted from the provider's record, never a quote."""

from decimal import Decimal

from schemas.event import Line
from schemas.money import parse_amount, show
from schemas.swap import Swap
from worker.commands.accounts import CUSTODY, pair
from worker.commands.coins import CoinData, Refusal, refuse_decimals, refuse_disabled, refuse_unlisted
from worker.order import Hold
from worker.providers.protocol import Convert, Converted, Provider, Receipt, account_of


class SwapRules:
    """The rules of a swap."""

    def refuse(self, command: Swap, _provider: Provider, coins: CoinData) -> Refusal | None:
        """By the provider's own data: both coins, and the decimals of what goes in."""
        coin_in, coin_out = str(command.coin_id_in), str(command.coin_id_out)
        return (
            refuse_unlisted("coinIdIn", coin_in, coins)
            or refuse_unlisted("coinIdOut", coin_out, coins)
            or refuse_disabled("coinIdIn", coin_in, coins)
            or refuse_disabled("coinIdOut", coin_out, coins)
            or refuse_decimals("amountIn", command.amount_in, coin_in, coins)
        )

    def hold(self, command: Swap, provider: Provider) -> Hold:
        """The whole amount that goes in."""
        account = account_of(command.user_id, provider.merchant_user_id)
        return Hold(account, str(command.coin_id_in), command.amount_in)

    def instruction(self, command: Swap, _provider: Provider) -> Convert:
        """Convert it."""
        minimum, rate = command.amount_out_minimum, command.extra_fee_rate
        return Convert(
            order_id=command.order_id,
            user_id=command.user_id,
            coin_id_in=command.coin_id_in,
            amount_in=show(parse_amount(command.amount_in)),
            coin_id_out=command.coin_id_out,
            amount_out_minimum=None if minimum is None else show(parse_amount(minimum)),
            extra_fee_rate=None if rate is None else show(Decimal(rate)),
        )

    def lines(self, command: Swap, provider: Provider, receipt: Receipt) -> tuple[Line, ...]:
        """In, out, and the fees: the provider's to custody, our own to the merchant."""
        assert isinstance(receipt, Converted)
        user = account_of(command.user_id, provider.merchant_user_id)
        coin_in, coin_out = str(command.coin_id_in), str(command.coin_id_out)
        return (
            *pair(user, CUSTODY, coin_in, parse_amount(command.amount_in), "swap_in"),
            *pair(CUSTODY, user, coin_out, receipt.amount_out, "swap_out"),
            *pair(user, CUSTODY, coin_out, receipt.fee, "provider_fee"),
            *pair(user, "merchant", coin_out, receipt.extra_fee, "service_fee"),
        )
