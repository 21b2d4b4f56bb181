"""What a seed makes go wrong: a random part of all kinds of faults, and the orders that must come through."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

# What is assumed of the provider. The faults keep within it: the promise holds under these assumptions.
VALIDITY_SECONDS = 240.0
SKEW_SECONDS = 20.0
LIST_LAG_SECONDS = 60.0
# The sandbox refuses signatures older than this; with an effect that is late by LATE_SECONDS_MAX it keeps VALIDITY.
GATE_SECONDS = 120.0
LATE_SECONDS_MAX = 110.0

TRON = "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"
OTHER_TRON = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"
ETH = "0xb9a78dd2bc989cff715e1d8d95bb3474b61aeb9c"
OTHER_ETH = "0x1111111111111111111111111111111111111111"
BOUND = {"TRON_USDT": TRON, "ETH_USDT": ETH}
COINS = {"TRON_USDT": (TRON, OTHER_TRON), "ETH_USDT": (ETH, OTHER_ETH)}
ACCOUNTS = {"merchant": "1000", "user:alice1": "1000", "user:poor1": "3"}

PAYMENTS = ("coinqpay.payout", "coinqpay.withdraw")
LIST = ("coinqpay.withdraws",)

# What the sandbox is asked to do to answers: name, routes, and the rule.
ANSWERS: dict[str, tuple[tuple[str, ...], tuple[dict[str, Any], ...]]] = {
    "answer lost before the effect": (PAYMENTS, ({"kind": "reset"}, {"kind": "hang"})),
    "answer lost after the effect": (
        PAYMENTS,
        ({"kind": "reset", "when": "after"}, {"kind": "hang", "when": "after"}),
    ),
    "server error before the effect": (PAYMENTS, ({"kind": "http_502"}, {"kind": "http_429"}, {"kind": "http_500"})),
    "server error after the effect": (
        PAYMENTS,
        ({"kind": "http_502", "when": "after"}, {"kind": "http_429", "when": "after"}),
    ),
    "garbage before the effect": (PAYMENTS, ({"kind": "non_json"}, {"kind": "truncated_json"})),
    "garbage after the effect": (
        PAYMENTS,
        ({"kind": "non_json", "when": "after"}, {"kind": "truncated_json", "when": "after"}),
    ),
    "code 1000": (PAYMENTS, ({"kind": "code", "code": 1000}, {"kind": "code", "code": 1000, "when": "after"})),
    "code 1004": (PAYMENTS, ({"kind": "code", "code": 1004},)),
    "code 1005": (PAYMENTS, ({"kind": "code", "code": 1005, "when": "after"},)),
    "unlisted code": (PAYMENTS, ({"kind": "code", "code": 19999}, {"kind": "code", "code": 19999, "when": "after"})),
    "slow answer": (PAYMENTS, ({"kind": "slow", "when": "after", "seconds": 6.0},)),
    "late effect": (
        PAYMENTS,
        tuple({"kind": "hang", "when": "late", "late_seconds": late} for late in (5.0, 60.0, LATE_SECONDS_MAX)),
    ),
    "list fails": (LIST, ({"kind": "reset"}, {"kind": "http_500"}, {"kind": "non_json"}, {"kind": "hang"})),
    "list lags": (LIST, ({"kind": "lag", "seconds": LIST_LAG_SECONDS},)),
    "list truncated": (LIST, tuple({"kind": "truncated_list", "keep": keep} for keep in (1, 2, 3, 5))),
}
# What this simulation does itself.
OTHERS = (
    "worker killed",
    "worker frozen",
    "slow database",
    "clocks differ",
    "request late",
    "request copied",
    "connection refused",
    "command delivered twice",
    "balance short",
    "coin unavailable",
    "bad ending",
    "status regresses",
    "list oldest first",
    "one copy lags far behind",
    "human pays by hand",
    "webhook lost",
    "webhook late",
    "webhook twice",
    "webhook forged",
    "order expires",
    "person errs",
    "unknown id is an error",
)
FAULTS = (*ANSWERS, *OTHERS)
# Together they lead to what chance alone seldom reaches: a dead or stopped sender, and an equal payment by hand.
TOGETHER = (
    frozenset({"worker killed", "human pays by hand"}),
    frozenset({"worker frozen", "human pays by hand", "list truncated"}),
)


@dataclass(frozen=True)
class Wish:
    """A command, when it is published, and how often."""

    at_seconds: float
    fields: dict[str, Any]
    copies: tuple[float, ...] = ()  # seconds after the first


@dataclass
class Plan:
    """All choices of a seed that are made beforehand. `heal` ends what goes wrong by chance."""

    seed: int
    faults: frozenset[str]
    confirmation: bool
    resend: bool
    workers: int
    chaos_seconds: float
    pace_seconds: float
    neighbour_seconds: float  # between the payments of others
    retry_seconds: float
    review_after_seconds: float
    time_unit: str  # of the time that is signed: in a second many requests are alike, reads too
    answers: list[tuple[str, dict[str, Any]]]
    skews: list[float]  # of the provider, then of the workers
    wishes: list[Wish]
    endings: list[dict[str, Any]]
    by_hand: list[tuple[float, str, str, str]]  # when, coin, address, amount
    kills: float = 0.0
    freezes: float = 0.0
    slows: float = 0.0
    late_requests: float = 0.0
    copied_requests: float = 0.0
    refused_connections: float = 0.0
    lost_webhooks: float = 0.0
    late_webhooks: float = 0.0
    copied_webhooks: float = 0.0
    is_healed: bool = field(default=False)

    def heal(self) -> None:
        """From now on only the past goes wrong."""
        self.is_healed = True
        self.kills = self.freezes = self.slows = self.late_requests = self.copied_requests = 0.0
        self.refused_connections = self.lost_webhooks = self.late_webhooks = self.copied_webhooks = 0.0

    def has(self, fault: str) -> bool:
        """Whether this seed has that kind of fault."""
        return fault in self.faults


def make_plan(seed: int, random: Random) -> Plan:
    """The plan of this seed. Each kind of fault is in a part of the seeds, so that one does not hide another."""
    share = random.choice((0.0, 0.1, 0.25, 0.25, 0.5))
    faults = frozenset(name for name in FAULTS if random.random() < share)
    if share == 0.0:  # one kind alone
        faults = frozenset({random.choice(FAULTS)})
    if random.random() < 0.15:
        faults = random.choice(TOGETHER)
    if "request copied" in faults:  # a copy that is refused as expired says that all copies were
        faults -= {"code 1004"}
    if "one copy lags far behind" in faults:  # nothing is seen until it does: else there is nothing to hide
        faults |= {"answer lost after the effect"}
    confirmation = random.random() < 0.5

    def rate(fault: str, most: float) -> float:
        return random.uniform(most / 5, most) if fault in faults else 0.0

    coin = random.choice(list(COINS))
    wishes = _wishes(random, coin, faults)
    return Plan(
        seed=seed,
        faults=faults,
        confirmation=confirmation,
        resend=confirmation and random.random() < 0.5,
        workers=random.choice((2, 2, 3)),
        chaos_seconds=random.uniform(300, 900),
        pace_seconds=random.choice((0.3, 5.0, 40.0)),
        neighbour_seconds=random.choice((15.0, 60.0, 150.0)),
        retry_seconds=random.choice((10.0, 30.0)),
        review_after_seconds=random.choice((60.0, 900.0, 1800.0)),
        time_unit="s" if seed % 4 == 3 else "ms",
        answers=_answers(random, faults),
        skews=[random.uniform(-1, 1) * SKEW_SECONDS / 2 if "clocks differ" in faults else 0.0 for _ in range(4)],
        wishes=wishes,
        endings=_endings(random, coin, wishes) if "bad ending" in faults else [],
        by_hand=_by_hand(random, wishes) if "human pays by hand" in faults else [],
        kills=rate("worker killed", 0.01 if faults not in TOGETHER else 0.03),
        freezes=rate("worker frozen", 0.008 if faults not in TOGETHER else 0.03),
        slows=rate("slow database", 0.1),
        late_requests=rate("request late", 0.6),
        copied_requests=rate("request copied", 0.5),
        refused_connections=rate("connection refused", 0.3),
        lost_webhooks=rate("webhook lost", 0.7),
        late_webhooks=rate("webhook late", 0.6),
        copied_webhooks=rate("webhook twice", 0.5),
    )


def _answers(random: Random, faults: frozenset[str]) -> list[tuple[str, dict[str, Any]]]:
    rules = []
    for name, (routes, kinds) in ANSWERS.items():
        if name in faults:
            chosen, probability = random.choice(kinds), random.choice((1.0, random.uniform(0.2, 0.9)))
            rules += [(name, {**chosen, "route": route, "probability": probability}) for route in routes]
    random.shuffle(rules)  # the first that fires wins
    return rules


def _wishes(random: Random, coin: str, faults: frozenset[str]) -> list[Wish]:
    """One to four equal payments, in different spellings and by both commands, and some that differ a little."""
    address, other = COINS[coin]
    amount = random.choice(("5", "7.5"))
    paid = [(address, amount)] * random.randint(1, 4)
    paid += random.choices([(other, amount), (address, "9"), (other, "9")], k=random.choice((0, 0, 1, 2)))
    random.shuffle(paid)
    wishes = []
    for number, (to, gross) in enumerate(paid, start=1):
        spelled = random.choice((gross, f"{gross}.0" if "." not in gross else f"{gross}00"))
        fields: dict[str, Any] = {"type": "payout", "orderId": f"order-{number}", "coin": coin, "amount": spelled}
        if to == address and random.random() < 0.3:
            fields["type"] = "withdraw"
        else:
            fields["address"] = f"0x{to[2:].upper()}" if to[:2] == "0x" and random.random() < 0.3 else to
        fields["account"] = random.choice(("merchant", "merchant", "user:alice1", "user:alice1", "user:poor1"))
        if "order expires" in faults and random.random() < 0.6:
            fields["expiresIn"] = random.choice((-1, 20, 120, 500))
        copies = ()
        if "command delivered twice" in faults and random.random() < 0.6:
            copies = tuple(random.uniform(0, 200) for _ in range(random.randint(1, 2)))
        wishes.append(Wish(random.choice((0.0, random.uniform(0, 120))), fields, copies))
    return wishes


def _endings(random: Random, coin: str, wishes: list[Wish]) -> list[dict[str, Any]]:
    statuses = random.choices((5, 6, 7, 8, 99), k=random.randint(1, 3))
    return [{"status": status, "coin": coin, "times": random.randint(1, len(wishes))} for status in statuses]


def _by_hand(random: Random, wishes: list[Wish]) -> list[tuple[float, str, str, str]]:
    """Somebody at the provider's console pays what a command pays too."""
    payments = []
    for wish in random.choices(wishes, k=random.randint(1, 2)):
        coin = wish.fields["coin"]
        address = wish.fields.get("address", BOUND[coin])
        payments.append(
            (
                wish.at_seconds + random.choice((random.uniform(-5, 5), random.uniform(-5, 120))),
                coin,
                address,
                wish.fields["amount"],
            )
        )
    return payments
