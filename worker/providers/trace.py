"""Trace: the command's trace context goes to the provider with every call made for its order, under a new span.

By the W3C recommendation the trace id stays and the span id is the caller's own. The header is outside of what either
provider signs; one that does not know it ignores it.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "traceparent"

# The only flag that version 00 knows; the others are to be sent as zero.
SAMPLED = 0x01

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


@contextmanager
def traced(traceparent: str | None) -> Iterator[None]:
    """What is asked of a provider in here is asked for the command that came with this trace context."""
    token = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(token)


def trace_headers() -> dict[str, str]:
    """The header of one call: a span of its own in the command's trace; none without one."""
    parent = _traceparent.get()
    return {} if parent is None else {HEADER: next_span(parent)}


def next_span(parent: str) -> str:
    """A child of this span, in the version of the header that is known here. The parent is well formed."""
    _, trace_id, _, flags = parent.split("-")
    return f"00-{trace_id}-{_new_span_id()}-{int(flags, 16) & SAMPLED:02x}"


def _new_span_id() -> str:
    """Sixteen hexadecimal digits, not all of them zero."""
    while (span_id := secrets.token_hex(8)) == "0" * 16:
        pass
    return span_id
