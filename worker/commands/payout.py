"""`payout`: hold the gross amount; what was sent and what was charged are posted from the provider's record."""

from schemas.event import Line
from schemas.money import parse_amount, show
from schemas.payout import Payout
from schemas.withdraw import Withdraw
from worker.commands.accounts import CUSTODY, pair
from worker.commands.coins import CoinData, Refusal, refuse_decimals, refuse_unlisted
from worker.order import Hold
from worker.providers.protocol import Provider, Receipt, Send, Sent


class PayoutRules:
    """The rules of a payout."""

    def refuse(self, command: Payout, _provider: Provider, coins: CoinData) -> Refusal | None:
        """By the provider's own data: the coin and its decimals."""
        return refuse_payment(command, coins)

    def hold(self, command: Payout, _provider: Provider) -> Hold:
        """The gross amount: the provider takes its fee out of it."""
        return Hold(command.account, command.coin, command.amount)

    def instruction(self, command: Payout, _provider: Provider) -> Send:
        """Send it to the address."""
        return Send(
            order_id=command.order_id,
            coin=command.coin,
            address=command.address,
            amount=show(parse_amount(command.amount)),
            bound=False,
        )

    def lines(self, command: Payout, _provider: Provider, receipt: Receipt) -> tuple[Line, ...]:
        """What was sent, and what was charged."""
        return payment_lines(command, receipt, "payout")


def refuse_payment(command: Payout | Withdraw, coins: CoinData) -> Refusal | None:
    """By the provider's own data: the coin and its decimals."""
    return refuse_unlisted("coin", command.coin, coins) or refuse_decimals(
        "amount", command.amount, command.coin, coins
    )


def payment_lines(command: Payout | Withdraw, receipt: Receipt, purpose: str) -> tuple[Line, ...]:
    """Gross = actual + fee, both out of the payer's account and out of custody."""
    assert isinstance(receipt, Sent)
    return (
        *pair(command.account, CUSTODY, command.coin, receipt.actual_amount, purpose),
        *pair(command.account, CUSTODY, command.coin, receipt.fee, "provider_fee"),
    )
