"""The demo's plan: one of every command, ending in every way, and what happens around each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.sandbox.sandbox import Sandbox

USDT = 1280
TRX = 1482
COIN = "TRON_USDT"
BOUND_ADDRESS = "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"
SUPPLIER = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"


@dataclass(slots=True)
class Scene:
    """One command, what it is meant to show, and the event that it ended with."""

    shows: str
    fields: dict[str, object]
    fault: Mapping[str, Any] | None = None  # what goes wrong at the provider
    control: tuple[str, Mapping[str, Any]] | None = None  # what the provider is told to do before
    on_created: str | None = None  # what happens once a pay order can be paid
    expects: str = "succeeded"
    event: dict[str, Any] | None = None

    def prepare(self, sandbox: Sandbox) -> None:
        """Before the command is published."""
        if self.fault is not None:
            sandbox.add_fault(**self.fault, times=1)
        if self.control is not None:
            name, fields = self.control
            use(sandbox, name, fields)

    def see(self, event: dict[str, Any], sandbox: Sandbox) -> bool:
        """Take an event of this scene's order; whether it is the one that ends the scene."""
        result = event["data"]["result"]
        if result == "created" and self.on_created is not None:
            use(sandbox, "coinqpay/pay", {"orderId": self.fields["orderId"], "amount": self.on_created})
        if event["data"]["type"] != self.fields["type"] or result in ("created", "processing"):
            return False
        self.event = event
        return True


def use(sandbox: Sandbox, name: str, fields: Mapping[str, Any]) -> None:
    """Use one of the sandbox's controls, as its HTTP routes do."""
    provider, action = name.split("/")
    sandbox.ask(sandbox.controls[provider][action], fields)


def scenes(run: str) -> list[Scene]:
    """The commands in the order in which they are published; users and orders are this run's own."""
    alice, bob = f"alice-{run}", f"bob-{run}"

    def order(number: int) -> str:
        return f"demo-{run}-{number}"

    def transfer(number: int, amount: object) -> dict[str, object]:
        return {
            "type": "transfer",
            "orderId": order(number),
            "fromUserId": alice,
            "toUserId": bob,
            "coinId": USDT,
            "amount": amount,
        }

    def swap(number: int, **fields: object) -> dict[str, object]:
        return {
            "type": "swap",
            "orderId": order(number),
            "userId": alice,
            "coinIdIn": USDT,
            "amountIn": "20",
            "coinIdOut": TRX,
            **fields,
        }

    def payout(number: int, amount: str = "5") -> dict[str, object]:
        return {"type": "payout", "orderId": order(number), "coin": COIN, "address": SUPPLIER, "amount": amount}

    return [
        Scene("a transfer", transfer(1, "12.50")),
        Scene("the same again: its result is told again, nothing is done again", transfer(1, "12.50")),
        Scene("the same orderId with another amount", transfer(1, "13"), expects="rejected"),
        Scene("more than the account has", transfer(2, "1000"), expects="rejected"),
        Scene(
            "the provider does it, and its answer is lost: looked up, not paid twice",
            transfer(3, "5"),
            fault={"kind": "reset", "when": "after", "route": "userTransfer"},
        ),
        Scene(
            "the provider breaks before it does it: looked up, not found, sent again",
            transfer(4, "2.25"),
            fault={"kind": "http_500", "when": "before", "route": "userTransfer"},
        ),
        Scene(
            "the provider refuses: the funds are released",
            transfer(5, "1"),
            fault={"kind": "code", "code": 14000, "route": "userTransfer"},
            expects="failed",
        ),
        Scene("too little, by the provider's own prices: nothing is sent", transfer(6, "0.0001"), expects="rejected"),
        Scene("not a command: the amount is a JSON number", transfer(7, 7), expects="rejected"),
        Scene("a swap, with a fee of our own", swap(8, extraFeeRate="0.01")),
        Scene(
            "a swap that takes its time: posted from the provider's record",
            swap(9),
            control=("ccpayment/swaps", {"processingSeconds": 1, "orderId": order(9)}),
        ),
        Scene("a swap below its own minimum", swap(10, amountOutMinimum="1000000"), expects="failed"),
        Scene("a payout, confirmed by us before the provider sends it", payout(11)),
        Scene(
            "the same payout to the same address; the answer is lost: bound by its confirmation, not paid twice",
            payout(12),
            fault={"kind": "reset", "when": "after", "route": "coinqpay.payout"},
        ),
        Scene(
            "a payout that the provider fails later: the funds are released",
            payout(13, "6"),
            control=("coinqpay/end-withdrawal", {"status": 5, "coin": COIN, "amount": "6"}),
            expects="failed",
        ),
        Scene(
            "a payout that ends in risk control: a person must decide",
            payout(14, "7"),
            control=("coinqpay/end-withdrawal", {"status": 8, "coin": COIN, "amount": "7"}),
            expects="review",
        ),
        Scene(
            "a withdrawal to the merchant's own address",
            {"type": "withdraw", "orderId": order(15), "coin": COIN, "amount": "9"},
        ),
        Scene(
            "a withdrawal of a coin without a bound address: nothing is sent",
            {"type": "withdraw", "orderId": order(16), "coin": "ETH", "amount": "1"},
            expects="rejected",
        ),
        Scene(
            "a pay order, paid by somebody",
            {"type": "payOrder", "orderId": order(17), "coin": COIN, "amount": "30", "account": f"user:{bob}"},
            on_created="30",
        ),
        Scene(
            "a pay order, paid with another amount: what was paid is credited",
            {"type": "payOrder", "orderId": order(18), "coin": COIN, "amount": "30", "account": f"user:{bob}"},
            on_created="29.5",
        ),
    ]
