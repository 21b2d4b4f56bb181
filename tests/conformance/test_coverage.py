"""Nothing is left out: each route of the sandbox is called here, and each route in the clients' source as well."""

import inspect
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.conformance import (
    client_routes,
    test_asset_fields,
    test_coinqpay_fields,
    test_deposit_fields,
    test_order_fields,
)
from tests.conformance.ends import Ends, open_ends
from worker.sandbox.message import Request
from worker.sandbox_desk import open_sandbox
from worker.settings import read_settings

MODULES = (test_order_fields, test_asset_fields, test_deposit_fields, test_coinqpay_fields)
CLIENTS = {"ccpayment": client_routes.ccpayment_routes, "coinqpay": client_routes.coinqpay_routes}


def stories() -> Iterator[Callable[[Ends], Awaitable[None]]]:
    """The tests that take both ends and nothing else."""
    for module in MODULES:
        for name, test in vars(module).items():
            if name.startswith("test_"):
                assert [*inspect.signature(test).parameters] == ["ends"], name
                yield test


def names_in_the_sandbox(client: str) -> set[str | None]:
    """The routes that a client's source names, by the sandbox's names; None for one that the sandbox lacks."""
    sandbox = open_sandbox(read_settings({}))
    provider = sandbox._named[client]
    calls = {route: provider.read(Request(*route, {}, b"")) for route in CLIENTS[client]()}
    known = {
        route: call if call is not None and call.request.method == route[0] else None for route, call in calls.items()
    }
    return {None if call is None else call.route for call in known.values()}


@pytest.fixture(scope="module")
async def called() -> set[str | None]:
    """What was called in all stories together."""
    heard: set[str | None] = set()
    for story in stories():
        async with open_ends() as ends:
            await story(ends)
            heard |= set(ends.heard())
    return heard


async def test_every_route_of_the_sandbox_is_called(called: set[str | None]) -> None:
    sandbox = open_sandbox(read_settings({}))
    assert called == set().union(*(provider.routes for provider in sandbox._providers))


@pytest.mark.parametrize("client", CLIENTS)
async def test_every_route_that_a_client_names_is_called(called: set[str | None], client: str) -> None:
    named = names_in_the_sandbox(client)
    assert named <= called
    assert len(named) >= 8


def test_every_provider_of_the_registry_has_its_client_here() -> None:
    sandbox = open_sandbox(read_settings({}))
    assert CLIENTS.keys() == sandbox._named.keys() == sandbox.controls.keys()


def test_the_source_is_read_rightly() -> None:
    v2 = "/ccpayment/v2/"
    assert {("POST", v2 + "userTransfer"), ("POST", v2 + "getUserSwapRecord")} <= client_routes.ccpayment_routes()
    assert ("POST", "/ccpayment/v1/assets") in client_routes.ccpayment_routes()
    assert {("GET", "/api/v1/pay_order"), ("POST", "/api/v1/pay_order")} <= client_routes.coinqpay_routes()
