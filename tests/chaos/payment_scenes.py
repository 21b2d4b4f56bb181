"""The scenes of payments that carry no order id: what is sent, what goes wrong, and how each order must end."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.chaos.bank import ADDRESS, COIN, OTHER_ADDRESS
from tests.chaos.play import Play
from worker.sandbox.coinqpay.records import queried_withdrawal

Prepare = Callable[[Play], Awaitable[None]]

DONE = {"succeeded"}
FAILED = {"failed"}
# Nobody could know whether it was sent, and a person has said that it was not.
GIVEN_UP = {"given up"}


@dataclass(frozen=True)
class Scene:
    """`ends` maps each order to the states it may end in."""

    name: str
    prepare: Prepare
    ends: dict[str, set[str]] = field(default_factory=lambda: {"order": DONE})
    # Whether the second confirmation's URL is set at the provider.
    is_confirmed: bool = True
    # Proven absent, a payment is sent again by itself.
    resend: bool = False
    # How the provider's people end what is unclear.
    clears_to: int = 4
    jobs: tuple[str, ...] = ()
    # The provider is worse than it may be; only what happens without a kill is promised.
    undisturbed: bool = False
    is_payment: bool = True

    @property
    def ends_when_killed(self) -> dict[str, set[str]]:
        """A payment that was written down and never sent is given up. The oracle demands that it was not paid."""
        return {order: ends | GIVEN_UP if self.is_payment else ends for order, ends in self.ends.items()}


def payout(play: Play, order: str = "order", amount: str = "5", **changes: object) -> None:
    """Publish a payout of the merchant."""
    fields = {"type": "payout", "orderId": order, "coin": COIN, "address": ADDRESS, "amount": amount, **changes}
    play.command(json.dumps(fields).encode(), "payout", "coinqpay")


async def plain(play: Play) -> None:
    """One payout."""
    payout(play)


async def _withdraw(play: Play) -> None:
    body = {"type": "withdraw", "orderId": "order", "coin": COIN, "amount": "7.25"}
    play.command(json.dumps(body).encode(), "withdraw", "coinqpay")


async def _confirmed_before_the_answer(play: Play) -> None:
    payout(play)
    play.before_answers = play.carry_webhooks


async def two_equal(play: Play) -> None:
    """Two payments that nobody could tell apart at the provider."""
    payout(play)
    payout(play, "second", "5.0")


def _fault(kind: str, when: str = "before", route: str = "payout", times: int = 1, **more: object) -> Prepare:
    async def prepare(play: Play) -> None:
        payout(play)
        play.bank.add_fault(kind, when=when, route=f"coinqpay.{route}", times=times, **more)  # type: ignore[arg-type]

    return prepare


async def _two_equal_answers_lost(play: Play) -> None:
    await two_equal(play)
    play.bank.add_fault("hang", when="after", route="coinqpay.payout", times=2)


def _ends(status: int) -> Prepare:
    async def prepare(play: Play) -> None:
        payout(play)
        play.bank.control("end-withdrawal", status=status)

    return prepare


async def _cannot_be_read_back(play: Play) -> None:
    """The answer is lost, and the confirmation cannot be judged at first."""
    await _fault("reset", "after")(play)
    for kind in ("http_500", "reset", "non_json"):
        play.bank.add_fault(kind, route="coinqpay.withdraws", times=1)


async def _not_permitted(play: Play) -> None:
    """Refused for now; later it is taken."""
    payout(play)
    play.bank.control("permissions", route="payout", allowed=False)
    play.after(20, lambda: play.bank.control("permissions", route="payout", allowed=True))


async def _forged_hint(play: Play) -> None:
    """Somebody posts that it has succeeded, while it is under way; it fails."""
    payout(play)
    play.bank.control("end-withdrawal", status=5)
    play.bank.control("hold", status=2)

    async def post() -> None:
        made = play.bank.coinqpay_books.withdrawal(next(iter(play.bank.made)))
        assert made is not None
        forged = {**queried_withdrawal(made), "status": 4, "tx_hash": "0xforged"}
        await play.post("/webhooks/coinqpay/withdrawal", json.dumps(forged).encode(), {})

    play.once(lambda: play.bank.made, post)
    play.after(10, lambda: play.bank.control("hold"))


async def by_hand_as_well(play: Play) -> None:
    """The answer is lost, and somebody makes an equal withdrawal at the console."""
    await _fault("reset", "after")(play)
    play.after(1, lambda: play.bank.pay_by_hand("5"))


async def _by_hand_elsewhere(play: Play) -> None:
    """The request is lost, and somebody pays as much to another address."""
    await _fault("reset")(play)
    play.after(1, lambda: play.bank.pay_by_hand("5", OTHER_ADDRESS))


async def _stranger(play: Play) -> None:
    """Somebody has the key, and asks for a payment of their own and for one that equals ours, which is bound."""
    payout(play)
    play.webhooks("coinqpay.confirm", retrySeconds=2)
    play.once(play.bank.paid, lambda: play.bank.pay_by_stranger("5"))
    play.once(play.bank.paid, lambda: play.bank.pay_by_stranger("9"))


async def _stranger_asks_again(play: Play) -> None:
    """Refused at first, the stranger's must not be approved when an equal payment is in doubt a moment later."""
    play.bank.pay_by_stranger("5")
    play.webhooks("coinqpay.confirm", retrySeconds=4)
    play.bank.add_fault("reset", route="coinqpay.payout", times=1)
    play.after(2, lambda: payout(play))


