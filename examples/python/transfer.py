"""Moves coins from one user to another and prints how it ends: `python transfer.py ORDER_ID FROM TO COIN_ID AMOUNT`.

Exit code 0: succeeded, 1: failed or rejected, 2: not sent, or not known yet. Whatever happens, the same command line
may be run again: an orderId is executed once, and its result is told again.
"""

import asyncio
import os
import sys

from ledger_client import Ledger, LedgerClient, LedgerError, OrderResult, Transfer


async def main(order_id: str, sender: str, receiver: str, coin_id: str, amount: str) -> int:
    """Connect, and ask."""
    command = Transfer(
        order_id=order_id, from_user_id=sender, to_user_id=receiver, coin_id=int(coin_id), amount=amount
    )
    async with LedgerClient.connect(os.environ["LEDGER_AMQP_URL"], service="example") as client:
        return await move(client, command)


async def move(ledger: Ledger, command: Transfer) -> int:
    """Takes a `Ledger`, so that a test can hand it a `FakeLedger`."""
    event = await ledger.execute(command, timeout=60)
    print(event.result, event.error_code or "")
    if isinstance(event.data, OrderResult):
        for line in event.data.entries:
            print(line.account, line.amount)
    return 0 if event.result == "succeeded" else 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(*sys.argv[1:])))
    except LedgerError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
