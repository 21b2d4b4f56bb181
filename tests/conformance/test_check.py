"""`check_providers` against the sandbox: it names clock, signature or credentials, whichever is wrong."""

import time
from collections.abc import Mapping

import pytest

from tests.conformance.ends import APP_SECRET, SEED, SETTINGS
from tests.conformance.port import base_urls, deaf_url, served
from worker.check_providers import check_providers
from worker.sandbox_desk import open_sandbox
from worker.settings import read_settings

RECIPE = "LEDGER_COINQPAY_SIGNATURE_"
ACCEPTED = "credentials, clock and signature are accepted"


async def answers(settings: Mapping[str, str], provider_is_ahead: float = 0) -> dict[str, str]:
    """What is said of each provider to a worker with these settings; the sandbox has the usual ones."""
    simulated = open_sandbox(read_settings(SETTINGS))
    simulated._now = lambda: time.time() + provider_is_ahead
    async with served(simulated) as url:
        rows = await check_providers(read_settings({**SETTINGS, **base_urls(url), **settings}))
    assert all(row["accepted"] == (row["answer"] == ACCEPTED) for row in rows)
    return {row["provider"]: row["answer"] for row in rows}


@pytest.mark.parametrize("ahead", [-115, 0, 115])
async def test_both_are_accepted(ahead: float) -> None:
    assert await answers({}, ahead) == {"ccpayment": ACCEPTED, "coinqpay": ACCEPTED}


@pytest.mark.parametrize("ahead", [-122, 122])
async def test_a_wrong_clock_is_named(ahead: float) -> None:
    said = await answers({}, ahead)
    assert all("clock is wrong" in answer and "expired" in answer for answer in said.values())
    assert ("11006" in said["ccpayment"], "1004" in said["coinqpay"]) == (True, True)


@pytest.mark.parametrize(
    ("provider", "variable", "value", "words"),
    [
        ("ccpayment", "LEDGER_CCPAYMENT_APP_SECRET", "another", "LEDGER_CCPAYMENT_APP_SECRET is wrong"),
        ("ccpayment", "LEDGER_CCPAYMENT_APP_ID", "another-merchant", "LEDGER_CCPAYMENT_APP_ID is wrong"),
        ("coinqpay", "LEDGER_COINQPAY_PRIVATE_KEY", "ff" * 32, "the key is not registered"),
        ("coinqpay", RECIPE + "ENCODING", "base64", "the key is not registered"),
        ("coinqpay", RECIPE + "PREHASH", "none", "the signing recipe is wrong"),
        ("coinqpay", RECIPE + "TEMPLATE", "{path}{timestamp}{body}", "the signature is refused"),
        ("coinqpay", RECIPE + "KEY_HEADER", "X-Key", "a header is missing"),
        ("coinqpay", RECIPE + "TIME_UNIT", "s", "or the recipe's time unit"),
    ],
)
async def test_what_is_wrong_is_named_and_the_other_provider_is_accepted(
    provider: str, variable: str, value: str, words: str
) -> None:
    said = await answers({variable: value})
    answer = said.pop(provider)
    assert words in answer
    assert APP_SECRET not in answer
    assert SEED not in answer
    assert [*said.values()] == [ACCEPTED]


@pytest.mark.parametrize(
    ("action", "fields", "words"),
    [
        ("permissions", {"allowed": False}, "the key is not registered, or lacks permission"),
        ("permissions", {"route": "coin_balance", "allowed": False}, "the key lacks permission"),
        ("ip", {"allowed": False}, "this machine's address is not allowed"),
    ],
)
async def test_what_the_account_lacks_is_named(action: str, fields: Mapping[str, object], words: str) -> None:
    simulated = open_sandbox(read_settings(SETTINGS))
    simulated.ask(simulated.controls["coinqpay"][action], fields)
    async with served(simulated) as url:
        rows = await check_providers(read_settings({**SETTINGS, **base_urls(url)}))
    assert words in next(row["answer"] for row in rows if row["provider"] == "coinqpay")


async def test_with_nobody_there_no_answer_is_usable() -> None:
    rows = await check_providers(read_settings({**SETTINGS, **base_urls(deaf_url())}))
    assert [row["accepted"] for row in rows] == [False, False]
    assert all("no usable answer" in row["answer"] for row in rows)
