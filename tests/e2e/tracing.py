"""A service that traces: the properties of its commands, and what must have become of them."""

import re
from itertools import count
from typing import Any

from tests.e2e.client import Event
from tests.e2e.house import House

PARENT_SPAN = "b7ad6b7169203331"
TRACES = count(1)


def new_trace() -> dict[str, Any]:
    """The properties of a command of a service that traces."""
    trace_id = f"{next(TRACES):032x}"
    return {
        "app_id": f"shop-{trace_id[-4:]}",
        "correlation_id": f"cart-{trace_id[-4:]}",
        "headers": {"traceparent": f"00-{trace_id}-{PARENT_SPAN}-01"},
    }


async def calls_about(house: House, order_id: str) -> list[tuple[str, str | None]]:
    """Route and trace context of every call about an order that names it."""
    requests = (await house.stage.control("GET", "requests"))["requests"]
    return [(each["route"], each["traceparent"]) for each in requests if each["orderId"] == order_id]


def check_calls(made: list[tuple[str, str | None]], properties: dict[str, Any]) -> None:
    """All in the command's trace, each under a span of its own."""
    _, trace_id, _, _ = properties["headers"]["traceparent"].split("-")
    spans = [re.fullmatch(rf"00-{trace_id}-([0-9a-f]{{16}})-01", header or "") for _, header in made]
    assert all(spans), made
    assert len({PARENT_SPAN, *(span[1] for span in spans if span)}) == len(made) + 1


def check_event(house: House, event: Event, properties: dict[str, Any]) -> None:
    message = house.client.tap.message_of(event)
    assert (message.app_id, message.correlation_id) == (properties["app_id"], properties["correlation_id"])
    assert message.headers["traceparent"] == properties["headers"]["traceparent"]
