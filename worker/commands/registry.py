"""The rules of every command type. A new command adds its line here and in schemas/registry.py."""

from typing import Any, Protocol

from schemas.event import Line
from worker.commands.transfer import TransferRules
from worker.order import Hold
from worker.providers.protocol import Instruction


class Rules(Protocol):
    """What a command type means; each implementation takes its own command class."""

    def hold(self, command: Any, merchant_user_id: str) -> Hold | None:
        """The funds to set aside before anything is asked of the provider."""
        ...

    def instruction(self, command: Any) -> Instruction:
        """What to ask of the provider."""
        ...

    def lines(self, command: Any, merchant_user_id: str) -> tuple[Line, ...]:
        """What to post when it has succeeded."""
        ...


RULES: dict[str, Rules] = {
    "transfer": TransferRules(),
}
