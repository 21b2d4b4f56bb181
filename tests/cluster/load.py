"""A load of transfers, swaps and payouts, the same for one seed; and waiting for its end."""

import asyncio
import random
from decimal import Decimal

from tests.cluster.scene import Scene
from tests.e2e.client import Client, transfer
from tests.e2e.commands import Command, payout, swap
from tests.e2e.house import SETTLED
from tests.e2e.stage import APP_ID

USERS = [f"user-{number:02}" for number in range(10)]
OPENING = "50000"  # of USDT, for each: every order is covered
BATCH_COMMANDS = 100

# Far beyond what a run takes; whoever waits this long reports what it has seen.
END_SECONDS = 180.0


class Load:
    """So many orders: of ten, seven transfers, two swaps and a payout."""

    def __init__(self, seed: int, orders: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self.commands = [self._command(number) for number in range(orders)]
        self.order_ids = {str(command["orderId"]) for command in self.commands}

    def moments(self, kills: int) -> list[int]:
        """After how many ended orders somebody is killed."""
        return sorted(self.random.sample(range(len(self.commands) // 20, len(self.commands) * 3 // 4), kills))

    def ended(self, client: Client) -> int:
        """How many of its orders have ended."""
        return len(client.tap.terminal_ids.keys() & self.order_ids)

    async def until_ended(self, orders: int, client: Client) -> None:
        """Wait until so many have ended, and a random moment more."""
        await client.tap.until(lambda: self.ended(client) >= orders, END_SECONDS)
        await asyncio.sleep(self.random.uniform(0, 0.05))

    def _command(self, number: int) -> Command:
        order_id = f"load-{number:05}"
        kind = self.random.random()
        if kind < 0.1:
            # An address of its own: equal ones would go one after the other.
            return payout(order_id, "5", address=f"T{'x' * 24}{number:09}".replace("0", "A"))
        if kind < 0.3:
            return swap(order_id, self.random.choice(USERS))
        sender, receiver = self.random.sample([*USERS, APP_ID], 2)
        return transfer(order_id, sender, receiver, str(Decimal(self.random.randint(1, 500)).scaleb(-2)))


async def fund(scene: Scene) -> None:
    """The same opening balances in both books; needs a worker."""
    await scene.fund_merchant()
    await asyncio.gather(*(scene.stage.fund(scene.client, user, OPENING) for user in USERS))


async def publish(load: Load, client: Client) -> None:
    """All of it with confirm, as fast as the broker takes it."""
    for start in range(0, len(load.commands), BATCH_COMMANDS):
        batch = load.commands[start : start + BATCH_COMMANDS]
        await asyncio.gather(*(client.publish(command) for command in batch))


async def run_out(load: Load, scene: Scene) -> None:
    """Wait for the end of every order; a person decides on payouts whose sender was killed before it sent them."""
    async with asyncio.timeout(END_SECONDS):
        while load.ended(scene.client) < len(load.commands):
            try:
                await scene.client.tap.until(lambda: load.ended(scene.client) == len(load.commands), 2)
            except TimeoutError:
                await _decide(scene)


async def _decide(scene: Scene) -> None:
    """Nothing of them is on its way any more: the desk need not wait as long as is assumed of the provider."""
    desk = scene.stage.having(**SETTLED)
    for row in await scene.stage.query("SELECT order_id FROM ledger.order_status WHERE state = 'review'"):
        resolution = ("--not-executed", "--by", "carol", "--reason", "its sender was killed first")
        # Refused when the provider has it after all: then the worker finds it.
        await desk.run("review", "resolve", row["order_id"], *resolution, may_fail=True)
