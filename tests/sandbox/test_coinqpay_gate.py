"""What CoinQ Pay refuses before a call is looked at, in the order of the checks."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from worker.sandbox.coinqpay.account import CoinQPayAccount, public_key_of
from worker.sandbox.errors import InputError
from worker.sandbox.message import Request, Response

from .caller import Caller
from .coinqpay_caller import PUBLIC, CoinQPayCaller, code_of, refusal_of, result_of

Break = Callable[[CoinQPayCaller, dict[str, str]], None]


def headers_without(name: str) -> Break:
    return lambda _caller, headers: headers.update({name: ""})


def headers_with(**values: str) -> Break:
    return lambda _caller, headers: headers.update({f"biz-api-{name}": value for name, value in values.items()})


def control(action: str, **fields: object) -> Break:
    return lambda caller, _headers: caller.ask(action, **fields) and None


# The first row that is broken decides, so that each is tried with all later ones broken too.
BREAKS: list[tuple[str, Break, tuple[int, int]]] = [
    ("the IP", control("ip", allowed=False), (403, 12006)),
    ("no key", headers_without("biz-api-key"), (401, 12000)),
    ("no time", headers_without("biz-api-nonce"), (401, 12000)),
    ("no signature", headers_without("biz-api-signature"), (401, 12000)),
    ("another key", headers_with(key=public_key_of(bytes(32)).hex()), (401, 12005)),
    ("an old time", headers_with(nonce="1600000000000"), (401, 1004)),
    ("a signature of something else", headers_with(signature="00" * 64), (401, 12001)),
    ("a route that is denied", control("permissions", route="payout", allowed=False), (403, 12003)),
    ("a frozen account", control("freeze", frozen=True), (403, 12010)),
]


@pytest.mark.parametrize("first", range(len(BREAKS)), ids=[name for name, _, _ in BREAKS])
def test_the_first_wrong_thing_decides(first: int) -> None:
    caller = CoinQPayCaller()
    request = caller.request("POST", "payout", body=b"[")
    headers = dict(request.headers)
    same_header = {"no key": "another key", "no time": "an old time"}
    for name, spoil, _ in BREAKS[first + 1 :]:
        if name != same_header.get(BREAKS[first][0]) and not name.startswith(("no ", "a signature")):
            spoil(caller, headers)
    BREAKS[first][1](caller, headers)
    assert refusal_of(caller.sandbox.handle(replace(request, headers=headers))) == BREAKS[first][2]


def test_a_key_may_lose_its_permission() -> None:
    caller = CoinQPayCaller()
    caller.ask("permissions", allowed=False)
    assert refusal_of(caller.get("coin_balance")) == (401, 12005)
    caller.ask("permissions", allowed=True)
    assert code_of(caller.get("coin_balance")) == 0


def test_permission_is_per_route() -> None:
    caller = CoinQPayCaller()
    caller.ask("permissions", route="get_pay_order", allowed=False)
    assert refusal_of(caller.get("pay_order", order_id="OR-1")) == (403, 12003)
    assert code_of(caller.order()) == 0
    caller.ask("permissions", route="get_pay_order", allowed=True)
    assert code_of(caller.get("pay_order", order_id="OR-1")) == 0


def test_a_frozen_account_can_still_be_read() -> None:
    caller = CoinQPayCaller()
    caller.order()
    caller.ask("freeze", frozen=True)
    assert [refusal_of(reply) for reply in (caller.order(), caller.payout())] == [(403, 12010)] * 2
    assert [code_of(caller.get(name)) for name in ("withdraws", "coin_balance")] == [0, 0]
    caller.ask("freeze", frozen=False)
    assert code_of(caller.payout()) == 12007


@pytest.mark.parametrize("name", ["Biz-Api-Key", "Biz-Api-Nonce", "Biz-Api-Signature"])
def test_every_header_is_required(name: str) -> None:
    caller = CoinQPayCaller()
    whole = caller.request("GET", "coin_balance")
    rest = {key: value for key, value in whole.headers.items() if key != name.lower()}
    assert refusal_of(caller.sandbox.handle(replace(whole, headers=rest))) == (401, 12000)


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_header_names_are_matched_without_case(spell: Callable[[str], str]) -> None:
    caller = CoinQPayCaller()
    whole = caller.request("GET", "coin_balance")
    headers = {spell(key): value for key, value in whole.headers.items()}
    assert code_of(caller.sandbox.handle(replace(whole, headers=headers))) == 0


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("POST", "supported_coins"),
        ("POST", "coin_price"),
        ("POST", "coin_balance"),
        ("PUT", "pay_order"),
        ("DELETE", "pay_order"),
        ("GET", "withdraw"),
        ("GET", "payout"),
        ("get", "withdraws"),
        ("HEAD", "withdraws"),
    ],
)
def test_another_method_is_refused_whatever_its_signature(method: str, name: str) -> None:
    request = Request(method, f"/api/v1/{name}", {}, b"")
    assert refusal_of(CoinQPayCaller().sandbox.handle(request)) == (405, 1002)


@pytest.mark.parametrize("name", ["", "payouts", "payout/", "Payout", "withdraw/1"])
def test_an_unknown_path_is_not_found(name: str) -> None:
    caller = CoinQPayCaller()
    reply = caller.sandbox.handle(caller.request("GET", name))
    assert isinstance(reply, Response)
    assert reply.status == 404


BODIES = [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"a":NaN}', b'{"a":1,"a":1}', b'{"a":' + b"[" * 100_000]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", ["payout", "withdraw", "pay_order"])
def test_a_body_that_is_no_object_is_refused(name: str, body: bytes) -> None:
    caller = CoinQPayCaller()
    assert refusal_of(caller.sandbox.handle(caller.request("POST", name, body=body))) == (400, 1003)


@pytest.mark.parametrize("query", ["id=1&id=1", "id=%zz", "id=%ff", "id", "&&", "id=1&"])
def test_a_query_that_is_ambiguous_is_refused(query: str) -> None:
    caller = CoinQPayCaller()
    assert refusal_of(caller.sandbox.handle(caller.request("GET", "withdraws", query))) == (400, 1003)


def test_a_query_is_decoded_after_it_was_verified() -> None:
    caller = CoinQPayCaller()
    caller.order(order_id="a b&c=é")
    reply = caller.sandbox.handle(caller.request("GET", "pay_order", "order_id=a+b%26c%3D%C3%A9"))
    assert result_of(reply)["order_id"] == "a b&c=é"


def test_a_sandbox_without_the_account_has_no_such_provider() -> None:
    caller = CoinQPayCaller()
    plain = Caller()
    reply = plain.sandbox.handle(caller.request("GET", "supported_coins"))
    assert isinstance(reply, Response)
    assert reply.status == 404
    assert "coinqpay" not in plain.sandbox.controls


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"public_key": b"short"}, "public_key"),
        ({"withdraw_addresses": {"TRON_USDT": "0x00"}}, "withdraw_addresses"),
        ({"withdraw_addresses": {"ETH": "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"}}, "withdraw_addresses"),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(changes: Mapping[str, object], field: str) -> None:
    with pytest.raises(InputError) as refused:
        CoinQPayAccount(**{"public_key": PUBLIC, **changes})  # type: ignore[arg-type]
    assert refused.value.field == field


def test_every_error_has_an_id_of_its_own() -> None:
    caller = CoinQPayCaller()
    bodies = [caller.sandbox.handle(Request("PUT", "/api/v1/payout", {}, b"")) for _ in range(3)]
    assert len({reply.body for reply in bodies if isinstance(reply, Response)}) == 3
