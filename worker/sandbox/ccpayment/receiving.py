"""Where deposits go and how lost ones are found: the two address routes and `rescanLostTransaction`."""

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.addresses import Family
from worker.sandbox.ccpayment.arrivals import find_lost
from worker.sandbox.ccpayment.chains import CHAINS
from worker.sandbox.ccpayment.codes import Code, refusal, success
from worker.sandbox.ccpayment.parameters import given, is_order_id, is_text, is_url, is_user_id
from worker.sandbox.message import Response
from worker.sandbox.parameters import first_wrong
from worker.sandbox.provider import Conditions, Parameters

USER_ADDRESS = {"userId": is_user_id, "chain": is_text}
# A reference has the form of an order id: text of 3 to 64 characters.
APP_ADDRESS = {"referenceId": is_order_id, "chain": is_text}
NOTIFY = {"notifyUrl": is_url}
RESCAN = {"chain": is_text, "toAddress": is_text, "txId": is_text}
MEMO = {"memo": is_text}

RESCANNED = "The deposit has been rescanned. Please wait for the transaction to be credited."


def get_or_create_user_deposit_address(
    account: Account, parameters: Parameters, _at: float, _conditions: Conditions
) -> Response:
    """The user's address on a chain, the same every time."""
    asked = given(parameters, {**USER_ADDRESS, **NOTIFY})
    wrong = first_wrong(asked, USER_ADDRESS, NOTIFY)
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    return _address(account, Family.USER, str(asked["userId"]), str(asked["chain"]))


def get_or_create_app_deposit_address(
    account: Account, parameters: Parameters, _at: float, _conditions: Conditions
) -> Response:
    """The merchant's address for a reference on a chain, the same every time."""
    asked = given(parameters, {**APP_ADDRESS, **NOTIFY})
    wrong = first_wrong(asked, APP_ADDRESS, NOTIFY)
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    return _address(account, Family.REFERENCE, str(asked["referenceId"]), str(asked["chain"]))


def rescan_lost_transaction(account: Account, parameters: Parameters, at: float, _conditions: Conditions) -> Response:
    """Look for a transaction again. The documentation promises a rescan and no result, so one that
    does not exist is answered like one that does; what is found comes as a deposit of its own."""
    asked = given(parameters, {**RESCAN, **MEMO})
    wrong = first_wrong(asked, RESCAN, MEMO)
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    chain, to_address, tx_id = (str(asked[name]) for name in RESCAN)
    if chain not in CHAINS:
        return refusal(Code.CHAIN_INVALID)
    memo = asked.get("memo")
    for lost in account.lost.find(chain, to_address, tx_id, None if memo is None else str(memo)):
        find_lost(account, lost, at)
    return success({"description": RESCANNED})


def _address(account: Account, family: Family, owner: str, chain: str) -> Response:
    if chain not in CHAINS:
        return refusal(Code.CHAIN_INVALID)
    address = account.addresses.give(family, owner, CHAINS[chain])
    if address is None:
        return refusal(Code.TOO_MANY_ADDRESSES)
    return success({"address": address.address, "memo": address.memo})
