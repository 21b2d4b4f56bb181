"""Every route of the simulated provider by its name, and what runs behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from worker.sandbox.ccpayment import (
    assets,
    catalogue,
    deposits,
    receiving,
    signature_v1,
    swap_records,
    swaps,
    transfers,
    v1,
)
from worker.sandbox.ccpayment import signature as signature_v2
from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.codes import refusal
from worker.sandbox.ccpayment.deposits import APP_DEPOSITS, USER_DEPOSITS
from worker.sandbox.ccpayment.gate import Matches
from worker.sandbox.ccpayment.records import Recorded
from worker.sandbox.ccpayment.swap_records import SWAPS
from worker.sandbox.ccpayment.transfer_list import TRANSFERS
from worker.sandbox.message import Response
from worker.sandbox.provider import Conditions, Parameters


@dataclass(frozen=True, slots=True)
class Version:
    """How a version of the interface signs, and how it says no."""

    matches: Matches
    refuse: Callable[[int, str], Response]


V1 = Version(signature_v1.matches, v1.refusal)
V2 = Version(signature_v2.matches, refusal)


@dataclass(frozen=True, slots=True)
class Route:
    """What runs behind the gate."""

    execute: Callable[[Account, Parameters, float, Conditions], Response]
    moves_money: bool = False
    asked_for: Callable[[Account, Parameters, float], Sequence[Recorded]] | None = None
    """The records that a lookup is about, None where the call is no lookup."""
    lists: bool = False
    version: Version = V2


_V2: Mapping[str, Route] = {
    "userTransfer": Route(transfers.user_transfer, moves_money=True),
    "getUserTransferRecord": Route(transfers.get_user_transfer_record, asked_for=transfers.asked_for),
    "getUserTransferRecordList": Route(TRANSFERS.answer, asked_for=TRANSFERS.asked_for, lists=True),
    "estimate": Route(swaps.estimate),
    "userSwap": Route(swaps.user_swap, moves_money=True),
    "getUserSwapRecord": Route(swap_records.get_user_swap_record, asked_for=swap_records.asked_for),
    "getUserSwapRecordList": Route(SWAPS.answer, asked_for=SWAPS.asked_for, lists=True),
    "getCoinList": Route(catalogue.get_coin_list),
    "getCoin": Route(catalogue.get_coin),
    "getCoinUSDTPrice": Route(catalogue.get_coin_usdt_price),
    "getChainList": Route(catalogue.get_chain_list),
    "getAppCoinAssetList": Route(assets.get_app_coin_asset_list),
    "getAppCoinAsset": Route(assets.get_app_coin_asset),
    "getUserCoinAssetList": Route(assets.get_user_coin_asset_list),
    "getUserCoinAsset": Route(assets.get_user_coin_asset),
    "getUserDepositRecord": Route(deposits.get_user_deposit_record, asked_for=deposits.user_deposits_asked_for),
    "getUserDepositRecordList": Route(USER_DEPOSITS.answer, asked_for=USER_DEPOSITS.asked_for, lists=True),
    "getAppDepositRecord": Route(deposits.get_app_deposit_record, asked_for=deposits.app_deposits_asked_for),
    "getAppDepositRecordList": Route(APP_DEPOSITS.answer, asked_for=APP_DEPOSITS.asked_for, lists=True),
    "getOrCreateUserDepositAddress": Route(receiving.get_or_create_user_deposit_address),
    "getOrCreateAppDepositAddress": Route(receiving.get_or_create_app_deposit_address),
    "rescanLostTransaction": Route(receiving.rescan_lost_transaction),
}

ASSETS_V1 = "v1.assets"

ROUTES: Mapping[str, Route] = MappingProxyType({**_V2, ASSETS_V1: Route(v1.assets, version=V1)})

NAMES_BY_PATH: Mapping[str, str] = MappingProxyType(
    {**{f"/ccpayment/v2/{name}": name for name in _V2}, "/ccpayment/v1/assets": ASSETS_V1}
)
