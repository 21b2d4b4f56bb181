"""Compare: one record of a provider with what the ledger has of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from schemas.event import Line
from schemas.money import total
from worker.commands.accounts import CUSTODY
from worker.ledger import Booked, Difference

# What only the order knows, because the provider is not told: whose account it is, and which command it was.
OF_ORDER = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What a provider says of a transfer, swap, withdrawal or deposit, and the lines that follow from it."""

    key: str
    record_id: str
    order_id: str | None
    status: str
    is_done: bool  # only then is it money
    lines: tuple[Line, ...]


# The ledger may still come to what the provider says: an order or deposit is open.
Compared = Difference | Literal["equal", "open"]


def compare(what: str, key: str, record: Record | None, booked: Booked | None) -> Compared:
    """What differs: done there and not posted here, posted here and not done there, or done otherwise."""
    if booked is not None and booked.is_open:
        return "open"
    is_done = record is not None and record.is_done
    is_posted = booked is not None and booked.is_posted
    if not is_done and not is_posted:
        return "equal"
    message = _difference(record, booked) if is_done != is_posted else _other_id(record, booked)
    ours = () if booked is None or not is_posted else booked.lines
    theirs = () if record is None or not is_done else lines_of(record, booked)
    if message is None:
        differing = _differing_lines(ours, theirs)
        if not differing:
            return "equal"
        message = f"they differ in {', '.join(f'{purpose} of {account}' for account, _, purpose in differing)}"
        shown = differing[0]
    else:
        shown = _main_line(theirs or ours)
    account, coin, _ = shown
    return Difference(
        subject=f"{what} {key}",
        what=what,
        account=account,
        coin=coin,
        ledger_amount=_by_line(ours).get(shown, Decimal(0)),
        provider_amount=_by_line(theirs).get(shown, Decimal(0)),
        order_id=(booked.order_id if booked is not None else None)
        or (record.order_id if record is not None else None),
        record_id=record.record_id if record is not None else (booked.provider_ref if booked is not None else None),
        message=message,
    )


def lines_of(record: Record, booked: Booked | None) -> tuple[Line, ...]:
    """The lines that the record makes, with what the order alone knows of them."""
    account = (booked and booked.account) or "merchant"
    purpose = "withdrawal" if booked is None else booked.type
    return tuple(
        replace(
            line,
            account=account if line.account == OF_ORDER else line.account,
            purpose=purpose if line.purpose == OF_ORDER else line.purpose,
        )
        for line in record.lines
    )


def _difference(record: Record | None, booked: Booked | None) -> str:
    if booked is None:
        return "the provider has done it, the ledger does not know it"
    if not booked.is_posted:
        return f"the provider has done it, in the ledger it is {booked.state}"
    if record is None:
        return "it is posted, the provider has no record of it"
    return f"it is posted, the provider says {record.status}"


def _other_id(record: Record | None, booked: Booked | None) -> str | None:
    assert record is not None, "it was done"
    assert booked is not None, "it was posted"
    if record.record_id == booked.provider_ref:
        return None
    return f"the provider has it as {record.record_id}, the ledger as {booked.provider_ref}"


_Key = tuple[str, str, str]


def _by_line(lines: Sequence[Line]) -> Mapping[_Key, Decimal]:
    """What each account gains of each coin, by purpose."""
    sums: dict[_Key, Decimal] = {}
    for line in lines:
        key = (line.account, line.coin, line.purpose)
        sums[key] = total([sums.get(key, Decimal(0)), line.amount])
    return sums


def _differing_lines(ours: Sequence[Line], theirs: Sequence[Line]) -> list[_Key]:
    """The owners' lines that differ; custody's are only their other side."""
    booked, recorded = _by_line(ours), _by_line(theirs)
    keys = dict.fromkeys([*booked, *recorded])
    differing = [key for key in keys if booked.get(key, Decimal(0)) != recorded.get(key, Decimal(0))]
    return [key for key in differing if key[0] != CUSTODY] or differing


def _main_line(lines: Sequence[Line]) -> _Key:
    """The line that says most: what the first owner pays or gets."""
    owners = [line for line in lines if line.account != CUSTODY] or list(lines)
    return owners[0].account, owners[0].coin, owners[0].purpose
