"""CCPayment's API version 1: the golden vectors, the one route, and whose answers are believed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.providers.test_ccpayment_reads import APP_ID, APP_SECRET, NOW, changed, without
from worker.providers.ccpayment.api import ReadFailed
from worker.providers.ccpayment.v1 import ApiV1, sign

TIMESTAMP = "1700000000"
USDT = "8e5741cf-6e51-4892-9d04-3d40e1dd0128"
ASSET: dict[str, Any] = {
    "coin_id": USDT,
    "crypto": "USDT",
    "name": "Tether USD",
    "value": "127.9514",
    "price": "1",
    "logo": "https://resource.cwallet.com/token/icon/usdt.png",
}
ANSWER = json.dumps({"code": 10000, "msg": "success", "data": {"list": [ASSET]}}, separators=(",", ":")).encode()

VECTORS = {
    "no body": (b"", "10e11ce671e1a706acddc5900e6c77fd6eadf93a1ec85130654e7f367e967c4c"),
    "empty object": (b"{}", "86ca55d412fb46608493d491a11b53942fd0ac01939d35abc52b4f0417b03b2f"),
    "one coin": (
        b'{"coin_id":"8e5741cf-6e51-4892-9d04-3d40e1dd0128"}',
        "258d187f8c3fd8a74ca59f5350570c9e6c938a6c96da3484717739d0415fb494",
    ),
    "an answer": (ANSWER, "60f1f5798b19ec5c20736fb2cb3c3088be40fa5e661493e3de2f255501c72f94"),
}

Handler = Callable[[httpx.Request], httpx.Response]


def api_with(handler: Handler, base_url: str = "https://provider.example/", now: datetime = NOW) -> ApiV1:
    return ApiV1(
        httpx.MockTransport(handler),
        base_url=base_url,
        app_id=APP_ID,
        app_secret=APP_SECRET,
        timeout_seconds=5,
        now=lambda: now,
    )


def signed(body: bytes, timestamp: str = TIMESTAMP, secret: str = APP_SECRET) -> dict[str, str]:
    """The headers of an answer, as the provider signs it."""
    return {"Appid": APP_ID, "Timestamp": timestamp, "Sign": sign(APP_ID, secret, timestamp, body)}


def answering(data: object, code: int = 10000) -> ApiV1:
    body = json.dumps({"code": code, "msg": "success", "data": data}).encode()
    return api_with(lambda _: httpx.Response(200, content=body, headers=signed(body)))


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize(("body", "signature"), VECTORS.values(), ids=VECTORS.keys())
def test_the_signature_is_the_documented_one(body: bytes, signature: str) -> None:
    assert sign(APP_ID, APP_SECRET, TIMESTAMP, body) == signature


@pytest.mark.parametrize(
    ("coin_id", "vector"), [(None, "empty object"), (USDT, "one coin")], ids=["every coin", "one coin"]
)
async def test_the_request_is_the_documented_one(coin_id: str | None, vector: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=ANSWER, headers=signed(ANSWER))

    await api_with(answer).assets(coin_id)
    [request] = asked
    assert (request.method, str(request.url)) == ("POST", "https://provider.example/ccpayment/v1/assets")
    assert request.content == VECTORS[vector][0]
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.headers["Appid"] == APP_ID
    assert request.headers["Timestamp"] == TIMESTAMP
    assert request.headers["Sign"] == VECTORS[vector][1]


# ---------------------------------------------------------------- answers


async def test_the_balances_are_read_field_by_field() -> None:
    [asset] = await api_with(lambda _: httpx.Response(200, content=ANSWER, headers=signed(ANSWER))).assets()
    assert asset.model_dump() == {
        "coin_id": USDT,
        "crypto": "USDT",
        "name": "Tether USD",
        "value": Decimal("127.9514"),
        "price": Decimal(1),
        "logo": "https://resource.cwallet.com/token/icon/usdt.png",
    }


@pytest.mark.parametrize(
    ("value", "expected"), [("", None), (None, None), ("0", Decimal(0)), ("0.10", Decimal("0.1"))]
)
async def test_a_blank_balance_is_unknown(value: object, expected: Decimal | None) -> None:
    [asset] = await answering({"list": [changed(ASSET, value=value, price=value)]}).assets(USDT)
    assert (asset.value, asset.price) == (expected, expected)


@pytest.mark.parametrize("given", [[], None])
async def test_no_balances_are_none(given: object) -> None:
    assert await answering({"list": given}).assets() == ()


WRONG_DATA: dict[str, object] = {
    "no data": None,
    "an array instead of the object": [ASSET],
    "no list": {},
    "a list of another kind": {"list": {"0": ASSET}},
    "another coin": {"list": [changed(ASSET, coin_id="another")]},
    "a coin too many": {"list": [ASSET, changed(ASSET, coin_id="another")]},
    "a balance that is a number": {"list": [changed(ASSET, value=127.9514)]},
    "no balance": {"list": [without(ASSET, "value")]},
    "a balance with an exponent": {"list": [changed(ASSET, value="1e2")]},
    "the coin under its older name": {"list": [{**without(ASSET, "coin_id"), "token_id": USDT}]},
}


@pytest.mark.parametrize("data", WRONG_DATA.values(), ids=WRONG_DATA.keys())
async def test_an_answer_of_another_shape_is_refused(data: object) -> None:
    with pytest.raises(ReadFailed, match=r"^v1 assets: the answer") as failed:
        await answering(data).assets(USDT)
    assert failed.value.code is None


# ---------------------------------------------------------------- signatures of answers

FORGED: dict[str, dict[str, str]] = {
    "no headers": {},
    "no signature": {"Appid": APP_ID, "Timestamp": TIMESTAMP},
    "a blank signature": signed(ANSWER) | {"Sign": ""},
    "no timestamp": {"Appid": APP_ID, "Sign": signed(ANSWER)["Sign"]},
    "no account": {"Timestamp": TIMESTAMP, "Sign": signed(ANSWER)["Sign"]},
    "another account": signed(ANSWER) | {"Appid": "202601010000000000000000000000002"},
    "another secret": signed(ANSWER, secret="0123456789abcdef0123456789abcdee"),
    "another body": signed(ANSWER + b" "),
    "another moment": signed(ANSWER) | {"Timestamp": "1700000001"},
    "the request's signature": {"Appid": APP_ID, "Timestamp": TIMESTAMP, "Sign": VECTORS["empty object"][1]},
    "upper case": signed(ANSWER) | {"Sign": signed(ANSWER)["Sign"].upper()},
    "half of it": signed(ANSWER) | {"Sign": signed(ANSWER)["Sign"][:32]},
    "no ASCII": signed(ANSWER) | {"Sign": "é" * 64},
    "milliseconds": signed(ANSWER, timestamp="1700000000000"),
    "a moment with a sign": signed(ANSWER, timestamp="+170000000"),
    "a moment in words": signed(ANSWER, timestamp="now"),
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
async def test_balances_that_the_provider_did_not_sign_are_not_believed(headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    api = api_with(lambda _: httpx.Response(200, content=ANSWER, headers=raw))
    with pytest.raises(ReadFailed) as failed:
        await api.assets()
    assert (str(failed.value), failed.value.code) == ("v1 assets: the answer's signature is wrong", None)


@pytest.mark.parametrize(
    ("seconds", "is_believed"), [(-121, False), (-120, True), (0, True), (120, True), (121, False)]
)
async def test_an_answer_that_was_signed_too_long_ago_or_ahead_is_refused(seconds: int, is_believed: bool) -> None:
    headers = signed(ANSWER, timestamp=str(1_700_000_000 + seconds))
    api = api_with(lambda _: httpx.Response(200, content=ANSWER, headers=headers))
    if is_believed:
        assert len(await api.assets()) == 1
    else:
        with pytest.raises(ReadFailed, match="too old, or of another clock"):
            await api.assets()


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("code", [224066, 100804, 225110, 11013, 0])
async def test_an_error_needs_no_signature(code: int) -> None:
    body = {"code": code, "msg": "service err, please try again\n"}
    with pytest.raises(ReadFailed) as failed:
        await api_with(lambda _: httpx.Response(200, json=body)).assets()
    assert str(failed.value) == f"v1 assets: code {code}: service err, please try again"
    assert failed.value.code == code


async def test_an_error_without_words_says_so() -> None:
    with pytest.raises(ReadFailed, match=r"^v1 assets: code 224066: no reason given$"):
        await api_with(lambda _: httpx.Response(200, json={"code": 224066, "msg": ""})).assets()


def hang(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("hang")


BROKEN: dict[str, Handler] = {
    "500 signed": lambda _: httpx.Response(500, content=ANSWER, headers=signed(ANSWER)),
    "no JSON": lambda _: httpx.Response(200, content=b"<html>", headers=signed(b"<html>")),
    "empty": lambda _: httpx.Response(200),
    "no answer": hang,
}


@pytest.mark.parametrize("handler", BROKEN.values(), ids=BROKEN.keys())
async def test_an_answer_that_cannot_be_read_is_a_failed_read(handler: Handler) -> None:
    with pytest.raises(ReadFailed, match=r"^v1 assets: ") as failed:
        await api_with(handler).assets()
    assert failed.value.code is None


async def test_the_secret_is_in_no_repr_and_no_failure() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, content=repr(request.headers.raw).encode())

    api = api_with(echo, now=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ReadFailed) as failed:
        await api.assets()
    assert APP_SECRET not in repr(api) + repr(vars(api)) + repr(failed.value)
