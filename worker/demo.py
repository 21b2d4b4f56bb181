"""The demo: the whole road on real servers, shown to a person, with the providers simulated.

It starts a sandbox and a worker of its own, publishes commands that end in every way, and shows what happened.
"""

import asyncio
import json
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import IO, Any

from pydantic import SecretStr
from rich.live import Live
from rich.table import Table

from schemas.registry import COMMANDS
from worker import console, reads
from worker.broker import apply_topology, open_channel, publish_on, tap_events, waiting_messages
from worker.demo_scenes import BOUND_ADDRESS, COIN, USDT, Scene, scenes, use
from worker.desk import Adjustment, adjust, patience
from worker.errors import BadInput, Finding
from worker.message import Outgoing
from worker.migrate import migrate
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.server import serve
from worker.sandbox_desk import (
    SANDBOX_APP_ID,
    SANDBOX_APP_SECRET,
    SANDBOX_COINQPAY_PRIVATE_KEY,
    open_sandbox,
)
from worker.settings import Settings, required
from worker.topology import COMMANDS_EXCHANGE, commands_queue

PROVIDERS = ("ccpayment", "coinqpay")
OPENING = "100"

# Everything here ends within half a minute; more means that something is wrong.
DEMO_SECONDS = 120


async def show(settings: Settings) -> None:
    """Run it. Raises BadInput on servers that are in use, Finding when something ended otherwise than it should."""
    database_url = required(settings.database_url, "LEDGER_DATABASE_URL")
    amqp_url = required(settings.amqp_url, "LEDGER_AMQP_URL")
    await asyncio.to_thread(_migrate, settings, database_url)
    await _refuse_servers_in_use(settings, amqp_url)

    run = secrets.token_hex(3)
    plan = scenes(run)
    http_port = _free_port()
    simulated = settings.model_copy(update=_simulated())
    sandbox = open_sandbox(simulated, f"http://127.0.0.1:{http_port}")
    await _open_accounts(settings, sandbox, run)
    with tempfile.TemporaryFile("w+") as log:
        async with _serving(sandbox) as port, _working(port, http_port, log) as worker:
            try:
                async with asyncio.timeout(DEMO_SECONDS):
                    await _perform(plan, sandbox, amqp_url, worker)
            except TimeoutError:
                log.seek(0)
                console.complain("".join(log.readlines()[-20:]))
                raise Finding("the demo did not end; above are the worker's last words") from None
    await _show_books(settings, plan)


async def _perform(plan: list[Scene], sandbox: Sandbox, amqp_url: str, worker: asyncio.subprocess.Process) -> None:
    """Publish each scene's command and wait for its event, so that a person can follow."""
    async with (
        tap_events(amqp_url, "#") as events,
        open_channel(amqp_url) as (channel, _),
    ):
        with Live(console=console.out, auto_refresh=False, transient=True) as live:
            for scene in plan:
                scene.prepare(sandbox)
                command_type = str(scene.fields["type"])
                await publish_on(
                    channel,
                    Outgoing(
                        exchange=COMMANDS_EXCHANGE,
                        routing_key=f"{COMMANDS[command_type].executed_by}.{command_type}",
                        body=json.dumps(scene.fields).encode(),
                        content_type="application/json",
                        app_id="demo",
                    ),
                )
                live.update(_table(plan), refresh=True)
                await _wait_for_event(scene, events, sandbox, worker)
                live.update(_table(plan), refresh=True)
    console.out.print(_table(plan))


async def _wait_for_event(
    scene: Scene,
    events: AsyncIterator[dict[str, Any]],
    sandbox: Sandbox,
    worker: asyncio.subprocess.Process,
) -> None:
    async for event in events:
        if event["data"].get("orderId") == scene.fields["orderId"] and scene.see(event, sandbox):
            return
    raise Finding(f"no more events; the worker's exit code is {worker.returncode}")


def _table(plan: list[Scene]) -> Table:
    table = Table(title="commands and their events", title_justify="left", header_style="bold")
    for name in ("orderId", "command", "amount", "what it shows", "event", "because"):
        table.add_column(name, overflow="fold")
    for scene in plan:
        data = scene.event["data"] if scene.event else None
        style = console.RESULT_STYLES.get(data["result"], "") if data else "dim"
        error = data["error"] if data else None
        table.add_row(
            str(scene.fields["orderId"]),
            str(scene.fields["type"]),
            str(scene.fields.get("amount") or scene.fields["amountIn"]),
            scene.shows,
            f"[{style}]{data['result']}[/]" if data else "…",
            f"{error['code']} {error['providerCode'] or ''}".strip() if error else "",
        )
    return table


