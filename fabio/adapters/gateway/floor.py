"""Floor: what clients ask of the venue, and when it takes effect.

A request is answered at once and takes effect one latency later, in the order of requests:
commands never overtake each other, as on paper. Between the two an order is pending.
"""

from collections.abc import Callable, Mapping

import msgspec

from fabio.adapters.gateway.accounts import AccountBook
from fabio.adapters.gateway.clerk import REJECTED, SESSION_OVER, Clerk
from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.family import family_of, tickets_of, trail_ticks_of
from fabio.adapters.gateway.listings import Listing
from fabio.adapters.gateway.orders import Orders
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.gateway.street import Street
from fabio.adapters.topstepx.enums import OrderSide, OrderStatus, OrderType
from fabio.adapters.topstepx.records import ModifyOrder, Order, PlaceOrder
from fabio.exchange.assumptions import Assumptions
from fabio.exchange.pit import Pit
from fabio.exchange.ticket import Report, Ticket


class Floor:
    """Orders on their way, and the pits they trade in.

    Parameters
    ----------
    streets
        By contract id; only there orders can be taken.
    at
        Takes a due time and a deed.

    Attributes
    ----------
    pits
        By contract id.
    cancels_late_ns
        What a cancel takes longer than everything else.
    watchers
        Called with the ids of each new order and its children.
    """

    def __init__(self, clock: VenueClock, orders: Orders, clerk: Clerk, streets: Mapping[str, Street],
                 assumptions: Assumptions, switches: Switches, at: Callable[[int, Callable[[], None]], None]) -> None:
        self.orders = orders
        self.clerk = clerk
        self.pits = {contract_id: Pit(assumptions) for contract_id in streets}
        self.cancels_late_ns = 0
        self.watchers: list[Callable[[list[int]], None]] = []
        self._clock = clock
        self._streets = streets
        self._assumptions = assumptions
        self._switches = switches
        self._at = at
        self._last_due_ns = 0
        self._arriving: dict[int, list[Ticket]] = {}  # order id -> its family, until it arrives
        # contract id -> prices at or beyond which a print matters
        self._bounds = {contract_id: pit.bounds() for contract_id, pit in self.pits.items()}

    def has_orders(self, contract_id: str) -> bool:
        """Tell whether anything works in a contract."""
        return bool(self.pits[contract_id].tickets)

    def ticket(self, order: Order) -> Ticket | None:
        """Give what works of an order; None where nothing does."""
        pit = self.pits.get(order.contract_id)
        found = None if pit is None else pit.tickets.get(order.id)
        return found if found is not None and found.left_steps > 0 else None

    def trade(self, contract_id: str, price_ticks: int, size_steps: int) -> None:
        """Match one public print."""
        low, high = self._bounds[contract_id]
        if low < price_ticks < high:
            return
        pit = self.pits[contract_id]
        pit.trade(self._clock.now_ns, price_ticks, size_steps)
        self._settle(contract_id)

    # -- what clients ask ---------------------------------------------------------------

    def reject(self, order: PlaceOrder, account: AccountBook, listing: Listing) -> int:
        """Keep the record of an order that was refused; give its id."""
        record = family_of(order, listing, self.orders.new_id, self._stamp())[0]
        refused = msgspec.structs.replace(record, status=int(OrderStatus.REJECTED))
        self.clerk.file(refused, account, listing)
        return record.id

    def place(self, order: PlaceOrder, account: AccountBook, listing: Listing, *, at_once: bool = False) -> int:
        """Take an order that nothing speaks against; give its id."""
        street = self._streets[listing.id]
        trail_ticks = trail_ticks_of(order, street)
        records = family_of(order, listing, self.orders.new_id, self._stamp(), trail_ticks)
        for record in records:
            self.clerk.file(record, account, listing)
        entry = records[0]
        self._arriving[entry.id] = tickets_of(order, records, street, trail_ticks)
        if at_once:
            self._arrive(entry.id, account, listing)
        else:
            self._soon(lambda: self._arrive(entry.id, account, listing))
        for seen in self.watchers:
            seen([record.id for record in records])
        return entry.id

    def modify(self, change: ModifyOrder, order: Order) -> None:
        """Change a working order."""
        listing = self.clerk.listing_of(order.id)

        def take_effect() -> None:
            ticket, street = self.ticket(order), self._streets[listing.id]
            if ticket is None or street.last_ticks is None:
                return
            wanted = change.limit_price if ticket.kind == "limit" else change.stop_price
            trail_ticks = None
            if ticket.trail_ticks is not None and change.trail_price is not None:
                trail_ticks = abs(street.last_ticks - listing.instrument.price_ticks(change.trail_price))
            self.pits[listing.id].change(
                order.id, self._clock.now_ns, street.last_ticks,
                left_steps=None if change.size is None else change.size - ticket.filled_steps,
                price_ticks=None if wanted is None else listing.instrument.price_ticks(wanted),
                trail_ticks=trail_ticks)
            self._settle(listing.id)

        self._soon(take_effect)

    def cancel(self, order: Order) -> None:
        """Cancel what is left of an order."""
        if self._switches.shows_pending_cancellation:
            self.clerk.mark(order.id, OrderStatus.PENDING_CANCELLATION)
        ticket = self.pits[order.contract_id].tickets.get(order.id)
        sibling = None if ticket is None else ticket.sibling_id

        def take_effect() -> None:
            self.end(order.id, "asked")
            if self._switches.cancel_takes_sibling and sibling is not None:
                self.end(sibling, "its sibling was cancelled")

        if self.cancels_late_ns:
            self._at(self._clock.now_ns + self.cancels_late_ns, take_effect)
        else:
            self._soon(take_effect)

    def close(self, account: AccountBook, listing: Listing, size: int | None, *, at_once: bool = False) -> int:
        """Close what is held of a contract, or so much of it, at market; give the order's id."""
        held = account.held_steps(listing.id)
        all_of_it = size is None or size >= abs(held)
        cancels = (self._switches.close_cancels_brackets if all_of_it
                   else self._switches.partial_close_cancels_brackets)
        if cancels:
            for order in self.orders.live(account.id):
                if order.contract_id == listing.id and order.parent_order_id is not None:
                    self.cancel(order)
        return self.place(
            PlaceOrder(account_id=account.id, contract_id=listing.id, type=OrderType.MARKET,
                       side=OrderSide.ASK if held > 0 else OrderSide.BID, size=abs(held) if size is None else size),
            account, listing, at_once=at_once)

    # -- what the venue does by itself --------------------------------------------------

    def end(self, order_id: int, reason: str) -> None:
        """End an order now."""
        listing = self.clerk.listing_of(order_id)
        family = self._arriving.pop(order_id, None)
        if family is not None:
            for ticket in family:
                self.clerk.end(ticket.id, reason)
            return
        self.pits[listing.id].cancel(order_id, self._clock.now_ns, reason)
        self._settle(listing.id)

    def end_all(self, account: AccountBook, reason: str) -> None:
        """End all orders of an account now."""
        for order in self.orders.live(account.id):
            self.end(order.id, reason)

    def end_session(self, contract_id: str) -> None:
        """End everything that works in a contract: its session is over."""
        for order_id in [*self._arriving, *self.pits[contract_id].tickets]:
            if self.clerk.listing_of(order_id).id == contract_id:
                self.end(order_id, SESSION_OVER)

    def force(self, contract_id: str, report: Report) -> None:
        """Book something that did not happen in the pit."""
        self.pits[contract_id].reports.append(report)
        self._settle(contract_id)

    def little_liquidity(self, steps: int | None) -> None:
        """Let one print fill so many steps of an order at most; None for all."""
        for pit in self.pits.values():
            pit.most_steps = steps

    def _arrive(self, order_id: int, account: AccountBook, listing: Listing) -> None:
        family = self._arriving.pop(order_id, None)
        if family is None:
            return
        street, now_ns = self._streets[listing.id], self._clock.now_ns
        entry = family[0]
        if street.last_ticks is None or not account.can_trade or not street.is_open(now_ns):
            for ticket in family:
                self.clerk.end(ticket.id, REJECTED)
            return
        if entry.trail_ticks is not None:
            entry.price_ticks = street.last_ticks + entry.side * entry.trail_ticks
        self.pits[listing.id].enter(family, now_ns, street.last_ticks)
        self._settle(listing.id)

    def _settle(self, contract_id: str) -> None:
        pit = self.pits[contract_id]
        self.clerk.take(pit)
        self._bounds[contract_id] = pit.bounds()

    def _soon(self, deed: Callable[[], None]) -> None:
        due_ns = max(self._assumptions.arrival_ns(self._clock.now_ns), self._last_due_ns)
        self._last_due_ns = due_ns
        self._at(due_ns, deed)

    def _stamp(self) -> str:
        return self._clock.rest(self._clock.now_ns)
