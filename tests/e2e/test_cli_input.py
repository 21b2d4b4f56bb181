"""What the command line refuses, and its help: exit codes, one line on stderr, and no value of a setting in it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.e2e.program import Finished, run
from tests.e2e.stage import APP_ID, APP_SECRET

COMMANDS = [
    "",
    "migrate",
    "topology",
    "topology apply",
    "topology check",
    "run",
    "sandbox",
    "demo",
    "publish",
    "events",
    "orders",
    "orders list",
    "orders show",
    "accounts",
    "accounts list",
    "accounts show",
    "entries",
    "adjust",
    "audit",
]

FIELDS = ("orderId=ord-1", "fromUserId=alice1", "toUserId=bob123", "coinId=1280", "amount=1")

ADJUSTMENT = (
    *("--account", "merchant", "--provider", "ccpayment", "--coin", "1280"),
    *("--amount", "1", "--reason", "opening"),
)

# A value that must never be shown. It stands where the setting's value is wrong.
CANARY = "canary-4711"

PLAIN_SETTINGS = {
    "LEDGER_DATABASE_URL": f"postgresql://u:{CANARY}@127.0.0.1:9/x",
    "LEDGER_AMQP_URL": f"amqp://u:{CANARY}@127.0.0.1:9/",
    "LEDGER_CCPAYMENT_APP_ID": APP_ID,
    "LEDGER_CCPAYMENT_APP_SECRET": APP_SECRET,
}

# Name: the command line, the settings that differ (empty: not set), what the one line must name.
BAD_INPUT: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "no such command": (("frobnicate",), {}, "frobnicate"),
    "no such option": (("audit", "--frobnicate"), {}, "--frobnicate"),
    "state that is none": (("orders", "list", "--state", "nonsense"), {}, "--state"),
    "run without a database": (("run",), {"LEDGER_DATABASE_URL": ""}, "LEDGER_DATABASE_URL"),
    "run without a broker": (("run",), {"LEDGER_AMQP_URL": ""}, "LEDGER_AMQP_URL"),
    "run without a provider": (
        ("run",),
        {"LEDGER_CCPAYMENT_APP_ID": "", "LEDGER_CCPAYMENT_APP_SECRET": ""},
        "LEDGER_CCPAYMENT_APP_ID",
    ),
    "run with half a provider": (("run",), {"LEDGER_CCPAYMENT_APP_ID": ""}, "LEDGER_CCPAYMENT_APP_SECRET"),
    "migrate without a database": (("migrate",), {"LEDGER_DATABASE_URL": ""}, "LEDGER_DATABASE_URL"),
    "unknown setting": (("audit",), {"LEDGER_FOO": CANARY}, "LEDGER_FOO"),
    "setting in lower case": (("audit",), {"LEDGER_http_port": CANARY}, "LEDGER_http_port"),
    "setting that is no number": (("audit",), {"LEDGER_HTTP_PORT": CANARY}, "LEDGER_HTTP_PORT"),
    "setting that is infinite": (("audit",), {"LEDGER_POLL_SECONDS": "inf"}, "LEDGER_POLL_SECONDS"),
    "setting that is negative": (("audit",), {"LEDGER_POLL_SECONDS": "-1"}, "LEDGER_POLL_SECONDS"),
    "key that is no key": (("audit",), {"LEDGER_COINQPAY_PRIVATE_KEY": CANARY}, "LEDGER_COINQPAY_PRIVATE_KEY"),
    "map that is no map": (
        ("audit",),
        {"LEDGER_COINQPAY_WITHDRAW_ADDRESSES": CANARY},
        "LEDGER_COINQPAY_WITHDRAW_ADDRESSES",
    ),
    "database URL of another kind": (("audit",), {"LEDGER_DATABASE_URL": CANARY}, "LEDGER_DATABASE_URL"),
    "database URL with a port in words": (
        ("audit",),
        {"LEDGER_DATABASE_URL": f"postgresql://u:{CANARY}@h:{CANARY}/x"},
        "LEDGER_DATABASE_URL",
    ),
    "database URL with a broken escape": (
        ("migrate",),
        {"LEDGER_DATABASE_URL": f"postgresql://u:%zz{CANARY}@h/x"},
        "LEDGER_DATABASE_URL",
    ),
    "broker URL with a port in words": (
        ("publish", "transfer", *FIELDS),
        {"LEDGER_AMQP_URL": f"amqp://u:{CANARY}@h:{CANARY}/"},
        "LEDGER_AMQP_URL",
    ),
    "provider URL with a port in words": (
        ("run",),
        {"LEDGER_CCPAYMENT_BASE_URL": f"http://h:{CANARY}"},
        "LEDGER_CCPAYMENT_BASE_URL",
    ),
    "secret file that is not there": (
        ("audit",),
        {"LEDGER_DATABASE_URL": "", "LEDGER_DATABASE_URL_FILE": f"/{CANARY}"},
        "LEDGER_DATABASE_URL_FILE",
    ),
    "secret given twice": (("audit",), {"LEDGER_DATABASE_URL_FILE": "/x"}, "LEDGER_DATABASE_URL_FILE"),
    "unknown role": (("run", "--role", "consume,dance"), {}, "dance"),
    "adjust at a provider that is none": (
        ("adjust", "--order-id", "adj-1", *ADJUSTMENT, "--provider", "paypal"),
        {},
        "--provider",
    ),
    "publish no type": (("publish",), {}, "TYPE"),
    "publish an unknown type": (("publish", "teleport"), {}, "type"),
    "publish without a field": (("publish", "transfer", *FIELDS[:-1]), {}, "amount"),
    "publish a bad amount": (("publish", "transfer", *FIELDS[:-1], "amount=1e3"), {}, "amount"),
    "publish a bad coin": (("publish", "transfer", *FIELDS, "coinId=x"), {}, "coinId"),
    "publish an unknown field": (("publish", "transfer", *FIELDS, "fee=1"), {}, "fee"),
    "publish no pair": (("publish", "transfer", *FIELDS, "amount"), {}, "KEY=VALUE"),
    "publish a missing file": (("publish", "transfer", "--file", "/nowhere"), {}, "--file"),
    "publish a folder": (("publish", "transfer", "--file", "/"), {}, "--file"),
    "publish nothing from stdin": (("publish", "transfer", "--file", "-"), {}, "--file"),
    "sandbox with a user that is none": (("sandbox", "--port", "0", "--fund", "al/1280/1"), {}, "--fund"),
    "sandbox with a coin that is none": (("sandbox", "--port", "0", "--fund", "alice1/1/1"), {}, "--fund"),
    "sandbox with a merchant that is none": (
        ("sandbox", "--port", "0"),
        {"LEDGER_CCPAYMENT_APP_ID": "abc"},
        "LEDGER_CCPAYMENT_APP_ID",
    ),
}

# Servers that are not there: exit 1, for the words of the caller were right.
AWAY = {
    "publish": ("publish", "transfer", *FIELDS),
    "events": ("events",),
    "topology apply": ("topology", "apply"),
    "topology check": ("topology", "check"),
    "migrate": ("migrate",),
    "orders list": ("orders", "list"),
    "adjust": ("adjust", "--order-id", "adj-1", *ADJUSTMENT),
}


@pytest.fixture(scope="module")
async def refusals(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Finished]]:
    """Every command line of the tables, run side by side, because each is a second of starting Python."""
    folder, room = tmp_path_factory.mktemp("desk"), asyncio.Semaphore(4)

    async def finish(arguments: tuple[str, ...], settings: dict[str, str]) -> Finished:
        merged = {name: value for name, value in {**PLAIN_SETTINGS, **settings}.items() if value}
        async with room:
            return await run(*arguments, settings=merged, folder=folder, may_fail=True)

    lines = {f"bad: {name}": (arguments, settings) for name, (arguments, settings, _) in BAD_INPUT.items()}
    lines |= {f"away: {name}": (arguments, {}) for name, arguments in AWAY.items()}
    lines |= {f"help: {command}": ((*command.split(), "--help"), {}) for command in COMMANDS}
    finished = await asyncio.gather(*(finish(*line) for line in lines.values()))
    return dict(zip(lines, finished, strict=True))


@pytest.mark.parametrize("case", BAD_INPUT)
async def test_bad_input_is_named_in_one_line_and_exits_2(refusals: dict[str, Finished], case: str) -> None:
    finished = refusals[f"bad: {case}"]
    assert (finished.code, finished.out) == (2, "")
    [line] = finished.err.splitlines()
    assert BAD_INPUT[case][2] in line
    assert CANARY not in line


@pytest.mark.parametrize("case", AWAY)
async def test_a_server_that_is_away_is_told_in_one_line_and_exits_1(
    refusals: dict[str, Finished], case: str
) -> None:
    finished = refusals[f"away: {case}"]
    assert (finished.code, finished.out) == (1, "")
    [line] = finished.err.splitlines()
    assert "cannot be reached" in line
    assert CANARY not in line


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_has_help(refusals: dict[str, Finished], command: str) -> None:
    finished = refusals[f"help: {command}"]
    assert (finished.code, finished.err) == (0, "")
    assert "Usage" in finished.out
