"""Balances and entries in memory, with the constraints and the trigger that guard them."""

from collections.abc import Sequence
from decimal import Decimal

from schemas.event import Line
from schemas.money import EXACT, negate, total
from tests.simulation.rows import AccountKey, Balance, Entry, OrderRow

ZERO = Decimal(0)


class Violated(Exception):
    """A constraint or a trigger of the database would have refused this; names it."""


class Books:
    """Double entry: the lines of a journal sum to zero, and nobody but custody is overdrawn."""

    def __init__(self) -> None:
        self.balances: dict[AccountKey, Balance] = {}
        self.entries: list[Entry] = []
        self.journals: set[str] = set()

    def has(self, key: AccountKey | None, amount: Decimal) -> bool:
        """Whether so much is left to the account."""
        balance = None if key is None else self.balances.get(key)
        if balance is None:
            return False
        left = total([balance.posted, negate(balance.held), negate(amount)])
        return balance.floor is None or left >= balance.floor

    def open(self, key: AccountKey) -> Balance:
        """Accounts come into being on first use."""
        return self.balances.setdefault(key, Balance(None if key[2] == "custody" else ZERO))

    def change(self, key: AccountKey, posted: Decimal = ZERO, held: Decimal = ZERO) -> Balance:
        """Add to what is posted, and to what is held."""
        balance = self.open(key)
        balance.posted, balance.held = EXACT.add(balance.posted, posted), EXACT.add(balance.held, held)
        return balance

    def check(self, lines: Sequence[Line], row: OrderRow) -> None:
        """What the constraints of a balance say of the accounts of a settlement."""
        keys = [(row.provider, line.coin, line.account) for line in lines]
        for balance in [self.open(key) for key in ([*keys, row.hold[0]] if row.hold else keys)]:
            if balance.held < 0:
                raise Violated("hold_is_not_negative")
            if balance.floor is not None and EXACT.subtract(balance.posted, balance.held) < balance.floor:
                raise Violated("balance_is_not_overdrawn")

    def post(self, journal: str, provider: str, lines: Sequence[Line]) -> None:
        """One journal with its lines."""
        if journal in self.journals:
            raise Violated("journal_once")
        for coin in {line.coin for line in lines}:
            if total(line.amount for line in lines if line.coin == coin) != 0:
                raise Violated("zero_sum")
        self.journals.add(journal)
        for line in lines:
            if not line.amount:
                raise Violated("entry_moves_something")
            key = (provider, line.coin, line.account)
            balance = self.change(key, posted=line.amount)
            balance.version += 1
            self.entries.append(Entry(key, balance.version, journal, line.amount, line.purpose, balance.posted))
