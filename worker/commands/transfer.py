"""`transfer`: hold the sender's coins; when they have moved, so do the books: from −X, to +X."""

from schemas.event import Line
from schemas.money import parse_amount, show
from schemas.transfer import Transfer
from worker.commands.accounts import pair
from worker.commands.coins import CoinData, Refusal, refuse_decimals, refuse_disabled, refuse_unlisted, refuse_value
from worker.order import Hold
from worker.providers.protocol import Move, Provider, Receipt, account_of

# The provider's documented minimum for transfers between users, in US dollars.
MINIMUM_USD = "0.001"


class TransferRules:
    """The rules of a transfer."""

    def refuse(self, command: Transfer, _provider: Provider, coins: CoinData) -> Refusal | None:
        """By the provider's own data: the coin, its decimals, and the least value of a transfer."""
        coin = str(command.coin_id)
        return (
            refuse_unlisted("coinId", coin, coins)
            or refuse_disabled("coinId", coin, coins)
            or refuse_decimals("amount", command.amount, coin, coins)
            or refuse_value("amount", command.amount, MINIMUM_USD, coin, coins)
        )

    def hold(self, command: Transfer, provider: Provider) -> Hold:
        """The whole amount, on the sender's account."""
        account = account_of(command.from_user_id, provider.merchant_user_id)
        return Hold(account, str(command.coin_id), command.amount)

    def instruction(self, command: Transfer, _provider: Provider) -> Move:
        """Move it."""
        return Move(
            order_id=command.order_id,
            from_user_id=command.from_user_id,
            to_user_id=command.to_user_id,
            coin_id=command.coin_id,
            # One spelling for the provider, which counts trailing zeros as decimals: which copy of a command comes
            # first must make no difference.
            amount=show(parse_amount(command.amount)),
            remark=command.remark,
        )

    def lines(self, command: Transfer, provider: Provider, _receipt: Receipt) -> tuple[Line, ...]:
        """Two lines that sum to zero; the provider charges nothing for a transfer."""
        sender = account_of(command.from_user_id, provider.merchant_user_id)
        receiver = account_of(command.to_user_id, provider.merchant_user_id)
        return pair(sender, receiver, str(command.coin_id), parse_amount(command.amount), "transfer")
