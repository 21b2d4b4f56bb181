"""`transfer`: hold the sender's coins; when they have moved, so do the books: from −X, to +X."""

from schemas.event import Line
from schemas.money import negate, parse_amount, show
from schemas.transfer import Transfer
from worker.commands.accounts import account_of
from worker.order import Hold
from worker.providers.protocol import Move


class TransferRules:
    """The rules of a transfer."""

    def hold(self, command: Transfer, merchant_user_id: str) -> Hold:
        """The whole amount, on the sender's account."""
        return Hold(account_of(command.from_user_id, merchant_user_id), str(command.coin_id), command.amount)

    def instruction(self, command: Transfer) -> Move:
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

    def lines(self, command: Transfer, merchant_user_id: str) -> tuple[Line, ...]:
        """Two lines that sum to zero; the provider charges nothing for a transfer."""
        coin = str(command.coin_id)
        amount = parse_amount(command.amount)
        sender = account_of(command.from_user_id, merchant_user_id)
        receiver = account_of(command.to_user_id, merchant_user_id)
        return (
            Line(sender, coin, negate(amount), "transfer"),
            Line(receiver, coin, amount, "transfer"),
        )
