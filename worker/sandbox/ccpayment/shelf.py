"""Where records stand: one shelf for each kind, found by record id or, where they have one, order id."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from worker.sandbox.ccpayment.records import Recorded

Record = TypeVar("Record", bound=Recorded)


class Shelf(Generic[Record]):
    """Records of one kind, in the order of their making."""

    def __init__(self) -> None:
        self._by_record_id: dict[str, Record] = {}
        self._by_order_id: dict[str, Record] = {}

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._by_record_id.values()))

    def put(self, record: Record, order_id: str | None = None) -> None:
        """Add a record; the order id is the one that nothing else may use."""
        assert record.record_id not in self._by_record_id, "a record id is used once"
        self._by_record_id[record.record_id] = record
        if order_id is not None:
            assert order_id not in self._by_order_id, "an order id is used once"
            self._by_order_id[order_id] = record

    def replace(self, record: Record) -> None:
        """The same record, changed. It has no order id of its own."""
        assert record.record_id in self._by_record_id, "only what is there changes"
        self._by_record_id[record.record_id] = record

    def by_record_id(self, record_id: str) -> Record | None:
        """The record with the provider's own id."""
        return self._by_record_id.get(record_id)

    def by_order_id(self, order_id: str) -> Record | None:
        """The record that used this order id."""
        return self._by_order_id.get(order_id)