async def _stopped(play: Play) -> None:
    """The worker stands still between writing its attempt down and sending it; others end the order meanwhile."""
    payout(play)

    async def meanwhile() -> None:
        play.time.advance(31)
        await play.run("other", until_ended=True)

    play.meanwhile["admit"] = meanwhile


async def _stopped_for_a_moment(play: Play) -> None:
    """As before, and nobody else is there; the provider would still take it."""
    payout(play)

    async def meanwhile() -> None:
        play.time.advance(11)

    play.meanwhile["admit"] = meanwhile


async def _stopped_at_a_lenient_provider(play: Play) -> None:
    """As before, at a provider that takes signatures of any age: only the worker itself can keep from sending."""
    await _stopped(play)
    began, others = play.time.now(), play.meanwhile["admit"]

    async def meanwhile() -> None:
        await others()
        play.seconds_behind = (play.time.now() - began).total_seconds()

    play.meanwhile["admit"] = meanwhile


async def _slow_wire(play: Play) -> None:
    """The request is on its way for longer than the lease; another worker looks for it meanwhile."""
    payout(play)

    async def meanwhile() -> None:
        play.time.advance(31)
        await play.let("other", lambda other: other.work_once())

    play.stall = meanwhile


async def _careless(play: Play) -> None:
    """The second of two equal ones is lost; somebody says that it was the first one's withdrawal, or an old one."""
    payout(play)
    play.careless = (lambda: next(iter(play.bank.paid()), None), lambda: max(play.bank.old))

    def second() -> None:
        play.bank.add_fault("reset", route="coinqpay.payout", times=1)
        payout(play, "second")

    play.after(2, second)


PAYMENT_SCENES = [
    Scene("payout", plain),
    Scene("payout confirmed before its answer", _confirmed_before_the_answer),
    Scene("payout without confirmation", plain, is_confirmed=False),
    Scene("withdraw", _withdraw),
    Scene("two equal payouts", two_equal, {"order": DONE, "second": DONE}),
    Scene("two equal payouts, answers lost", _two_equal_answers_lost, {"order": DONE, "second": DONE}),
    Scene(
        "two equal payouts, answers lost, without confirmation",
        _two_equal_answers_lost,
        {"order": DONE, "second": DONE},
        is_confirmed=False,
    ),
    Scene("answer lost", _fault("hang", "after")),
    Scene("answer lost, without confirmation", _fault("http_500", "after"), is_confirmed=False),
    Scene("request lost", _fault("reset"), {"order": GIVEN_UP}),
    Scene("request lost, sent again", _fault("reset"), resend=True),
    Scene("executed late", _fault("hang", "late", late_seconds=70)),
    Scene("executed late, without confirmation", _fault("hang", "late", late_seconds=70), is_confirmed=False),
    Scene("called a replay", _fault("code", "after", code=1005), is_confirmed=False),
    Scene("refused", _fault("code", code=12007), {"order": FAILED}),
    Scene("not permitted for a while", _not_permitted),
    Scene("cannot be read back", _cannot_be_read_back),
    Scene("fails", _ends(5), {"order": FAILED}),
    Scene("not approved", _ends(6), {"order": FAILED}),
    Scene("exception, then sent", _ends(7)),
    Scene("risk, then not sent", _ends(8), {"order": FAILED}, clears_to=5),
    Scene("forged hint", _forged_hint, {"order": FAILED}),
    Scene("equal one by hand", by_hand_as_well),
    Scene("equal one by hand, without confirmation", by_hand_as_well, is_confirmed=False),
    Scene("another address by hand", _by_hand_elsewhere, {"order": GIVEN_UP}, is_confirmed=False),
    Scene("stranger", _stranger),
    Scene("stranger asks again", _stranger_asks_again, {"order": FAILED | DONE}),
    Scene("stopped for a moment", _stopped_for_a_moment),
    Scene("stopped, and resolved meanwhile", _stopped, {"order": GIVEN_UP | DONE}),
    Scene(
        "stopped, at a lenient provider",
        _stopped_at_a_lenient_provider,
        {"order": GIVEN_UP},
        undisturbed=True,
    ),
    Scene("slow wire", _slow_wire),
    Scene("careless person", _careless, {"order": DONE, "second": GIVEN_UP | DONE}),
]
