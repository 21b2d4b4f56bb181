"""The narrow waist: what commands ask of a provider, and what a provider may answer. Both unions are closed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

from worker.providers.address import normal_address

# ---------------------------------------------------------------- what is asked


@dataclass(frozen=True, slots=True)
class Move:
    """Move an amount of one coin from one user to another inside the provider."""

    order_id: str
    from_user_id: str
    to_user_id: str
    coin_id: int
    amount: str
    remark: str | None


@dataclass(frozen=True, slots=True)
class Convert:
    """Exchange a user's amount of one coin for another, at the provider's rate of that moment."""

    order_id: str
    user_id: str
    coin_id_in: int
    amount_in: str
    coin_id_out: int
    amount_out_minimum: str | None
    extra_fee_rate: str | None


def payee(coin: str, amount: str, address: str) -> str:
    """What makes two payments equal in a provider's list of them, where nothing else tells them apart."""
    return f"{coin} {amount} {normal_address(address)}"


def address_in(of_payee: str) -> str:
    """The address of a payee, in the spelling of all its spellings."""
    return of_payee.split(" ", 2)[2]


@dataclass(frozen=True, slots=True)
class Send:
    """Send an amount of one coin out of the provider; what the provider charges is inside it.

    The provider is told no order id: a repeated request would be a second payment. `bound`: to the address that is
    bound at the provider, which is then the one expected in its record; `rebound`: to which it may have gone as well,
    because that one is bound now. What is known by its id may have either; in a list no machine takes it for ours.
    """

    order_id: str
    coin: str
    address: str
    amount: str
    bound: bool
    rebound: str | None = None

    @property
    def payee(self) -> str:
        """Equal for equal payments."""
        return payee(self.coin, self.amount, self.address)


@dataclass(frozen=True, slots=True)
class Collect:
    """Let somebody pay an amount of one coin to an address that the provider makes for this order."""

    order_id: str
    coin: str
    amount: str


Instruction = Move | Convert | Send | Collect


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it will leave, byte for byte: written down before it is sent, signed once and never again."""

    body: bytes
    signed_at: datetime
    signature: str


@dataclass(frozen=True, slots=True)
class Trail:
    """What is known of an order's traces at the provider: its id there, and when it was last asked for.

    `claimed`: the id is a person's word, and may be that of an equal payment of another day.
    """

    provider_ref: str | None
    attempted_at: datetime | None
    claimed: bool = False


# ---------------------------------------------------------------- what is answered


@dataclass(frozen=True, slots=True)
class Moved:
    """The amount arrived whole; the provider charges nothing for it."""


@dataclass(frozen=True, slots=True)
class Converted:
    """From the provider's record of an exchange: what came out, and what of it was kept as fees."""

    amount_out: Decimal
    fee: Decimal
    extra_fee: Decimal


@dataclass(frozen=True, slots=True)
class Sent:
    """From the provider's record of a withdrawal: what was sent and what was charged; both were asked for."""

    actual_amount: Decimal
    fee: Decimal
    transaction: str | None


@dataclass(frozen=True, slots=True)
class Collected:
    """From the provider's record of a pay order: what was really paid."""

    amount: Decimal
    chain: str
    address: str
    transaction: str | None


@dataclass(frozen=True, slots=True)
class Deposit:
    """A payment into the provider, as its record has it. Money is what is `final`; `note` says why others are not.

    `amount` is gross; the provider keeps `fee` of it. `output` is None where the provider does not say which it was.
    """

    provider: str
    record_id: str
    kind: Literal["user", "app", "payOrder"]
    state: Literal["pending", "risky", "failed", "repeated", "final"]
    account: str
    coin: str
    amount: Decimal | None
    fee: Decimal | None
    chain: str
    tx_id: str | None
    output: int | None
    address: str | None
    memo: str | None
    note: str | None = None
    order_id: str | None = None  # the pay order that it was paid for


@dataclass(frozen=True, slots=True)
class Found:
    """A deposit that somebody was looking for."""

    deposit: Deposit


Receipt = Moved | Converted | Sent | Collected | Found


@dataclass(frozen=True, slots=True)
class Payable:
    """Where and until when a pay order can be paid."""

    payment_id: str
    coin: str
    amount: str
    address: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done, final; the provider's id of it, and what its record says was done."""

    provider_ref: str
    receipt: Receipt = Moved()


