"""The road of pay orders: expiry, payments that arrive, and the webhooks."""

import json
from decimal import Decimal

from worker.sandbox.coinqpay.agenda import Agenda
from worker.sandbox.coinqpay.books import Books
from worker.sandbox.coinqpay.records import PayOrder, PayOrderStatus, queried_pay_order
from worker.sandbox.webhooks import JSON_HEADERS, Webhooks

CHANGED = "coinqpay.pay-order"


class PayOrderRoad:
    """Every pay order on its way. `pace_seconds` is from the sight of a payment to its count."""

    def __init__(self, books: Books, webhooks: Webhooks, pace_seconds: float) -> None:
        self.pace_seconds = pace_seconds
        self._books = books
        self._webhooks = webhooks
        self._expiring: Agenda[PayOrder] = Agenda()
        self._arriving: Agenda[PayOrder] = Agenda()

    def start(self, order: PayOrder) -> None:
        """Let a new order wait for its money until it expires."""
        self._expiring.put(order.expires_at, order)

    def advance(self, at: float) -> None:
        """Let every order expire, or count its payment, that is due."""
        for begun, order in self._arriving.take(at - self.pace_seconds):
            # Of a payment that failed and was made again only the last sight counts.
            if order.arriving is not None and order.seen_at == begun:
                self._count(order, order.arriving, begun + self.pace_seconds)
        for expired_at, order in self._expiring.take(at):
            if order.status is PayOrderStatus.UNPAID:
                self._change(order, PayOrderStatus.EXPIRED, expired_at)

    def pay(self, order: PayOrder, amount: Decimal, tx_hash: str | None, at: float) -> None:
        """A payment is seen on the chain: in time, or late, which the documents show too."""
        order.arriving, order.seen_at = amount, at
        order.tx_hash = tx_hash or order.tx_hash
        self._change(order, PayOrderStatus.PENDING, at)
        self._arriving.put(at, order)

    def expire(self, order: PayOrder, at: float) -> None:
        """Its time is up sooner than it was told."""
        order.expires_at = int(at)
        self._change(order, PayOrderStatus.EXPIRED, at)

    def fail(self, order: PayOrder, at: float) -> None:
        """The payment fails; one that is arriving never counts."""
        order.arriving = None
        self._change(order, PayOrderStatus.FAILED, at)

    def _count(self, order: PayOrder, amount: Decimal, at: float) -> None:
        order.pay_amount, order.arriving = amount, None
        self._books.fund(order.coin, amount)
        if amount == order.amount:
            order.success_at = int(at)
            self._change(order, PayOrderStatus.PAID, at)
        else:
            self._change(order, PayOrderStatus.EXCEPTION, at)

    def _change(self, order: PayOrder, status: PayOrderStatus, at: float) -> None:
        order.status = status
        # The documented webhook has all its times in seconds, unlike the documented query.
        body = json.dumps(queried_pay_order(order, in_milliseconds=False)).encode()
        self._webhooks.send(CHANGED, body, JSON_HEADERS, at)
