"""The command line: `ledger-worker`. Each command reads its arguments and calls one part; errors are one line."""

import asyncio
import getpass
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer
import uvloop

from worker import console, dead, dead_replay, demo, desk, reads, run_now
from worker.boot import ROLES, check_roles
from worker.boot import run as run_worker
from worker.broker import apply_topology, check_topology, visit
from worker.check_providers import check_providers
from worker.contract import FOLDER, check_contract, write_contract
from worker.errors import BadInput, Finding, WorkerError
from worker.export import FORMATS, written
from worker.logs import set_up_logging
from worker.migrate import migrate as apply_migrations
from worker.providers.registry import configured
from worker.review import ask_provider, resolve_order
from worker.sandbox_desk import serve_sandbox
from worker.settings import Settings, read_settings, required

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Carries payment commands from RabbitMQ to payment providers and keeps a double-entry ledger.",
)
topology = typer.Typer(no_args_is_help=True, help="Exchanges and queues in RabbitMQ.")
orders = typer.Typer(no_args_is_help=True, help="Orders: what was asked, and how far it is.")
accounts = typer.Typer(no_args_is_help=True, help="Accounts and their balances.")
review = typer.Typer(no_args_is_help=True, help="Orders whose outcome no machine can know.")
deposits = typer.Typer(no_args_is_help=True, help="What came in at the providers.")
providers = typer.Typer(no_args_is_help=True, help="Payment providers, as configured.")
dead_letters = typer.Typer(no_args_is_help=True, help="Messages that are no commands, or that were given up.")
schemas = typer.Typer(no_args_is_help=True, help="The contract as JSON Schema and AsyncAPI.")
app.add_typer(topology, name="topology")
app.add_typer(orders, name="orders")
app.add_typer(accounts, name="accounts")
app.add_typer(deposits, name="deposits")
app.add_typer(review, name="review")
app.add_typer(providers, name="providers")
app.add_typer(dead_letters, name="dead")
app.add_typer(schemas, name="schemas")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="The most rows to print.")]
OfProvider = Annotated[
    str | None, typer.Option("--provider", help="Only this provider's; all configured by default.")
]
OfReason = Annotated[str | None, typer.Option("--reason", help="Only those with this in their reason.")]
OfOrder = Annotated[str | None, typer.Option("--order-id", help="Only those of this order.")]
Looked = Annotated[
    int, typer.Option("--limit", min=1, max=100_000, help="The most letters to look at, per provider.")
]
OptionalLimit = Annotated[int | None, typer.Option(min=1, help="The most rows to print.")]


