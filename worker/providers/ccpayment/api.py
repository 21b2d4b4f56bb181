"""CCPayment's API version 2 as routes: one signed POST, one envelope back; for reads, what the envelope holds."""

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx

from worker.providers import protocol
from worker.providers.ccpayment.auth import sign
from worker.providers.ccpayment.errors import NOT_FOUND, SUCCESS, TOO_OFTEN, meaning_of
from worker.providers.ccpayment.fields import to_unix_seconds
from worker.providers.ccpayment.wire import Envelope, read_data, read_envelope, read_record
from worker.providers.http import IsTooLate, NoAnswer, NotSent, exchange, make_request
from worker.providers.line import Line
from worker.providers.protocol import Unreadable
from worker.providers.reading import Model, clean_message

PATH = "/ccpayment/v2/"


class ReadFailed(protocol.ReadFailed):
    """A read that did not come about. `code` is the provider's, None when there is none that can be believed."""

    def __init__(self, route: str, reason: str, code: int | None = None) -> None:
        super().__init__(f"{route}: {reason}" if code is None else f"{route}: code {code}: {reason}")
        self.route = route
        self.code = code


class Api:
    """One merchant account, over HTTP. The transport is closed by whoever opened it."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        base_url: str,
        app_id: str,
        app_secret: str,
        timeout_seconds: float,
        now: Callable[[], datetime],
        line: Line | None = None,
    ) -> None:
        self._transport = transport
        # Held by a closure: in an attribute, the secret would be in a repr.
        self._sign = _signer(app_id, app_secret)
        self._app_id = app_id
        self._routes = base_url.rstrip("/") + PATH
        self._urls: dict[str, httpx.URL] = {}  # parsed once: that takes longer than signing
        self._timeout_seconds = timeout_seconds
        self._now = now
        self.line = line or Line()

    def sign(self, body: bytes, at: datetime) -> str:
        """The signature of exactly these bytes, for the whole second of this moment."""
        return self._sign(str(to_unix_seconds(at)), body)

    def is_signed(self, app_id: str, timestamp: str, body: bytes, signature: str) -> bool:
        """Whether a webhook's signature is this merchant's, in constant time and over the raw bytes."""
        ours = self._sign(timestamp, body).encode()
        is_ours = hmac.compare_digest(app_id.encode("utf-8", "replace"), self._app_id.encode())
        return hmac.compare_digest(signature.encode("utf-8", "replace"), ours) and is_ours

    async def call(self, route: str, body: bytes, at: datetime) -> Envelope:
        """Sign exactly these bytes for this moment and send them once. Raises NotSent, NoAnswer or Unreadable."""
        return await self.send(route, body, at, self.sign(body, at))

    async def send(
        self,
        route: str,
        body: bytes,
        signed_at: datetime,
        signature: str,
        is_too_late: IsTooLate | None = None,
    ) -> Envelope:
        """Send once what was signed. Raises NotSent, NoAnswer or Unreadable; after these two it may have arrived.

        `is_too_late` is asked until the first byte leaves, and answers with TooLate, a NotSent.
        """
        headers = {
            "Content-Type": "application/json",
            "Appid": self._app_id,
            "Timestamp": str(to_unix_seconds(signed_at)),
            "Sign": signature,
        }
        request = make_request("POST", self._url_of(route), headers, body)
        envelope = await exchange(
            self.line, self._transport, request, self._timeout_seconds, read_envelope, is_too_late
        )
        if envelope.code in TOO_OFTEN:
            self.line.slow_down()
        else:
            self.line.welcome()
        return envelope

    async def read(self, route: str, fields: Mapping[str, object] | None = None) -> Any:
        """`data` of a route that moves no money. Raises ReadFailed.

        Without fields the body is empty, and nothing is signed for it: so the provider documents it.
        """
        await self.line.turn()
        try:
            envelope = await self.call(route, encode(fields) if fields else b"", self._now())
        except (NotSent, NoAnswer, Unreadable) as error:
            raise ReadFailed(route, str(error)) from None
        if envelope.code != SUCCESS:
            _, name = meaning_of(envelope.code)
            raise ReadFailed(route, clean_message(envelope.msg) or name, envelope.code)
        return envelope.data

    async def read_as(self, model: type[Model], route: str, fields: Mapping[str, object] | None = None) -> Model:
        """`data` as the model. Raises ReadFailed."""
        data = await self.read(route, fields)
        try:
            return read_data(model, data)
        except Unreadable as error:
            raise ReadFailed(route, str(error)) from None

    async def read_one(self, model: type[Model], route: str, fields: Mapping[str, object]) -> Model | None:
        """The record that a route tells of, None when the provider says that there is none. Raises ReadFailed."""
        try:
            return read_record(model, await self.read(route, fields))
        except Unreadable as error:
            raise ReadFailed(route, str(error)) from None
        except ReadFailed as error:
            if error.code == NOT_FOUND:
                return None
            raise

    def _url_of(self, route: str) -> httpx.URL:
        url = self._urls.get(route)
        if url is None:
            url = self._urls[route] = httpx.URL(self._routes + route)
        return url


def encode(fields: Mapping[str, object]) -> bytes:
    """The body of a request: JSON without spaces, in UTF-8."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def _signer(app_id: str, app_secret: str) -> Callable[[str, bytes], str]:
    def sign_body(timestamp: str, body: bytes) -> str:
        return sign(app_id, app_secret, timestamp, body)

    return sign_body