async def _show_books(settings: Settings, plan: list[Scene]) -> None:
    """Balances, the entries of this run, and the audit's verdict."""
    balances = await reads.fetch(settings, reads.accounts(100))
    console.print_rows(balances, False, "", title="balances")
    entries = [
        {"order_id": order_id, **line}
        for order_id in dict.fromkeys(str(scene.fields["orderId"]) for scene in plan)
        for line in await reads.fetch(settings, reads.lines_of(order_id))
    ]
    console.print_rows(entries, False, "no entries", title="entries of this run")

    violations = await reads.fetch(settings, reads.violations())
    console.print_rows(violations, False, "audit: every invariant holds", title="violations")
    otherwise = [
        scene.shows for scene in plan if scene.event is None or scene.event["data"]["result"] != scene.expects
    ]
    if violations or otherwise:
        raise Finding(f"not as it should be: {', '.join(otherwise) or 'the audit'}")


def _migrate(settings: Settings, database_url: str) -> None:
    owner_url = settings.database_owner_url
    migrate(owner_url.get_secret_value() if owner_url else database_url, database_url)


async def _refuse_servers_in_use(settings: Settings, amqp_url: str) -> None:
    """The demo's worker answers for a simulated provider: it must never meet a real command or a real order."""
    for order in await reads.fetch(settings, reads.orders(None, 1000)):
        if not order["order_id"].startswith("demo-"):
            raise BadInput("LEDGER_DATABASE_URL: has orders that are not the demo's; use another database")
    async with patience("RabbitMQ"), open_channel(amqp_url) as (channel, _):
        await apply_topology(channel, PROVIDERS)
        for provider in PROVIDERS:
            if await waiting_messages(channel, commands_queue(provider).name):
                raise BadInput("LEDGER_AMQP_URL: has commands waiting, or another worker; use another virtual host")


async def _open_accounts(settings: Settings, sandbox: Sandbox, run: str) -> None:
    """The same money in the books and at the providers."""
    sandbox.fund(f"alice-{run}", USDT, OPENING)
    use(sandbox, "coinqpay/fund", {"coin": COIN, "amount": OPENING})
    opened = {
        f"demo-{run}-alice": (f"user:alice-{run}", "ccpayment", str(USDT)),
        f"demo-{run}-merchant": ("merchant", "coinqpay", COIN),
    }
    for order_id, (account, provider, coin) in opened.items():
        adjustment = Adjustment(order_id, account, provider, coin, Decimal(OPENING), "opening balance of the demo")
        await adjust(settings, adjustment)


def _simulated() -> dict[str, Any]:
    """The settings of the simulated merchant; the same go to the worker."""
    return {
        "ccpayment_app_id": SANDBOX_APP_ID,
        "ccpayment_app_secret": SecretStr(SANDBOX_APP_SECRET),
        "coinqpay_private_key": SecretStr(SANDBOX_COINQPAY_PRIVATE_KEY),
        "coinqpay_withdraw_addresses": {COIN: BOUND_ADDRESS},
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def _serving(sandbox: Sandbox) -> AsyncIterator[int]:
    """The sandbox on a free port."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(sandbox, "127.0.0.1", 0, port.set_result))
    try:
        yield await port
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _working(port: int, http_port: int, log: IO[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker process on that sandbox, drained at the end."""
    environment = {
        **os.environ,
        "LEDGER_CCPAYMENT_BASE_URL": f"http://127.0.0.1:{port}",
        "LEDGER_CCPAYMENT_APP_ID": SANDBOX_APP_ID,
        "LEDGER_CCPAYMENT_APP_SECRET": SANDBOX_APP_SECRET,
        "LEDGER_COINQPAY_BASE_URL": f"http://127.0.0.1:{port}",
        "LEDGER_COINQPAY_PRIVATE_KEY": SANDBOX_COINQPAY_PRIVATE_KEY,
        "LEDGER_COINQPAY_WITHDRAW_ADDRESSES": json.dumps({COIN: BOUND_ADDRESS}),
        "LEDGER_HTTP_PORT": str(http_port),
        "LEDGER_POLL_SECONDS": "0.5",
    }
    for name in ("LEDGER_CCPAYMENT_APP_SECRET_FILE", "LEDGER_COINQPAY_PRIVATE_KEY_FILE"):
        environment.pop(name, None)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", "run", env=environment, stderr=log, stdout=log
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
