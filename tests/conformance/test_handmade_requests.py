"""Requests that the client itself never makes: stamps in milliseconds, signatures of another version or query."""

import httpx
import pytest

from tests.conformance.ends import APP_ID, APP_SECRET, Ends
from worker.providers.ccpayment import v1 as version_1
from worker.providers.ccpayment.auth import sign
from worker.providers.ccpayment.wire import read_envelope as read_ccpayment
from worker.providers.coinqpay.wire import Failure
from worker.providers.coinqpay.wire import read_envelope as read_coinqpay
from worker.providers.http import ask, make_request

TIMEOUT_SECONDS = 10


async def ask_ccpayment(ends: Ends, path: str, timestamp: str, signature: str, body: bytes) -> int:
    """The code of an answer to headers made by hand."""
    url = httpx.URL(f"{ends.settings.ccpayment_base_url}{path}")
    headers = {"Content-Type": "application/json", "Appid": APP_ID, "Timestamp": timestamp, "Sign": signature}
    request = make_request("POST", url, headers, body)
    return read_ccpayment(await ask(ends.ccpayment.api._transport, request, TIMEOUT_SECONDS)).code


@pytest.mark.parametrize(
    ("digits", "code"), [(10, 10000), (13, 11006)], ids=["seconds as documented", "milliseconds"]
)
async def test_a_stamp_of_ccpayment_is_ten_digits(ends: Ends, digits: int, code: int) -> None:
    timestamp = f"{ends.clock.provider_seconds():.3f}".replace(".", "")[:digits]
    body = b"{}"
    signature = sign(APP_ID, APP_SECRET, timestamp, body)
    assert await ask_ccpayment(ends, "/ccpayment/v2/getCoinList", timestamp, signature, body) == code
    signature = version_1.sign(APP_ID, APP_SECRET, timestamp, body)
    assert await ask_ccpayment(ends, "/ccpayment/v1/assets", timestamp, signature, body) == code


async def test_the_versions_of_ccpayment_do_not_take_each_others_signatures(ends: Ends) -> None:
    timestamp, body = str(int(ends.clock.provider_seconds())), b"{}"
    second, first = (sign(APP_ID, APP_SECRET, timestamp, body), version_1.sign(APP_ID, APP_SECRET, timestamp, body))
    assert await ask_ccpayment(ends, "/ccpayment/v2/getCoinList", timestamp, first, body) == 11005
    assert await ask_ccpayment(ends, "/ccpayment/v1/assets", timestamp, second, body) == 11005


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("pay_order?order_id=ord-collect", 12016),
        ("pay_order?order_id=ord-collecT", 12001),
        ("pay_order?order_id=ord-collect&", 12001),
        ("pay_order", 12001),
        ("withdraws?order_id=ord-collect", 12001),
    ],
)
async def test_a_signature_of_coinq_pay_is_for_one_path_and_query(ends: Ends, path: str, code: int) -> None:
    api = ends.coinqpay.api
    timestamp = api.timestamp(ends.clock.now())
    signature = api._signer.sign("GET", "/api/v1/pay_order", "order_id=ord-collect", b"", timestamp)
    url = httpx.URL(api._routes + path)
    request = make_request("GET", url, api._signer.headers(timestamp, signature))
    for expected in (code, 1005 if code == 12016 else code):
        answer = read_coinqpay(await ask(api._transport, request, TIMEOUT_SECONDS))
        assert isinstance(answer, Failure)
        assert answer.code == expected
