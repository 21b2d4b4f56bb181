"""The control that has a deposit arrive: whose, of what, where, and what becomes of it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.addresses import Address, Family, sender
from worker.sandbox.ccpayment.arrivals import arrive, is_known_output
from worker.sandbox.ccpayment.chains import CHAINS
from worker.sandbox.ccpayment.coins import Coin, Network
from worker.sandbox.ccpayment.fields import check_fields, is_flag, is_index, is_seconds
from worker.sandbox.ccpayment.lost import LostDeposit
from worker.sandbox.ccpayment.parameters import is_coin_id, is_order_id, is_text, is_user_id
from worker.sandbox.ccpayment.records import Deposit, Status
from worker.sandbox.ccpayment.rounding import round_half_up
from worker.sandbox.errors import InputError, require
from worker.sandbox.exact import decimals, multiply, plain
from worker.sandbox.parameters import is_amount

# The documented samples take half a percent; the tariff is the merchant's own.
SERVICE_FEE_RATE = Decimal("0.005")
SERVICE_FEE_PLACES = 18

OWNERS = {
    "userId": (is_user_id, Family.USER),
    "referenceId": (is_order_id, Family.REFERENCE),
    "orderId": (is_order_id, Family.ORDER),
}
REQUIRED = {"coinId": is_coin_id, "chain": is_text, "amount": is_amount, "txId": is_text}
OPTIONAL = {
    **{name: is_right for name, (is_right, _) in OWNERS.items()},
    "toAddress": is_text,
    "memo": is_text,
    "txIndex": is_index,
    "risky": is_flag,
    "fails": is_flag,
    "pendingSeconds": is_seconds,
    "processingWebhook": is_flag,
    "lost": is_flag,
    "foundAfterSeconds": is_seconds,
}


def deposit(account: Account, fields: Mapping[str, Any], at: float) -> Mapping[str, object]:
    """A deposit of exactly one of userId, referenceId and orderId.

    `toAddress` and `memo` are the owner's own unless given. For `pendingSeconds` it is Processing,
    which a webhook tells unless `processingWebhook` is false. A `lost` one is noticed only when a
    rescan asks for it, `foundAfterSeconds` later; until then it has no record, and no record id.
    """
    check_fields(fields, REQUIRED, OPTIONAL)
    owners = [name for name in OWNERS if name in fields]
    require(len(owners) == 1, "userId", "or referenceId or orderId is required, and only one")
    coin, network = _coin_on_chain(account, fields)
    given_precisely = decimals(Decimal(fields["amount"])) <= network.precision
    require(given_precisely, "amount", f"has more than {network.precision} decimals")
    is_lost = fields.get("lost", False)
    require(is_lost or "foundAfterSeconds" not in fields, "foundAfterSeconds", "goes only with lost")
    known = is_known_output(account, fields["chain"], fields["txId"], fields.get("txIndex", 0))
    require(not known, "txIndex", "is of an output that was deposited already")
    made = _deposit(account, fields, owners[0], coin, network, at)
    tells_processing = fields.get("processingWebhook", True)
    if is_lost:
        pending_seconds = fields.get("pendingSeconds", 0.0)
        found_after_seconds = fields.get("foundAfterSeconds", 0.0)
        account.lost.lose(LostDeposit(made, pending_seconds, found_after_seconds, tells_processing))
    else:
        arrive(account, made, tells_processing)
    return {
        "recordId": None if is_lost else made.record_id,
        "toAddress": made.to_address,
        "toMemo": made.memo,
        "serviceFee": plain(made.service_fee),
    }


def _coin_on_chain(account: Account, fields: Mapping[str, Any]) -> tuple[Coin, Network]:
    coin = account.market.coins.get(fields["coinId"])
    if coin is None:
        raise InputError("coinId", "is of no coin")
    network = coin.network(fields["chain"])
    if network is None:
        raise InputError("chain", "must be one of " + ", ".join(network.chain for network in coin.networks))
    return coin, network


def _deposit(
    account: Account, fields: Mapping[str, Any], owner: str, coin: Coin, network: Network, at: float
) -> Deposit:
    amount = Decimal(fields["amount"])
    address = _address(account, fields, owner)
    return Deposit(
        record_id=account.books.new_record_id(at),
        user_id=fields.get("userId"),
        reference_id=fields.get("referenceId"),
        order_id=fields.get("orderId"),
        coin_id=coin.coin_id,
        chain=network.chain,
        contract=network.contract,
        price=coin.price_usdt,
        from_address=sender(CHAINS[network.chain], fields["txId"]),
        to_address=address.address,
        memo=address.memo,
        amount=amount,
        service_fee=round_half_up(multiply(amount, SERVICE_FEE_RATE), SERVICE_FEE_PLACES),
        tx_id=fields["txId"],
        tx_index=fields.get("txIndex", 0),
        is_risky=fields.get("risky", False),
        outcome=Status.FAILED if fields.get("fails", False) else Status.SUCCESS,
        at=at,
        done_at=at + fields.get("pendingSeconds", 0.0),
    )


def _address(account: Account, fields: Mapping[str, Any], owner: str) -> Address:
    own = account.addresses.of(OWNERS[owner][1], fields[owner], CHAINS[fields["chain"]])
    return Address(fields.get("toAddress", own.address), fields.get("memo", own.memo))
