"""What people read of the books by command: statements, lists of lines, exports, deposits, reconciliation."""

import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from tests.e2e.stage import APP_ID, Stage

NAMES = ["journal_id", "order_id", "at", "account", "provider", "coin", "amount", "purpose", "balance_after"]

# Alice's, oldest first.
AMOUNTS = ("5", "0.000000000000000001", "-2.5")


async def book(
    desk: Stage, amounts: Sequence[str] = AMOUNTS, account: str = "user:alice1", kind: str = "adj"
) -> None:
    for number, amount in enumerate(amounts):
        await desk.adjust(account, amount, f"{kind}-{number}")


async def shown(desk: Stage, *arguments: str) -> dict[str, list[dict[str, str]]]:
    finished = await desk.run("accounts", "show", *arguments, "--json")
    assert finished.code == 0, finished.err
    answer: dict[str, list[dict[str, str]]] = json.loads(finished.out)
    return answer


async def test_a_statement_has_the_running_balance_oldest_first(desk: Stage) -> None:
    await book(desk)
    answer = await shown(desk, "user:alice1")
    assert [line["amount"] for line in answer["entries"]] == list(AMOUNTS)
    assert [line["balance_after"] for line in answer["entries"]] == [
        "5",
        "5.000000000000000001",
        "2.500000000000000001",
    ]
    assert [line["amount"] for line in (await shown(desk, "user:alice1", "--limit", "2"))["entries"]] == list(
        AMOUNTS[1:]
    )
    assert answer["balances"][0]["posted"] == "2.500000000000000001"
    for_people = (await desk.run("accounts", "show", "user:alice1")).out
    assert for_people.index("adj-0") < for_people.index("adj-2")


async def test_a_past_moment_has_the_balance_of_then(desk: Stage) -> None:
    await book(desk)
    times = [line["at"] for line in (await shown(desk, "user:alice1"))["entries"]]
    for moment, balance in zip(times, ("5", "5.000000000000000001", "2.500000000000000001"), strict=True):
        answer = await shown(desk, "user:alice1", "--at", moment)
        assert [row["posted"] for row in answer["balances"]] == [balance]
        assert answer["entries"][-1]["balance_after"] == balance
    before = datetime.fromisoformat(times[0]) - timedelta(microseconds=1)
    assert await shown(desk, "user:alice1", "--at", before.isoformat()) == {"balances": [], "entries": []}


async def test_a_statement_can_be_of_one_coin_or_provider(desk: Stage) -> None:
    await book(desk, ["1"])
    await desk.adjust("user:alice1", "2", "adj-other", coin="1329")
    assert [row["coin"] for row in (await shown(desk, "user:alice1"))["balances"]] == ["1280", "1329"]
    for option, value, count in (
        ("--coin", "1329", 1),
        ("--provider", "ccpayment", 2),
        ("--provider", "coinqpay", 0),
    ):
        answer = await shown(desk, "user:alice1", option, value)
        assert (len(answer["balances"]), len(answer["entries"])) == (count, count)


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-20", "2026-11-20T10:00:00", "2026-13-20T10:00:00Z"])
async def test_a_moment_that_is_none_is_refused(desk: Stage, moment: str) -> None:
    finished = await desk.run("accounts", "show", "user:alice1", "--at", moment)
    assert (finished.code, len(finished.err.splitlines())) == (2, 1)
    assert "--at" in finished.err


async def test_lines_come_as_csv_with_a_header_and_exact_decimals(desk: Stage) -> None:
    await book(desk)
    finished = await desk.run("entries", "--format", "csv", "--account", "user:alice1")
    header, *rows = csv.reader(io.StringIO(finished.out, newline=""))
    assert header == NAMES
    assert [row[NAMES.index("amount")] for row in rows] == list(reversed(AMOUNTS))
    as_json = await desk.run("entries", "--format", "json", "--account", "user:alice1")
    assert as_json.out == (await desk.run("entries", "--json", "--account", "user:alice1")).out
    assert [[str(value) for value in json.loads(line).values()] for line in as_json.out.splitlines()] == rows


async def test_all_lines_come_unless_a_limit_is_given(desk: Stage) -> None:
    with psycopg.connect(desk.database_url) as owner:
        owner.execute(
            "SELECT ledger.adjust('adj-' || n, '', 'user:alice1', 'ccpayment', '1280', 1, 'many', now())"
            " FROM generate_series(1, 1500) AS n"
        )
    assert len((await desk.run("entries", "--format", "csv")).out.splitlines()) == 3001
    assert len((await desk.run("entries", "--format", "csv", "--limit", "7")).out.splitlines()) == 8
    assert len((await desk.run("entries", "--json")).out.splitlines()) == 3000
    table = (await desk.run("entries")).out
    assert len(re.findall(r"adj-\d+", table)) == 50


