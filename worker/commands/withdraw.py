"""`withdraw`: as a payout, to the address that the merchant has bound at the provider."""

from schemas.event import Line
from schemas.money import parse_amount, show
from schemas.withdraw import Withdraw
from worker.commands.coins import CoinData, Refusal
from worker.commands.payout import payment_lines, refuse_payment
from worker.order import Hold
from worker.providers.protocol import Provider, Receipt, Send


class WithdrawRules:
    """The rules of a withdrawal."""

    def refuse(self, command: Withdraw, provider: Provider, coins: CoinData) -> Refusal | None:
        """Without a bound address nobody could tell where the coins would go: nothing is sent."""
        if command.coin not in provider.bound_addresses:
            return Refusal("unsupported", f"coin: no address is bound for {command.coin}", by_data=False)
        return refuse_payment(command, coins)

    def hold(self, command: Withdraw, _provider: Provider) -> Hold:
        """The gross amount: the provider takes its fee out of it."""
        return Hold(command.account, command.coin, command.amount)

    def instruction(self, command: Withdraw, provider: Provider) -> Send:
        """Send it; the address is not part of the request, and is expected in the record."""
        return Send(
            order_id=command.order_id,
            coin=command.coin,
            address=provider.bound_addresses.get(command.coin, ""),
            amount=show(parse_amount(command.amount)),
            bound=True,
        )

    def lines(self, command: Withdraw, _provider: Provider, receipt: Receipt) -> tuple[Line, ...]:
        """What was sent, and what was charged."""
        return payment_lines(command, receipt, "withdraw")
