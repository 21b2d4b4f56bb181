"""Every route: behind the gate, with the documented fields, by its own name for faults."""

import json
from typing import Any

import pytest

from worker.sandbox.ccpayment.routes import ROUTES
from worker.sandbox.message import Request, Reset

from .caller import APP_ID, NOW, Caller, code_of, signed_headers
from .merchant import Merchant

V2_ROUTES = sorted(ROUTES.keys() - {"v1.assets"})

ASSET = "coinId coinSymbol available"
NETWORK = (
    "chain chainFullName contract precision canDeposit canWithdraw minimumDepositAmount minimumWithdrawAmount "
    "maximumWithdrawAmount isSupportMemo"
)
QUOTE = "coinIdIn coinIdOut amountOut amountIn swapRate feeRate fee extraFee netAmountOut"
TRANSFER = "recordId coinId coinSymbol orderId fromUserId toUserId amount status"
SWAP = (
    "recordId orderId coinInSymbol coinIdIn coinOutSymbol coinIdOut amountOut amountIn netAmountOut userId extraFee "
    "extraFeeRate swapRate feeRate fee status createdAt arrivedAt"
)
DEPOSIT = (
    "recordId coinId coinSymbol chain contract coinUSDPrice fromAddress toAddress toMemo amount serviceFee txId "
    "status arrivedAt isFlaggedAsRisky"
)
COIN = "coinId symbol coinFullName logoUrl status networks price"
CHAIN = "chain chainFullName explorer logoUrl status baseUrl isEVM supportMemo confirmations"

MOVE = {"fromUserId": "alice1", "toUserId": "bob123", "coinId": 1280, "amount": "1"}
EXCHANGE = {"coinIdIn": 1280, "amountIn": "10", "coinIdOut": 1329}
PLACE = {"chain": "TRX", "toAddress": "T1", "txId": "tx-9"}

# Route, parameters, where in `data` to look, and all the names that are there.
DOCUMENTED: list[tuple[str, dict[str, object], str, str]] = [
    ("userTransfer", {**MOVE, "orderId": "ord-2"}, "", "recordId"),
    ("getUserTransferRecord", {"orderId": "ord-1"}, "record", TRANSFER),
    ("getUserTransferRecordList", {"fromUserId": "alice1"}, "", "records nextId"),
    ("getUserTransferRecordList", {"fromUserId": "alice1"}, "records 0", TRANSFER),
    ("estimate", {**EXCHANGE, "extraFeeRate": "0.01"}, "", QUOTE),
    ("userSwap", {**EXCHANGE, "userId": "alice1", "orderId": "ord-2"}, "", f"recordId orderId {QUOTE}"),
    ("getUserSwapRecord", {"orderId": "swap-1"}, "record", SWAP),
    ("getUserSwapRecordList", {}, "", "records nextId"),
    ("getUserSwapRecordList", {}, "records 0", SWAP),
    ("getCoinList", {}, "", "coins"),
    ("getCoinList", {}, "coins 0", COIN),
    ("getCoinList", {}, "coins 0 networks", "BSC ETH"),
    ("getCoinList", {}, "coins 0 networks BSC", NETWORK),
    ("getCoin", {"coinId": 1329}, "", "coin"),
    ("getCoin", {"coinId": 1329}, "coin", COIN),
    ("getCoin", {"coinId": 1329}, "coin networks POLYGON", NETWORK),
    ("getCoinUSDTPrice", {"coinIds": [1329]}, "", "prices"),
    ("getCoinUSDTPrice", {"coinIds": [1329]}, "prices", "1329"),
    ("getChainList", {}, "chains 0", CHAIN),
    ("getAppCoinAssetList", {}, "", "assets"),
    ("getAppCoinAssetList", {}, "assets 0", ASSET),
    ("getAppCoinAsset", {"coinId": 1280}, "", "asset"),
    ("getAppCoinAsset", {"coinId": 1280}, "asset", ASSET),
    ("getUserCoinAssetList", {"userId": "alice1"}, "", "userId assets"),
    ("getUserCoinAssetList", {"userId": "alice1"}, "assets 0", ASSET),
    ("getUserCoinAsset", {"userId": "alice1", "coinId": 1280}, "", "userId asset"),
    ("getUserCoinAsset", {"userId": "alice1", "coinId": 1280}, "asset", ASSET),
    ("getUserDepositRecordList", {"userId": "alice1"}, "", "records nextId"),
    ("getUserDepositRecordList", {"userId": "alice1"}, "records 0", f"userId {DEPOSIT}"),
    ("getAppDepositRecordList", {}, "", "records nextId"),
    ("getAppDepositRecordList", {}, "records 0", f"referenceId {DEPOSIT} txIndex"),
    ("getUserDepositRecord", {"recordId": "USER"}, "record", f"userId {DEPOSIT}"),
    ("getAppDepositRecord", {"recordId": "APP"}, "record", f"referenceId {DEPOSIT} txIndex"),
    ("getOrCreateUserDepositAddress", {"userId": "alice1", "chain": "TRX"}, "", "address memo"),
    ("getOrCreateAppDepositAddress", {"referenceId": "ref-1", "chain": "TRX"}, "", "address memo"),
    ("rescanLostTransaction", PLACE, "", "description"),
]


