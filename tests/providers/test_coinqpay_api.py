"""The CoinQ Pay client: what it signs is what it sends, and a read that fails is never taken for nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.test_coinqpay_records import BALANCES, COINS, PAID_ORDER, PRICES, UNPAID_ORDER, WITHDRAWAL
from worker.providers import protocol
from worker.providers.coinqpay.api import Api, ReadFailed
from worker.providers.coinqpay.auth import Signer
from worker.providers.coinqpay.errors import CODES, ORDER_NOT_FOUND, TRANSACTION_NOT_FOUND
from worker.providers.coinqpay.recipe import Recipe
from worker.providers.coinqpay.wire import Failure, Result
from worker.providers.http import NoAnswer, NotSent
from worker.providers.protocol import Unreadable
from worker.providers.transport import open_transport

SEED = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
RECIPE = Recipe("X-Key", "X-Time", "X-Signature", "{method}|{path}|{timestamp}|{params}|{body}", "none", "ms", "hex")
NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)

Handler = Callable[[httpx.Request], httpx.Response]


def api_on(transport: httpx.AsyncBaseTransport, base_url: str = "https://provider.example/") -> Api:
    return Api(
        transport,
        base_url=base_url,
        signer=Signer(SEED, RECIPE),
        recipe=RECIPE,
        timeout_seconds=5,
        now=lambda: NOW,
    )


def api(handler: Handler, base_url: str = "https://provider.example/") -> Api:
    return api_on(httpx.MockTransport(handler), base_url)


def answering(body: object, status: int = 200) -> Api:
    """A provider that gives one answer to everything."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api(lambda _: httpx.Response(status, content=content))


def success(result: object) -> dict[str, object]:
    return {"success": True, "result": result}


def error(code: int) -> dict[str, object]:
    return {"success": False, "error_code": code, "error_description": "words"}


