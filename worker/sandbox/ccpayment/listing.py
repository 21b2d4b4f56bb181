"""Lists of records: what may be asked of them, the window of time, newest first, pages with a cursor."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.books import Books
from worker.sandbox.ccpayment.codes import Code, refusal, success
from worker.sandbox.ccpayment.parameters import given, is_limit, is_text, is_unix_seconds
from worker.sandbox.ccpayment.records import Recorded
from worker.sandbox.message import Response
from worker.sandbox.parameters import Check, first_wrong
from worker.sandbox.provider import Conditions, Parameters

Record = TypeVar("Record", bound=Recorded)

Filter = tuple[Check, Callable[[Record, Any], bool]]

PAGE_RECORDS = 20

# Without a start, lists go back this far.
DEFAULT_WINDOW_SECONDS = 90 * 24 * 3600

ALWAYS: Mapping[str, Check] = {
    "startAt": is_unix_seconds,
    "endAt": is_unix_seconds,
    "nextId": is_text,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Record]):
    """One list route: each filter with the form of its value and the records that it lets pass."""

    records: Callable[[Books], Iterable[Record]]
    filters: Mapping[str, Filter[Record]]
    view: Callable[[Account, Record, float], Mapping[str, object]]
    any_of: tuple[str, ...] = ()
    """At least one of these must be given."""
    not_both: tuple[str, ...] = ()
    """Of these, no more than one."""
    at_most: Mapping[str, int] = field(default_factory=dict)
    """How many ids a filter takes."""
    longest_seconds: float | None = None
    """The widest range of time that may be asked for."""
    has_limit: bool = False
    """Whether the caller may say how many records a page has."""

    def answer(self, account: Account, parameters: Parameters, at: float, conditions: Conditions) -> Response:
        """One page, or why there is none."""
        asked = given(parameters, self._checks())
        refused = self._refusal(asked, at)
        if refused is not None:
            return refused
        found = self._found(account.books, asked, at)[: conditions.keep]
        seen = [record for record in found if not is_hidden(record, at, conditions.lag_seconds)]
        digest = _digest(asked)
        start = _start(seen, asked.get("nextId"), digest)
        if start is None:
            return refusal(Code.INVALID_ARGUMENT, "nextId is not of a list with these filters")
        size = asked.get("limit", PAGE_RECORDS)
        assert isinstance(size, int), "its form was checked"
        page = seen[start : start + size]
        next_id = f"{page[-1].record_id}-{digest}" if len(seen) > start + size else ""
        return success({"records": [self.view(account, record, at) for record in page], "nextId": next_id})

    def asked_for(self, account: Account, parameters: Parameters, at: float) -> list[Record]:
        """All records that the parameters ask for, on every page; none when they are wrong."""
        asked = given(parameters, self._checks())
        return [] if self._refusal(asked, at) is not None else self._found(account.books, asked, at)

    def _checks(self) -> Mapping[str, Check]:
        own = {name: check for name, (check, _) in self.filters.items()}
        return {**own, **ALWAYS, **({"limit": is_limit} if self.has_limit else {})}

    def _refusal(self, asked: Parameters, at: float) -> Response | None:
        wrong = first_wrong(asked, {}, self._checks())
        if wrong is None and self.any_of and not asked.keys() & {*self.any_of}:
            wrong = " or ".join(self.any_of)
        if wrong is None and len(asked.keys() & {*self.not_both}) > 1:
            wrong = " and ".join(self.not_both)
        start, end = _window(asked, at)
        if wrong is None and start > end and asked.keys() >= {"startAt", "endAt"}:
            wrong = "endAt"
        if wrong is not None:
            return refusal(Code.INVALID_ARGUMENT, wrong)
        for name, most in self.at_most.items():
            ids = asked.get(name)
            if isinstance(ids, list) and len(ids) > most:
                return refusal(Code.QUERY_NUMBER_TOO_LARGE, name)
        if self.longest_seconds is not None and end - start > self.longest_seconds:
            return refusal(Code.QUERY_DURATION_TOO_LONG)
        return None

    def _found(self, books: Books, asked: Parameters, at: float) -> list[Record]:
        start, end = _window(asked, at)
        tests = [(passes, asked[name]) for name, (_, passes) in self.filters.items() if name in asked]
        found = [
            record
            for record in self.records(books)
            if start <= int(record.at) <= end and all(passes(record, value) for passes, value in tests)
        ]
        # The last made comes first, also of those made in one moment.
        return sorted(found, key=lambda record: record.at)[::-1]


def is_hidden(record: Recorded, at: float, lag_seconds: float) -> bool:
    """Whether lookups that lag do not see the record yet."""
    # Without a lag nothing is hidden, not even a record from before the clock was set back.
    return lag_seconds > 0 and at - record.at < lag_seconds


def _window(asked: Parameters, at: float) -> tuple[float, float]:
    """From when to when, in unix seconds. Not documented: both ends are assumed inside, and that
    it is the moment of the record's making that counts."""
    start, end = asked.get("startAt"), asked.get("endAt")
    from_default = max(0.0, at - DEFAULT_WINDOW_SECONDS)
    return (
        start if isinstance(start, int) else from_default,
        end if isinstance(end, int) else max(at, from_default),
    )


def _digest(asked: Parameters) -> str:
    """Ties a cursor to its filters: the documentation wants the same ones with every page."""
    filters = {name: value for name, value in asked.items() if name not in {"nextId", "limit"}}
    return hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()[:16]


def _start(seen: Sequence[Recorded], next_id: object, digest: str) -> int | None:
    """The position of the page that a cursor asks for, None when it is of no such list."""
    if next_id is None:
        return 0
    record_id, _, given_digest = str(next_id).partition("-")
    if given_digest != digest:
        return None
    return next((place + 1 for place, record in enumerate(seen) if record.record_id == record_id), None)
