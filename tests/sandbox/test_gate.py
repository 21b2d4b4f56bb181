"""What is refused before a call is looked at, in the order of the checks."""

from dataclasses import replace

import pytest

from worker.sandbox.message import Request, Response
from worker.sandbox.sandbox import Sandbox

from .caller import NOW, Caller, Clock, code_of, signed_headers

BODY = b'{"orderId":"ord-9"}'
ROUTE = "/ccpayment/v2/getUserTransferRecord"


def request(timestamp: str = str(NOW), body: bytes = BODY, **changes: str | None) -> Request:
    """A signed lookup; a header given as None is left out."""
    names = {"content_type": "Content-Type", "app_id": "Appid", "sign": "Sign"}
    headers: dict[str, str | None] = {**signed_headers(body, timestamp)}
    headers |= {names.get(name, name.title()): value for name, value in changes.items()}
    kept = {name: value for name, value in headers.items() if value is not None}
    return Request("POST", ROUTE, kept, body)


# Each row is wrong in its own way and in every later way too, so that the order shows.
REFUSALS = [
    ("no content type", request("1", b"[", content_type=None, app_id="other-app"), 11001),
    ("other content type", request("1", b"[", content_type="text/plain", app_id="x"), 11001),
    ("no app id", request("1", b"[", app_id=None, sign="0"), 11001),
    ("empty app id", request("1", b"[", app_id="", sign="0"), 11001),
    ("no signature", request("1", b"[", app_id="other-app", sign=None), 11001),
    ("unknown app id", request("1", b"[", app_id="other-app", sign="0"), 12001),
    ("nine digits", request("170000000", b"[", sign="0"), 11006),
    ("milliseconds", request(f"{NOW}000", b"[", sign="0"), 11006),
    ("no digits", request("soon", b"[", sign="0"), 11006),
    ("digits of another script", request("١٧٠٠٠٠٠٠٠٠", b"[", sign="0"), 11006),
    ("signed number", request("+170000000", b"[", sign="0"), 11006),
    ("space after the digits", request(f"{NOW} ", b"[", sign="0"), 11006),
    ("too old", request(str(NOW - 121), b"[", sign="0"), 11006),
    ("from the future", request(str(NOW + 121), b"[", sign="0"), 11006),
    ("wrong signature", request(body=b"[", sign="0" * 64), 11005),
    ("signature not ASCII", request(body=b"[", sign="é" * 64), 11005),
    ("cut JSON", request(body=b'{"orderId":'), 11000),
    ("array", request(body=b"[]"), 11000),
    ("null", request(body=b"null"), 11000),
    ("not UTF-8", request(body=b'{"orderId":"\xff\xff\xff"}'), 11000),
    ("UTF-16", request(body='{"orderId":"ord-9"}'.encode("utf-16")), 11000),
    ("NaN", request(body=b'{"orderId":"ord-9","x":NaN}'), 11000),
    ("too deep", request(body=b'{"x":' + b"[" * 100_000), 11000),
    ("number too long", request(body=b'{"x":' + b"9" * 5_000 + b"}"), 11000),
    ("no parameter", request(body=b""), 11000),
    ("nothing wrong but the order", request(), 11003),
]


@pytest.mark.parametrize(("wrong", "code"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_the_first_wrong_thing_decides(caller: Caller, wrong: Request, code: int) -> None:
    assert code_of(caller.sandbox.handle(wrong)) == code


@pytest.mark.parametrize("name", ["Content-Type", "Appid", "Timestamp", "Sign"])
def test_every_header_is_required(caller: Caller, name: str) -> None:
    whole = request()
    rest = {key: value for key, value in whole.headers.items() if key != name.lower()}
    assert code_of(caller.sandbox.handle(replace(whole, headers=rest))) == 11001


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_header_names_are_matched_without_case(sandbox: Sandbox, spell: object) -> None:
    assert callable(spell)
    headers = {spell(name): value for name, value in signed_headers(BODY, str(NOW)).items()}
    assert code_of(sandbox.handle(Request("POST", ROUTE, headers, BODY))) == 11003


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (NOW - 120.0, 11003),
        (NOW + 120.0, 11003),
        (NOW - 120.5, 11006),
        (NOW + 120.5, 11006),
    ],
)
def test_a_timestamp_is_good_for_two_minutes_either_way(now: float, code: int) -> None:
    caller = Caller(Clock(now))
    assert code_of(caller.sandbox.handle(request(str(NOW)))) == code


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_may_carry_a_charset(sandbox: Sandbox, content_type: str) -> None:
    assert code_of(sandbox.handle(request(content_type=content_type))) == 11003


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "post"])
def test_only_post_is_allowed(sandbox: Sandbox, method: str) -> None:
    reply = sandbox.handle(replace(request(), method=method))
    assert isinstance(reply, Response)
    assert reply.status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ccpayment/v2/",
        "/ccpayment/v2/usertransfer",
        "/ccpayment/v2/userTransfer/",
        "/ccpayment/v1/userTransfer",
        "/v2/createUserInternalTransaction",
    ],
)
def test_an_unknown_route_is_not_found(sandbox: Sandbox, path: str) -> None:
    reply = sandbox.handle(replace(request(), path=path))
    assert isinstance(reply, Response)
    assert reply.status == 404
