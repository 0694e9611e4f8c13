"""Pit: orders of any kind in one market, from anybody; matched by the rules of `book`.

Prices and turns come from the same functions (`slippage`, `queue`), and at one trade tickets
are asked in the same order: oldest family first, its entry, its stop, its target. So an entry
with a bracket gets the fills here that the paper venue gives it, whoever calls.

A family: the children exist from the start and wait. Each fill of the entry makes them work
for that much more, at prices counted from the first fill. What one child trades is taken off
the other; when nothing is left to protect, the rest of the entry goes too.

Time and latency are the caller's: a method is called when its moment has come.
"""

from collections.abc import Sequence

from fabio.exchange.assumptions import Assumptions
from fabio.exchange.queue import limit_turn
from fabio.exchange.scan import NO_HIGH, NO_LOW
from fabio.exchange.slippage import (
    market_fill_ticks,
    marketable,
    marketable_fill_ticks,
    stop_fill_ticks,
    stop_triggers,
)
from fabio.exchange.ticket import Executed, Over, Report, Ticket, Working


class Pit:
    """The tickets of one market.

    Parameters
    ----------
    assumptions
        Slippage and queue; the latency in it is not used here.

    Attributes
    ----------
    tickets
        Those that work or wait, oldest first.
    reports
        What happened; whoever calls takes it from here.
    most_steps
        The most of one ticket that one print fills; None for no limit.
    """

    def __init__(self, assumptions: Assumptions) -> None:
        self._assumptions = assumptions
        self.tickets: dict[int, Ticket] = {}  # ticket id -> ticket
        self.reports: list[Report] = []
        self.most_steps: int | None = None

    def bounds(self) -> tuple[int, int]:
        """Give the nearest prices: a trade at or beyond one of them, below or above, matters."""
        low, high = NO_LOW, NO_HIGH
        for ticket in self.tickets.values():
            ticket_low, ticket_high = ticket.bounds()
            low, high = max(low, ticket_low), min(high, ticket_high)
        return low, high

    def enter(self, family: Sequence[Ticket], ts_ns: int, last_ticks: int) -> None:
        """Take an order as it arrives, with its children behind it (the stop first)."""
        for ticket in family:
            ticket.ahead_steps = self._assumptions.queue_ahead_steps
            self.tickets[ticket.id] = ticket
        entry = family[0]
        if not self._fill_if_through(entry, ts_ns, last_ticks):
            self._report_working(entry, ts_ns)
        for child_id in entry.children:
            child = self.tickets.get(child_id)
            if child is not None and child.kind == "stop" and child.left_steps > 0:
                self._stop_if_through(child, ts_ns, last_ticks)

    def change(
        self, ticket_id: int, ts_ns: int, last_ticks: int, *,
        left_steps: int | None = None, price_ticks: int | None = None, trail_ticks: int | None = None,
    ) -> None:
        """Change what is left of a ticket, its price or its trail; one that is over, or waits, is left alone."""
        ticket = self.tickets.get(ticket_id)
        if ticket is None or ticket.left_steps == 0:
            return
        if left_steps is not None and left_steps <= 0:
            self._end(ticket, ts_ns, "no size is left")
            return
        if left_steps is not None:
            ticket.left_steps = left_steps
        if price_ticks is not None and ticket.price_ticks is not None:
            ticket.price_ticks = price_ticks
            ticket.ahead_steps = self._assumptions.queue_ahead_steps  # its place in the queue is lost
        if trail_ticks is not None and ticket.kind == "stop":
            ticket.trail_ticks = trail_ticks
            ticket.price_ticks = last_ticks + ticket.side * trail_ticks
        self._report_working(ticket, ts_ns)
        if ticket.price_ticks is not None:  # the rest of a market order waits for the next print
            self._fill_if_through(ticket, ts_ns, last_ticks)

    def cancel(self, ticket_id: int, ts_ns: int, reason: str) -> None:
        """End a ticket; children of an entry of which nothing was filled end with it."""
        ticket = self.tickets.get(ticket_id)
        if ticket is not None:
            self._end(ticket, ts_ns, reason)

    def trade(self, ts_ns: int, price_ticks: int, size_steps: int) -> None:
        """Match one public print against every ticket."""
        for ticket in list(self.tickets.values()):
            if ticket.left_steps == 0:  # it waits, or has ended at this very print
                continue
            if ticket.price_ticks is None:
                self._at_market(ticket, ts_ns, price_ticks)
            elif ticket.kind == "limit":
                turn = limit_turn(ticket.price_ticks, ticket.side, ticket.left_steps, ticket.ahead_steps,
                                  (price_ticks, size_steps))
                ticket.ahead_steps = turn.ahead_steps
                if turn.filled_steps > 0:
                    self._execute(ticket, ts_ns, turn.filled_steps, ticket.price_ticks)
            elif not self._stop_if_through(ticket, ts_ns, price_ticks) and ticket.follow(price_ticks):
                self._report_working(ticket, ts_ns)

    # -- fills --------------------------------------------------------------------------

    def _fill_if_through(self, ticket: Ticket, ts_ns: int, last_ticks: int) -> bool:
        """Trade what the last price lets trade at once; tell whether it did."""
        if ticket.price_ticks is None:
            self._at_market(ticket, ts_ns, last_ticks)
            return True
        if ticket.kind == "stop":
            return self._stop_if_through(ticket, ts_ns, last_ticks)
        if not marketable(last_ticks, ticket.price_ticks, ticket.side):
            return False
        price_ticks = marketable_fill_ticks(last_ticks, ticket.price_ticks, ticket.side,
                                            self._assumptions.market_slippage_ticks)
        self._execute(ticket, ts_ns, ticket.left_steps, price_ticks)
        return True

    def _at_market(self, ticket: Ticket, ts_ns: int, last_ticks: int) -> None:
        fill_ticks = market_fill_ticks(last_ticks, ticket.side, self._assumptions.market_slippage_ticks)
        self._execute(ticket, ts_ns, ticket.left_steps, fill_ticks)

    def _stop_if_through(self, ticket: Ticket, ts_ns: int, price_ticks: int) -> bool:
        stop_ticks = ticket.price_ticks
        if stop_ticks is None or not stop_triggers(price_ticks, stop_ticks, ticket.side):
            return False
        fill_ticks = stop_fill_ticks(price_ticks, stop_ticks, ticket.side, self._assumptions.stop_slippage_ticks)
        ticket.kind, ticket.price_ticks, ticket.trail_ticks = "market", None, None
        self._execute(ticket, ts_ns, ticket.left_steps, fill_ticks)
        return True

    def _execute(self, ticket: Ticket, ts_ns: int, steps: int, price_ticks: int) -> None:
        if self.most_steps is not None:
            steps = min(steps, self.most_steps)
        ticket.left_steps -= steps
        ticket.filled_steps += steps
        self.reports.append(Executed(ticket.id, ts_ns, steps, price_ticks, ticket.left_steps))
        if ticket.left_steps == 0:
            del self.tickets[ticket.id]
        for child_id in ticket.children:
            self._grow(child_id, ts_ns, steps, price_ticks if ticket.filled_steps == steps else None)
        if ticket.parent_id is not None:
            self._shrink_family(ticket, ts_ns, steps)

    def _grow(self, child_id: int, ts_ns: int, steps: int, first_fill_ticks: int | None) -> None:
        child = self.tickets.get(child_id)
        if child is None:
            return
        if first_fill_ticks is not None and child.offset_ticks is not None:
            child.price_ticks = first_fill_ticks + child.offset_ticks
        child.left_steps += steps
        self._report_working(child, ts_ns)

    def _shrink_family(self, child: Ticket, ts_ns: int, steps: int) -> None:
        sibling = None if child.sibling_id is None else self.tickets.get(child.sibling_id)
        if sibling is not None and sibling.left_steps > 0:
            sibling.left_steps = max(sibling.left_steps - steps, 0)
            if sibling.left_steps > 0:
                self._report_working(sibling, ts_ns)
            else:
                self._end(sibling, ts_ns, "the other child filled")
        if child.left_steps > 0 or (sibling is not None and sibling.left_steps > 0):
            return
        entry = None if child.parent_id is None else self.tickets.get(child.parent_id)
        if entry is not None:  # its rest must not open again what the bracket has closed
            self._end(entry, ts_ns, "its bracket filled")

    def _report_working(self, ticket: Ticket, ts_ns: int) -> None:
        self.reports.append(Working(ticket.id, ts_ns, ticket.left_steps, ticket.price_ticks))

    # -- ends ---------------------------------------------------------------------------

    def _end(self, ticket: Ticket, ts_ns: int, reason: str) -> None:
        ticket.left_steps = 0
        self.tickets.pop(ticket.id, None)
        self.reports.append(Over(ticket.id, ts_ns, reason))
        if ticket.filled_steps > 0:
            return
        for child_id in ticket.children:
            child = self.tickets.get(child_id)
            if child is not None:
                self._end(child, ts_ns, "its entry is gone")
