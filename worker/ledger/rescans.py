"""Rescans: open ones that wait for a payment, and the payment that one looks for."""

from schemas.rescan import Rescan
from worker.ledger.deposit_rows import read_deposit
from worker.ledger.session import Session
from worker.providers.protocol import Deposit


class Rescans:
    """What a rescan and a deposit know of each other."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def rescan_for(self, deposit: Deposit) -> str | None:
        """The open rescan that waits for this payment."""
        rows = await self._session.fetch(
            "SELECT ledger.rescan_for($1,$2,$3,$4,$5,$6)",
            deposit.provider,
            deposit.chain,
            deposit.tx_id,
            deposit.address,
            deposit.memo,
            deposit.account,
        )
        order_id: str | None = rows[0][0]
        return order_id

    async def credited_deposit(self, provider: str, command: Rescan, account: str | None) -> Deposit | None:
        """The credited deposit that a rescan looks for."""
        rows = await self._session.fetch(
            "SELECT * FROM ledger.credited_deposit($1,$2,$3,$4,$5,$6)",
            provider,
            command.chain,
            command.tx_id,
            command.to_address,
            command.memo,
            account,
        )
        return read_deposit(rows[0]) if rows else None

    async def hasten_rescans(self, provider: str, tx_id: str | None) -> int:
        """Have the open rescans of a transaction, or all, looked at soon; how many."""
        rows = await self._session.fetch_at(
            "SELECT ledger.hasten_rescans($1,$2,$3)", lambda now: (provider, tx_id, now)
        )
        return int(rows[0][0])
