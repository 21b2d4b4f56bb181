"""Where one worker's time goes while it drains transfers: a flame graph, by py-spy, which `make bench` installs."""

import asyncio
import re
import signal
from pathlib import Path

from benchmarks import end_to_end, load, processes
from worker.topology import COMMANDS_EXCHANGE, EVENTS_EXCHANGE

COMMANDS = 20_000
# Samples per second. The worker stands still for each: what is sampled while it runs has torn stacks.
RATE = 100
TITLE = "one worker that drains transfers, by CPU"
PY_SPY = processes.PEER_PYTHON.with_name("py-spy")


async def measure(url: str, amqp_url: str, target: Path) -> None:
    """Draw one worker, from its tenth of the commands on."""
    async with (
        processes.gateway() as gateway_url,
        load.tap(amqp_url, EVENTS_EXCHANGE) as events,
        asyncio.timeout(end_to_end.DRAIN_SECONDS),
    ):
        order_ids = load.order_ids(COMMANDS)
        waiting = set(order_ids)
        await load.publish(amqp_url, COMMANDS_EXCHANGE, "ccpayment.transfer", order_ids)
        async with processes.worker(url, gateway_url) as worker:
            await load.until_told(events, waiting, left=COMMANDS * 9 // 10)
            drawing = await _draw(worker.pid, target)
            try:
                await load.until_told(events, waiting)
            finally:
                drawing.send_signal(signal.SIGINT)
                await drawing.wait()
    _name(target)


def _name(target: Path) -> None:
    """Its title was its command line, with this machine's paths."""
    drawn = target.read_text(encoding="utf-8")
    named = re.sub(r'(<text id="title"[^>]*>)[^<]*', rf"\g<1>{TITLE}", drawn, count=1)
    target.write_text(named, encoding="utf-8")


async def _draw(pid: int, target: Path) -> asyncio.subprocess.Process:
    options = ["--rate", str(RATE), "--format", "flamegraph", "--output", str(target)]
    return await asyncio.create_subprocess_exec(
        str(PY_SPY), "record", *options, "--pid", str(pid), stdout=asyncio.subprocess.DEVNULL
    )
