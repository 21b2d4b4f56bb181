"""Commands as a service writes them: every type but `transfer`, which `client` has."""

COIN = "TRON_USDT"
USDT = 1280
TRX = 1482

# Where payouts go unless a story has an address of its own, and where the provider sends what is withdrawn.
SUPPLIER = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"
BOUND_ADDRESS = "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"

Command = dict[str, object]


def swap(order_id: str, user: str, **more: object) -> Command:
    """20 USDT to TRX."""
    fields = {"userId": user, "coinIdIn": USDT, "amountIn": "20", "coinIdOut": TRX}
    return {"type": "swap", "orderId": order_id, **fields, **more}


def payout(order_id: str, amount: str = "5", **more: object) -> Command:
    """To the supplier, from the merchant's account."""
    return {"type": "payout", "orderId": order_id, "coin": COIN, "address": SUPPLIER, "amount": amount, **more}


def withdraw(order_id: str, amount: str = "5", **more: object) -> Command:
    """To the bound address, from the merchant's account."""
    return {"type": "withdraw", "orderId": order_id, "coin": COIN, "amount": amount, **more}


def pay_order(order_id: str, amount: str = "30", **more: object) -> Command:
    """For the merchant's account."""
    return {"type": "payOrder", "orderId": order_id, "coin": COIN, "amount": amount, **more}


def rescan(order_id: str, tx_id: str, to_address: str, **more: object) -> Command:
    """Of a payment on Tron."""
    return {"type": "rescan", "orderId": order_id, "chain": "TRX", "txId": tx_id, "toAddress": to_address, **more}