@pytest.fixture
def merchant() -> Merchant:
    """An account that has one record of every kind."""
    merchant = Merchant()
    merchant.provider.fund("alice1", 1280, "100")
    merchant.provider.fund(APP_ID, 1280, "100")
    merchant.data("userTransfer", **MOVE, orderId="ord-1")
    merchant.data("userSwap", **EXCHANGE, userId="alice1", orderId="swap-1")
    return merchant


def test_every_route_has_a_row() -> None:
    assert {route for route, *_ in DOCUMENTED} == {*V2_ROUTES}


@pytest.mark.parametrize(("route", "fields", "path", "names"), DOCUMENTED)
def test_an_answer_has_the_documented_fields(
    merchant: Merchant, route: str, fields: dict[str, Any], path: str, names: str
) -> None:
    deposit = {"coinId": 1280, "chain": "TRX", "amount": "1", "txId": "tx-1"}
    ids = {
        "USER": merchant.control("deposit", userId="alice1", **deposit)["recordId"],
        "APP": merchant.control("deposit", referenceId="ref-1", **deposit, txIndex=1)["recordId"],
    }
    if "recordId" in fields:
        fields = {"recordId": ids[fields["recordId"]]}
    found: Any = merchant.data(route, **fields)
    for step in path.split():
        found = found[int(step)] if step.isdecimal() else found[step]
    assert found.keys() == {*names.split()}


def signed(route: str, body: bytes, **changes: str) -> Request:
    headers = {**signed_headers(body, str(NOW)), **changes}
    return Request("POST", f"/ccpayment/v2/{route}", headers, body)


@pytest.mark.parametrize("route", V2_ROUTES)
def test_every_route_is_behind_the_gate(caller: Caller, route: str) -> None:
    handle = caller.sandbox.handle
    assert code_of(handle(signed(route, b"{}", Sign="0" * 64))) == 11005
    assert code_of(handle(signed(route, b"{}", Timestamp=str(NOW - 121)))) == 11006
    assert code_of(handle(signed(route, b"{}", Appid="other-app"))) == 12001
    assert code_of(handle(signed(route, b"{}", Sign=""))) == 11001
    assert code_of(handle(signed(route, b"[]"))) == 11000


@pytest.mark.parametrize("route", V2_ROUTES)
def test_a_fault_can_be_bound_to_every_route(caller: Caller, route: str) -> None:
    caller.sandbox.add_fault("reset", route=route, times=1)
    for other in V2_ROUTES:
        assert (caller.send(other, {}) == Reset()) is (other == route)


@pytest.mark.parametrize("route", ["getUserSwapRecordList", "getCoinList", "getAppCoinAssetList"])
def test_a_route_that_needs_no_parameter_takes_an_empty_body(caller: Caller, route: str) -> None:
    assert code_of(caller.sandbox.handle(caller.request(route, b""))) == 10000
    assert code_of(caller.send(route, {"unknown": 1})) == 10000


def test_lists_and_money_are_known_as_such(caller: Caller) -> None:
    calls = {route: Merchant().provider.read(signed(route, b"{}")) for route in V2_ROUTES}
    lists = {route for route, call in calls.items() if call is not None and call.lists}
    moving = {route for route, call in calls.items() if call is not None and call.moves_money}
    assert lists == {route for route in V2_ROUTES if route.endswith("RecordList")}
    assert moving == {"userTransfer", "userSwap"}


def test_a_late_swap_is_executed_at_the_prices_of_then() -> None:
    merchant = Merchant()
    caller = Caller(merchant.clock)
    caller.sandbox.fund("alice1", 1280, "50")
    caller.sandbox.add_fault("hang", when="late", late_seconds=30, route="userSwap")
    caller.send("userSwap", {**EXCHANGE, "userId": "alice1", "orderId": "ord-1"})
    assert caller.sandbox.books.swaps() == []
    caller.clock.seconds += 30
    caller.sandbox.advance()
    [swap] = caller.sandbox.books.swaps()
    assert (swap.order_id, swap.at) == ("ord-1", NOW + 30)


def test_answers_are_compact_json(merchant: Merchant) -> None:
    reply = merchant.send("getCoinList")
    assert reply.body == json.dumps(json.loads(reply.body), separators=(",", ":")).encode()
