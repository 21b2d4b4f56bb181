"""What comes in, and what becomes of it: each fate begins at a moment of its own and has a transaction of its own."""

import json
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from tests.chaos.bank import COIN

if TYPE_CHECKING:
    from tests.deposits_play.play import DepositPlay

Fate = Callable[["DepositPlay", Random, float], None]

KNOWN, UNKNOWN = "alice1", "bobby"  # a user with an account, and one whom the ledger has never heard of
TRX = {"coinId": 1280, "chain": "TRX"}
XLM = {"coinId": 9002, "chain": "XLM"}  # one address for all, told apart by memo
NOWHERE = "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"
AMOUNTS = ("10", "0.5", "3.000001")


def _come(play: "DepositPlay", at: float, *, rescan: bool = False, **fields: object) -> None:
    """A deposit comes in at that moment; a lost one is looked for."""
    tx_id = fields.setdefault("txId", play.new_id("tx"))

    def come() -> None:
        made = play.deposit(**{**TRX, **fields})
        if rescan:
            _look_for(play, tx_id=tx_id, toAddress=made["toAddress"], userId=fields.get("userId"))

    play.after(at, come)


def _look_for(play: "DepositPlay", *, tx_id: object, **fields: object) -> str:
    order_id = play.new_id("look")
    given = {name: value for name, value in fields.items() if value is not None}
    body = {"type": "rescan", "orderId": order_id, "chain": "TRX", "txId": tx_id, **given}
    play.command(json.dumps(body).encode(), "rescan", "ccpayment")
    return order_id


def _owner(chance: Random) -> dict[str, object]:
    return chance.choice(({"userId": KNOWN}, {"userId": KNOWN}, {"userId": UNKNOWN}, {"referenceId": "shop-1"}))


def plain(play: "DepositPlay", chance: Random, at: float) -> None:
    """A deposit, done at once or later."""
    pending = chance.choice((0, 0, 7, 45))
    _come(play, at, amount=chance.choice(AMOUNTS), pendingSeconds=pending, **_owner(chance))


def outputs(play: "DepositPlay", chance: Random, at: float) -> None:
    """One transaction pays the merchant twice the same, told apart by its outputs, and a user something else."""
    tx_id = play.new_id("tx")
    for index, fields in enumerate(({"referenceId": "shop-1"}, {"referenceId": "shop-1"}, {"userId": KNOWN})):
        amount = "3" if index == 2 else "7"
        _come(play, at + chance.choice((0, 0, 20)), txId=tx_id, txIndex=index, amount=amount, **fields)


def twins(play: "DepositPlay", chance: Random, at: float) -> None:
    """One transaction pays a user twice the same, and nothing tells the two apart."""
    tx_id = play.new_id("tx")
    for index in range(2):
        _come(play, at + chance.choice((0, 20)), txId=tx_id, txIndex=index, amount="4", userId=KNOWN)


def memos(play: "DepositPlay", chance: Random, at: float) -> None:
    """One transaction pays two memos of one address the same."""
    tx_id = play.new_id("tx")
    for index in range(2):
        fields = {**XLM, "txId": tx_id, "txIndex": index, "memo": f"memo-{index}", "amount": "4"}
        _come(play, at + chance.choice((0, 20)), userId=KNOWN, **fields)


def risky(play: "DepositPlay", chance: Random, at: float) -> None:
    """Flagged; in half of all cases the flag is lifted later."""
    tx_id = play.new_id("tx")
    _come(play, at, txId=tx_id, amount="6", risky=True, **_owner(chance))
    if chance.random() < 0.5:
        play.after(at + chance.choice((1, 30, 90)), lambda: play.change(tx_id, risky=False))


def failing(play: "DepositPlay", chance: Random, at: float) -> None:
    """Failed; in half of all cases the chain has it after all."""
    tx_id = play.new_id("tx")
    _come(play, at, txId=tx_id, amount="6", fails=True, **_owner(chance))
    if chance.random() < 0.5:
        play.after(at + chance.choice((1, 30, 90)), lambda: play.change(tx_id, fails=False))


def reconsidered(play: "DepositPlay", chance: Random, at: float) -> None:
    """Done, and then the provider says otherwise: failed, risky, or of another amount."""
    tx_id = play.new_id("tx")
    _come(play, at, txId=tx_id, amount="6", **_owner(chance))
    change: dict[str, Any] = chance.choice(({"fails": True}, {"risky": True}, {"amount": "5.5"}))
    play.after(at + chance.choice((1, 30, 90)), lambda: play.change(tx_id, **change))


