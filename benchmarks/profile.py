"""Where one worker's time goes while it drains transfers: a flame graph, by py-spy, which `make bench` installs."""

import asyncio
import signal
from pathlib import Path

from benchmarks import end_to_end, load, processes
from worker.topology import COMMANDS_EXCHANGE, EVENTS_EXCHANGE

COMMANDS = 20_000
# Samples per second. The worker is not stopped for them: that would cost it more than its work.
RATE = 200
PY_SPY = processes.PEER_PYTHON.with_name("py-spy")


async def measure(url: str, amqp_url: str, target: Path) -> None:
    """Draw one worker, from its tenth of the commands on."""
    async with (
        processes.gateway() as gateway_url,
        load.tap(amqp_url, EVENTS_EXCHANGE) as events,
        asyncio.timeout(end_to_end.DRAIN_SECONDS),
    ):
        waiting = set(load.order_ids(COMMANDS))
        await load.publish(amqp_url, COMMANDS_EXCHANGE, "ccpayment.transfer", list(waiting))
        async with processes.worker(url, gateway_url) as worker:
            drawing = None
            async for event in events:
                waiting.discard(event["data"]["orderId"])
                if drawing is None and len(waiting) < COMMANDS * 0.9:
                    drawing = await _draw(worker.pid, target)
                if not waiting:
                    break
            assert drawing is not None
            drawing.send_signal(signal.SIGINT)
            await drawing.wait()


async def _draw(pid: int, target: Path) -> asyncio.subprocess.Process:
    options = ["--rate", str(RATE), "--nonblocking", "--format", "flamegraph", "--output", str(target)]
    return await asyncio.create_subprocess_exec(
        str(PY_SPY), "record", *options, "--pid", str(pid), stdout=asyncio.subprocess.DEVNULL
    )
