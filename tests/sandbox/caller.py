"""A caller of the simulated CCPayment: it signs with code of its own and reads answers."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.sandbox.message import Reply, Request, Response
from worker.sandbox.sandbox import Sandbox

APP_ID = "202601010000000000000000000000001"
APP_SECRET = "0123456789abcdef0123456789abcdef"
NOW = 1700000000


@dataclass
class Clock:
    """Unix seconds that only move when a test says so."""

    seconds: float = float(NOW)

    def __call__(self) -> float:
        return self.seconds


def signed_headers(body: bytes, timestamp: str) -> dict[str, str]:
    """The four headers of a well-signed request."""
    text = APP_ID.encode() + timestamp.encode() + body
    sign = hmac.new(APP_SECRET.encode(), text, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "Appid": APP_ID,
        "Timestamp": timestamp,
        "Sign": sign,
    }


def transfer_fields(**changes: object) -> dict[str, object]:
    """The parameters of a transfer that succeeds once alice1 is funded."""
    fields: dict[str, object] = {
        "fromUserId": "alice1",
        "toUserId": "bob123",
        "coinId": 1280,
        "amount": "0.005",
        "orderId": "ord-1",
    }
    return {**fields, **changes}


@dataclass
class Caller:
    """Sends well-signed requests to a sandbox of its own."""

    clock: Clock = field(default_factory=Clock)
    seed: int = 0

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(APP_ID, APP_SECRET, self.clock, self.seed)

    def request(self, route: str, body: bytes) -> Request:
        headers = signed_headers(body, str(int(self.clock.seconds)))
        return Request("POST", f"/ccpayment/v2/{route}", headers, body)

    def send(self, route: str, fields: Mapping[str, object]) -> Reply:
        return self.sandbox.handle(self.request(route, json.dumps(fields).encode()))

    def transfer(self, **changes: object) -> Reply:
        return self.send("userTransfer", transfer_fields(**changes))

    def lookup(self, **fields: object) -> Reply:
        return self.send("getUserTransferRecord", fields or {"orderId": "ord-1"})

    def executed(self) -> list[str]:
        """The order ids whose money moved."""
        return [transfer.order_id for transfer in self.sandbox.books.transfers()]


def answer_of(reply: Reply) -> dict[str, Any]:
    """The JSON of an answer with HTTP 200."""
    assert isinstance(reply, Response)
    assert (reply.status, reply.content_type) == (200, "application/json")
    answer = json.loads(reply.body)
    assert isinstance(answer, dict)
    return answer


def code_of(reply: Reply) -> int:
    """The code of an answer; anything but success carries no data whatever."""
    answer = answer_of(reply)
    assert answer.keys() == {"code", "msg", "data"}
    if answer["code"] != 10000:
        assert answer["data"] is None
    return int(answer["code"])
