"""A deposit as the database has it."""

import asyncpg

from worker.providers.protocol import Deposit


def deposit_columns(deposit: Deposit) -> tuple[object, ...]:
    return (
        deposit.account,
        deposit.coin,
        deposit.amount,
        deposit.fee,
        deposit.chain,
        deposit.tx_id,
        deposit.output,
        deposit.address,
        deposit.memo,
    )


def read_deposit(row: asyncpg.Record) -> Deposit:
    return Deposit(
        provider=row["provider"],
        record_id=row["record_id"],
        kind=row["kind"],
        state="final" if row["state"] == "credited" else row["state"],
        account=row["account"],
        coin=row["coin"],
        amount=row["amount"],
        fee=row["fee"],
        chain=row["chain"],
        tx_id=row["tx_id"],
        output=row["output"],
        address=row["address"],
        memo=row["memo"],
        note=row["note"],
        order_id=row["order_id"],
    )
