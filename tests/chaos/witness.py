"""What must hold whenever a request leaves or the second confirmation is answered."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from tests.chaos.play import Play

SIGNATURE_HEADER = "biz-api-signature"
SEND_WITHIN = timedelta(seconds=10)


class Witness:
    """Sees every request of every process, and every answer that approves a withdrawal."""

    def __init__(self, play: "Play") -> None:
        self._play = play
        self.refused: set[str] = set()
        self.approved: set[str] = set()

    async def leaves(self, request: httpx.Request) -> None:
        """What moves money was written down before, byte for byte; it leaves once, in time, and alone of its kind."""
        if request.method != "POST" or SIGNATURE_HEADER not in request.headers:
            return
        play, signature = self._play, request.headers[SIGNATURE_HEADER]
        row = await play.owner.fetchrow(
            "SELECT a.signed_at, (SELECT count(*) FROM ledger.orders e"
            "  WHERE e.payee = o.payee AND e.provider_ref IS NULL AND e.due_at IS NOT NULL AND e.doubtful <> '{}')"
            " AS equal FROM ledger.attempt a JOIN ledger.orders o USING (order_id)"
            " WHERE a.signature = $1 AND a.body = $2",
            *(signature, request.content),
        )
        play.sent[signature] += 1
        self._need(row is not None, "a request left that no attempt holds")
        assert row is not None
        self._need(play.sent[signature] == 1, "an attempt left twice")
        self._need(play.time.now() <= row["signed_at"] + SEND_WITHIN, "an attempt left after its time")
        self._need(row["equal"] <= 1, "two equal payments are in doubt")

    async def confirmed(self, body: bytes, status: int, answer: bytes) -> None:
        """Approved is what is durably an order's, and was never refused."""
        withdrawal_id = json.loads(body)["id"]
        if status == 409 and self._play.bank.coinqpay_books.withdrawal(withdrawal_id) is not None:
            self.refused.add(withdrawal_id)
        if status != 200 or b"OK" not in answer:
            return
        self.approved.add(withdrawal_id)
        owners = await self._play.owner.fetchval(
            "SELECT count(*) FROM ledger.orders WHERE payee IS NOT NULL AND provider_ref = $1"
            " AND state IN ('processing', 'succeeded')",
            withdrawal_id,
        )
        self._need(owners == 1, f"{withdrawal_id} was approved and belongs to nobody")
        self._need(withdrawal_id not in self.refused, f"{withdrawal_id} was refused and is now approved")

    def _need(self, holds: bool, what: str) -> None:
        """Remembered, for whoever is told may be killed before telling."""
        if not holds:
            self._play.broken.append(what)
            raise AssertionError(what)
