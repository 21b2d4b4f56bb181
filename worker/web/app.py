"""The application: health, readiness, metrics, and the webhooks."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from worker.errors import WorkerError
from worker.providers.protocol import Provider
from worker.web.webhooks import webhook_routes
from worker.world import World

# Readiness is asked often, and must not pile up behind a database that is away.
READY_SECONDS_MAX = 2.0


def make_app(providers: Mapping[str, Provider], world: World, is_broker_there: Callable[[], bool]) -> Starlette:
    """Everything that the HTTP role answers."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_request: Request) -> Response:
        parts = {"database": await _is_database_there(world), "broker": is_broker_there()}
        # A provider that is down makes nobody unready: this process does all that can be done, for the others too.
        states = {name: world.line(name).state for name in providers}
        return JSONResponse({**parts, "providers": states}, 200 if all(parts.values()) else 503)

    async def metrics(_request: Request) -> Response:
        await _ask_database(world)
        return Response(world.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *webhook_routes(providers, world),
        ]
    )


async def _ask_database(world: World) -> None:
    """What waits, and how jobs ended, in whichever process; while the database is away, the last figures stay."""
    with suppress(TimeoutError, WorkerError):
        async with asyncio.timeout(READY_SECONDS_MAX):
            world.metrics.unbound(await world.ledger.unbound_events())
            for run in await world.ledger.last_runs():
                world.metrics.job_ended(run.name, run.finished_at, run.seconds, failed=run.failed)


async def _is_database_there(world: World) -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            await world.ledger.read_orders([])
    except (TimeoutError, WorkerError):
        return False
    return True
