"""The client's own classes against the language of the worker: neither may refuse what the other takes."""

import json
import string
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from ledger_client import Command, InvalidCommand, event_data
from ledger_client.event import read_event
from schemas import event as told
from schemas.command import Command as WorkersCommand
from schemas.registry import COMMANDS
from tests.client.commands import VALID
from worker.message import Incoming
from worker.steps.decode import Malformed, decode

KINDS = {kind.type: kind for kind in VALID}

# ---------------------------------------------------------------- commands

COMMON = {"type", "provider"}

# Around every bound there is, and what lenient readers take for numbers.
VALUES: list[object] = [
    *(
        "",
        " ",
        "a",
        "ab",
        "abc",
        "abcd",
        "abcde",
        "sys12",
        "sysabc",
        "user:alice1",
        "user:sys12",
        "merchant",
        "custody",
    ),
    *("a" * size for size in (31, 32, 33, 50, 51, 63, 64, 65, 128, 129, 255, 256)),
    *(
        "1",
        "0",
        "0.0",
        "1.",
        ".1",
        "01",
        "+1",
        "-1",
        "1e3",
        "1_0",
        "1 ",
        "1\n",
        "１",
        "0.99",
        "1.0",
        "NaN",
        "Infinity",
    ),
    *("9" * 38, "9" * 39, f"0.{'9' * 18}", f"0.{'9' * 19}", f"{'9' * 38}.{'9' * 18}"),
    *("café", "a\x00b", "a\tb", "a\x7fb", "a\x85b", "\ud800x1", "a b c", "a.b-c_d", "a@b:c.d", "~!x}{"),
    *(0, 1, -1, 1280, 2**31 - 1, 2**31, True, False, None, [], {}, 1.5),
]

TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(string.ascii_letters + string.digits + "_.:@-", max_size=140),
    st.from_regex(r"\A(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?\Z"),
)


def clients_word(kind: type[Command], fields: dict[str, Any]) -> Command | None:
    try:
        return kind(**fields)
    except InvalidCommand:
        return None


def workers_word(kind: type[Command], fields: dict[str, Any]) -> WorkersCommand | None:
    body = {"type": kind.type, **{to_camel(name): value for name, value in fields.items()}}
    return read(kind, json.dumps(body).encode("utf-8", "surrogatepass"))


def read(kind: type[Command], body: bytes) -> WorkersCommand | None:
    command = decode(Incoming(body, f"{kind.provider}.{kind.type}", kind.provider))
    return None if isinstance(command, Malformed) else command


def hold_against_each_other(kind: type[Command], fields: dict[str, Any]) -> None:
    ours, theirs = clients_word(kind, fields), workers_word(kind, fields)
    assert (ours is None) == (theirs is None), fields
    if ours is not None and theirs is not None:
        published = read(kind, ours.body())
        assert published is not None
        assert published.fingerprint() == theirs.fingerprint()


def test_there_are_the_same_commands() -> None:
    assert KINDS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_same_fields_and_provider(name: str) -> None:
    ours, theirs = KINDS[name], COMMANDS[name]
    assert ours.provider == theirs.executed_by
    assert ours.model_fields.keys() == theirs.model_fields.keys() - COMMON
    required = {field for field, info in theirs.model_fields.items() if info.is_required()} - COMMON
    assert {field for field, info in ours.model_fields.items() if info.is_required()} == required
    for field in ours.model_fields.keys() - required:
        assert ours.model_fields[field].default == theirs.model_fields[field].default


@pytest.mark.parametrize(
    ("name", "field"), [(kind.type, field) for kind, fields in VALID.items() for field in fields]
)
def test_a_field_takes_the_same_values(name: str, field: str) -> None:
    kind = KINDS[name]
    for value in VALUES:
        hold_against_each_other(kind, {**VALID[kind], field: value})


@given(data=st.data(), text=TEXTS)
def test_any_text_in_any_field_is_judged_alike(data: st.DataObject, text: str) -> None:
    kind = data.draw(st.sampled_from(list(VALID)))
    field = data.draw(st.sampled_from(list(VALID[kind])))
    hold_against_each_other(kind, {**VALID[kind], field: text})


@given(st.integers())
def test_any_number_of_a_coin_is_judged_alike(coin_id: int) -> None:
    kind = KINDS["transfer"]
    hold_against_each_other(kind, {**VALID[kind], "coin_id": coin_id})


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_that_the_client_takes_arrives_as_the_same_number(amount: Decimal) -> None:
    kind = KINDS["payout"]
    if (ours := clients_word(kind, {**VALID[kind], "amount": amount})) is not None:
        theirs = read(kind, ours.body())
        assert theirs is not None
        assert Decimal(json.loads(theirs.content())["amount"]) == amount


@given(st.datetimes(timezones=st.timezones() | st.just(timezone(timedelta(seconds=4321)))))
def test_a_time_that_the_client_takes_arrives_as_the_same_instant(at: datetime) -> None:
    kind = KINDS["payout"]
    if (ours := clients_word(kind, {**VALID[kind], "expires_at": at})) is not None:
        theirs = read(kind, ours.body())
        assert theirs is not None
        assert theirs.expires_at == at.astimezone(UTC)


# ---------------------------------------------------------------- events

TOLD = {
    {"OrderData": "OrderResult"}.get(model.__name__, model.__name__.removesuffix("Data")): model
    for model in get_args(told.Data)
}

DECIMALS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,20})(\.[0-9]{0,9}[1-9])?\Z")
TIMES = st.datetimes(min_value=datetime(2000, 1, 1)).map(told.show_time)  # noqa: DTZ001

NAMED = {"amount": DECIMALS, "fee": DECIMALS, "expires_at": TIMES}
OPTIONAL = {"ledger_amount": DECIMALS | st.none(), "provider_amount": DECIMALS | st.none()}


def data_of(model: type[Any]) -> st.SearchStrategy[Any]:
    strategies = {**NAMED, **OPTIONAL, "entries": st.lists(st.builds(told.EntryLine, amount=DECIMALS), max_size=3)}
    chosen = {to_camel(name): strategies[name] for name in model.model_fields.keys() & strategies.keys()}
    return st.builds(model, **chosen)


def test_there_is_a_class_for_everything_that_is_told() -> None:
    assert TOLD.keys() <= vars(event_data).keys()


@pytest.mark.parametrize("name", TOLD)
@given(data=st.data())
def test_whatever_the_worker_tells_is_read_without_loss(name: str, data: st.DataObject) -> None:
    said = data.draw(data_of(TOLD[name]))
    event_id = uuid.uuid4()
    body = told.event_of(
        said,
        subject="ord-1",
        event_id=event_id,
        schema="x",
        now=datetime(2027, 1, 1, tzinfo=UTC),
        correlation_id=None,
    ).body
    event = read_event(body.encode(), "corr-1")
    assert (event.id, event.subject, event.correlation_id) == (str(event_id), "ord-1", "corr-1")
    assert event.time == datetime(2027, 1, 1, tzinfo=UTC)
    assert type(event.data).__name__ == name
    assert plain(event.data.model_dump(by_alias=True)) == plain(said.model_dump(by_alias=True))


def plain(value: Any) -> Any:
    """With amounts and times as the worker writes them."""
    match value:
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case Decimal():
            return format(value, "f")
        case datetime():
            return told.show_time(value)
        case _:
            return value


def test_the_same_results_are_terminal() -> None:
    assert event_data.TERMINAL_RESULTS == told.TERMINAL_RESULTS
    assert set(get_args(told.Result)) == event_data.RESULTS