def lost(play: "DepositPlay", chance: Random, at: float) -> None:
    """Noticed by nobody until somebody has it looked for, perhaps twice."""
    owner = chance.choice(({"userId": KNOWN}, {"userId": UNKNOWN}, {"referenceId": "shop-1"}))
    found_after, pending = chance.choice((0, 20)), chance.choice((0, 15))
    _come(
        play, at, rescan=True, lost=True, amount="8", foundAfterSeconds=found_after, pendingSeconds=pending, **owner
    )


def looked_for(play: "DepositPlay", chance: Random, at: float) -> None:
    """Not lost at all, and looked for by two who are impatient."""
    tx_id, owner = play.new_id("tx"), _owner(chance)

    def look() -> None:
        [record] = [each for each in play.bank.books.deposits() if each.tx_id == tx_id]
        for user_id in (None, owner.get("userId")):
            _look_for(play, tx_id=tx_id, toAddress=record.to_address, userId=user_id)

    _come(play, at, txId=tx_id, amount="8", pendingSeconds=chance.choice((0, 30)), **owner)
    play.after(at + chance.choice((0.5, 5)), look)


def in_vain(play: "DepositPlay", _chance: Random, at: float) -> None:
    """Looked for, and never sent."""
    play.after(at, lambda: play.in_vain.add(_look_for(play, tx_id=play.new_id("tx"), toAddress=NOWHERE)))


def another_user(play: "DepositPlay", _chance: Random, at: float) -> None:
    """Looked for by a user to whom it does not belong."""
    tx_id = play.new_id("tx")

    def look() -> None:
        [record] = [each for each in play.bank.books.deposits() if each.tx_id == tx_id]
        play.in_vain.add(_look_for(play, tx_id=tx_id, toAddress=record.to_address, userId="mallory"))

    _come(play, at, txId=tx_id, amount="9", userId=KNOWN)
    play.after(at + 5, look)


def pay_order(play: "DepositPlay", chance: Random, at: float) -> None:
    """Paid: as asked for, otherwise, late, after a failure, or never."""
    order_id, account = play.new_id("pay"), chance.choice(("merchant", "user:carol"))
    play.accounts[order_id] = account
    body = {"type": "payOrder", "orderId": order_id, "coin": COIN, "amount": "10", "account": account}
    play.after(at, lambda: play.command(json.dumps(body).encode(), "payOrder", "coinqpay"))
    ending, sooner = chance.choice(("paid", "paid", "late", "failed", "never")), chance.choice((0.5, 10))
    amount = {"amount": chance.choice(("12.5", "1"))} if chance.random() < 0.4 else {}

    def is_made() -> bool:
        return play.bank.coinqpay_books.pay_order(order_id) is not None

    def do(action: str, **fields: object) -> None:
        """Unless it has been paid meanwhile."""
        play.bank.advance()
        order = play.bank.coinqpay_books.pay_order(order_id)
        if order is not None and order.pay_amount is None:
            play.bank.control(action, orderId=order_id, **fields)

    def pay() -> None:
        do("pay", **amount)

    match ending:
        case "paid":
            play.once(is_made, lambda: play.after(sooner, pay))
            play.must_succeed.add(order_id)
        case "late" | "never":
            play.once(is_made, lambda: play.after(sooner, lambda: do("expire-pay-order")))
            if ending == "late":
                late = sooner + chance.choice((0.5, 20, 60))
                play.once(is_made, lambda: play.after(late, pay))
        case "failed":
            play.once(is_made, lambda: play.after(sooner, pay))
            play.once(is_made, lambda: play.after(sooner + 0.2, lambda: do("fail-pay-order")))
            if chance.random() < 0.5:
                play.once(is_made, lambda: play.after(sooner + chance.choice((0.4, 30)), pay))


FATES: dict[str, tuple[Fate, int]] = {
    "plain": (plain, 5),
    "outputs": (outputs, 2),
    "twins": (twins, 1),
    "memos": (memos, 1),
    "risky": (risky, 2),
    "failing": (failing, 2),
    "reconsidered": (reconsidered, 2),
    "lost": (lost, 3),
    "looked for": (looked_for, 2),
    "in vain": (in_vain, 1),
    "another user": (another_user, 1),
    "pay order": (pay_order, 5),
}
