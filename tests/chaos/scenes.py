"""The scenes in which the worker is killed: what is sent, what goes wrong, and how each order must end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.chaos.drama import Drama
from tests.chaos.ports import KillSwitch


@dataclass(frozen=True)
class Scene:
    """`ends` maps each order to the states it may end in."""

    name: str
    prepare: Callable[[Drama], Awaitable[None]]
    ends: dict[str, set[str]] = field(default_factory=dict)
    dead_letters: int = 0
    # Messages that never became an order: how many distinct events of each code there must be.
    refusals: dict[str, int] = field(default_factory=dict)
    # The provider is worse than it may be; only what happens without a kill is promised.
    undisturbed: bool = False


async def _plain(drama: Drama) -> None:
    await drama.fund("alice", "10")
    drama.command("order")


async def _same_message_twice(drama: Drama) -> None:
    await _plain(drama)
    drama.command("order")
    drama.command("order", amount="1.0")


async def _conflict(drama: Drama) -> None:
    await _plain(drama)
    drama.command("order", amount="2")


async def _overdraft(drama: Drama) -> None:
    await drama.fund("alice", "3")
    drama.command("order", amount="2")
    drama.command("second", amount="2")
    drama.command("second", amount="2")


async def _malformed(drama: Drama) -> None:
    await _plain(drama)
    drama.command("other", amount="1e3")
    drama.message(b"{")


async def _expired(drama: Drama) -> None:
    await drama.fund("alice", "10")
    drama.command("order", expiresAt="2025-12-31T23:59:59Z")


async def _provider_refuses(drama: Drama) -> None:
    await drama.fund("alice", "10", in_sandbox="0.5")
    drama.command("order")
    # The oracle compares the books: what is only in the ledger goes to the sandbox at the end.
    drama.sandbox.add_fault("code", code=14000, route="userTransfer")
    drama.sandbox.fund(drama.user("alice"), 1280, "9.5")


def _fault(kind: str, when: str, **options: object) -> Callable[[Drama], Awaitable[None]]:
    async def prepare(drama: Drama) -> None:
        await _plain(drama)
        drama.sandbox.add_fault(kind, when=when, route="userTransfer", times=1, **options)

    return prepare


async def _expires_in_doubt(drama: Drama) -> None:
    """The first request is lost for good, and the order expires before it can be sent again."""
    await drama.fund("alice", "10")
    drama.sandbox.add_fault("reset", when="before", route="userTransfer")
    drama.command("order", expiresAt="2026-01-01T00:00:10Z")


async def _late_and_refused(drama: Drama) -> None:
    """The first request is executed after the second was refused: the refusal must not end the order."""
    await _plain(drama)
    drama.sandbox.add_fault("hang", when="late", late_seconds=70, route="userTransfer", times=1)
    drama.sandbox.add_fault("code", code=14000, when="before", route="userTransfer", times=2)


async def _hidden(drama: Drama) -> None:
    """Executed, the answer lost, and the record hidden for minutes, until after the order has expired."""
    await drama.fund("alice", "10")
    drama.sandbox.add_fault("hang", when="after", route="userTransfer", times=1)
    drama.sandbox.add_fault("lag", seconds=250)
    drama.command("order", expiresAt="2026-01-01T00:00:20Z")


async def _hidden_for_long(drama: Drama) -> None:
    """As before, and for longer than anybody waits; but a second request was told that the order exists."""
    await drama.fund("alice", "10")
    drama.sandbox.add_fault("hang", when="after", route="userTransfer", times=1)
    drama.sandbox.add_fault("lag", seconds=800)
    drama.command("order", expiresAt="2026-01-01T00:00:40Z")


async def _look_up_fails(drama: Drama) -> None:
    """Executed, the answer lost, and the look-up itself fails in every way before it tells."""
    await _plain(drama)
    drama.sandbox.add_fault("reset", when="after", route="userTransfer", times=1)
    for kind in ("http_500", "non_json", "truncated_json", "reset", "hang"):
        drama.sandbox.add_fault(kind, route="getUserTransferRecord", times=1)
    for code in (11004, 11002, 10001):
        drama.sandbox.add_fault("code", code=code, route="getUserTransferRecord", times=1)


async def _failed_record(drama: Drama) -> None:
    """The provider records that it failed, and answers something vague."""
    await _plain(drama)
    drama.sandbox.add_fault("failed_record", route="userTransfer", times=1)


async def _stopped(drama: Drama) -> None:
    """The worker stands still between writing its attempt down and sending it, for longer than anybody waits."""
    await drama.fund("alice", "10")
    drama.command("order", expiresAt="2026-01-01T00:00:20Z")

    async def meanwhile() -> None:
        drama.time.advance(31)
        await drama.worker(KillSwitch()).live()

    drama.pause = meanwhile


async def _stopped_while_refused(drama: Drama) -> None:
    """As before; those who took over were refused, and the order failed. Waking up, the worker must not send."""
    await _plain(drama)

    async def meanwhile() -> None:
        drama.time.advance(31)
        drama.sandbox.add_fault("code", code=14000, route="userTransfer", times=2)
        await drama.worker(KillSwitch()).live()

    drama.pause = meanwhile


async def _two_workers(drama: Drama) -> None:
    """While the first worker stands still just before sending, its lease runs out and another does it all."""
    await _plain(drama)

    async def meanwhile() -> None:
        drama.time.advance(31)
        await drama.worker(KillSwitch()).live()

    drama.stall = meanwhile


async def _stopped_at_a_lenient_provider(drama: Drama) -> None:
    """As before, at a provider that takes signatures of any age: only the worker itself can keep from sending."""
    await _stopped_while_refused(drama)
    began, others = drama.time.now(), drama.pause
    assert others is not None

    async def meanwhile() -> None:
        await others()
        drama.provider_seconds_behind = (drama.time.now() - began).total_seconds()

    drama.pause = meanwhile


def _swap(**changes: object) -> Callable[[Drama], Awaitable[None]]:
    async def prepare(drama: Drama) -> None:
        await drama.fund("alice", "10")
        drama.swap("order", **changes)

    return prepare


def _swap_with(kind: str, when: str = "before", **options: object) -> Callable[[Drama], Awaitable[None]]:
    async def prepare(drama: Drama) -> None:
        await _swap()(drama)
        drama.sandbox.add_fault(kind, when=when, route="userSwap", times=1, **options)

    return prepare


def _swap_under_way(*, fail: bool) -> Callable[[Drama], Awaitable[None]]:
    async def prepare(drama: Drama) -> None:
        await _swap()(drama)
        drama.swaps_take(100, fail=fail)

    return prepare


async def _swap_and_transfer(drama: Drama) -> None:
    """Two orders on one account, whose funds do not suffice for both."""
    await drama.fund("alice", "3")
    drama.swap("order", amountIn="2")
    drama.command("second", amount="2")


async def _swap_hidden(drama: Drama) -> None:
    """Accepted, but its record cannot be seen for some time."""
    await _swap()(drama)
    drama.sandbox.add_fault("lag", seconds=100)


DONE = {"succeeded"}
# Where an expiry decides: killed early enough, nothing is ever sent. The oracle demands that what was executed, and
# nothing else, has succeeded.
ANY_END = {"succeeded", "failed", "rejected"}

SCENES = [
    Scene("plain", _plain, {"order": DONE}),
    Scene("same message three times", _same_message_twice, {"order": DONE}),
    Scene("same orderId, other content", _conflict, {"order": DONE}, refusals={"order_id_conflict": 1}),
    Scene("overdraft", _overdraft, {"order": DONE, "second": {"rejected"}}),
    Scene("malformed", _malformed, {"order": DONE}, dead_letters=2, refusals={"invalid_command": 1}),
    Scene("expired", _expired, {"order": {"rejected"}}),
    Scene("provider refuses", _provider_refuses, {"order": {"failed"}}),
    Scene("answer lost", _fault("hang", "after"), {"order": DONE}),
    Scene("request lost", _fault("reset", "before"), {"order": DONE}),
    Scene("500 with effect", _fault("http_500", "after"), {"order": DONE}),
    Scene("500 without effect", _fault("http_500", "before"), {"order": DONE}),
    Scene("executed late", _fault("hang", "late", late_seconds=20), {"order": DONE}),
    Scene("too many requests", _fault("code", "before", code=11004), {"order": DONE}),
    Scene("expires in doubt", _expires_in_doubt, {"order": {"failed", "rejected"}}),
    Scene("late and refused", _late_and_refused, {"order": DONE}),
    Scene("record hidden", _hidden, {"order": ANY_END}),
    Scene("record hidden for long", _hidden_for_long, {"order": DONE}, undisturbed=True),
    Scene("look-up fails", _look_up_fails, {"order": DONE}),
    Scene("recorded as failed", _failed_record, {"order": {"failed"}}),
    Scene("stopped before sending", _stopped, {"order": ANY_END}),
    Scene("stopped while others were refused", _stopped_while_refused, {"order": ANY_END}),
    Scene("two workers", _two_workers, {"order": DONE}),
    Scene(
        "stopped, at a lenient provider",
        _stopped_at_a_lenient_provider,
        {"order": {"failed"}},
        undisturbed=True,
    ),
    Scene("swap", _swap(), {"order": DONE}),
    Scene("swap with a minimum", _swap(amountOutMinimum="0.8"), {"order": DONE}),
    Scene("swap below its minimum", _swap(amountOutMinimum="5"), {"order": {"failed"}}),
    Scene("swap, answer lost", _swap_with("hang", "after"), {"order": DONE}),
    Scene("swap, request lost", _swap_with("reset"), {"order": DONE}),
    Scene("swap under way, then done", _swap_under_way(fail=False), {"order": DONE}),
    Scene("swap under way, then failed", _swap_under_way(fail=True), {"order": {"failed"}}),
    Scene("swap recorded as failed", _swap_with("failed_record"), {"order": {"failed"}}),
    Scene("swap, record hidden", _swap_hidden, {"order": DONE}),
    Scene("swap and transfer", _swap_and_transfer, {"order": DONE, "second": {"rejected"}}),
]
