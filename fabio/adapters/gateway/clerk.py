"""Clerk: turns what happened in a pit into the account's books, order records and user events.

The truth of an order is its ticket; the record is what clients see of it, which for the
children of a bracket is a moment later (about 18 ms after the fill, seen live).
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from fabio.adapters.gateway.accounts import AccountBook, Execution
from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.hubs import CHANGED, GONE, NEW, Hubs
from fabio.adapters.gateway.listings import Listing
from fabio.adapters.gateway.messages import plain
from fabio.adapters.gateway.orders import Orders, with_status
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.enums import TERMINAL, OrderSide, OrderStatus, OrderType
from fabio.adapters.topstepx.records import Order
from fabio.exchange.pit import Pit
from fabio.exchange.ticket import Executed, Over, Working

SESSION_OVER, REJECTED = "session over", "rejected"
_ENDS = {SESSION_OVER: OrderStatus.EXPIRED, REJECTED: OrderStatus.REJECTED}
# reason of an end -> status; any other is a cancel
_LIMITS = frozenset({OrderType.LIMIT, OrderType.JOIN_BID, OrderType.JOIN_ASK})
_AVERAGE_DIGITS = Decimal("1E-9")


class Slip(msgspec.Struct):
    """What the clerk knows of an order beside its record."""

    account: AccountBook
    listing: Listing
    filled_tick_steps: int = 0
    size: int = 0
    price_ticks: int | None = None
    is_shown_soon: bool = False


class Clerk:
    """Keeps the books of the floor.

    Parameters
    ----------
    later
        Takes a delay and a deed.

    Attributes
    ----------
    on_fill
        Called with an account after each of its fills.
    """

    def __init__(self, clock: VenueClock, orders: Orders, hubs: Hubs, switches: Switches,
                 later: Callable[[int, Callable[[], None]], None]) -> None:
        self.orders = orders
        self.on_fill: Callable[[AccountBook], None] = _nothing
        self._clock = clock
        self._hubs = hubs
        self._switches = switches
        self._later = later
        self._slips: dict[int, Slip] = {}  # order id -> slip

    def file(self, order: Order, account: AccountBook, listing: Listing) -> None:
        """Take a new order into the books."""
        self._slips[order.id] = Slip(account, listing)
        self._keep(order)

    def listing_of(self, order_id: int) -> Listing:
        """Give the contract of an order."""
        return self._slips[order_id].listing

    def end(self, order_id: int, reason: str) -> None:
        """Show an order that has not ended yet as ended."""
        order = self.orders.get(order_id)
        if order.status not in TERMINAL:
            self.mark(order_id, _ENDS.get(reason, OrderStatus.CANCELLED))

    def mark(self, order_id: int, status: OrderStatus) -> None:
        """Show an order in another status."""
        self._keep(with_status(self.orders.get(order_id), status, self._clock.rest(self._clock.now_ns)))

    def take(self, pit: Pit) -> None:
        """Take all reports of a pit."""
        while pit.reports:
            reports, pit.reports = pit.reports, []
            for report in reports:
                if isinstance(report, Executed):
                    self._executed(report)
                elif isinstance(report, Working):
                    self._working(report)
                else:
                    self._over(report)

    # -- reports ------------------------------------------------------------------------

    def _working(self, report: Working) -> None:
        order, slip = self.orders.get(report.ticket_id), self._slips[report.ticket_id]
        slip.size = report.left_steps + (order.fill_volume or 0)
        slip.price_ticks = report.price_ticks
        if order.status != OrderStatus.SUSPENDED:
            self._show(order.id)
        elif not slip.is_shown_soon:
            slip.is_shown_soon = True
            self._later(self._switches.bracket_delay_ns, lambda: self._show(order.id))

    def _show(self, order_id: int) -> None:
        """Show an order as it works; one that has ended meanwhile is left alone."""
        order, slip = self.orders.get(order_id), self._slips[order_id]
        if order.status in TERMINAL:
            return
        shown = msgspec.structs.replace(_priced(order, slip), status=int(OrderStatus.OPEN), size=slip.size)
        if shown != order:
            self._keep(msgspec.structs.replace(shown, update_timestamp=self._clock.rest(self._clock.now_ns)))

    def _executed(self, report: Executed) -> None:
        order_id, slip = report.ticket_id, self._slips[report.ticket_id]
        if self.orders.get(order_id).status == OrderStatus.SUSPENDED:  # it traded before it was shown
            self._show(order_id)
        order, stamp = self.orders.get(order_id), self._clock.rest(report.ts_ns)
        slip.filled_tick_steps += report.steps * report.price_ticks
        filled, is_done = (order.fill_volume or 0) + report.steps, report.left_steps == 0
        average = slip.listing.instrument.tick_size * slip.filled_tick_steps / filled
        order = msgspec.structs.replace(
            order, fill_volume=filled, filled_price=plain(average.quantize(_AVERAGE_DIGITS)), update_timestamp=stamp,
            status=int(OrderStatus.FILLED if is_done else OrderStatus.OPEN), size=filled + report.left_steps)
        half_turn = slip.account.fill(slip.listing, Execution(
            order_id=order_id, side=1 if order.side == OrderSide.BID else -1, steps=report.steps,
            price_ticks=report.price_ticks, ts_ns=report.ts_ns, stamp=stamp))
        if self._switches.trade_before_order:
            self._hubs.tell_user(half_turn, NEW)
        self._keep(order)
        if not self._switches.trade_before_order:
            self._hubs.tell_user(half_turn, NEW)
        position = slip.account.position(slip.listing.id)
        self._hubs.tell_user(position, CHANGED if position.size else GONE)
        self._hubs.tell_user(slip.account.record())
        self.on_fill(slip.account)

    def _over(self, report: Over) -> None:
        self.end(report.ticket_id, report.reason)

    def _keep(self, order: Order) -> None:
        self.orders.keep(self._clock.now_ns, order)
        if not self.orders.is_hidden(order.id):
            self._hubs.tell_user(order)


def _priced(order: Order, slip: Slip) -> Order:
    if slip.price_ticks is None:
        return order
    price = plain(slip.listing.instrument.price(slip.price_ticks))
    if order.type in _LIMITS:
        return msgspec.structs.replace(order, limit_price=price)
    return msgspec.structs.replace(order, stop_price=price)


def _nothing(account: AccountBook) -> None:
    """Nobody wants to know of fills yet."""
