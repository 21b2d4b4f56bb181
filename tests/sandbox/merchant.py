"""One simulated CCPayment account with its controls, and the webhooks that it sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.sandbox.ccpayment.api import CCPayment
from worker.sandbox.ccpayment.books import Books
from worker.sandbox.message import Request, Response
from worker.sandbox.provider import Conditions

from .caller import APP_ID, APP_SECRET, Clock, answer_of, code_of, signed_headers


@dataclass(frozen=True)
class Sent:
    """One webhook as it was handed over."""

    kind: str
    body: bytes
    headers: Mapping[str, str]
    at: float


@dataclass
class Mailbox:
    """Keeps the webhooks that it is given to carry."""

    sent: list[Sent] = field(default_factory=list)

    def send(self, kind: str, body: bytes, headers: Mapping[str, str], at: float) -> None:
        self.sent.append(Sent(kind, body, headers, at))

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(sent.body) for sent in self.sent]


@dataclass
class Merchant:
    """Calls routes with good signatures, and controls."""

    clock: Clock = field(default_factory=Clock)
    mailbox: Mailbox = field(default_factory=Mailbox)

    def __post_init__(self) -> None:
        self.provider = CCPayment(APP_ID, APP_SECRET, webhooks=self.mailbox)

    @property
    def books(self) -> Books:
        """The books as they are now."""
        self.provider.advance(self.clock.seconds)
        return self.provider.books

    def send(self, route: str, conditions: Conditions | None = None, **fields: object) -> Response:
        body = json.dumps(fields).encode()
        headers = signed_headers(body, f"{int(self.clock.seconds):010d}")
        call = self.provider.read(Request("POST", f"/ccpayment/v2/{route}", headers, body))
        assert call is not None
        refused = self.provider.gate(call, self.clock.seconds)
        return refused or self.provider.execute(call, self.clock.seconds, conditions or Conditions())

    def code(self, route: str, **fields: object) -> int:
        return code_of(self.send(route, **fields))  # type: ignore[arg-type]

    def data(self, route: str, **fields: object) -> dict[str, Any]:
        """The data of a success."""
        answer = answer_of(self.send(route, **fields))  # type: ignore[arg-type]
        assert answer["code"] == 10000, answer
        data = answer["data"]
        assert isinstance(data, dict)
        return data

    def control(self, action: str, **fields: object) -> Mapping[str, Any]:
        return self.provider.controls[action](fields, self.clock.seconds)

    def balance(self, user_id: str, coin_id: int) -> str:
        return str(self.data("getUserCoinAsset", userId=user_id, coinId=coin_id)["asset"]["available"])
