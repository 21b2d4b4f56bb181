"""What a message carries through: only what can be stored, logged and published again as it is."""

import pytest

from worker.message import carried, carried_traceparent

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("value", ["a", "x" * 255, "für dich", "a b", "4f1c-…"])
def test_a_clean_property_is_carried(value: str) -> None:
    assert carried(value) == value


@pytest.mark.parametrize(
    "value", [None, "", "x" * 256, "a\nb", "a\x00b", "a\x7f", "a\x9b", "\ud800", b"a", 1, True, ["a"]], ids=ascii
)
def test_what_could_not_be_kept_is_left_behind(value: object) -> None:
    assert carried(value) is None


@pytest.mark.parametrize("value", [TRACE, TRACE.encode()])
def test_a_trace_context_is_carried_as_text(value: object) -> None:
    assert carried_traceparent(value) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        "ff" + TRACE[2:],
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        None,
        "",
        TRACE + "\n",
        TRACE.upper(),
        TRACE[:-1],
        TRACE + "-x",
        f" {TRACE}",
        b"\xff",
        5,
        ["x"],
        "00-0-0-00",
    ],
    ids=ascii,
)
def test_what_is_no_trace_context_is_left_behind(value: object) -> None:
    assert carried_traceparent(value) is None
