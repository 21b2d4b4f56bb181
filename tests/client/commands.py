"""One valid command of each type, as a service would write it, and a deposit."""

from typing import Any

from ledger_client import Command, DepositCredited, PayOrder, Payout, Rescan, Swap, Transfer, Withdraw

VALID: dict[type[Command], dict[str, Any]] = {
    Transfer: {
        "order_id": "ord-1",
        "from_user_id": "alice1",
        "to_user_id": "bob123",
        "coin_id": 1280,
        "amount": "12.50",
        "remark": "café",
    },
    Swap: {
        "order_id": "ord-1",
        "user_id": "alice1",
        "coin_id_in": 1280,
        "amount_in": "1",
        "coin_id_out": 1329,
        "amount_out_minimum": "0.5",
        "extra_fee_rate": "0.01",
    },
    Payout: {"order_id": "ord-1", "coin": "TRON_USDT", "address": "TDD1", "amount": "5", "account": "user:alice1"},
    Withdraw: {"order_id": "ord-1", "coin": "TRON_USDT", "amount": "5", "account": "merchant"},
    PayOrder: {"order_id": "ord-1", "coin": "ETH", "amount": "0.001", "account": "merchant"},
    Rescan: {
        "order_id": "ord-1",
        "chain": "TRX",
        "to_address": "TDD1",
        "tx_id": "0xabc",
        "memo": "m",
        "user_id": "alice1",
    },
}


def transfer(order_id: str = "ord-1", **changes: Any) -> Transfer:
    """A transfer."""
    return Transfer(**{**VALID[Transfer], "order_id": order_id, **changes})


def deposit(record_id: str) -> DepositCredited:
    """5 USDT for a user."""
    return DepositCredited.model_validate(
        {
            "sequence": 0,
            "provider": "ccpayment",
            "record_id": record_id,
            "account": "user:alice1",
            "coin": "1280",
            "amount": "5",
            "fee": "0",
            "chain": "TRX",
            "tx_id": "0xabc",
            "entries": [],
        }
    )
