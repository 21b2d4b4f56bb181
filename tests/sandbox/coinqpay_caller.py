"""A caller of the simulated CoinQ Pay: it signs with code of its own and reads answers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from nacl.signing import SigningKey

from worker.sandbox.coinqpay.account import CoinQPayAccount
from worker.sandbox.coinqpay.books import Books
from worker.sandbox.message import Reply, Request, Response
from worker.sandbox.sandbox import Sandbox

from .caller import APP_ID, APP_SECRET, Clock

SEED = bytes(range(32))
KEY = SigningKey(SEED)
PUBLIC = bytes(KEY.verify_key)

TRON_ADDRESS = "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"
OTHER_TRON_ADDRESS = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"
ETH_ADDRESS = "0xb9a78dd2bc989cff715e1d8d95bb3474b61aeb9c"
HOOKS = "http://worker:8080"


def signed_headers(method: str, path: str, query: str, body: bytes, timestamp: str) -> dict[str, str]:
    """The headers of a well-signed request by the default recipe."""
    text = f"{method}|{path}|{timestamp}|{query}|".encode() + body
    digest = hashlib.sha256(hashlib.sha256(text).digest()).digest()
    return {
        "Biz-Api-Key": PUBLIC.hex(),
        "Biz-Api-Nonce": timestamp,
        "Biz-Api-Signature": KEY.sign(digest).signature.hex(),
    }


@dataclass
class CoinQPayCaller:
    """Sends well-signed requests, no two with the same signature, to a sandbox of its own."""

    clock: Clock = field(default_factory=Clock)
    webhooks_to: str | None = None
    account: CoinQPayAccount = field(
        default_factory=lambda: CoinQPayAccount(public_key=PUBLIC, withdraw_addresses={"TRON_USDT": TRON_ADDRESS})
    )
    sent: int = 0

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(APP_ID, APP_SECRET, self.clock, coinqpay=self.account, webhooks_to=self.webhooks_to)

    @property
    def books(self) -> Books:
        return self.sandbox.coinqpay_books

    def request(self, method: str, name: str, query: str = "", body: bytes = b"") -> Request:
        self.sent += 1
        timestamp = str(int(self.clock.seconds * 1000) + self.sent % 1000)
        path = f"/api/v1/{name}"
        return Request(method, path, signed_headers(method, path, query, body, timestamp), body, query)

    def get(self, name: str, **parameters: str) -> Reply:
        return self.sandbox.handle(self.request("GET", name, urlencode(parameters)))

    def post(self, name: str, **fields: object) -> Reply:
        return self.sandbox.handle(self.request("POST", name, body=json.dumps(fields).encode()))

    def payout(self, **changes: object) -> Reply:
        fields = {"coin": "TRON_USDT", "address": TRON_ADDRESS, "amount": "5", **changes}
        return self.post("payout", **{name: value for name, value in fields.items() if value is not None})

    def order(self, **changes: object) -> Reply:
        fields = {"coin": "TRON_USDT", "order_id": "OR-1", "amount": "10", **changes}
        return self.post("pay_order", **{name: value for name, value in fields.items() if value is not None})

    def ask(self, action: str, **fields: object) -> Mapping[str, Any]:
        """Use a control of the provider."""
        return self.sandbox.ask(self.sandbox.controls["coinqpay"][action], fields)

    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.sandbox.advance()

    def statuses(self) -> list[int]:
        """The status of every withdrawal, oldest first."""
        self.sandbox.advance()
        return [withdrawal.status for withdrawal in self.books.withdrawals()]

    def balance(self, coin: str = "TRON_USDT") -> str:
        [row] = result_of(self.get("coin_balance", coin=coin))
        return str(row["balance"])

    def hooks(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the webhooks of this kind that were sent so far, oldest first."""
        self.sandbox.advance()
        webhooks = self.sandbox.webhooks
        sent = sorted([*webhooks.pending(), *webhooks.ended], key=lambda delivery: delivery.delivery_id)
        return [json.loads(delivery.body) for delivery in sent if delivery.kind == kind]

    def answer_webhooks(self, status: int | None = 200, body: bytes = b"OK") -> list[str]:
        """Answer every webhook that is due now; returns their kinds."""
        due = self.sandbox.due_webhooks()
        for delivery in due:
            self.sandbox.webhook_answered(delivery.delivery_id, status, body)
        return [delivery.kind for delivery in due]


def result_of(reply: Reply) -> Any:
    """The result of a success."""
    assert isinstance(reply, Response)
    assert (reply.status, reply.content_type) == (200, "application/json")
    answer = json.loads(reply.body)
    assert answer.keys() == {"success", "result"}
    assert answer["success"] is True
    return answer["result"]


def refusal_of(reply: Reply) -> tuple[int, int]:
    """HTTP status and error code of a refusal."""
    assert isinstance(reply, Response)
    answer = json.loads(reply.body)
    assert answer.keys() == {"success", "error_code", "error_message", "error_id"}
    assert answer["success"] is False
    return reply.status, answer["error_code"]


def code_of(reply: Reply) -> int:
    """The error code of an answer, 0 for a success."""
    assert isinstance(reply, Response)
    return 0 if reply.status == 200 and result_of(reply) is not None else refusal_of(reply)[1]