async def test_lines_of_a_database_that_is_away_are_one_line_of_error(desk: Stage) -> None:
    away = desk.having(LEDGER_DATABASE_URL="postgresql://u:canary-4711@127.0.0.1:9/x")
    for arguments in (("entries", "--format", "csv"), ("export", "--format", "beancount")):
        finished = await away.run(*arguments)
        assert (finished.code, len(finished.err.splitlines())) == (1, 1), finished.err


async def test_the_export_is_accepted_and_comes_to_the_ledgers_balances(desk: Stage) -> None:
    loader = pytest.importorskip("beancount.loader")
    realization = pytest.importorskip("beancount.core.realization")
    await book(desk)
    await book(desk, ["7", "-1.25"], "merchant", "mer")
    await desk.adjust("user:o.d:d@user-1", "3", "adj-odd", coin="1329")
    finished = await desk.run("export", "--format", "beancount")
    assert finished.code == 0, finished.err
    entries, errors, _ = loader.load_string(finished.out)
    assert errors == []
    originals = {entry.account: entry.meta["account"] for entry in entries if type(entry).__name__ == "Open"}
    coins = {entry.currency: entry.meta["coin"] for entry in entries if type(entry).__name__ == "Commodity"}
    balances = {
        (originals[account.account], coins[position.units.currency]): position.units.number
        for account in realization.iter_children(realization.realize(entries))
        for position in account.balance
    }
    rows = await desk.query("SELECT account, coin, posted FROM ledger.account_balance")
    assert balances == {(row["account"], row["coin"]): row["posted"] for row in rows}
    assert (await desk.run("export", "--format", "hledger")).code == 0
    assert (await desk.run("export", "--format", "gnucash")).code == 2


async def test_deposits_are_listed_with_their_state(desk: Stage) -> None:
    assert "no deposits" in (await desk.run("deposits", "list")).out
    with psycopg.connect(desk.database_url) as owner:
        for record_id, state in (("rec-1", "pending"), ("rec-2", "risky")):
            owner.execute(
                "SELECT ledger.note_deposit('ccpayment', %s, 'user', %s, 'user:alice1', '1280', 0.5, 0, 'TRX', 'tx',"
                " NULL, 'T1', NULL, 'why', NULL, now(), now(), now())",
                (record_id, state),
            )
    rows = [json.loads(line) for line in (await desk.run("deposits", "list", "--json")).out.splitlines()]
    assert {(row["record_id"], row["state"], row["amount"]) for row in rows} == {
        ("rec-1", "pending", "0.5"),
        ("rec-2", "risky", "0.5"),
    }
    [only] = (await desk.run("deposits", "list", "--state", "risky", "--json")).out.splitlines()
    assert json.loads(only)["note"] == "why"


async def test_a_reconciliation_by_hand_finds_what_differs_and_exits_1(stage: Stage) -> None:
    stage = stage.having(LEDGER_CCPAYMENT_V1_BASE_URL=stage.sandbox_url)
    await stage.fund_merchant("100")
    agrees = await stage.run("reconcile")
    assert (agrees.code, agrees.err) == (0, "")
    assert "0 differ" in agrees.out
    await stage.control("POST", "fund", userId=APP_ID, coinId=1280, amount="0.5")
    for _ in range(2):
        differs = await stage.run("reconcile", "--json")
        assert (differs.code, len(differs.err.splitlines())) == (1, 1)
        [row] = [json.loads(line) for line in differs.out.splitlines()]
        assert (row["result"], row["provider"], row["what"], row["account"]) == (
            *("drift", "ccpayment", "balance", "merchant"),
        )
        assert Decimal(row["provider_amount"]) - Decimal(row["ledger_amount"]) == Decimal("0.5")
    [row] = await stage.query("SELECT * FROM ledger.drift WHERE closed_at IS NULL")
    assert row["since"] < row["seen_at"]
    table = await stage.run("reconcile")
    assert "merchant" in table.out


async def test_a_provider_that_is_away_is_no_agreement(desk: Stage) -> None:
    finished = await desk.run("reconcile")
    assert (finished.code, len(finished.err.splitlines())) == (1, 1)
    assert "ccpayment" in finished.err
