"""CoinQ Pay over HTTP: prepared requests sent as they are, and the reads, each with the record it answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar
from urllib.parse import quote, urlencode

import httpx

from worker.providers import protocol
from worker.providers.coinqpay.auth import Signer
from worker.providers.coinqpay.errors import ORDER_NOT_FOUND, TRANSACTION_NOT_FOUND, judge
from worker.providers.coinqpay.recipe import Recipe, timestamp_of
from worker.providers.coinqpay.records import CoinBalance, CoinPrice, PayOrder, SupportedCoin, Withdrawal
from worker.providers.coinqpay.wire import Envelope, Failure, Result, read_envelope, read_result, read_results
from worker.providers.http import IsTooLate, NoAnswer, NotSent, exchange, make_request
from worker.providers.line import Line
from worker.providers.protocol import Unreadable

# Left as they are in a query, where they mean nothing: whoever undoes their escapes on the way, as some clients and
# proxies do, would make of it what was not signed.
PLAIN_IN_QUERY = "!$'()*,/:?@"

Record = TypeVar("Record")


class ReadFailed(protocol.ReadFailed):
    """A read that did not come about. `code` is the provider's, None when there is none that can be believed."""

    def __init__(self, route: str, code: int | None, sentence: str) -> None:
        super().__init__(f"{route}: {sentence}" if code is None else f"{route}: {sentence} ({code})")
        self.route = route
        self.code = code
        self.sentence = sentence


class Api:
    """One merchant account, over HTTP. The transport is closed by whoever opened it."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        base_url: str,
        signer: Signer,
        recipe: Recipe,
        timeout_seconds: float,
        now: Callable[[], datetime],
        line: Line | None = None,
    ) -> None:
        self._transport = transport
        self._routes = base_url.rstrip("/") + "/api/v1/"
        self._signer = signer
        self._recipe = recipe
        self._timeout_seconds = timeout_seconds
        self._now = now
        self.line = line or Line()

    # ---------------------------------------------------------------- what moves money

    def prepare(self, name: str, fields: Mapping[str, str], at: datetime) -> tuple[bytes, str, str]:
        """A POST's body, timestamp and signature for that moment, to be written down before it is sent."""
        body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
        timestamp = timestamp_of(self._recipe, at)
        path, params = _signed_parts(httpx.URL(self._routes + name))
        return body, timestamp, self._signer.sign("POST", path, params, body, timestamp)

    def timestamp(self, at: datetime) -> str:
        """The moment as its header has it."""
        return timestamp_of(self._recipe, at)

    async def post(
        self, name: str, body: bytes, timestamp: str, signature: str, is_too_late: IsTooLate | None = None
    ) -> Envelope:
        """Send what was prepared, once. Raises NotSent; also NoAnswer or Unreadable, when it may have arrived."""
        headers = self._signer.headers(timestamp, signature) | {"Content-Type": "application/json"}
        request = make_request("POST", httpx.URL(self._routes + name), headers, body)
        return await self._ask(request, is_too_late)

    # ---------------------------------------------------------------- what only asks

    async def supported_coins(self) -> tuple[SupportedCoin, ...]:
        """Every coin that the provider knows. Raises ReadFailed."""
        return await self._read("supported_coins", (), partial(read_results, SupportedCoin))

    async def coin_prices(self, currency: str, coin: str | None = None) -> tuple[CoinPrice, ...]:
        """The price of one coin, or of all, in USD or HKD; there are no other currencies. Raises ReadFailed."""
        params = [("currency", currency), *_present("coin", coin)]
        return await self._read("coin_price", params, partial(read_results, CoinPrice))

    async def coin_balances(self, coin: str | None = None) -> tuple[CoinBalance, ...]:
        """What is available of one coin, or of all. Raises ReadFailed."""
        return await self._read("coin_balance", _present("coin", coin), partial(read_results, CoinBalance))

    async def pay_order(self, order_id: str) -> PayOrder | None:
        """The pay order of that id, None when the provider says that there is none. Raises ReadFailed."""
        try:
            return await self._read("pay_order", [("order_id", order_id)], partial(read_result, PayOrder))
        except ReadFailed as error:
            if error.code == ORDER_NOT_FOUND:
                return None
            raise

    async def withdraws(self, withdrawal_id: str | None = None) -> tuple[Withdrawal, ...]:
        """One withdrawal or none, or without an id all there are, in no promised order. Raises ReadFailed.

        Whether all are really all is not documented: there are no pages, and no limit is named.
        """
        params = _present("id", withdrawal_id)
        try:
            found = await self._read("withdraws", params, partial(read_results, Withdrawal))
        except ReadFailed as error:
            if withdrawal_id is not None and error.code == TRANSACTION_NOT_FOUND:
                return ()
            raise
        if withdrawal_id is not None and any(withdrawal.id != withdrawal_id for withdrawal in found):
            raise ReadFailed("withdraws", None, "the answer has another withdrawal than the one asked for")
        return found

    async def get(self, name: str, params: Sequence[tuple[str, str]]) -> object:
        """The result of a GET, signed for this moment. Raises ReadFailed.

        Two equal ones within one unit of the time header are one and the same request, and the second may be
        refused as a replay; a later one is not.
        """
        query = urlencode(params, quote_via=quote, safe=PLAIN_IN_QUERY)
        url = httpx.URL(self._routes + name + (f"?{query}" if query else ""))
        await self.line.turn()
        timestamp = timestamp_of(self._recipe, self._now())
        signature = self._signer.sign("GET", *_signed_parts(url), b"", timestamp)
        request = make_request("GET", url, self._signer.headers(timestamp, signature))
        try:
            envelope = await self._ask(request)
        except (NotSent, NoAnswer, Unreadable) as error:
            raise ReadFailed(name, None, str(error)) from None
        match envelope:
            case Result(result):
                return result
            case Failure():
                raise _read_failed(name, envelope)

    async def _read(self, name: str, params: Sequence[tuple[str, str]], read: Callable[[object], Record]) -> Record:
        result = await self.get(name, params)
        try:
            return read(result)
        except Unreadable as error:
            raise ReadFailed(name, None, str(error)) from None

    async def _ask(self, request: httpx.Request, is_too_late: IsTooLate | None = None) -> Envelope:
        envelope = await exchange(
            self.line, self._transport, request, self._timeout_seconds, read_envelope, is_too_late
        )
        self.line.welcome()
        return envelope


def _signed_parts(url: httpx.URL) -> tuple[str, str]:
    """Path and query as they are sent: taken from the URL itself, so that it cannot be encoded in two ways."""
    path, _, params = url.raw_path.decode("ascii").partition("?")
    return path, params


def _present(name: str, value: str | None) -> list[tuple[str, str]]:
    return [] if value is None else [(name, value)]


def _read_failed(name: str, failure: Failure) -> ReadFailed:
    """The code is passed on unless the status speaks of a fault inside: on its word nothing is absent."""
    _, code_name = judge(failure.status, failure.code)
    sentence = failure.message or code_name
    if failure.status >= 500:
        return ReadFailed(name, None, f"HTTP status {failure.status}, code {failure.code}: {sentence}")
    return ReadFailed(name, failure.code, sentence)
