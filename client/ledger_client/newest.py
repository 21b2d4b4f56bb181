"""The order of an order's events: repeats and several consumers let an old one come after a newer."""

from collections import OrderedDict

from ledger_client.event import Event


class Newest:
    """The highest sequence of each of the latest orders, in memory.

    Whoever keeps a status per order in a database asks there instead: `UPDATE ... WHERE sequence < $1`.

    >>> from ledger_client import FakeLedger, Newest, Transfer
    >>> async def main() -> None:
    ...     ledger, newest = FakeLedger(), Newest()
    ...     ledger.process("invoice-1")
    ...     ledger.succeed("invoice-1")
    ...     async with ledger.events("transfer.*") as events:
    ...         await ledger.publish(
    ...             Transfer(
    ...                 order_id="invoice-1", from_user_id="alice1", to_user_id="bob123", coin_id=1280, amount="1"
    ...             )
    ...         )
    ...         processing, succeeded = [await anext(events), await anext(events)]
    ...         print(newest.is_news(succeeded), newest.is_news(processing))
    >>> import asyncio
    >>> asyncio.run(main())
    True False
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._sequences: OrderedDict[str, int] = OrderedDict()

    def is_news(self, event: Event) -> bool:
        """False when a later event of the same order was asked about before. Events about no order are always news.

        The same event is news again: its handling may have failed the first time.
        """
        order_id, sequence = event.order_id, event.data.sequence
        if order_id is None or sequence == 0:
            return True
        if sequence < self._sequences.get(order_id, 0):
            return False
        self._sequences[order_id] = sequence
        self._sequences.move_to_end(order_id)
        while len(self._sequences) > self._limit:
            self._sequences.popitem(last=False)
        return True
