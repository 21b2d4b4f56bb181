"""The trace context of a call: the command's trace, a span of its own, and nothing where there is none."""

import asyncio
import re

import pytest

from worker.providers.trace import next_span, trace_headers, traced

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


def test_a_call_has_the_trace_of_its_command_and_a_span_of_its_own() -> None:
    with traced(PARENT):
        first, second = trace_headers()["traceparent"], trace_headers()["traceparent"]
    assert re.fullmatch(rf"00-{TRACE_ID}-[0-9a-f]{{16}}-01", first)
    assert len({PARENT, first, second}) == 3


def test_without_a_trace_there_is_no_header() -> None:
    assert trace_headers() == {}
    with traced(None):
        assert trace_headers() == {}


def test_a_trace_ends_with_its_block() -> None:
    with pytest.raises(KeyError), traced(PARENT):
        raise KeyError
    assert trace_headers() == {}


@pytest.mark.parametrize(
    ("parent", "flags"), [("00-x-y-00", "00"), ("00-x-y-01", "01"), ("00-x-y-ff", "01"), ("cc-x-y-02", "00")]
)
def test_only_what_the_known_version_says_is_passed_on(parent: str, flags: str) -> None:
    version, trace_id, span_id, told = next_span(parent).split("-")
    assert (version, trace_id, told) == ("00", "x", flags)
    assert re.fullmatch(r"[0-9a-f]{16}", span_id)


async def test_orders_at_the_same_time_do_not_take_each_others_trace() -> None:
    both_are_in = asyncio.Barrier(2)

    async def call(trace_id: str) -> str:
        with traced(f"00-{trace_id}-b7ad6b7169203331-01"):
            await both_are_in.wait()
            return trace_headers()["traceparent"].split("-")[1]

    ids = ["a" * 32, "b" * 32]
    assert await asyncio.gather(*(call(trace_id) for trace_id in ids)) == ids
