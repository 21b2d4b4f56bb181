"""The webhook routes. Each is a hint that makes us look at the provider; the confirmation alone is also an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from worker.errors import WorkerError
from worker.jobs.deposits import take_webhooks
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.coinqpay.judge import payee_of
from worker.providers.coinqpay.provider import CoinQPay
from worker.providers.coinqpay.records import Named, NamedOrder, PayOrder, Withdrawal
from worker.providers.coinqpay.wire import read_notice as read_coinqpay
from worker.providers.protocol import DepositSource, Provider, Unreadable
from worker.web.body import BadBody, read_body
from worker.web.ccpayment import NotReadable, NotSigned
from worker.web.ccpayment import read_notice as read_ccpayment
from worker.web.confirm import confirm
from worker.web.ended import Ended
from worker.world import World

log = structlog.get_logger()

# The providers retry; a database that is away must not keep their connections.
ANSWER_SECONDS_MAX = 8.0

# Confirmations answered at once.
CONFIRMATIONS_MAX = 32

Notice = TypeVar("Notice", PayOrder, Withdrawal)

Handler = Callable[[bytes, Mapping[str, str]], Awaitable[Response]]


def webhook_routes(providers: Mapping[str, Provider], world: World) -> list[Route]:
    """The routes of the providers that are configured."""
    routes: list[Route] = []
    for provider in providers.values():
        match provider:
            case CCPayment():
                routes.append(_route("/webhooks/ccpayment", _CCPayment(provider, world).deposit))
            case CoinQPay():
                webhooks = _CoinQPay(provider, world)
                routes += [
                    _route("/webhooks/coinqpay/pay-order", webhooks.pay_order),
                    _route("/webhooks/coinqpay/withdrawal", webhooks.withdrawal),
                    _route("/webhooks/coinqpay/confirm", webhooks.confirm),
                ]
    return routes


def _route(path: str, handler: Handler) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            body = await read_body(request)
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await handler(body, request.headers)
        except BadBody as bad:
            return bad.answer
        except TimeoutError:
            return PlainTextResponse("cannot be answered now", 503)
        except WorkerError as error:  # the database does not let us in, or has not been migrated
            log.error("webhook cannot be answered", path=path, error=str(error))
            return PlainTextResponse("cannot be answered now", 503)

    return Route(path, endpoint, methods=["POST"])


class _CCPayment:
    def __init__(self, provider: CCPayment, world: World) -> None:
        self._provider = provider
        self._world = world
        self._reading: asyncio.Task[None] | None = None
        self._more = False

    async def deposit(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """200 for whatever is rightly signed, so that it is not sent again; 401 and 400 without any effect."""
        try:
            notice = read_ccpayment(headers, body, self._provider, self._world.clock.now())
        except NotSigned:
            return PlainTextResponse("the signature is missing or wrong", 401)
        except NotReadable:
            return PlainTextResponse("the body is not a JSON object", 400)
        is_new = await self._world.ledger.remember_webhook(
            self._provider.name, notice.digest, notice.kind, notice.record_id
        )
        if is_new and notice.record_id is not None and self._provider.deposits is not None:
            self._read_back_soon(self._provider.deposits)
        log.info(
            "webhook received",
            kind=notice.kind,
            record_id=notice.record_id,
            new=is_new,
            recent=notice.is_recent,
        )
        return PlainTextResponse("Success")

    def _read_back_soon(self, source: DepositSource) -> None:
        """The answer does not wait for it; should it not come to an end, the scheduled job does it again."""
        self._more = True
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_back(source))

    async def _read_back(self, source: DepositSource) -> None:
        while self._more:
            self._more = False  # before the look: what comes in the middle of it asks for another
            await take_webhooks(source, self._world)


class _CoinQPay:
    """Nothing signs these: what they say is where to look, never what is there."""

    def __init__(self, provider: CoinQPay, world: World) -> None:
        self._provider = provider
        self._world = world
        self._confirming = asyncio.Semaphore(CONFIRMATIONS_MAX)
        self._ended = Ended(provider.name, world)

    async def pay_order(self, body: bytes, _headers: Mapping[str, str]) -> Response:
        """A pay order has changed, it says."""
        try:
            named = read_coinqpay(NamedOrder, body)
        except Unreadable as error:
            return PlainTextResponse(str(error), 400)
        await self._world.ledger.hasten(self._provider.name, order_id=named.order_id)
        notice = _whole(PayOrder, body)
        return _taken(notice is None or await self._ended.pay_order(notice))

    async def withdrawal(self, body: bytes, _headers: Mapping[str, str]) -> Response:
        """A withdrawal has ended, it says."""
        try:
            named = read_coinqpay(Named, body)
        except Unreadable as error:
            return PlainTextResponse(str(error), 400)
        notice = _whole(Withdrawal, body)
        payee = None if notice is None else payee_of(notice)
        await self._world.ledger.hasten(self._provider.name, provider_ref=named.id, payee=payee)
        return _taken(notice is None or await self._ended.withdrawal(notice))

    async def confirm(self, body: bytes, _headers: Mapping[str, str]) -> Response:
        """Our answer approves the withdrawal, or does not."""
        try:
            notice = read_coinqpay(Named, body)
        except Unreadable as error:
            return PlainTextResponse(str(error), 409)
        if self._confirming.locked():
            # Anybody can ask, and each question may cost a call of the provider.
            return PlainTextResponse("cannot be answered now", 503)
        async with self._confirming:
            answer = await confirm(notice.id, self._provider, self._world)
        match answer:
            case "confirmed":
                return PlainTextResponse("OK")
            case "refused":
                return PlainTextResponse("refused: no open payment of ours is bound to it", 409)
            case "unknown":
                return PlainTextResponse("cannot be answered now", 503)


def _whole(model: type[Notice], body: bytes) -> Notice | None:
    """The record as a notice shows it; None for one that only names it, which is enough to look."""
    try:
        return read_coinqpay(model, body)
    except Unreadable:
        return None


def _taken(is_taken: bool) -> Response:
    return PlainTextResponse("OK") if is_taken else PlainTextResponse("cannot be looked into now", 503)
