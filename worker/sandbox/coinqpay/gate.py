"""What CoinQ Pay checks before it looks at what is asked.

The order is not documented; assumed is the cheapest first: IP, headers, key, clock, signature,
replay, permission, frozen account.
"""

from collections import deque

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from worker.sandbox.coinqpay.account import CoinQPayAccount
from worker.sandbox.coinqpay.codes import Code, Refusal
from worker.sandbox.coinqpay.merchant import Switches
from worker.sandbox.message import Request

# Not documented: assumed two minutes either way, so that a clock that is wrong is found out.
WINDOW_SECONDS = 120

SIGNATURE_BYTES = 64


class Gate:
    """Checks requests, and remembers their signatures for as long as they would be accepted."""

    def __init__(self, account: CoinQPayAccount, switches: Switches) -> None:
        self._recipe = account.recipe
        self._key = VerifyKey(account.public_key)
        self._key_text = account.recipe.write(account.public_key)
        self._switches = switches
        self._seen: set[bytes] = set()
        self._seen_order: deque[tuple[float, bytes]] = deque()

    def check(self, request: Request, at: float) -> Refusal | None:
        """The first refusal, or None when the request is the merchant's, in time and new."""
        recipe, headers = self._recipe, request.headers
        if not self._switches.ip_allowed:
            return Refusal(Code.IP_NOT_ALLOWED)
        names = (recipe.key_header, recipe.time_header, recipe.signature_header)
        missing = next((name for name in names if not headers.get(name.lower())), None)
        if missing is not None:
            return Refusal(Code.HEADER_MISSING, missing)
        key, timestamp, signature = (headers[name.lower()] for name in names)
        if key != self._key_text or not self._switches.key_allowed:
            return Refusal(Code.KEY_WITHOUT_PERMISSION)
        seconds = recipe.seconds(timestamp)
        if seconds is None or abs(at - seconds) > WINDOW_SECONDS:
            return Refusal(Code.REQUEST_EXPIRED)
        signed = recipe.read(signature)
        message = recipe.message(request.method, request.path, timestamp, request.query, request.body)
        if signed is None or not self._verifies(message, signed):
            return Refusal(Code.SIGNATURE_WRONG)
        return Refusal(Code.REPLAY) if self._is_replay(signed, at) else None

    def permits(self, route: str, writes: bool) -> Refusal | None:
        """The refusal of a genuine request that may not do this. Reading goes on while frozen."""
        if route in self._switches.denied_routes:
            return Refusal(Code.PERMISSION_DENIED, route)
        return Refusal(Code.ACCOUNT_FROZEN) if self._switches.frozen and writes else None

    def _verifies(self, message: bytes, signature: bytes) -> bool:
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            self._key.verify(message, signature)
        except CryptoError:
            return False
        return True

    def _is_replay(self, signature: bytes, at: float) -> bool:
        while self._seen_order and self._seen_order[0][0] < at - 2 * WINDOW_SECONDS:
            self._seen.discard(self._seen_order.popleft()[1])
        if signature in self._seen:
            return True
        self._seen.add(signature)
        # Kept for two windows: a request stamped ahead of time is good for longer than one.
        self._seen_order.append((at, signature))
        return False
