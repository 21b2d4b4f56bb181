"""The signature check accepts the golden vectors of the recipe and nothing near them."""

import pytest

from worker.sandbox.ccpayment.signature import expected, matches
from worker.sandbox.message import Request
from worker.sandbox.sandbox import Sandbox

from .caller import APP_ID, APP_SECRET, NOW, Clock, code_of

TIMESTAMP = str(NOW)

TRANSFER = (
    b'{"coinId":1280,"fromUserId":"user-00001","toUserId":"user-00002","orderId":"ord-000001","amount":"0.005"}'
)
REMARK = (
    b'{"coinId":1280,"fromUserId":"user-00001","toUserId":"user-00002",'
    b'"orderId":"ord-000002","amount":"1.50","remark":"caf%s"}'
)
DEPOSIT = (
    b'{"type":"UserDeposit","msg":{"recordId":"20260101000000000000000000000001",'
    b'"userId":"user-00001","coinId":1280,"coinSymbol":"USDT","amount":"0.1",'
    b'"status":"Success","isFlaggedAsRisky":false}}'
)

VECTORS = {
    "empty": (b"", 0, "dcec1a0d147ec7655178bc6f6b187ae32a3f71e15193a042325e365ae0d455f4"),
    "empty object": (b"{}", 2, "c4fa8035ad5e7db8bddd61ac62da46642d918731e91293b9d56950509d42b8f7"),
    "compact": (
        b'{"coinId":1280}',
        15,
        "1532e0926bcbee06705f37eec6abaac1fa0c0257674207ae91799b112400f754",
    ),
    "spaced": (
        b'{"coinId": 1280}',
        16,
        "249aa9cb46b7a2e90d1cd409e85bb8c5526d411d9dba6ee9e7e92d89c8899206",
    ),
    "transfer": (
        TRANSFER,
        105,
        "ac4fea72704c2f63ada393bb98c63506a2763d98fc72d2f5d80ae923dd21358e",
    ),
    "utf-8 remark": (
        REMARK % "é".encode(),
        121,
        "275e1f217a35f5590cafa8f6715e1011cb73f7ba842281bc7dd1d6dab6fba22e",
    ),
    "escaped remark": (
        REMARK % b"\\u00e9",
        125,
        "ef7902909bd9003a9edb40ed4b1411fa62447bf66e4eea2f30e563df57a4b6fc",
    ),
    "deposit": (DEPOSIT, 191, "c7faa484a6f612f0576bdce37b6023f60a7372b39521777950ac72531e992d6d"),
    "activation": (
        b'{"type":"ActivateWebhookURL","msg":{}}',
        38,
        "55b6fcb1d75e0004fe9ec8eb78edb5537646396cc8aaff79d96fbb687c2be997",
    ),
}


@pytest.mark.parametrize(("body", "length", "sign"), VECTORS.values(), ids=VECTORS.keys())
def test_the_golden_vectors_are_right(body: bytes, length: int, sign: str) -> None:
    assert len(body) == length
    assert expected(APP_ID, APP_SECRET, TIMESTAMP, body) == sign.encode()
    assert matches(APP_ID, APP_SECRET, TIMESTAMP, body, sign)


@pytest.mark.parametrize(
    ("vector", "code"),
    [
        # Past the gate the body is judged: these two are no transfers, the others are.
        ("empty", 11000),
        ("compact", 11000),
        ("transfer", 10000),
        ("utf-8 remark", 10000),
        ("escaped remark", 10000),
    ],
)
def test_the_gate_lets_the_golden_vectors_pass(vector: str, code: int) -> None:
    sandbox = Sandbox(APP_ID, APP_SECRET, Clock())
    sandbox.fund("user-00001", 1280, "2")
    body, _, sign = VECTORS[vector]
    headers = {"Content-Type": "application/json", "AppId": APP_ID, "Timestamp": TIMESTAMP}
    request = Request("POST", "/ccpayment/v2/userTransfer", {**headers, "Sign": sign}, body)
    assert code_of(sandbox.handle(request)) == code


@pytest.mark.parametrize(
    "sign",
    [
        VECTORS["spaced"][2],
        VECTORS["compact"][2].upper(),
        VECTORS["compact"][2][:-1],
        VECTORS["compact"][2] + " ",
        "é" * 64,
        "\udcff" * 64,
        "",
    ],
)
def test_any_other_signature_is_refused_without_raising(sign: str) -> None:
    assert not matches(APP_ID, APP_SECRET, TIMESTAMP, b'{"coinId":1280}', sign)
