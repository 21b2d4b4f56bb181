"""CCPayment's read routes: how they are asked, and what an answer that brings nothing is reported as."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from tests.providers.test_http import server
from worker.providers import protocol
from worker.providers.ccpayment.api import Api, ReadFailed
from worker.providers.ccpayment.auth import sign
from worker.providers.ccpayment.coins import coin, coin_list
from worker.providers.ccpayment.errors import CODES
from worker.providers.http import NoAnswer, TooLate
from worker.providers.protocol import Unreadable
from worker.providers.transport import open_transport

APP_ID = "202601010000000000000000000000001"
APP_SECRET = "0123456789abcdef0123456789abcdef"
NOW = datetime.fromtimestamp(1_700_000_000, UTC)

Handler = Callable[[httpx.Request], httpx.Response]


@dataclass
class Asked:
    """What was asked, in order."""

    requests: list[httpx.Request] = field(default_factory=list)

    @property
    def bodies(self) -> list[bytes]:
        return [request.content for request in self.requests]

    @property
    def routes(self) -> list[str]:
        return [request.url.path.removeprefix("/ccpayment/v2/") for request in self.requests]


def api_over(transport: httpx.AsyncBaseTransport, base_url: str = "https://provider.example/") -> Api:
    return Api(
        transport,
        base_url=base_url,
        app_id=APP_ID,
        app_secret=APP_SECRET,
        timeout_seconds=5,
        now=lambda: NOW,
    )


def api_with(handler: Handler) -> Api:
    return api_over(httpx.MockTransport(handler))


def answering(*datas: object) -> tuple[Api, Asked]:
    """An account that answers with these `data`, one after the other."""
    asked, left = Asked(), list(datas)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.requests.append(request)
        return httpx.Response(200, content=json.dumps(envelope(10000, left.pop(0))).encode())

    return api_with(answer), asked


def envelope(code: object, data: object = None, msg: str = "success") -> dict[str, object]:
    return {"code": code, "msg": msg, "data": data}


def changed(sample: Mapping[str, object], **changes: object) -> dict[str, object]:
    return {**sample, **changes}


def without(sample: Mapping[str, object], name: str) -> dict[str, object]:
    assert name in sample
    return {key: value for key, value in sample.items() if key != name}


# ---------------------------------------------------------------- how it is asked


@pytest.mark.parametrize("fields", [None, {}])
async def test_without_parameters_the_body_is_empty_and_nothing_is_signed_for_it(
    fields: dict[str, object] | None,
) -> None:
    api, asked = answering({"coins": []})
    await api.read("getCoinList", fields)
    [request] = asked.requests
    assert request.content == b""
    assert request.headers["Sign"] == "dcec1a0d147ec7655178bc6f6b187ae32a3f71e15193a042325e365ae0d455f4"


async def test_the_request_is_the_documented_one() -> None:
    api, asked = answering({})
    await api.read("getCoin", {"coinId": 1280})
    [request] = asked.requests
    assert (request.method, str(request.url)) == ("POST", "https://provider.example/ccpayment/v2/getCoin")
    assert request.content == b'{"coinId":1280}'
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Appid"] == APP_ID
    assert request.headers["Timestamp"] == "1700000000"
    assert request.headers["Sign"] == "1532e0926bcbee06705f37eec6abaac1fa0c0257674207ae91799b112400f754"


async def test_the_timestamp_is_in_seconds_whatever_the_fraction() -> None:
    api, asked = answering({})
    await api.call("getCoin", b"", NOW.replace(microsecond=999_999))
    assert asked.requests[0].headers["Timestamp"] == "1700000000"


async def test_what_was_signed_before_is_sent_as_it_is() -> None:
    api, asked = answering({}, {})
    body = '{"remark": "café"}'.encode()
    signature = api.sign(body, NOW)
    await api.send("userTransfer", body, NOW, signature)
    await api.call("userTransfer", body, NOW)
    first, second = asked.requests
    assert signature == sign(APP_ID, APP_SECRET, "1700000000", body)
    assert first.content == second.content == body
    assert first.headers == second.headers


async def test_what_is_too_late_is_not_sent() -> None:
    api, asked = answering()
    with pytest.raises(TooLate):
        await api.send("userTransfer", b"{}", NOW, api.sign(b"{}", NOW), lambda: True)
    assert asked.requests == []


async def test_the_headers_are_those_of_the_signing_recipe() -> None:
    api, asked = answering({})
    await api.call("getCoin", b'{"coinId": 1280}', NOW)
    [request] = asked.requests
    timestamp = str(int(NOW.timestamp()))
    assert request.headers["Appid"] == APP_ID
    assert request.headers["Timestamp"] == timestamp
    assert request.headers["Sign"] == sign(APP_ID, APP_SECRET, timestamp, b'{"coinId": 1280}')


async def test_over_the_wire_an_empty_body_is_really_empty() -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{"code":10000,"data":{"coins":[]}}')
        received.append(await reader.read())

    async with server(serve) as url, open_transport(1) as transport:
        api = Api(transport, base_url=url, app_id=APP_ID, app_secret=APP_SECRET, timeout_seconds=5, now=lambda: NOW)
        assert await coin_list(api) == ()
    head, rest = received[0].lower(), b"".join(received[1:])
    assert head.startswith(b"post /ccpayment/v2/getcoinlist http/1.1\r\n")
    assert b"\r\ncontent-type: application/json\r\n" in head
    assert b"\r\nsign: dcec1a0d147ec7655178bc6f6b187ae32a3f71e15193a042325e365ae0d455f4\r\n" in head
    assert b"transfer-encoding" not in head
    assert rest == b""


# ---------------------------------------------------------------- what brings nothing


def respond(status: int = 200, body: object = None) -> Handler:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content)


FAILURES: dict[str, tuple[Handler, str]] = {
    "500": (respond(500, envelope(10000, {"coin": {}})), "getCoin: HTTP status 500"),
    "an error page": (
        respond(502, b"<html>"),
        "getCoin: HTTP status 502",
    ),
    "no JSON": (respond(200, b"<html>"), "getCoin: HTTP status 200 without the provider's envelope"),
    "empty": (respond(200, b""), "getCoin: HTTP status 200 without the provider's envelope"),
    "code as text": (
        respond(200, envelope("10000", {})),
        "getCoin: HTTP status 200 without the provider's envelope",
    ),
    "another shape": (respond(200, envelope(10000, [])), "getCoin: the answer's field data is missing or malformed"),
    "data missing": (
        respond(200, {"code": 10000, "msg": "success"}),
        "getCoin: the answer's field data is missing or malformed",
    ),
    "coin missing": (
        respond(200, envelope(10000, {})),
        "getCoin: the answer's field coin is missing or malformed",
    ),
}


@pytest.mark.parametrize(("handler", "message"), FAILURES.values(), ids=FAILURES.keys())
async def test_an_answer_that_cannot_be_read_is_a_failed_read_without_a_code(handler: Handler, message: str) -> None:
    with pytest.raises(ReadFailed) as failed:
        await coin(api_with(handler), 1329)
    assert (str(failed.value), failed.value.code, failed.value.route) == (message, None, "getCoin")


async def test_a_refusal_names_the_route_the_code_and_the_providers_words() -> None:
    with pytest.raises(ReadFailed) as failed:
        await coin(api_with(respond(200, envelope(13000, None, "invalid coin\x00\n"))), 1329)
    assert str(failed.value) == "getCoin: code 13000: invalid coin"
    assert failed.value.code == 13000


async def test_every_failed_read_is_one_that_the_worker_knows() -> None:
    assert issubclass(ReadFailed, protocol.ReadFailed)


@pytest.mark.parametrize("code", sorted({*CODES, 0, -1, 19999}))
async def test_a_refusal_without_words_is_named_by_its_code(code: int) -> None:
    with pytest.raises(ReadFailed) as failed:
        await coin_list(api_with(respond(400, envelope(code, None, ""))))
    name = CODES[code][1] if code in CODES else "unlisted_code"
    assert (str(failed.value), failed.value.code) == (f"getCoinList: code {code}: {name}", code)


@pytest.mark.parametrize("msg", ["success", "Success", "", "anything"])
async def test_the_words_of_a_success_are_never_compared(msg: str) -> None:
    assert await coin_list(api_with(respond(200, envelope(10000, {"coins": []}, msg)))) == ()


async def test_the_providers_words_are_cut() -> None:
    with pytest.raises(ReadFailed) as failed:
        await coin_list(api_with(respond(200, envelope(11002, None, "x" * 5000))))
    assert len(str(failed.value)) < 400


def hang(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("hang")


async def test_a_connection_that_breaks_is_a_failed_read() -> None:
    with pytest.raises(ReadFailed, match=r"^getCoinList: the answer cannot be read \(ReadTimeout\)$") as failed:
        await coin_list(api_with(hang))
    assert failed.value.code is None


async def test_nobody_listening_is_a_failed_read() -> None:
    async with open_transport(1) as transport:
        api = Api(
            transport,
            base_url="http://no-such-host.invalid",
            app_id=APP_ID,
            app_secret=APP_SECRET,
            timeout_seconds=5,
            now=lambda: NOW,
        )
        with pytest.raises(ReadFailed, match=r"^getCoinList: the connection could not be made$"):
            await coin_list(api)


async def test_a_call_says_itself_what_became_of_it() -> None:
    with pytest.raises(NoAnswer):
        await api_with(hang).call("userTransfer", b"{}", NOW)
    with pytest.raises(Unreadable):
        await api_with(respond(500, b"")).call("userTransfer", b"{}", NOW)
    envelope_of_refusal = await api_with(respond(200, envelope(14000))).call("userTransfer", b"{}", NOW)
    assert envelope_of_refusal.code == 14000


async def test_the_secret_and_the_signature_are_in_no_repr_and_no_failure() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, content=repr(request.headers.raw).encode())

    api = api_with(echo)
    with pytest.raises(ReadFailed) as failed:
        await coin_list(api)
    said = repr(api) + repr(vars(api)) + repr(failed.value) + str(failed.value) + repr(failed.value.__cause__)
    assert APP_SECRET not in said
    assert api.sign(b"", NOW) not in said
