"""`rescan`: nothing is held and nothing is sent at once; the scheduled job looks, asks, and looks again."""

from schemas.event import Line
from schemas.rescan import Rescan
from worker.commands.coins import CoinData, Refusal
from worker.order import Hold
from worker.providers.protocol import Provider, Receipt


class RescanRules:
    """The rules of a rescan."""

    def refuse(self, _command: Rescan, _provider: Provider, _coins: CoinData) -> Refusal | None:
        """Nothing is known beforehand."""
        return None

    def hold(self, _command: Rescan, _provider: Provider) -> Hold | None:
        """Nothing: it may bring funds."""
        return None

    def instruction(self, _command: Rescan, _provider: Provider) -> None:
        """Nothing to send: worker/steps/rescan.py has its road."""
        return

    def lines(self, _command: Rescan, _provider: Provider, _receipt: Receipt) -> tuple[Line, ...]:
        """Nothing: the deposit that it finds is posted by its own step."""
        return ()
