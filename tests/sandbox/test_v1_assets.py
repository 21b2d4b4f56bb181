"""Version 1: plain SHA-256 over requests and answers, and the merchant's balances."""

import hashlib
import json
from typing import Any

import pytest

from worker.sandbox.ccpayment.signature_v1 import expected, matches
from worker.sandbox.message import Reply, Request, Response
from worker.sandbox.provider import Conditions
from worker.sandbox.sandbox import Sandbox

from .caller import APP_ID, APP_SECRET, NOW, Clock
from .merchant import Merchant

USDT = "8e5741cf-6e51-4892-9d04-3d40e1dd0128"
PATH = "/ccpayment/v1/assets"

VECTORS = {
    "empty": (b"", 0, "10e11ce671e1a706acddc5900e6c77fd6eadf93a1ec85130654e7f367e967c4c"),
    "empty object": (b"{}", 2, "86ca55d412fb46608493d491a11b53942fd0ac01939d35abc52b4f0417b03b2f"),
    "one coin": (
        b'{"coin_id":"8e5741cf-6e51-4892-9d04-3d40e1dd0128"}',
        50,
        "258d187f8c3fd8a74ca59f5350570c9e6c938a6c96da3484717739d0415fb494",
    ),
    "answer": (
        (
            b'{"code":10000,"msg":"success","data":{"list":[{"coin_id":"8e5741cf-6e51-4892-9d04-3d40e1dd0128",'
            b'"crypto":"USDT","name":"Tether USD","value":"127.9514","price":"1",'
            b'"logo":"https://resource.cwallet.com/token/icon/usdt.png"}]}}'
        ),
        224,
        "60f1f5798b19ec5c20736fb2cb3c3088be40fa5e661493e3de2f255501c72f94",
    ),
}


def request(body: bytes, timestamp: str = str(NOW), **changes: str) -> Request:
    """A request that the test signs itself; other headers win."""
    sign = hashlib.sha256((APP_ID + APP_SECRET + timestamp).encode() + body).hexdigest()
    headers = {"Content-Type": "application/json; charset=utf-8", "Appid": APP_ID, "Timestamp": timestamp}
    return Request("POST", PATH, {**headers, "Sign": sign, **changes}, body)


@pytest.fixture
def sandbox() -> Sandbox:
    sandbox = Sandbox(APP_ID, APP_SECRET, Clock())
    sandbox.fund(APP_ID, 1280, "127.9514")
    return sandbox


def read(reply: Reply) -> dict[str, Any]:
    assert isinstance(reply, Response)
    assert reply.status == 200
    answer = json.loads(reply.body)
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize(("body", "length", "sign"), VECTORS.values(), ids=VECTORS.keys())
def test_the_golden_vectors_are_right(body: bytes, length: int, sign: str) -> None:
    assert len(body) == length
    assert expected(APP_ID, APP_SECRET, str(NOW), body) == sign.encode()
    assert matches(APP_ID, APP_SECRET, str(NOW), body, sign)


@pytest.mark.parametrize("vector", ["empty", "empty object", "one coin"])
def test_the_gate_lets_the_golden_vectors_pass(sandbox: Sandbox, vector: str) -> None:
    body, _, sign = VECTORS[vector]
    assert read(sandbox.handle(request(body, Sign=sign)))["code"] == 10000


def test_the_answer_is_the_documented_one_and_signed(sandbox: Sandbox) -> None:
    reply = sandbox.handle(request(VECTORS["one coin"][0]))
    body, _, sign = VECTORS["answer"]
    assert isinstance(reply, Response)
    assert (reply.body, dict(reply.headers)) == (body, {"Appid": APP_ID, "Timestamp": str(NOW), "Sign": sign})


def test_without_a_coin_all_that_the_merchant_ever_had_are_listed(sandbox: Sandbox) -> None:
    sandbox.fund(APP_ID, 1329, "2")
    sandbox.fund("alice1", 1482, "2")
    for body in (b"", b"{}", b'{"coin_id":""}', b'{"other":1}'):
        listed = read(sandbox.handle(request(body)))["data"]["list"]
        assert [(asset["crypto"], asset["value"]) for asset in listed] == [("USDT", "127.9514"), ("MATIC", "2")]


def test_a_coin_that_the_merchant_never_had_has_zero_and_an_unknown_one_is_missing(sandbox: Sandbox) -> None:
    sandbox.fund(APP_ID, 1329, "2")
    [asset] = read(sandbox.handle(request(b'{"coin_id":"%s"}' % matic_uuid(sandbox))))["data"]["list"]
    assert (asset["crypto"], asset["price"]) == ("MATIC", "1.1683")
    unknown = b'{"coin_id":"00000000-0000-0000-0000-000000000000"}'
    assert read(sandbox.handle(request(unknown)))["data"] == {"list": []}


def matic_uuid(sandbox: Sandbox) -> bytes:
    listed = read(sandbox.handle(request(b"")))["data"]["list"]
    return str(listed[1]["coin_id"]).encode()


V2_SIGN = "c4fa8035ad5e7db8bddd61ac62da46642d918731e91293b9d56950509d42b8f7"
REFUSALS = [
    ("no signature", request(b"{}", Sign=""), 11001),
    ("other content type", request(b"{}", **{"Content-Type": "text/plain"}), 11001),
    ("unknown app id", request(b"{}", Appid="other-app"), 12001),
    ("too old", request(b"{}", str(NOW - 121)), 11006),
    ("milliseconds", request(b"{}", f"{NOW}000"), 11006),
    ("the signature of version 2", request(b"{}", Sign=V2_SIGN), 11005),
    ("the signature of another body", request(b"{}", Sign=VECTORS["empty"][2]), 11005),
    ("signature not ASCII", request(b"{}", Sign="é" * 64), 11005),
    ("array", request(b"[]"), 11000),
    ("number", request(b'{"coin_id":1280}'), 11000),
    ("null", request(b'{"coin_id":null}'), 11000),
    ("no UUID", request(b'{"coin_id":"USDT"}'), 11000),
    ("upper case", request(b'{"coin_id":"%s"}' % USDT.upper().encode()), 11000),
]


@pytest.mark.parametrize(("wrong", "code"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_a_refusal_is_unsigned_and_has_no_data(sandbox: Sandbox, wrong: Request, code: int) -> None:
    reply = sandbox.handle(wrong)
    assert isinstance(reply, Response)
    assert reply.headers == {}
    answer = read(reply)
    assert answer.keys() == {"code", "msg"}
    assert answer["code"] == code


def test_the_one_documented_error_has_its_text() -> None:
    answer = read(Merchant().provider.error(224066))
    assert answer == {"code": 224066, "msg": "service err, please try again"}


def test_only_post_is_allowed(sandbox: Sandbox) -> None:
    reply = sandbox.handle(Request("GET", PATH, request(b"").headers, b""))
    assert isinstance(reply, Response)
    assert reply.status == 405


def test_a_balance_can_be_blank() -> None:
    merchant = Merchant()
    merchant.provider.fund(APP_ID, 1280, "1")
    merchant.control("balances", blank=True)
    call = merchant.provider.read(request(b""))
    assert call is not None
    assert merchant.provider.gate(call, NOW) is None
    assert read(merchant.provider.execute(call, NOW, Conditions()))["data"]["list"][0]["value"] == ""


def test_a_fault_is_bound_to_the_route(sandbox: Sandbox) -> None:
    sandbox.add_fault("code", code=11002, route="v1.assets", times=1)
    assert read(sandbox.handle(request(b"")))["code"] == 11002
    assert read(sandbox.handle(request(b"")))["code"] == 10000
