"""One fault that somebody asked for: what goes wrong, on which calls, when, and how often.

A fault is an answer (`Kind`) and the fate of the effect (`When`); every pair is possible, for
example an HTTP 500 whose transfer is executed 30 seconds later.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from worker.sandbox.errors import require


class Kind(StrEnum):
    """What the caller sees."""

    RESET = "reset"
    HANG = "hang"
    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_429 = "http_429"
    NON_JSON = "non_json"
    TRUNCATED_JSON = "truncated_json"
    CODE = "code"
    SLOW = "slow"
    """The true answer, `seconds` late; a webhook can be there before it."""
    FAILED_RECORD = "failed_record"
    """Not on the wire: the movement is recorded as failed, and the true answer says so."""
    LAG = "lag"
    """Not on the wire: lookups do not see records younger than `seconds`."""
    TRUNCATED_LIST = "truncated_list"
    """Not on the wire: a list of all records has only the newest `keep`."""


CONDITIONS = frozenset({Kind.FAILED_RECORD, Kind.LAG, Kind.TRUNCATED_LIST})


class When(StrEnum):
    """What becomes of the effect when the answer is spoilt."""

    BEFORE = "before"
    """Spoilt before the effect: it never happens."""
    AFTER = "after"
    """Spoilt after the effect: it has happened."""
    LATE = "late"
    """It happens `late_seconds` after the request, if the provider still accepts it then."""


# Longer than any sensible client waits, so that a hang is a timeout and not a slow reset.
HANG_SECONDS = 60.0

# Codes have five digits, but for the routes whose names begin so: the least and the largest there.
CODES = MappingProxyType({"coinqpay.": (1000, 99999), "v1.": (10000, 999999)})

# Some thirty years; also refuses NaN and infinity.
LONGEST_SECONDS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A fault as asked for. Raises `InputError` naming the field when it makes no sense."""

    kind: Kind
    when: When = When.BEFORE
    route: str | None = None
    order_id: str | None = None
    times: int | None = None
    probability: float | None = None
    seconds: float | None = None
    late_seconds: float | None = None
    code: int | None = None
    keep: int | None = None

    def __post_init__(self) -> None:
        _check_reach(self)
        _check_answer(self)
        _check_lateness(self)


def kind_of(value: object) -> Kind:
    """The kind of this name."""
    known = isinstance(value, str) and value in {*Kind}
    require(known, "kind", "must be one of " + ", ".join(Kind))
    return Kind(str(value))


def when_of(value: object) -> When:
    """The moment of this name."""
    known = isinstance(value, str) and value in {*When}
    require(known, "when", "must be one of " + ", ".join(When))
    return When(str(value))


def _check_reach(rule: Rule) -> None:
    # The values may come from a JSON body, whatever the annotations say.
    require(rule.order_id is None or isinstance(rule.order_id, str), "order_id", "must be text")
    require(_is_count(rule.times), "times", "must be a whole number from 1")
    likely = rule.probability is None or (_is_number(rule.probability) and rule.probability <= 1)
    require(likely and rule.probability != 0, "probability", "must be above 0 and at most 1")


def _check_answer(rule: Rule) -> None:
    takes_code = rule.kind is Kind.CODE
    require(takes_code == (rule.code is not None), "code", "goes with kind code, and only with it")
    route = rule.route or ""
    least, largest = next((CODES[start] for start in CODES if route.startswith(start)), (10000, 99999))
    known = rule.code is None or (_is_count(rule.code) and least <= rule.code <= largest)
    require(known, "code", f"must be a whole number from {least} to {largest} on this route")
    takes_seconds = rule.kind in {Kind.HANG, Kind.LAG, Kind.SLOW}
    require(takes_seconds or rule.seconds is None, "seconds", "goes only with kinds hang, slow and lag")
    given = rule.seconds is not None or rule.kind not in {Kind.LAG, Kind.SLOW}
    require(given, "seconds", f"is required with kind {rule.kind}")
    usable = rule.seconds is None or _is_number(rule.seconds)
    require(usable, "seconds", "must be a number from 0 to a thousand million")
    keeps = rule.kind is Kind.TRUNCATED_LIST
    require(keeps == (rule.keep is not None), "keep", "goes with kind truncated_list, and only with it")
    whole = rule.keep is None or (type(rule.keep) is int and rule.keep >= 0)
    require(whole, "keep", "must be a whole number from 0")


def _check_lateness(rule: Rule) -> None:
    on_wire = rule.kind not in CONDITIONS or rule.when is When.BEFORE
    require(on_wire, "when", f"is not for kind {rule.kind}, which spoils no answer")
    truthful = rule.kind is not Kind.SLOW or rule.when is When.AFTER
    require(truthful, "when", "must be after with kind slow, which spoils no answer")
    agrees = (rule.when is When.LATE) == (rule.late_seconds is not None)
    require(agrees, "late_seconds", "goes with when late, and only with it")
    usable = rule.late_seconds is None or _is_number(rule.late_seconds)
    require(usable, "late_seconds", "must be a number from 0 to a thousand million")


def _is_count(value: object) -> bool:
    return value is None or (type(value) is int and value >= 1)


def _is_number(value: object) -> bool:
    # `true` is an int to Python, and a timer cannot sleep for ever.
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value <= LONGEST_SECONDS
