"""CoinQ Pay's signing recipe: any one works that both ends have, and none that they do not share."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.conformance.ends import open_ends
from tests.conformance.orders import COLLECT, PAYOUT, WITHDRAW, count, only, truth
from worker.providers.protocol import Absent, Deferred

PREFIX = "LEDGER_COINQPAY_SIGNATURE_"

# Each with the code that a caller gets who has the other recipe. A signature is looked at last: before it come the
# headers, the key as it is written, and the time.
RECIPES: Mapping[str, tuple[Mapping[str, str], str]] = {
    "text itself": ({"PREHASH": "none"}, "12001"),
    "hashed once": ({"PREHASH": "sha256"}, "12001"),
    "no bars": ({"TEMPLATE": "{timestamp}{method}{path}{params}{body}"}, "12001"),
    "lines": ({"TEMPLATE": "{method}\n{path}?{params}\n{timestamp}\n{body}"}, "12001"),
    "words around": ({"TEMPLATE": "coinqpay é|{path}|{body}|{timestamp}|{params}"}, "12001"),
    "seconds": ({"TIME_UNIT": "s"}, "1004"),
    "base64": ({"ENCODING": "base64"}, "12005"),
    "another key header": ({"KEY_HEADER": "X-API-KEY"}, "12000"),
    "another time header": ({"TIME_HEADER": "X-Timestamp"}, "12000"),
    "another signature header": ({"HEADER": "X-Signature"}, "12000"),
    "all of it": (
        {
            "PREHASH": "none",
            "TIME_UNIT": "s",
            "ENCODING": "base64",
            "TEMPLATE": "{body}{path}{params}{timestamp}",
            "KEY_HEADER": "X-Key",
            "TIME_HEADER": "X-Time",
            "HEADER": "X-Sign",
        },
        "12000",
    ),
}
ALL = pytest.mark.parametrize("name", RECIPES)


def settings_of(name: str) -> Mapping[str, str]:
    return {PREFIX + part: value for part, value in RECIPES[name][0].items()}


@ALL
async def test_with_the_same_recipe_at_both_ends_everything_works(name: str) -> None:
    async with open_ends(worker=settings_of(name), sandbox=settings_of(name)) as ends:
        # Where stamps are seconds, two equal reads of one second would be one request.
        ends.clock.tick = timedelta(seconds=1)
        for order in (PAYOUT, WITHDRAW, COLLECT):
            attempt = await ends.attempt(order)
            assert attempt.outcome == truth(ends.sandbox, order) != Absent()
            assert only(await ends.look_up(attempt)) == truth(ends.sandbox, order)
        await ends.coinqpay.check()
        assert len(await ends.coinqpay.coins()) == 5
        assert await ends.coinqpay.api.pay_order("an order, of é & others=1?") is None


@ALL
@pytest.mark.parametrize("end", ["worker", "sandbox"])
async def test_with_different_recipes_nothing_does(name: str, end: str) -> None:
    async with open_ends(**{end: settings_of(name)}) as ends:
        for order in (PAYOUT, WITHDRAW, COLLECT):
            attempt = await ends.attempt(order)
            assert isinstance(attempt.outcome, Deferred)
            assert attempt.outcome.provider_code == RECIPES[name][1]
            assert count(ends.sandbox, order) == 0
