"""Every command type there is. A new command adds its line here and in worker/commands."""

from schemas.command import Command
from schemas.pay_order import PayOrder
from schemas.payout import Payout
from schemas.rescan import Rescan
from schemas.swap import Swap
from schemas.transfer import Transfer
from schemas.withdraw import Withdraw

COMMANDS: dict[str, type[Command]] = {
    "transfer": Transfer,
    "swap": Swap,
    "payout": Payout,
    "withdraw": Withdraw,
    "payOrder": PayOrder,
    "rescan": Rescan,
}

# Whoever executes them.
PROVIDERS = tuple(sorted({command.executed_by for command in COMMANDS.values()}))
