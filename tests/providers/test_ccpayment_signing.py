"""CCPayment v2 signatures against golden vectors: computed from the documented recipe by other code."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from worker.providers.ccpayment.api import Api
from worker.providers.ccpayment.auth import sign

APP_ID = "202601010000000000000000000000001"
APP_SECRET = "0123456789abcdef0123456789abcdef"
TIMESTAMP = "1700000000"
AT = datetime.fromtimestamp(int(TIMESTAMP), UTC)

ESCAPED = (
    rb'{"coinId":1280,"fromUserId":"user-00001","toUserId":"user-00002","orderId":"ord-000002","amount":"1.50",'
    rb'"remark":"caf\u00e9"}'
)

VECTORS = {
    "no body": (b"", "dcec1a0d147ec7655178bc6f6b187ae32a3f71e15193a042325e365ae0d455f4"),
    "empty object": (b"{}", "c4fa8035ad5e7db8bddd61ac62da46642d918731e91293b9d56950509d42b8f7"),
    "one field": (b'{"coinId":1280}', "1532e0926bcbee06705f37eec6abaac1fa0c0257674207ae91799b112400f754"),
    "one field with a space": (
        b'{"coinId": 1280}',
        "249aa9cb46b7a2e90d1cd409e85bb8c5526d411d9dba6ee9e7e92d89c8899206",
    ),
    "a transfer": (
        b'{"coinId":1280,"fromUserId":"user-00001","toUserId":"user-00002","orderId":"ord-000001","amount":"0.005"}',
        "ac4fea72704c2f63ada393bb98c63506a2763d98fc72d2f5d80ae923dd21358e",
    ),
    "utf-8 remark": (
        '{"coinId":1280,"fromUserId":"user-00001","toUserId":"user-00002","orderId":"ord-000002","amount":"1.50",'
        '"remark":"café"}'.encode(),
        "275e1f217a35f5590cafa8f6715e1011cb73f7ba842281bc7dd1d6dab6fba22e",
    ),
    "escaped remark": (
        ESCAPED,
        "ef7902909bd9003a9edb40ed4b1411fa62447bf66e4eea2f30e563df57a4b6fc",
    ),
    "a webhook": (
        (
            b'{"type":"UserDeposit","msg":{"recordId":"20260101000000000000000000000001","userId":"user-00001",'
            b'"coinId":1280,"coinSymbol":"USDT","amount":"0.1","status":"Success","isFlaggedAsRisky":false}}'
        ),
        "c7faa484a6f612f0576bdce37b6023f60a7372b39521777950ac72531e992d6d",
    ),
    "the webhook of an activation": (
        b'{"type":"ActivateWebhookURL","msg":{}}',
        "55b6fcb1d75e0004fe9ec8eb78edb5537646396cc8aaff79d96fbb687c2be997",
    ),
}


@pytest.mark.parametrize(("body", "signature"), VECTORS.values(), ids=VECTORS.keys())
def test_the_signature_is_the_documented_one(body: bytes, signature: str) -> None:
    assert sign(APP_ID, APP_SECRET, TIMESTAMP, body) == signature


async def test_what_is_sent_is_signed_byte_for_byte() -> None:
    body, signature = VECTORS["one field with a space"]
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"code": 10000})

    await api(answer).call("userTransfer", body, AT)
    [request] = sent
    assert request.content == body
    assert request.headers["Appid"] == APP_ID
    assert request.headers["Timestamp"] == TIMESTAMP
    assert request.headers["Sign"] == signature


async def test_what_was_signed_before_is_sent_as_it_was_signed() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"code": 10000})

    await api(answer).send("userTransfer", b"{}", AT, "the signature as it was written down")
    assert sent[0].headers["Sign"] == "the signature as it was written down"
    assert sent[0].headers["Timestamp"] == TIMESTAMP


@pytest.mark.parametrize("microseconds", [0, 1, 999_999])
def test_the_whole_second_is_signed(microseconds: int) -> None:
    body, signature = VECTORS["a transfer"]
    assert api(lambda _: httpx.Response(500)).sign(body, AT.replace(microsecond=microseconds)) == signature


def test_the_secret_is_in_no_repr() -> None:
    opened = api(lambda _: httpx.Response(500))
    assert APP_SECRET not in repr(opened) + repr(vars(opened))


def api(answer: Callable[[httpx.Request], httpx.Response]) -> Api:
    return Api(
        httpx.MockTransport(answer),
        base_url="http://provider",
        app_id=APP_ID,
        app_secret=APP_SECRET,
        timeout_seconds=5,
        now=lambda: AT,
    )
