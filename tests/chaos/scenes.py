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


async def _two_workers(drama: Drama) -> None:
    """While the first worker stands still just before sending, its lease runs out and another does it all."""
    await _plain(drama)

    async def meanwhile() -> None:
        drama.time.advance(31)
        await drama.worker(KillSwitch()).live()

    drama.stall = meanwhile


DONE = {"succeeded"}

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
    Scene("two workers", _two_workers, {"order": DONE}),
]
