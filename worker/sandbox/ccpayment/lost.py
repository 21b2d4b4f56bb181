"""Deposits that are on the chain and that the provider has not noticed."""

from dataclasses import dataclass

from worker.sandbox.ccpayment.records import Deposit


@dataclass(frozen=True, slots=True)
class LostDeposit:
    """A deposit to be noticed `found_after_seconds` after a rescan asks for it.

    The times in `deposit` are those of the loss; `pending_seconds` counts from the finding.
    """

    deposit: Deposit
    pending_seconds: float
    found_after_seconds: float
    tells_processing: bool


class Lost:
    """All deposits that nobody has found yet."""

    def __init__(self) -> None:
        self._deposits: list[LostDeposit] = []

    def lose(self, lost: LostDeposit) -> None:
        """Let a deposit go unnoticed."""
        self._deposits.append(lost)

    def find(self, chain: str, to_address: str, tx_id: str, memo: str | None) -> list[LostDeposit]:
        """The lost outputs of this transaction to this address; they are lost no longer."""
        asked = (chain, to_address, _as_on_chain(tx_id))
        found = [
            lost
            for lost in self._deposits
            if (lost.deposit.chain, lost.deposit.to_address, _as_on_chain(lost.deposit.tx_id)) == asked
            and memo in {None, lost.deposit.memo}
        ]
        self._deposits = [lost for lost in self._deposits if lost not in found]
        return found

    def has_output(self, chain: str, tx_id: str, tx_index: int) -> bool:
        """Whether this output of this transaction is among them."""
        asked = (chain, tx_id, tx_index)
        return any(
            asked == (lost.deposit.chain, lost.deposit.tx_id, lost.deposit.tx_index) for lost in self._deposits
        )


def _as_on_chain(tx_id: str) -> str:
    """A hexadecimal number is the same in capitals."""
    return tx_id.lower() if tx_id.lower().startswith("0x") else tx_id
