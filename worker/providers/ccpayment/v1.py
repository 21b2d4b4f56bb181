"""CCPayment's API version 1: the merchant's balances, from an answer that is signed as the request is."""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import httpx
from pydantic import BaseModel, ConfigDict, StrictStr

from worker.providers.ccpayment.api import ReadFailed, encode
from worker.providers.ccpayment.errors import SUCCESS
from worker.providers.ccpayment.fields import EmptyList, KnownAmount, OptionalText, to_unix_seconds
from worker.providers.ccpayment.wire import read_data, read_envelope
from worker.providers.http import Answer, NoAnswer, NotSent, ask, make_request
from worker.providers.protocol import Unreadable
from worker.providers.reading import clean_message

ROUTE = "v1 assets"
PATH = "/ccpayment/v1/assets"

TIMESTAMP = re.compile(r"[0-9]{10}")
# The provider gives a request two minutes; its answers are held to the same, in either direction.
VALIDITY_SECONDS = 120


class AssetV1(BaseModel):
    """One coin's balance and price. Coins are known by UUIDs here. A blank amount is None, unknown, never zero."""

    model_config = ConfigDict(frozen=True)

    coin_id: StrictStr
    crypto: OptionalText = ""
    name: OptionalText = ""
    value: KnownAmount
    price: KnownAmount = None
    logo: OptionalText = ""


class ApiV1:
    """One merchant account over API version 1, of which the worker reads balances only."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        base_url: str,
        app_id: str,
        app_secret: str,
        timeout_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._transport = transport
        self._app_id = app_id
        # Held by a closure: in an attribute, the secret would be in a repr.
        self._sign = _signer(app_id, app_secret)
        self._url = httpx.URL(base_url.rstrip("/") + PATH)
        self._timeout_seconds = timeout_seconds
        self._now = now

    async def assets(self, coin_id: str | None = None) -> tuple[AssetV1, ...]:
        """The merchant's balances: all, or of the coin with this UUID. Raises ReadFailed.

        Balances are believed only with the provider's signature. An error comes without one, and is believed.
        """
        try:
            answer = await self._ask(encode({} if coin_id is None else {"coin_id": coin_id}))
            envelope = read_envelope(answer)
            if envelope.code != SUCCESS:
                raise ReadFailed(ROUTE, clean_message(envelope.msg) or "no reason given", envelope.code)
            self._verify(answer)
            listed = read_data(_Assets, envelope.data).list
        except (NotSent, NoAnswer, Unreadable) as error:
            raise ReadFailed(ROUTE, str(error)) from None
        if coin_id is not None and any(asset.coin_id != coin_id for asset in listed):
            raise ReadFailed(ROUTE, "the answer is about another coin")
        return listed

    async def _ask(self, body: bytes) -> Answer:
        timestamp = str(to_unix_seconds(self._now()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Appid": self._app_id,
            "Timestamp": timestamp,
            "Sign": self._sign(timestamp, body),
        }
        request = make_request("POST", self._url, headers, body)
        return await ask(self._transport, request, self._timeout_seconds)

    def _verify(self, answer: Answer) -> None:
        """Raises Unreadable unless the provider signed this body for this account, and lately."""
        timestamp = answer.headers.get("timestamp", "")
        signature = self._sign(timestamp, answer.body)
        is_signed = hmac.compare_digest(answer.headers.get("sign", "").encode(), signature.encode())
        if answer.headers.get("appid") != self._app_id or not is_signed or not TIMESTAMP.fullmatch(timestamp):
            raise Unreadable("the answer's signature is wrong")
        if abs(to_unix_seconds(self._now()) - int(timestamp)) > VALIDITY_SECONDS:
            raise Unreadable("the answer's signature is too old, or of another clock")


def sign(app_id: str, app_secret: str, timestamp: str, body: bytes) -> str:
    """The `Sign` header of requests and answers: SHA-256, in hex, of APP ID, secret, Unix seconds and raw body."""
    text = app_id.encode() + app_secret.encode() + timestamp.encode() + body
    return hashlib.sha256(text).hexdigest()


class _Assets(BaseModel):
    list: Annotated[tuple[AssetV1, ...], EmptyList]


def _signer(app_id: str, app_secret: str) -> Callable[[str, bytes], str]:
    def sign_body(timestamp: str, body: bytes) -> str:
        return sign(app_id, app_secret, timestamp, body)

    return sign_body