def recording(result: object) -> tuple[Api, list[httpx.Request]]:
    """A provider that answers with the result, and the requests it got."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=success(result))

    return api(answer), requests


def verify(method: str, target: str, body: bytes, headers: httpx.Headers) -> None:
    """Check the signature as the provider would: over what arrived. Raises InvalidSignature."""
    path, _, params = target.partition("?")
    text = f"{method}|{path}|{headers['X-Time']}|{params}|".encode() + body
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(headers["X-Key"]))
    public.verify(bytes.fromhex(headers["X-Signature"]), text)


# ---------------------------------------------------------------- what is signed is what is sent

READS: dict[str, tuple[Callable[[Api], Awaitable[object]], str, object]] = {
    "supported coins": (lambda api: api.supported_coins(), "/api/v1/supported_coins", COINS),
    "all prices": (lambda api: api.coin_prices("USD"), "/api/v1/coin_price?currency=USD", PRICES),
    "one price": (lambda api: api.coin_prices("HKD", "ETH"), "/api/v1/coin_price?currency=HKD&coin=ETH", PRICES),
    "all balances": (lambda api: api.coin_balances(), "/api/v1/coin_balance", BALANCES),
    "one balance": (lambda api: api.coin_balances("ETH"), "/api/v1/coin_balance?coin=ETH", BALANCES),
    "a pay order": (
        lambda api: api.pay_order("XET00000205"),
        "/api/v1/pay_order?order_id=XET00000205",
        PAID_ORDER,
    ),
    "all withdrawals": (lambda api: api.withdraws(), "/api/v1/withdraws", [WITHDRAWAL]),
    "one withdrawal": (
        lambda api: api.withdraws("1816745214862295040"),
        "/api/v1/withdraws?id=1816745214862295040",
        [WITHDRAWAL],
    ),
}


@pytest.mark.parametrize(("read", "target", "result"), READS.values(), ids=READS.keys())
async def test_a_read_is_a_signed_get(read: Callable[[Api], Awaitable[object]], target: str, result: object) -> None:
    asked, requests = recording(result)
    await read(asked)
    [request] = requests
    assert request.method == "GET"
    assert request.url.raw_path == target.encode()
    assert request.content == b""
    assert request.headers["X-Time"] == "1700000000000"
    verify("GET", target, b"", request.headers)


async def test_a_get_has_the_signature_that_other_code_computed() -> None:
    asked, requests = recording(UNPAID_ORDER)
    await asked.pay_order("OR00000002")
    assert requests[0].headers["X-Signature"] == (
        "cfe783f530776a293bdd3d8fe9d9384ebc4335a3e150824c175e9382b42a73f8227a4da5e801103e92d55a987c87caf8"
        "0b16b25e7d950b4178de8f0c24d7800e"
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_whatever_is_asked_for_the_url_is_what_was_signed(order_id: str) -> None:
    asked, requests = recording(PAID_ORDER)
    asyncio.run(asked.pay_order(order_id))
    [request] = requests
    assert request.url.params["order_id"] == order_id
    verify("GET", request.url.raw_path.decode(), b"", request.headers)


async def test_every_character_goes_over_a_real_wire_as_it_was_signed() -> None:
    """The transport writes a query anew, and undoes escapes that it takes for needless."""
    printable = "".join(map(chr, range(0x20, 0x7F))) + "é%2F%zz\U0001f600"
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        body = json.dumps(success(PAID_ORDER)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener, open_transport(4) as transport:
        port = listener.sockets[0].getsockname()[1]
        await api_on(transport, f"http://127.0.0.1:{port}").pay_order(printable)
    first, *lines = heard[0].decode().rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    verify(method, target, b"", httpx.Headers(dict(line.split(": ", 1) for line in lines)))
    assert httpx.URL(target).params["order_id"] == printable


@pytest.mark.parametrize("base_url", ["https://provider.example", "https://provider.example/"])
async def test_a_base_url_may_end_in_a_slash_or_not(base_url: str) -> None:
    urls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, json=success([]))

    await api(answer, base_url).withdraws()
    assert urls == ["https://provider.example/api/v1/withdraws"]


async def test_a_base_url_with_a_path_is_signed_with_it() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.raw_path.startswith(b"/coinqpay/api/v1/")
        verify(request.method, request.url.raw_path.decode(), request.content, request.headers)
        return httpx.Response(200, json=success([]))

    asked = api(answer, "https://provider.example/coinqpay")
    assert await asked.withdraws() == ()
    assert await asked.post("payout", *asked.prepare("payout", {"coin": "ETH"}, NOW)) == Result([])


# ---------------------------------------------------------------- what moves money

PAYOUT = {"coin": "TRON_USDT", "address": "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1", "amount": "5"}


def test_a_payout_is_prepared_byte_for_byte() -> None:
    assert answering(b"").prepare("payout", PAYOUT, NOW) == (
        b'{"coin":"TRON_USDT","address":"TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1","amount":"5"}',
        "1700000000000",
        (
            "a0b15f531f7bf1e8536421ff3747c00f55e55e18e9a414857c719dd26238211bf3bf71740d4e73247e2497a1ba0a686c"
            "fa8f2b8955d0c16cd1f6d09fb696b706"
        ),
    )


async def test_what_was_prepared_is_sent_as_it_is() -> None:
    asked, requests = recording(WITHDRAWAL)
    body, timestamp, signature = asked.prepare("payout", PAYOUT, NOW - timedelta(seconds=3))
    assert await asked.post("payout", body, timestamp, signature) == Result(WITHDRAWAL)
    [request] = requests
    assert (request.method, request.url.raw_path, request.content) == ("POST", b"/api/v1/payout", body)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Time"] == timestamp == "1699999997000"
    assert request.headers["X-Signature"] == signature
    verify("POST", "/api/v1/payout", body, request.headers)


async def test_a_prepared_request_is_not_signed_again() -> None:
    asked, requests = recording(WITHDRAWAL)
    await asked.post("payout", b"written down", "17", "before")
    assert requests[0].content == b"written down"
    assert (requests[0].headers["X-Time"], requests[0].headers["X-Signature"]) == ("17", "before")


async def test_a_field_is_sent_as_utf_8() -> None:
    body, _, _ = answering(b"").prepare("pay_order", {"order_id": "é"}, NOW)
    assert body == '{"order_id":"é"}'.encode()


def test_the_same_payout_at_the_same_moment_is_the_same_request() -> None:
    """The provider may refuse the second as a replay: it cannot tell two payouts from one that came twice."""
    asked = answering(b"")
    assert asked.prepare("payout", PAYOUT, NOW) == asked.prepare("payout", PAYOUT, NOW)
    assert asked.prepare("payout", PAYOUT, NOW) != asked.prepare("payout", PAYOUT, NOW + timedelta(milliseconds=1))


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize("code", CODES)
async def test_an_error_to_a_post_is_passed_on(code: int, status: int) -> None:
    assert await answering(error(code), status).post("payout", b"{}", "1", "s") == Failure(status, code, "words")


async def test_an_answer_to_a_post_that_cannot_be_read_is_told_apart() -> None:
    with pytest.raises(Unreadable):
        await answering(b"<html>", 502).post("payout", b"{}", "1", "s")


def breaking(cause: Exception) -> Handler:
    def answer(_: httpx.Request) -> httpx.Response:
        raise cause

    return answer


async def test_a_lost_answer_to_a_post_is_told_apart() -> None:
    with pytest.raises(NoAnswer):
        await api(breaking(httpx.ReadTimeout("late"))).post("payout", b"{}", "1", "s")


async def test_a_post_without_a_connection_was_not_sent() -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    async with open_transport(1) as transport:
        asked = api_on(transport, f"http://127.0.0.1:{port}")
        with pytest.raises(NotSent):
            await asked.post("payout", b"{}", "1", "s")
        with pytest.raises(ReadFailed, match="could not be made"):
            await asked.withdraws()


# ---------------------------------------------------------------- reads


async def test_coins_prices_and_balances_are_read() -> None:
    coins = await answering(success(COINS)).supported_coins()
    assert [(coin.coin, coin.decimals) for coin in coins] == [("BSC_USDC", 18), ("ETH", 18)]
    prices = await answering(success(PRICES)).coin_prices("USD")
    assert [price.price for price in prices] == [Decimal("3111.5"), Decimal("0.998236"), Decimal("0.998646")]
    balances = await answering(success(BALANCES)).coin_balances()
    assert {balance.coin: balance.balance for balance in balances} == {
        "ETH": Decimal("0.1"),
        "BNB": Decimal(10),
        "ETH_USDT": Decimal(102),
    }


async def test_a_pay_order_is_read() -> None:
    order = await answering(success(PAID_ORDER)).pay_order("XET00000205")
    assert order is not None
    assert (order.order_id, order.status, order.pay_amount) == ("XET00000205", 3, Decimal("0.01"))


@pytest.mark.parametrize("withdrawal_id", [None, "1816745214862295040"])
async def test_withdrawals_are_a_list_also_when_one_is_asked_for(withdrawal_id: str | None) -> None:
    [withdrawal] = await answering(success([WITHDRAWAL])).withdraws(withdrawal_id)
    assert withdrawal.id == "1816745214862295040"
    assert await answering(success([])).withdraws(withdrawal_id) == ()


async def test_a_withdrawal_that_was_not_asked_for_is_not_believed() -> None:
    with pytest.raises(ReadFailed, match="another withdrawal"):
        await answering(success([WITHDRAWAL])).withdraws("1816745214862295041")


@pytest.mark.parametrize("status", [200, 400, 404])
async def test_the_provider_says_that_there_is_none(status: int) -> None:
    assert await answering(error(ORDER_NOT_FOUND), status).pay_order("OR00000002") is None
    assert await answering(error(TRANSACTION_NOT_FOUND), status).withdraws("1816745214862295040") == ()


async def test_a_fault_inside_the_provider_makes_nothing_absent() -> None:
    with pytest.raises(ReadFailed, match=f"code {ORDER_NOT_FOUND}"):
        await answering(error(ORDER_NOT_FOUND), 500).pay_order("OR00000002")
    with pytest.raises(ReadFailed, match=f"code {TRANSACTION_NOT_FOUND}"):
        await answering(error(TRANSACTION_NOT_FOUND), 503).withdraws("1816745214862295040")


async def test_all_withdrawals_are_never_absent_by_a_code() -> None:
    with pytest.raises(ReadFailed) as failed:
        await answering(error(TRANSACTION_NOT_FOUND)).withdraws()
    assert failed.value.code == TRANSACTION_NOT_FOUND


@pytest.mark.parametrize("read", [read for read, _, _ in READS.values()], ids=READS.keys())
@pytest.mark.parametrize("code", sorted(CODES.keys() - {ORDER_NOT_FOUND, TRANSACTION_NOT_FOUND} | {99999}))
async def test_any_other_error_fails_the_read(read: Callable[[Api], Awaitable[object]], code: int) -> None:
    with pytest.raises(ReadFailed) as failed:
        await read(answering(error(code), 400))
    assert (failed.value.code, failed.value.sentence) == (code, "words")
    assert str(failed.value) == f"{failed.value.route}: words ({code})"


async def test_the_codes_of_absence_are_not_mixed_up() -> None:
    with pytest.raises(ReadFailed):
        await answering(error(TRANSACTION_NOT_FOUND)).pay_order("OR00000002")
    with pytest.raises(ReadFailed):
        await answering(error(ORDER_NOT_FOUND)).withdraws("1816745214862295040")


async def test_an_error_without_words_is_told_by_its_name() -> None:
    with pytest.raises(ReadFailed, match=r"^coin_balance: ip_not_allowed \(12006\)$"):
        await answering({"error_code": 12006}).coin_balances()


NOTHING: dict[str, Any] = {
    "an error page": b"<html>",
    "empty": b"",
    "null": success(None),
    "an empty object": success({}),
    "text": success("none"),
    "a list in a list": success([[]]),
    "an empty record in a list": success([{}]),
    "a success without a result": {"success": True},
    "an error without a code": {"success": False},
}


@pytest.mark.parametrize("read", [read for read, _, _ in READS.values()], ids=READS.keys())
@pytest.mark.parametrize("body", NOTHING.values(), ids=NOTHING.keys())
async def test_an_answer_that_cannot_be_read_is_not_nothing(
    read: Callable[[Api], Awaitable[object]], body: object
) -> None:
    with pytest.raises(ReadFailed) as failed:
        await read(answering(body))
    assert failed.value.code is None
    assert isinstance(failed.value, protocol.ReadFailed)


@pytest.mark.parametrize("cause", [httpx.ReadTimeout("late"), httpx.ReadError("reset"), httpx.ConnectTimeout("gone")])
@pytest.mark.parametrize("read", [read for read, _, _ in READS.values()], ids=READS.keys())
async def test_a_read_without_an_answer_fails(read: Callable[[Api], Awaitable[object]], cause: Exception) -> None:
    with pytest.raises(ReadFailed):
        await read(api(breaking(cause)))


async def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})

    with pytest.raises(ReadFailed):
        await api(answer).withdraws()
    assert asked == ["provider.example"]


async def test_the_key_is_in_no_error_and_no_repr() -> None:
    asked = answering(b"x", 500)
    with pytest.raises(ReadFailed) as failed:
        await asked.coin_balances()
    assert SEED not in repr(failed.value) + str(failed.value) + repr(asked) + repr(vars(asked))