@dataclass(frozen=True, slots=True)
class Refused:
    """Definitely not done, and trying the same again is pointless.

    As an answer to an attempt it speaks of that attempt alone. With `by_record` it is the provider's own record
    of the order, which speaks of every attempt.
    """

    code: str
    message: str
    provider_code: str | None = None
    by_record: bool = False
    provider_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Definitely not done this time; the same may be tried later."""

    code: str
    message: str
    provider_code: str | None = None
    # Credentials, permissions or the account: only an operator can mend it, and asking often does harm. It changes
    # how soon the same is tried, not what was answered.
    needs_operator: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Processing:
    """The provider has it under an id, and its outcome is not final."""

    provider_ref: str
    payable: Payable | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """May or may not have been done: no answer, an unreadable one, or one that promises nothing."""

    code: str
    message: str
    provider_code: str | None = None


@dataclass(frozen=True, slots=True)
class Disputed:
    """The provider has something for this order that a person must look at: it differs, or ended strangely."""

    message: str
    provider_ref: str | None = None
    # In which fields the record is not what was ordered, and what it says apart from them: for a person to build on,
    # never for a machine. None where nothing can be built on it.
    differing: tuple[str, ...] = ()
    apart: "Outcome | None" = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up found nothing. Proof only once no copy of a request can still be on its way.

    Not `covered`: what was read cannot be shown to reach back far enough, so it never becomes proof.
    """

    covered: bool = True


@dataclass(frozen=True, slots=True)
class Candidates:
    """A look-up found records that may be this order's: whose they are is known by the ledger alone."""

    found: tuple[tuple[str, "Outcome"], ...]  # the provider's id, and what its record says if it is this order's
    covered: bool


Outcome = Succeeded | Refused | Deferred | Processing | Unknown | Disputed
Finding = Outcome | Absent


# ---------------------------------------------------------------- what is known beforehand


def account_of(user_id: str, merchant_user_id: str) -> str:
    """The ledger account of a provider's user; the merchant has one user id of its own there."""
    return "merchant" if user_id == merchant_user_id else f"user:{user_id}"


@dataclass(frozen=True, slots=True)
class Coin:
    """A provider's own data about one coin."""

    coin: str  # as events name it
    symbol: str
    decimals: int
    enabled: bool  # users may move it, or pay with it
    minimum: Decimal | None  # of what is paid with it
    price_usd: Decimal | None


class Unreadable(Exception):
    """An answer is not what the provider documents; says why, never quotes it."""


class ReadFailed(Exception):
    """A read that moves nothing did not come about; the message names the route and what the provider said."""


class TooMuchAtOnce(ReadFailed):
    """A list holds more than is read at once: of a shorter time it holds less."""


class Provider(Protocol):
    """One payment provider."""

    name: str
    # The user id by which the provider means the merchant itself.
    merchant_user_id: str
    # Where `Send` goes that names no address, by coin: the addresses that are bound at the provider.
    bound_addresses: Mapping[str, str]
    # Where deposits are found that nobody has ordered; None: there are none.
    deposits: "DepositSource | None"
    # How long after it was signed an attempt may still take effect, or its record be missing from look-ups.
    settling_time: timedelta

    def prepare(self, instruction: Instruction, at: datetime) -> Prepared:
        """The exact request, signed for this moment, to be written down before it is sent."""
        ...

    async def execute(self, instruction: Instruction, prepared: Prepared, send_by: datetime) -> Outcome:
        """Send it, once; not after `send_by`: one that was stopped in between must not wake up and pay."""
        ...

    async def look_up(self, instruction: Instruction, trail: Trail) -> Finding | Candidates:
        """Ask what became of the order, and compare every field of the record with the instruction."""
        ...

    async def coins(self) -> Sequence[Coin]:
        """What the provider says of its coins. Raises ReadFailed."""
        ...

    async def check(self) -> None:
        """One harmless signed read. Raises ReadFailed saying what is wrong: credentials, clock or signature."""
        ...


class DepositSource(Protocol):
    """A provider into which others pay, beside pay orders."""

    name: str

    def tells(self, kind: str) -> bool:
        """Whether webhooks of this kind are about deposits."""
        ...

    async def deposit(self, kind: str, record_id: str) -> Deposit | None:
        """Its record of one deposit, None when there is none. Raises ReadFailed."""
        ...

    def deposits(
        self,
        user_id: str,
        since: datetime,
        until: datetime | None = None,
        *,
        chain: str | None = None,
        to_address: str | None = None,
    ) -> AsyncIterator[Deposit]:
        """Those of a user, or of the merchant (""), newest first; none of a user whom the provider does not know.

        The iterator raises ReadFailed; TooMuchAtOnce after the newest of them.
        """
        ...

    async def rescan(self, chain: str, to_address: str, tx_id: str, memo: str | None) -> str:
        """Have it look for a transaction again; its words on that. Raises ReadFailed."""
        ...
