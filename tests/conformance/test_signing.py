"""What is signed wrongly, too early, too late or twice gets the documented code, and nothing is done."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.conformance.ends import Ends, open_ends
from tests.conformance.orders import COLLECT, CONVERT, MOVE, ORDERS, PAYOUT, WITHDRAW, Order, count, only
from worker.providers.protocol import Deferred, Processing, Succeeded, Unknown

OTHER_SECRET = {"LEDGER_CCPAYMENT_APP_SECRET": "0123456789abcdef0123456789abcdee"}
OTHER_MERCHANT = {"LEDGER_CCPAYMENT_APP_ID": "202601010000000000000000000000002"}
OTHER_KEY = {"LEDGER_COINQPAY_PRIVATE_KEY": "ff" * 32}

Change = Callable[[bytes], bytes]

# One for each of the ways in which a body can be another one; the space changes no value in it.
CHANGES: Mapping[str, Change] = {
    "another amount": lambda body: re.sub(rb'(amount(?:In)?":")', rb"\g<1>9", body),
    "a space": lambda body: body.replace(b":", b": ", 1),
    "the last byte": lambda body: body[:-1],
    "a byte more": lambda body: body + b"\n",
    "nothing": lambda _: b"",
}

EACH = pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.name)


@pytest.mark.parametrize(
    ("order", "settings", "code"),
    [
        (MOVE, OTHER_SECRET, "11005"),
        (CONVERT, OTHER_SECRET, "11005"),
        (MOVE, OTHER_MERCHANT, "12001"),
        (CONVERT, OTHER_MERCHANT, "12001"),
        (PAYOUT, OTHER_KEY, "12005"),
        (WITHDRAW, OTHER_KEY, "12005"),
        (COLLECT, OTHER_KEY, "12005"),
    ],
    ids=lambda value: value.name if isinstance(value, Order) else None,
)
async def test_with_the_wrong_credentials_nothing_is_done_and_nothing_is_found_out(
    order: Order, settings: Mapping[str, str], code: str
) -> None:
    async with open_ends(worker=settings) as ends:
        attempt = await ends.attempt(order)
        assert isinstance(attempt.outcome, Deferred)
        assert attempt.outcome.provider_code == code
        assert isinstance(only(await ends.look_up(attempt)), Unknown)
        assert count(ends.sandbox, order) == 0


@EACH
@pytest.mark.parametrize("seconds", [-121, 121])
async def test_with_the_wrong_time_nothing_is_done_and_nothing_is_found_out(
    ends: Ends, order: Order, seconds: int
) -> None:
    ends.clock.ahead = timedelta(seconds=seconds)
    attempt = await ends.attempt(order)
    assert isinstance(attempt.outcome, Deferred)
    assert attempt.outcome.provider_code == {"ccpayment": "11006", "coinqpay": "1004"}[order.provider]
    assert isinstance(only(await ends.look_up(attempt)), Unknown)
    assert count(ends.sandbox, order) == 0


@EACH
@pytest.mark.parametrize("seconds", [-119, 119])
async def test_two_minutes_either_way_are_accepted(ends: Ends, order: Order, seconds: int) -> None:
    ends.clock.ahead = timedelta(seconds=seconds)
    attempt = await ends.attempt(order)
    assert isinstance(attempt.outcome, Succeeded | Processing)


@EACH
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_body_that_was_changed_on_the_way_is_refused(ends: Ends, order: Order, change: Change) -> None:
    prepared = ends.providers[order.provider].prepare(order.instruction, ends.clock.now())
    assert change(prepared.body) != prepared.body
    attempt = await ends.send(order, replace(prepared, body=change(prepared.body)))
    assert isinstance(attempt.outcome, Deferred)
    assert attempt.outcome.provider_code == {"ccpayment": "11005", "coinqpay": "12001"}[order.provider]
    assert count(ends.sandbox, order) == 0
    assert isinstance((await ends.send(order, prepared)).outcome, Succeeded | Processing)


@EACH
async def test_bytes_that_come_again_after_two_minutes_are_too_old(ends: Ends, order: Order) -> None:
    first = await ends.attempt(order)
    ends.clock.go_on(121)
    again = await ends.send(order, first.prepared)
    assert isinstance(again.outcome, Deferred)
    assert again.outcome.code == "request_expired"
    assert count(ends.sandbox, order) == 1
