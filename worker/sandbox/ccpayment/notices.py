"""Webhooks about deposits, signed like requests; swaps and transfers have none."""

import json
from collections.abc import Mapping
from typing import Protocol

from worker.sandbox.ccpayment.records import Deposit
from worker.sandbox.ccpayment.signature import expected
from worker.sandbox.exact import plain

KIND = "ccpayment"


class Webhooks(Protocol):
    """Who carries a webhook to the receiver; it tries again by the provider's own schedule."""

    def send(self, kind: str, body: bytes, headers: Mapping[str, str], at: float) -> None:
        """Send this body with these headers, first at this unix time."""
        ...


class Notices:
    """The webhooks of one account; without a carrier there are none."""

    def __init__(self, app_id: str, app_secret: str, webhooks: Webhooks | None) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._webhooks = webhooks

    def tell(self, deposit: Deposit, symbol: str, at: float) -> None:
        """Say what the deposit's state is at this unix time."""
        if self._webhooks is None:
            return
        body = json.dumps(_message(deposit, symbol, at), separators=(",", ":")).encode()
        timestamp = f"{int(at):010d}"
        headers = {
            "Content-Type": "application/json",
            "Appid": self._app_id,
            "Timestamp": timestamp,
            "Sign": expected(self._app_id, self._app_secret, timestamp, body).decode(),
        }
        self._webhooks.send(KIND, body, headers, at)


def _message(deposit: Deposit, symbol: str, at: float) -> dict[str, object]:
    """The documented fields; only a user's deposit tells the amount, and only in the sample."""
    amount: dict[str, object] = {}
    if deposit.user_id is not None:
        kind, owner, amount = "UserDeposit", {"userId": deposit.user_id}, {"amount": plain(deposit.amount)}
    elif deposit.reference_id is not None:
        kind, owner = "DirectDeposit", {"referenceId": deposit.reference_id}
    else:
        kind, owner = "ApiDeposit", {"orderId": str(deposit.order_id)}
    message = {
        "recordId": deposit.record_id,
        **owner,
        "coinId": deposit.coin_id,
        "coinSymbol": symbol,
        **amount,
        "status": deposit.status(at),
        "isFlaggedAsRisky": deposit.is_risky,
    }
    return {"type": kind, "msg": message}
