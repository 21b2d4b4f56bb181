"""The faults in force: which of them fires on a call, and what the caller then sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from worker.sandbox.fault_rule import CONDITIONS, HANG_SECONDS, Kind, Rule
from worker.sandbox.message import Hang, Reply, Reset, Response, Slow
from worker.sandbox.provider import Call, Conditions, Provider

HTML = "text/html; charset=utf-8"

PAGES = {
    Kind.HTTP_500: Response(500, b"<html><h1>500 Internal Server Error</h1></html>", HTML),
    Kind.HTTP_502: Response(502, b"<html><h1>502 Bad Gateway</h1></html>", HTML),
    Kind.HTTP_429: Response(429, b"<html><h1>429 Too Many Requests</h1></html>", HTML),
    Kind.NON_JSON: Response(200, b"<html><h1>Scheduled maintenance</h1></html>", HTML),
}


@dataclass(slots=True)
class Fault:
    """A rule in force, with the number of times it fired."""

    fault_id: int
    rule: Rule
    random: Random
    fired: int = 0


class Faults:
    """All faults in force, in the order they were added; the first that fires wins."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._added = 0
        self._wire: list[Fault] = []
        self._conditions: list[Fault] = []

    def add(self, rule: Rule) -> int:
        """Put a rule in force and return its id."""
        self._added += 1
        # Each fault draws from its own stream, so that adding one does not change another.
        random = Random(f"{self._seed}/{self._added}")  # noqa: S311  # repeatable, not secret
        faults = self._conditions if rule.kind in CONDITIONS else self._wire
        faults.append(Fault(self._added, rule, random))
        return self._added

    def clear(self) -> int:
        """Put every rule out of force and return how many there were."""
        cleared = len(self._wire) + len(self._conditions)
        self._wire.clear()
        self._conditions.clear()
        return cleared

    def in_force(self) -> Sequence[Fault]:
        """Every fault with its count, oldest first."""
        return sorted([*self._wire, *self._conditions], key=lambda fault: fault.fault_id)

    def on_wire(self, call: Call) -> Rule | None:
        """The rule that spoils the answer to this call, if one fires."""
        return next((fault.rule for fault in self._wire if _fires(fault, call)), None)

    def conditions(self, call: Call, record_age: Callable[[], float | None]) -> Conditions:
        """What the provider suffers from on this call: of each kind, the first that fires.

        A failed record needs a call that moves money, a lag needs a record young enough to hide
        and a truncation needs a list; otherwise they do not fire and are not counted.
        """
        found: dict[Kind, Rule] = {}
        for fault in self._conditions:
            kind = fault.rule.kind
            if kind not in found and _matters(fault.rule, call, record_age) and _fires(fault, call):
                found[kind] = fault.rule
        lag, truncation = found.get(Kind.LAG), found.get(Kind.TRUNCATED_LIST)
        return Conditions(
            fails=Kind.FAILED_RECORD in found,
            lag_seconds=0.0 if lag is None or lag.seconds is None else lag.seconds,
            keep=None if truncation is None else truncation.keep,
        )


def spoil(rule: Rule, answer: Response | None, provider: Provider) -> Reply:
    """What the caller sees; `answer` is the true one, where the effect has happened."""
    match rule.kind:
        case Kind.RESET:
            return Reset()
        case Kind.HANG:
            return Hang(HANG_SECONDS if rule.seconds is None else rule.seconds)
        case Kind.TRUNCATED_JSON:
            whole = answer or provider.beginning
            return replace(whole, body=whole.body[: len(whole.body) // 2])
        case Kind.SLOW:
            assert answer is not None, "a slow answer is a true one"
            return Slow(answer, rule.seconds or 0.0)
        case Kind.CODE:
            assert rule.code is not None, "a rule of kind code has one"
            return provider.error(rule.code)
        case _:
            return PAGES[rule.kind]


def _fires(fault: Fault, call: Call) -> bool:
    rule = fault.rule
    if rule.route is not None and rule.route != call.route:
        return False
    if rule.order_id is not None and rule.order_id != call.order_id:
        return False
    if rule.times is not None and fault.fired >= rule.times:
        return False
    if rule.probability is not None and fault.random.random() >= rule.probability:
        return False
    fault.fired += 1
    return True


def _matters(rule: Rule, call: Call, record_age: Callable[[], float | None]) -> bool:
    match rule.kind:
        case Kind.FAILED_RECORD:
            return call.moves_money
        case Kind.TRUNCATED_LIST:
            return call.lists
        case _:
            return _hides(rule, record_age())


def _hides(rule: Rule, age: float | None) -> bool:
    return age is not None and age < (rule.seconds or 0.0)
