"""All that the broker knows of the venue, put together; none of it outlives the process."""

from collections.abc import Callable, Iterable

from fabio.adapters.topstepx.broker.book import Book
from fabio.adapters.topstepx.broker.errands import Changes, Errands
from fabio.adapters.topstepx.broker.executions import Executions
from fabio.adapters.topstepx.broker.orders import Orders
from fabio.adapters.topstepx.broker.protection import Guardian
from fabio.adapters.topstepx.broker.reach import Reach
from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.records import HalfTurn, Order


class Known:
    """The parts that hold what was heard, and that tell of it.

    Parameters
    ----------
    doubt
        Told, in words, when something can only be cleared by a picture.
    """

    def __init__(self, reach: Reach, tags: Tags, doubt: Callable[[str], None]) -> None:
        self.tags = tags
        self.doubt = doubt
        self.book = Book(tags)
        self.errands = Errands()
        self.changes = Changes(reach.clock)
        self.executions = Executions(reach, self.book, self.errands, self.heard_order, doubt)
        self.guardian = Guardian(reach, self.book, self.errands, self.heard_order)
        self.orders = Orders(reach, self.book, self.errands, self.executions, self.guardian, doubt)

    def heard_order(self, record: Order) -> None:
        """Take one record that was asked for."""
        self.heard([record])

    def heard(self, records: Iterable[Order | HalfTurn]) -> None:
        """Take records that came together, in order; what they mean is told."""
        for record in records:
            if isinstance(record, Order):
                self.orders.take(record)
            else:
                self.executions.take(record)
                self._told_of(record)
        self.orders.settle()
        self.changes.happened()

    def _told_of(self, trade: HalfTurn) -> None:
        tag = self.book.tag_of(trade.order_id)
        if tag is not None:
            self.orders.review(tag.order_id)
