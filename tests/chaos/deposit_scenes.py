"""The scenes of money that comes in: pay orders, deposits of users and of the merchant, rescans."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from tests.chaos.bank import COIN
from tests.chaos.payment_scenes import DONE, FAILED, Prepare, Scene
from tests.chaos.play import Play

USER = "alice1"
CHAIN = "TRX"
TO_ADDRESS = "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"
# Longer than a pay order lives, and than a second thought takes.
LONG_SECONDS = 1000.0


def pay_order(play: Play) -> None:
    """Publish a pay order of 10."""
    body = {"type": "payOrder", "orderId": "order", "coin": COIN, "amount": "10"}
    play.command(json.dumps(body).encode(), "payOrder", "coinqpay")


def _is_made(play: Play) -> bool:
    return play.bank.coinqpay_books.pay_order("order") is not None


def _status(play: Play) -> int:
    order = play.bank.coinqpay_books.pay_order("order")
    return 0 if order is None else int(order.status)


def paid(kind: str | None = None, when: str = "before", **payment: object) -> Prepare:
    """A pay order that is paid, so or so, after a fault of its creation."""

    async def prepare(play: Play) -> None:
        pay_order(play)
        if kind is not None:
            play.bank.add_fault(kind, when=when, route="coinqpay.pay_order", times=1)
        play.once(lambda: _is_made(play), lambda: play.bank.control("pay", orderId="order", **payment))

    return prepare


async def _paid_late(play: Play) -> None:
    """Nobody looks until it has expired; it is paid all the same, after the order has failed."""
    pay_order(play)
    play.once(lambda: _is_made(play), lambda: play.time.advance(LONG_SECONDS))
    play.once(lambda: _status(play) == 5, lambda: play.after(40, lambda: play.bank.control("pay", orderId="order")))


async def _fails_and_is_paid(play: Play) -> None:
    """A payment fails, and is made again."""
    pay_order(play)
    play.once(lambda: _is_made(play), lambda: play.bank.control("fail-pay-order", orderId="order"))
    play.once(lambda: _status(play) == 4, lambda: play.after(5, lambda: play.bank.control("pay", orderId="order")))


def come(play: Play, tx_id: str = "tx-1", amount: str = "10", **more: object) -> Mapping[str, object]:
    """A deposit comes in; the user's, unless another owner is named."""
    owner = {} if "referenceId" in more else {"userId": USER}
    fields = {"coinId": 1280, "chain": CHAIN, "amount": amount, "txId": tx_id, **owner, **more}
    return play.bank.control("deposit", "ccpayment", **fields)


def arrives(*, told: bool = True, twice: bool = False, **more: object) -> Prepare:
    """A deposit comes in, and is told of, or not."""

    async def prepare(play: Play) -> None:
        play.webhooks("ccpayment", on=told, duplicate=twice)
        play.after(1, lambda: come(play, **more))  # type: ignore[arg-type]

    return prepare


async def _cannot_be_read(play: Play) -> None:
    """It is told of, and the record cannot be read at first."""
    await arrives()(play)
    for kind in ("http_500", "reset"):
        play.bank.add_fault(kind, route="getUserDepositRecord", times=1)


async def _risky_then_cleared(play: Play) -> None:
    """Flagged, and credited by nobody; minutes later the flag is lifted."""
    await arrives(risky=True)(play)

    def clear() -> None:
        shelf = play.bank.books.deposit_shelf
        flagged = next(iter(shelf))
        shelf._by_record_id[flagged.record_id] = replace(flagged, is_risky=False)
        play.bank.books.fund(USER, 1280, flagged.amount - flagged.service_fee)
        play.time.advance(LONG_SECONDS)

    play.after(70, clear)


async def _two_outputs(play: Play) -> None:
    """One transaction pays a user twice, and the merchant twice the same amount."""
    come(play, txIndex=0)
    come(play, txIndex=1, amount="11")
    come(play, "tx-2", txIndex=0, referenceId="shop-1")
    come(play, "tx-2", txIndex=1, referenceId="shop-1")


def _rescan(play: Play) -> None:
    address = come(play, lost=True, foundAfterSeconds=20, pendingSeconds=5)["toAddress"]
    _look_for(play, toAddress=address, txId="tx-1", userId=USER)


def _look_for(play: Play, **fields: object) -> None:
    body = {"type": "rescan", "orderId": "order", "chain": CHAIN, **fields}
    play.command(json.dumps(body).encode(), "rescan", "ccpayment")


async def _rescan_finds(play: Play) -> None:
    _rescan(play)


async def _rescan_finds_untold(play: Play) -> None:
    play.webhooks("ccpayment", on=False)
    _rescan(play)


async def _rescan_in_vain(play: Play) -> None:
    _look_for(play, toAddress=TO_ADDRESS, txId="tx-9")


_scene = partial(Scene, is_payment=False)

DEPOSIT_SCENES = [
    _scene("pay order", paid()),
    _scene("pay order of another amount", paid(amount="12.5")),
    _scene("pay order, answer lost", paid("hang", "after")),
    _scene("pay order, request lost", paid("reset")),
    _scene("pay order paid late", _paid_late, {"order": DONE | FAILED}, jobs=("late",)),
    _scene("pay order that fails and is paid", _fails_and_is_paid, {"order": DONE | FAILED}, jobs=("late",)),
    _scene("deposit told and listed", arrives(pendingSeconds=3), {}, jobs=("deposits",)),
    _scene("deposit told twice", arrives(twice=True), {}, jobs=("deposits",)),
    _scene("deposit only listed", arrives(told=False), {}, jobs=("deposits",)),
    _scene("deposit that cannot be read", _cannot_be_read, {}, jobs=("deposits",)),
    _scene("deposit risky, then cleared", _risky_then_cleared, {}, jobs=("deposits",)),
    _scene("deposit flagged as risky", arrives(risky=True), {}, jobs=("deposits",)),
    _scene("deposit that fails", arrives(fails=True), {}, jobs=("deposits",)),
    _scene("two outputs", _two_outputs, {}, jobs=("deposits",)),
    _scene("rescan finds", _rescan_finds, jobs=("rescans", "deposits")),
    _scene("rescan finds what nobody told", _rescan_finds_untold, jobs=("rescans",)),
    _scene("rescan in vain", _rescan_in_vain, {"order": FAILED}, jobs=("rescans",)),
]
