"""The road of withdrawals: each status for its time, the second confirmation, and the webhooks."""

import json
from functools import partial

from worker.sandbox.coinqpay.agenda import Agenda
from worker.sandbox.coinqpay.books import Books, transaction_hash
from worker.sandbox.coinqpay.coins import COINS
from worker.sandbox.coinqpay.endings import Ending, after, ending_of
from worker.sandbox.coinqpay.records import Withdrawal, WithdrawalStatus, confirmation_of, queried_withdrawal
from worker.sandbox.webhooks import JSON_HEADERS, Webhooks

CONFIRM = "coinqpay.confirm"
RESULT = "coinqpay.withdrawal"

# The documented list of results; an exception (7) is not on it, so that it is only found by a query.
TOLD = frozenset(
    {
        WithdrawalStatus.SUCCESS,
        WithdrawalStatus.FAILED,
        WithdrawalStatus.APPROVE_FAILED,
        WithdrawalStatus.RISK,
    }
)
HASHED = frozenset({WithdrawalStatus.CONFIRMING, WithdrawalStatus.SUCCESS})


class WithdrawalRoad:
    """Every withdrawal on its way. `pace_seconds` is how long each status lasts."""

    def __init__(self, books: Books, webhooks: Webhooks, pace_seconds: float) -> None:
        self.pace_seconds = pace_seconds
        self.wishes: list[Ending] = []
        self._held: int | None = None
        self._books = books
        self._webhooks = webhooks
        self._begun: Agenda[tuple[Withdrawal, int]] = Agenda()

    def start(self, withdrawal: Withdrawal) -> None:
        """Send a new withdrawal on its way; with a URL for it, not before it is confirmed."""
        withdrawal.ending = ending_of(withdrawal, self.wishes)
        if not self._webhooks.is_on(CONFIRM):
            self._begin(withdrawal, withdrawal.at)
            return
        withdrawal.awaits_confirmation = True
        body = json.dumps(confirmation_of(withdrawal)).encode()
        self._webhooks.send(CONFIRM, body, JSON_HEADERS, withdrawal.at, partial(self._confirmed, withdrawal))

    def advance(self, at: float) -> None:
        """Let every withdrawal take the steps that are due."""
        for begun, (withdrawal, status) in self._begun.take(at - self.pace_seconds):
            # A status set meanwhile by a control has a step of its own.
            if withdrawal.status == status:
                self._step(withdrawal, begun + self.pace_seconds)

    def hold(self, status: int | None, at: float) -> None:
        """Let none go on from this status; those held before in another go on."""
        self._held = status
        for withdrawal in self._books.withdrawals():
            if withdrawal.is_held and withdrawal.status != status:
                withdrawal.is_held = False
                self._begin(withdrawal, at)

    def move(self, withdrawal: Withdrawal, status: int, at: float) -> bool:
        """Put it into a status at once, listed or not; False when its money is spent by now."""
        if not self._books.move_withdrawal(withdrawal, status):
            return False
        withdrawal.awaits_confirmation = False
        withdrawal.is_held = False
        if status in HASHED:
            chain = COINS[withdrawal.coin].chain
            withdrawal.tx_hash = transaction_hash(chain, withdrawal.withdrawal_id)
        if status in TOLD:
            self._webhooks.send(RESULT, json.dumps(queried_withdrawal(withdrawal)).encode(), JSON_HEADERS, at)
        self._begin(withdrawal, at)
        return True

    def _begin(self, withdrawal: Withdrawal, at: float) -> None:
        self._begun.put(at, (withdrawal, withdrawal.status))

    def _step(self, withdrawal: Withdrawal, at: float) -> None:
        status = after(withdrawal)
        if status is None:
            return
        if withdrawal.status == self._held:
            withdrawal.is_held = True
            return
        moved = self.move(withdrawal, status, at)
        assert moved, "nothing on its way was given back"

    def _confirmed(self, withdrawal: Withdrawal, accepted: bool, at: float) -> None:
        if not withdrawal.awaits_confirmation:
            return
        withdrawal.awaits_confirmation = False
        if accepted:
            self._begin(withdrawal, at)
        else:
            # What follows when nobody confirms is not documented: assumed is a failed approval.
            self.move(withdrawal, WithdrawalStatus.APPROVE_FAILED, at)
