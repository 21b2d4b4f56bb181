"""Export: the whole ledger as a plain text file for other accounting programs, Beancount and hledger.

A transaction per journal with its lines exactly as they are, then what every account had in the end. Signs are the
ledger's: what somebody owns is positive, and custody is the contra account of it all. Beancount itself adds up to 28
digits exactly.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any, Protocol

from schemas.money import show
from worker.export_names import account_name, commodity_name

Row = Mapping[str, Any]  # a line of ledger.numbered_line

# Before anything was booked: workers' clocks may differ, so that the first journal need not have the first date.
BEGINNING = date(1970, 1, 1)

_ABOUT = "; The ledger, journal by journal. Signs are the ledger's: what somebody owns is positive."


class Format(Protocol):
    """How one program wants it."""

    def beginning(self) -> Iterator[str]:
        """Before all."""
        ...

    def commodity(self, row: Row) -> Iterator[str]:
        """A provider's coin is used for the first time."""
        ...

    def account(self, row: Row) -> Iterator[str]:
        """An account is used for the first time."""
        ...

    def journal(self, rows: Sequence[Row]) -> Iterator[str]:
        """The lines of one journal."""
        ...

    def balances(self, rows: Sequence[Row], day: date) -> Iterator[str]:
        """What is left on that day: the last line of each account and coin."""
        ...


async def written(rows: AsyncIterator[Row], form: Format) -> AsyncIterator[str]:
    """The lines of the file, from ledger lines in the order of their journals, which must be of one moment."""
    last_lines: dict[tuple[str, str, str], Row] = {}
    named: set[str] = set()
    last_day = BEGINNING
    for line in form.beginning():
        yield line
    async for journal in _journals(rows):
        for row in journal:
            for line in _first_uses(row, named, form):
                yield line
            last_lines[row["provider"], row["coin"], row["account"]] = row
        last_day = max(last_day, _day(journal[0]))
        for line in form.journal(journal):
            yield line
    for line in form.balances([last_lines[key] for key in sorted(last_lines)], last_day + timedelta(days=1)):
        yield line


class Beancount:
    """What `bean-check` accepts; the balances at the end are checked without tolerance."""

    def beginning(self) -> Iterator[str]:
        """The title."""
        yield from (_ABOUT, 'option "title" "ledger-worker"')

    def commodity(self, row: Row) -> Iterator[str]:
        """Which coin the name stands for."""
        yield f"{BEGINNING} commodity {_commodity(row)}"
        yield from (f"  provider: {_quoted(row['provider'])}", f"  coin: {_quoted(row['coin'])}")

    def account(self, row: Row) -> Iterator[str]:
        """Which account the name stands for."""
        yield f"{BEGINNING} open {_account(row)}"
        yield f"  account: {_quoted(row['account'])}"

    def journal(self, rows: Sequence[Row]) -> Iterator[str]:
        """The purpose of the first line as payee, the order as narration."""
        yield f"{_day(rows[0])} * {_quoted(rows[0]['purpose'])} {_quoted(rows[0]['order_id'])}"
        yield f"  at: {_quoted(rows[0]['at'].astimezone(UTC).isoformat())}"
        yield f"  journal: {_quoted(str(rows[0]['journal_id']))}"
        for row in rows:
            yield f"  {_account(row)}  {show(row['amount'])} {_commodity(row)}"
            yield f"    purpose: {_quoted(row['purpose'])}"

    def balances(self, rows: Sequence[Row], day: date) -> Iterator[str]:
        """An assertion each."""
        for row in rows:
            yield f"{day} balance {_account(row)}  {show(row['balance_after'])} ~ 0 {_commodity(row)}"


class Hledger:
    """What `hledger check --strict` accepts; the balances at the end are assertions."""

    def beginning(self) -> Iterator[str]:
        """How numbers are written."""
        yield from (_ABOUT, "decimal-mark .")

    def commodity(self, row: Row) -> Iterator[str]:
        """Which coin the name stands for."""
        yield f'commodity "{_commodity(row)}"  ; {row["coin"]} of {row["provider"]}'

    def account(self, row: Row) -> Iterator[str]:
        """Which account the name stands for."""
        yield f"account {_account(row)}  ; {row['account']}"

    def journal(self, rows: Sequence[Row]) -> Iterator[str]:
        """The purpose of the first line as description, the order as a tag."""
        yield f"{_day(rows[0])} * {rows[0]['purpose']}"
        yield f"    ; order: {rows[0]['order_id']}"
        yield f"    ; journal: {rows[0]['journal_id']}"
        for row in rows:
            yield f'    {_account(row)}  {show(row["amount"])} "{_commodity(row)}"  ; purpose: {row["purpose"]}'

    def balances(self, rows: Sequence[Row], day: date) -> Iterator[str]:
        """One transaction that moves nothing."""
        if rows:
            yield f"{day} * balances"
        for row in rows:
            name = _commodity(row)
            yield f'    {_account(row)}  0 "{name}" = {show(row["balance_after"])} "{name}"'


FORMATS: Mapping[str, Callable[[], Format]] = {"beancount": Beancount, "hledger": Hledger}


async def _journals(rows: AsyncIterator[Row]) -> AsyncIterator[Sequence[Row]]:
    journal: list[Row] = []
    async for row in rows:
        if journal and journal[0]["journal_id"] != row["journal_id"]:
            yield journal
            journal = []
        journal.append(row)
    if journal:
        yield journal


def _first_uses(row: Row, named: set[str], form: Format) -> Iterator[str]:
    for name, tell in ((_commodity(row), form.commodity), (_account(row), form.account)):
        if name not in named:
            named.add(name)
            yield from tell(row)


def _day(row: Row) -> date:
    day: date = row["at"].astimezone(UTC).date()
    return day


def _account(row: Row) -> str:
    return account_name(row["provider"], row["account"])


def _commodity(row: Row) -> str:
    return commodity_name(row["provider"], row["coin"])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
