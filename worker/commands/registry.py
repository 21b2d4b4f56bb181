"""The rules of every command type. A new command adds its line here and in schemas/registry.py."""

from typing import Any, Protocol

from schemas.event import Line
from worker.commands.coins import CoinData, Refusal
from worker.commands.pay_order import PayOrderRules
from worker.commands.payout import PayoutRules
from worker.commands.rescan import RescanRules
from worker.commands.swap import SwapRules
from worker.commands.transfer import TransferRules
from worker.commands.withdraw import WithdrawRules
from worker.order import Hold
from worker.providers.protocol import Instruction, Provider, Receipt, Send


class Rules(Protocol):
    """What a command type means; each implementation takes its own command class."""

    def refuse(self, command: Any, provider: Provider, coins: CoinData) -> Refusal | None:
        """Why the command is not accepted, by what is known before money is held."""
        ...

    def hold(self, command: Any, provider: Provider) -> Hold | None:
        """The funds to set aside before anything is asked of the provider."""
        ...

    def instruction(self, command: Any, provider: Provider) -> Instruction | None:
        """What to ask of the provider; None: nothing at once (SCHEDULED)."""
        ...

    def lines(self, command: Any, provider: Provider, receipt: Receipt) -> tuple[Line, ...]:
        """What to post when it has succeeded."""
        ...


RULES: dict[str, Rules] = {
    "transfer": TransferRules(),
    "swap": SwapRules(),
    "payout": PayoutRules(),
    "withdraw": WithdrawRules(),
    "payOrder": PayOrderRules(),
    "rescan": RescanRules(),
}

# Sent by nobody at once: a scheduled job goes on with them.
SCHEDULED = frozenset({"rescan"})


def payee_of(instruction: Instruction | None) -> str | None:
    """Of a payment without an order id, what makes it equal to others."""
    return instruction.payee if isinstance(instruction, Send) else None
