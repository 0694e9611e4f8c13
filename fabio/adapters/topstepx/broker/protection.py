"""Which stop protects an order at the venue, and whether it is gone.

A stop counts while it is Open with a price; of several the bracket's own. It is lost when no
stop of the order may work any more, none was filled, and the position it protected is there
still. A stop also goes when its sibling fills, when the entry goes unfilled, and when we close
the position: none of these is a loss.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from fabio.adapters.topstepx.broker.book import Book, filled, is_live
from fabio.adapters.topstepx.broker.errands import Errands
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.contracts import same_contract
from fabio.adapters.topstepx.enums import OrderStatus
from fabio.adapters.topstepx.records import Order
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.model.event import BracketLost, BracketWorking

REMEMBERED = 10_000
SIBLING_TELLS_S = 0.3
"""How long a cancelled stop waits for the fill of its sibling, which is the usual reason."""

SECOND_LOOK_S = 0.5
TARGET_FOLLOWS_S = 0.25
"""How long a stop that works waits for its target, so that both are told at once."""


class Bracket(msgspec.Struct, frozen=True):
    """What works of an order's bracket."""

    stop_ticks: int
    target_ticks: int | None
    size_steps: int


class _Told(msgspec.Struct):
    """What was told; `ended` once the loss of the stop was told, or found to be none."""

    bracket: Bracket | None = None
    ended: bool = False


class Guardian:
    """Tells of brackets.

    Attributes
    ----------
    closing
        Markets that are being closed by us just now: their stops go because we cancel them.
    """

    def __init__(
        self, reach: Reach, book: Book, errands: Errands, heard: Callable[[Order], None]
    ) -> None:
        self.closing: set[int] = set()
        self._reach = reach
        self._book = book
        self._errands = errands
        self._heard = heard
        self._told: OrderedDict[str, _Told] = OrderedDict()  # order id -> what was told of its bracket
        self._touched: dict[str, None] = {}  # order ids to look at

    def touch(self, order_id: str) -> None:
        """Look at this order with the next `settle`."""
        self._touched[order_id] = None

    def settle(self) -> None:
        """Tell what changed for the orders that were touched."""
        touched, self._touched = self._touched, {}
        for order_id in touched:
            self._look(order_id, patient=True)

    def working_stop(self, order_id: str) -> Order | None:
        """Give the stop that protects an order now; None where none works."""
        works = [each for each in self._book.stops(order_id)
                 if each.status == OrderStatus.OPEN and each.stop_price is not None]
        return min(works, key=lambda each: (not self._is_native(each), each.id), default=None)

    def repeat(self, order_id: str) -> None:
        """Tell of an order's bracket even if nothing changed."""
        self._memory(order_id).bracket = None
        self._look(order_id, patient=False)

    def _look(self, order_id: str, patient: bool) -> None:
        stop = self.working_stop(order_id)
        told = self._memory(order_id)
        if stop is None:
            if self._seems_lost(order_id) and not told.ended:
                self._errands.go(f"the stop of {order_id}", lambda: self._judge(order_id))
            return
        told.ended = False
        traded = self._reach.traded.named(stop.contract_id)
        if traded is None or stop.stop_price is None:
            return
        target = self._book.target(order_id)
        if patient and target is not None and target.status in (OrderStatus.SUSPENDED, OrderStatus.PENDING):
            self._errands.go(f"the target of {order_id}", lambda: self._without_target(order_id))
            return
        target_works = target is not None and target.status == OrderStatus.OPEN and target.limit_price is not None
        bracket = Bracket(
            stop_ticks=traded.near_ticks(stop.stop_price),
            target_ticks=(traded.near_ticks(target.limit_price)
                          if target_works and target is not None and target.limit_price is not None else None),
            size_steps=traded.steps(stop.size - filled(stop)),
        )
        if bracket == told.bracket:
            return
        told.bracket = bracket
        self._reach.emit(BracketWorking(
            ts_ns=self._reach.now_ns(), market=traded.market, order_id=order_id, stop_ticks=bracket.stop_ticks,
            target_ticks=bracket.target_ticks, size_steps=bracket.size_steps,
        ))

    async def _without_target(self, order_id: str) -> None:
        await self._reach.clock.sleep(TARGET_FOLLOWS_S)
        self._look(order_id, patient=False)

    def _seems_lost(self, order_id: str) -> bool:
        """Tell whether all stops of an order are gone unfilled, by what is known now."""
        stops = self._book.stops(order_id)
        entry, target = self._book.entry(order_id), self._book.target(order_id)
        if not stops or any(is_live(each) or each.status == OrderStatus.FILLED for each in stops):
            return False
        if target is not None and target.status == OrderStatus.FILLED:
            return False
        if entry is not None and not is_live(entry) and not filled(entry):
            return False
        traded = self._reach.traded.named(stops[-1].contract_id)
        return traded is not None and traded.market not in self.closing

    async def _judge(self, order_id: str) -> None:
        """Give the sibling's fill a moment, look at the venue, and only then speak of a loss."""
        reach = self._reach
        await reach.clock.sleep(SIBLING_TELLS_S)
        if not self._seems_lost(order_id):
            return
        last = self._book.stops(order_id)[-1]
        doubt = await self._held_and_unfilled(order_id, last)
        traded = reach.traded.named(last.contract_id)
        told = self._memory(order_id)
        if told.ended or traded is None or not self._seems_lost(order_id):
            return
        told.ended, told.bracket = True, None
        if doubt is not None:
            end = OrderStatus(last.status).name.lower()
            reach.emit(BracketLost(ts_ns=reach.now_ns(), market=traded.market, order_id=order_id,
                                   reason=f"the venue says that its stop {last.id} is {end}{doubt}"))

    async def _held_and_unfilled(self, order_id: str, stop: Order) -> str | None:
        """Look whether the target filled, or nothing is held; None where the loss is none."""
        reach = self._reach
        target = self._book.target(order_id)
        try:
            if target is not None:
                record = await reach.rest.order(reach.account_id, target.id, Urgency.PROTECT)
                if record is not None:
                    self._heard(record)
                    if record.status == OrderStatus.FILLED:
                        return None
            held = await self._held(stop)
            if not held:  # a list may lag: what is missing once is not flat yet
                await reach.clock.sleep(SECOND_LOOK_S)
                held = await self._held(stop)
        except READ_ERRORS as error:
            return f"; the venue cannot be asked for more ({error})"
        entry = self._book.entry(order_id)
        return "" if held or (entry is not None and is_live(entry)) else None

    async def _held(self, stop: Order) -> bool:
        positions = await self._reach.rest.open_positions(self._reach.account_id, Urgency.PROTECT)
        return any(same_contract(each.contract_id, stop.contract_id) and each.size for each in positions)

    def _is_native(self, stop: Order) -> bool:
        tag = self._book.tag_of(stop.id)
        return tag is not None and tag.native

    def _memory(self, order_id: str) -> _Told:
        told = self._told.setdefault(order_id, _Told())
        self._told.move_to_end(order_id)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return told
