"""Tell: the events beside an order's results."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from schemas.event import (
    ContradictedData,
    DepositCreditedData,
    ErrorDetail,
    Event,
    Line,
    PayOrderCreatedData,
    RescanRequestedData,
    contradiction_event_id,
    deposit_event_id,
    entry_lines,
    event_id_of,
    event_of,
    show_time,
)
from schemas.money import show
from worker.order import Order
from worker.providers.protocol import Deposit, Payable


def pay_order_created(order: Order, payable: Payable, sequence: int, now: datetime) -> Event:
    """`payOrder.created`: somebody may pay now."""
    return event_of(
        PayOrderCreatedData(
            order_id=order.order_id,
            sequence=sequence,
            provider=order.provider,
            payment_id=payable.payment_id,
            coin=payable.coin,
            amount=payable.amount,
            address=payable.address,
            expires_at=show_time(payable.expires_at),
        ),
        subject=order.order_id,
        event_id=event_id_of(order.order_id, sequence),
        schema="pay-order-created",
        now=now,
        correlation_id=order.correlation_id,
    )


def deposit_credited(
    deposit: Deposit,
    lines: Sequence[Line],
    order_id: str | None,
    sequence: int,
    now: datetime,
    correlation_id: str | None,
) -> Event:
    """`deposit.credited`: what came in is posted. Its id is the deposit's, whoever finds it."""
    assert deposit.amount is not None, "what is credited has its amount"
    return event_of(
        DepositCreditedData(
            order_id=order_id,
            sequence=sequence,
            provider=deposit.provider,
            record_id=deposit.record_id,
            account=deposit.account,
            coin=deposit.coin,
            amount=show(deposit.amount),
            fee=show(deposit.fee or Decimal(0)),
            chain=deposit.chain,
            tx_id=deposit.tx_id,
            entries=entry_lines(lines),
        ),
        subject=f"deposit:{deposit.provider}:{deposit.record_id}",
        event_id=deposit_event_id(deposit.provider, deposit.record_id),
        schema="deposit-credited",
        now=now,
        correlation_id=correlation_id or order_id,
    )


def rescan_requested(order: Order, run: int, description: str, now: datetime) -> Event:
    """`rescan.requested`: the provider was asked to look again."""
    sequence = order.events + 1
    return event_of(
        RescanRequestedData(
            order_id=order.order_id,
            sequence=sequence,
            provider=order.provider,
            run=run,
            description=description,
        ),
        subject=order.order_id,
        event_id=event_id_of(order.order_id, sequence),
        schema="rescan-requested",
        now=now,
        correlation_id=order.correlation_id,
    )


def contradicted(order: Order, detail: str, now: datetime) -> Event:
    """`<type>.contradicted`: somebody must look. Told after all that the order tells."""
    return event_of(
        ContradictedData(
            order_id=order.order_id,
            type=order.command.type,
            sequence=order.events + 1,
            provider=order.provider,
            error=ErrorDetail(code="contradiction", message=detail),
        ),
        subject=order.order_id,
        event_id=contradiction_event_id(order.order_id, detail),
        schema="order-contradicted",
        now=now,
        correlation_id=order.correlation_id,
    )
