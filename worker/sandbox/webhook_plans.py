"""How each kind of webhook is delivered: where, how often, and which answer ends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Plan:
    """The documented delivery of one kind.

    `gaps` are the seconds between a failed try and the next, so that there are as many retries
    as gaps. The answer must have HTTP status 200 and contain `word`.
    """

    path: str
    gaps: tuple[float, ...]
    word: bytes
    any_case: bool

    def accepts(self, body: bytes) -> bool:
        """Whether the body of an answer with status 200 is a yes."""
        return self.word.lower() in body.lower() if self.any_case else self.word in body


# CoinQ Pay documents up to 20 retries, one every 60 seconds; the first try is not among them.
_COINQPAY_GAPS = (60.0,) * 20

# CCPayment documents six retries at 30 s, 1.5, 3.5, 7.5, 15.5 and 31.5 minutes after the first try.
_CCPAYMENT_GAPS = (30.0, 60.0, 120.0, 240.0, 480.0, 960.0)


def _coinqpay(name: str) -> Plan:
    return Plan(f"/webhooks/coinqpay/{name}", _COINQPAY_GAPS, b"OK", any_case=False)


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "ccpayment": Plan("/webhooks/ccpayment", _CCPAYMENT_GAPS, b"success", any_case=True),
        "coinqpay.pay-order": _coinqpay("pay-order"),
        "coinqpay.withdrawal": _coinqpay("withdrawal"),
        "coinqpay.confirm": _coinqpay("confirm"),
    }
)