def main() -> NoReturn:
    """Run the command line: exit 0, 1 for a finding, 2 for bad input."""
    set_up_logging()
    try:
        app(standalone_mode=False)
    except typer.Abort:
        sys.exit(130)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except WorkerError as error:
        console.complain(str(error))
        sys.exit(2 if isinstance(error, BadInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # What typer's parser raises is told apart by its own method; anything else is a bug and keeps its trace.
        if not hasattr(error, "format_message"):
            raise
        if error.format_message():  # none when the help was the answer
            console.complain(error.format_message())
        sys.exit(2)
    sys.exit(0)


@app.command()
def migrate() -> None:
    """Apply the schema; safe to repeat, safe when two run at once."""
    settings = read_settings()
    worker_url = settings.database_url or settings.database_owner_url
    owner_url = settings.database_owner_url or settings.database_url
    applied = apply_migrations(
        required(owner_url, "LEDGER_DATABASE_URL"), required(worker_url, "LEDGER_DATABASE_URL")
    )
    typer.echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")


@topology.command("apply")
def topology_apply() -> None:
    """Declare exchanges, queues and bindings; harmless when they are there."""
    settings = read_settings()

    async def apply() -> None:
        async with visit(_amqp_url(settings)) as channel:
            await apply_topology(channel, configured(settings))

    _run(apply())
    typer.echo("exchanges, queues and bindings are in place")


@topology.command("check")
def topology_check() -> None:
    """Verify exchanges and queues; exit 1 when one is missing or has other arguments."""
    settings = read_settings()
    problems = _run(check_topology(_amqp_url(settings), configured(settings)))
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise Finding(f"{len(problems)} of the exchanges and queues are not as they should be")
    typer.echo("exchanges and queues are as they should be")


@app.command()
def run(
    role: Annotated[
        str | None,
        typer.Option(help=f"A comma-separated part of {','.join(ROLES)}; all by default."),
    ] = None,
    declare: Annotated[
        bool, typer.Option("--topology/--no-topology", help="Declare exchanges and queues first.")
    ] = True,
) -> None:
    """Work until SIGTERM, then finish what is in flight and exit 0."""
    settings = read_settings()
    roles = check_roles(role)
    _run(run_worker(settings, roles, declare))


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8090,
    fund: Annotated[
        list[str] | None,
        typer.Option(help="Give a user coins at the start: userId/coinId/amount. Repeatable."),
    ] = None,
    webhooks_to: Annotated[
        str | None,
        typer.Option(help="Send webhooks to this server, for example http://127.0.0.1:8080."),
    ] = None,
) -> None:
    """Simulate the providers on one port, with the credentials from the settings or well-known ones."""
    _run(serve_sandbox(read_settings(), host, port, fund or [], webhooks_to))


@app.command("demo")
def show_demo() -> None:
    """Show the whole road on empty servers: commands, events, balances, entries and the audit."""
    _run(demo.show(read_settings()))


@app.command()
def publish(
    command_type: Annotated[str, typer.Argument(metavar="TYPE", help="For example: transfer.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="The command's fields.")
    ] = None,
    file: Annotated[str | None, typer.Option(help="Read the fields from a JSON file; - is standard input.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the terminal event and print it.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for it.")] = 60,
    as_json: Json = False,
) -> None:
    """Validate a command and publish it with confirm."""
    body = desk.compose(command_type, fields or [], _read(file))
    event = _run(desk.publish(_amqp_url(read_settings()), body, wait, timeout))
    if event is not None:
        console.print_event(event, as_json)
    elif as_json:
        console.print_json({"published": body.order_id})
    else:
        typer.echo(f"published {body.order_id}")


@app.command()
def events(
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many.")] = None,
    as_json: Json = False,
) -> None:
    """Print result events as they come."""
    _run(desk.follow_events(_amqp_url(read_settings()), count, lambda event: console.print_event(event, as_json)))


@orders.command("list")
def orders_list(
    state: Annotated[str | None, typer.Option(help="Only orders in this state.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List orders, newest first."""
    console.print_rows(_read_rows(reads.orders(state, limit)), as_json, "no orders")


@orders.command("show")
def orders_show(order_id: str, as_json: Json = False) -> None:
    """Show an order: its state, what was learned of it, and what was posted."""
    order, evidence, lines = (
        _read_rows(query) for query in (reads.order(order_id), reads.evidence(order_id), reads.lines_of(order_id))
    )
    if not order:
        raise Finding(f"no order {order_id}")
    if as_json:
        console.print_json({**order[0], "evidence": evidence, "entries": lines})
        return
    console.print_rows(order, False, "")
    console.print_rows(evidence, False, "nothing was learned of it yet", title="evidence")
    console.print_rows(lines, False, "nothing was posted for it", title="entries")


@accounts.command("list")
def accounts_list(limit: Limit = 1000, as_json: Json = False) -> None:
    """List accounts with what they have, what is held, and what is left."""
    console.print_rows(_read_rows(reads.accounts(limit)), as_json, "no accounts")


@accounts.command("show")
def accounts_show(
    account: str,
    at: Annotated[
        str | None, typer.Option(help="As of this moment, RFC 3339, for example 2026-11-20T10:00:00Z.")
    ] = None,
    coin: Annotated[str | None, typer.Option(help="Only this coin.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only at this provider.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show an account's balances and its statement: the last entries, oldest first, with the balance after each."""
    part = reads.Part(None if at is None else reads.read_moment(at, "--at"), coin, provider)
    if not _read_rows(reads.account(account)):
        raise Finding(f"no account {account}")
    balances, lines = (
        _read_rows(query) for query in (reads.balances(account, part), reads.statement(account, part, limit))
    )
    if as_json:
        console.print_json({"balances": balances, "entries": lines})
        return
    console.print_rows(balances, False, "no balance")
    console.print_rows(
        [reads.statement_line(line) for line in lines], False, "no entries", title="entries, oldest first"
    )


@app.command()
def entries(
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    order_id: Annotated[str | None, typer.Option(help="Only this order.")] = None,
    form: Annotated[
        Literal["table", "csv", "json"],
        typer.Option("--format", help="A table of the last 50, or all as CSV or JSON lines."),
    ] = "table",
    limit: OptionalLimit = None,
    as_json: Json = False,
) -> None:
    """List ledger lines, newest first."""
    if form == "table" and not as_json:
        rows = _read_rows(reads.entries(account, order_id, limit or 50))
        console.print_rows(rows, False, "no entries")
        return
    stream = reads.stream(read_settings(), reads.entries(account, order_id, limit))
    _run(console.print_json_lines(stream) if as_json or form == "json" else console.print_csv(stream, reads.ENTRY))


@app.command("export")
def export_ledger(
    form: Annotated[Literal["beancount", "hledger"], typer.Option("--format", help="For which program.")],
) -> None:
    """Print the whole ledger as a plain text accounting file, with the balances it must come to."""
    rows = reads.stream(read_settings(), reads.journals())
    _run(console.print_lines(written(rows, FORMATS[form]())))


@deposits.command("list")
def deposits_list(
    state: Annotated[str | None, typer.Option(help="Only deposits in this state.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List the deposits that providers have told of, newest first: credited, or why not."""
    console.print_rows(_read_rows(reads.deposits(state, limit)), as_json, "no deposits")


@app.command()
def adjust(
    order_id: Annotated[str, typer.Option(help="A new id: the adjustment happens once.")],
    account: Annotated[str, typer.Option(help="user:<userId> or merchant.")],
    provider: Annotated[str, typer.Option(help="For example: ccpayment.")],
    coin: Annotated[str, typer.Option(help="The coin as events name it, for example 1280.")],
    amount: Annotated[str, typer.Option(help="Decimal; negative takes from the account.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the books.")],
) -> None:
    """Post a manual journal against custody: opening balances, corrections."""
    adjustment = desk.read_adjustment(order_id, account, provider, coin, amount, reason)
    typer.echo(_run(desk.adjust(read_settings(), adjustment)))


@review.command("list")
def review_list(as_json: Json = False) -> None:
    """List the orders that need a person, oldest first."""
    console.print_rows(_read_rows(reads.review()), as_json, "no order needs a person")


@review.command("show")
def review_show(order_id: str, as_json: Json = False) -> None:
    """Show all that is known of an order: attempts byte for byte, evidence, and what the provider says now."""
    settings = read_settings()
    order, attempts, evidence = (
        _read_rows(query) for query in (reads.detail(order_id), reads.attempts(order_id), reads.evidence(order_id))
    )
    if not order:
        raise Finding(f"no order {order_id}")
    says = _run(ask_provider(settings, order_id))
    if as_json:
        known = {**order[0], "attempts": attempts, "evidence": evidence, "provider_says": says}
        console.print_json(known)
        return
    console.print_facts(order[0])
    console.print_rows(attempts, False, "nothing was sent", title="attempts")
    console.print_rows(evidence, False, "nothing was learned of it yet", title="evidence")
    console.print_rows(says, False, "the provider shows nothing that can be this order", title="the provider now")


@review.command("resolve")
def review_resolve(
    order_id: str,
    by: Annotated[str, typer.Option(help="Who decides.")],
    reason: Annotated[str, typer.Option(help="Why: the evidence, for whoever reads it later.")],
    executed: Annotated[
        str | None, typer.Option(help="It was executed: the provider's id of it. Read back before it is believed.")
    ] = None,
    differing: Annotated[
        str | None,
        typer.Option(help="With --executed: the fields in which the record differs, for which you answer."),
    ] = None,
    not_executed: Annotated[
        bool,
        typer.Option("--not-executed", help="It was not executed, and never will be: release its funds."),
    ] = False,
) -> None:
    """Decide on an order in review, with evidence; who and why is recorded."""
    if (executed is not None) == not_executed:
        raise BadInput("--executed or --not-executed: one of the two is required")
    resolution = desk.read_resolution(executed, differing, by, reason)
    typer.echo(_run(resolve_order(read_settings(), order_id, resolution)))


@providers.command("check")
def providers_check(as_json: Json = False) -> None:
    """Sign and send one harmless read to each configured provider; exit 1 when one does not accept it."""
    rows = _run(check_providers(read_settings()))
    console.print_rows(rows, as_json, "no provider is configured")
    failing = [row["provider"] for row in rows if not row["accepted"]]
    if failing:
        raise Finding(f"not accepted by {', '.join(failing)}")


@app.command("rescan")
def rescan_now() -> None:
    """Run every open rescan once, now."""
    typer.echo(_run(run_now.rescan_all(read_settings())))


@app.command("reconcile")
def reconcile_now(as_json: Json = False) -> None:
    """Compare every provider's books with the ledger, now; exit 1 and print what differs. Nothing is booked."""
    reports = _run(run_now.reconcile_now(read_settings()))
    rows = [row for report in reports for row in run_now.rows_of(report)]
    if not as_json:
        for report in reports:
            typer.echo(f"{report.provider}: {report.words}")
    console.print_rows(rows, as_json, "everything agrees")
    differing = sum(report.drift_count for report in reports)
    if differing:
        raise Finding(f"{differing} differences")


@app.command()
def jobs(as_json: Json = False) -> None:
    """List the scheduled jobs: when each last ran, what it did, and when it is due."""
    console.print_rows(_read_rows(reads.jobs()), as_json, "no job has run yet")


@dead_letters.command("list")
def dead_list(
    provider: OfProvider = None,
    reason: OfReason = None,
    order_id: OfOrder = None,
    limit: Looked = 1000,
    replayed: Annotated[bool, typer.Option("--replayed", help="List what was replayed instead.")] = False,
    as_json: Json = False,
) -> None:
    """List dead letters, oldest first; they stay where they are."""
    if replayed:
        console.print_rows(_read_rows(dead_replay.replays(limit)), as_json, "nothing was replayed")
        return
    wanted = _wanted(provider, limit, reason=reason, order_id=order_id)
    console.print_rows(_run(dead.list_letters(read_settings(), wanted)), as_json, "no dead letters")


@dead_letters.command("show")
def dead_show(
    letter: Annotated[str, typer.Argument(help="Its id in the list, or its message id.")],
    provider: OfProvider = None,
    limit: Looked = 1000,
    raw: Annotated[bool, typer.Option("--raw", help="Only its body, byte for byte: to be edited.")] = False,
    as_json: Json = False,
) -> None:
    """Show a dead letter: headers, history and body."""
    wanted = _wanted(provider, limit, letter=letter)
    if raw:
        sys.stdout.buffer.write(_run(dead.raw_body(read_settings(), wanted)))
        return
    letters = _run(dead.show_letters(read_settings(), wanted))
    if not letters:
        raise Finding("no dead letter matches")
    for one in letters:
        if as_json:
            console.print_json(one)
            continue
        parts = {name: one.pop(name) for name in ("headers", "history", "body")}
        console.print_facts(one | parts["headers"])
        console.print_rows(parts["history"], False, "the broker has no history of it", title="history")
        typer.echo(parts["body"])


@dead_letters.command("replay")
def replay_dead(
    letter: Annotated[str | None, typer.Argument(help="Its id in the list, or its message id.")] = None,
    provider: OfProvider = None,
    reason: OfReason = None,
    order_id: OfOrder = None,
    limit: Looked = 1000,
    edit: Annotated[str | None, typer.Option(help="This file's content instead; - is standard input.")] = None,
    by: Annotated[str | None, typer.Option(help="Who replays; the name of the login by default.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Publish dead letters again as commands; who and when is recorded. Exit 1 when one had to be kept."""
    if letter is None and reason is None and order_id is None and provider is None:
        raise BadInput("LETTER, --reason, --order-id or --provider: one is required")
    wanted = _wanted(provider, limit, letter=letter, reason=reason, order_id=order_id)
    replayer = dead_replay.read_replayer(by or _login(), _read(edit, "--edit"), dry_run)
    rows = _run(dead_replay.replay_letters(read_settings(), wanted, replayer))
    console.print_rows(rows, as_json, "")
    kept = [row for row in rows if row["outcome"].startswith("kept")]
    if kept:
        raise Finding(f"{len(kept)} of {len(rows)} dead letters were kept: the worker would refuse them again")


@schemas.command("export")
def schemas_export(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when one is stale.")] = False,
    release: Annotated[
        bool, typer.Option("--release", help="Also make them what later ones must be compatible with.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where they are.")] = FOLDER,
) -> None:
    """Write the JSON Schema of every command and event, and the AsyncAPI document."""
    if check and release:
        raise BadInput("--check or --release: one of the two")
    if not check:
        changed = write_contract(folder, release)
        typer.echo("\n".join(changed) or "the documents are up to date")
        return
    problems = check_contract(folder)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise Finding(f"{len(problems)} findings; `ledger-worker schemas export` writes what is stale")
    typer.echo("the documents are up to date, and compatible with the released ones")


@app.command()
def audit(as_json: Json = False) -> None:
    """Check every invariant; exit 1 and print the rows when one is broken."""
    violations = _read_rows(reads.violations())
    console.print_rows(violations, as_json, "every invariant holds")
    if violations:
        raise Finding(f"{len(violations)} violations")


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _read_rows(query: reads.Query) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _run(reads.fetch(read_settings(), query))
    return rows


def _amqp_url(settings: Settings) -> str:
    return required(settings.amqp_url, "LEDGER_AMQP_URL")


def _wanted(provider: str | None, limit: int, **which: str | None) -> dead.Wanted:
    return dead.read_wanted(configured(read_settings()), provider, limit, **which)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise BadInput("--by: is required, this login has no name") from None


def _read(file: str | None, option: str = "--file") -> bytes | None:
    if file is None:
        return None
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadInput(f"{option}: cannot be read ({error.strerror})") from None
