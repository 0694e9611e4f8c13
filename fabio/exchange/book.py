"""One market's working orders, and what a command, a moment or a trade does to them.

At one trade every group (see `group`) is asked, oldest first: its entry, then its stop,
then its target. So where one tick cannot tell which of them came first, the position was
opened and the stop hit.

Reports collect in `events`; the exchange takes them from there.
"""

import msgspec

from fabio.exchange.assumptions import NEVER_NS, Assumptions
from fabio.exchange.group import Group, refusal
from fabio.exchange.queue import limit_turn
from fabio.exchange.scan import NO_HIGH, NO_LOW
from fabio.exchange.slippage import (
    market_fill_ticks,
    marketable,
    marketable_fill_ticks,
    stop_fill_ticks,
    stop_triggers,
)
from fabio.model.event import (
    BracketWorking,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    VenueEvent,
)
from fabio.model.instrument import Instrument
from fabio.model.order import Fill, Leg, Order


class BookSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A market's orders as plain data; `last_ticks` None before the first trade."""

    last_ticks: int | None
    halted: str
    groups: list[Group]
    done: list[str]


class Book:
    """The groups of one market.

    Parameters
    ----------
    market, instrument
        Whose orders these are.
    assumptions
        Slippage and queue.
    events
        Where reports go; shared by all books of an exchange, so that they keep their order.
    """

    def __init__(self, market: int, instrument: Instrument, assumptions: Assumptions,
                 events: list[VenueEvent]) -> None:
        self._market = market
        self._instrument = instrument
        self._assumptions = assumptions
        self._events = events
        self.groups: dict[str, Group] = {}  # order id -> working or held
        self.done: set[str] = set()  # order ids that are over, so that none lives twice
        self.halted = ""  # why entries are refused

    def bounds(self) -> tuple[int, int]:
        """Give the nearest working prices: a trade at or beyond one of them, below or above, matters."""
        low, high = NO_LOW, NO_HIGH
        for group in self.groups.values():
            group_low, group_high = group.bounds()
            low, high = max(low, group_low), min(high, group_high)
        return low, high

    def next_expiry_ns(self) -> int:
        """Give the earliest good-until of a working entry, `NEVER_NS` without one."""
        return min((group.good_until_ns for group in self.groups.values()), default=NEVER_NS)

    # -- commands and moments -----------------------------------------------------------

    def enter(self, order: Order, ts_ns: int, last_ticks: int | None) -> None:
        """Take an entry as it arrives; an id that was here before is ignored."""
        if order.id in self.groups or order.id in self.done:
            return
        reason = refusal(order) or self.halted
        if not reason and last_ticks is None:
            reason = "no trade yet: there is no price to fill at"
        if reason or last_ticks is None:
            self.done.add(order.id)
            self._events.append(
                OrderRejected(ts_ns=ts_ns, market=self._market, order_id=order.id, reason=reason))
            return
        queue = self._assumptions.queue_ahead_steps
        group = Group(order=order, left_steps=order.size_steps, entry_ahead_steps=queue,
                      target_ahead_steps=queue)
        self.groups[order.id] = group
        if group.good_until_ns <= ts_ns:
            self._expire(group, ts_ns)
            return
        self._events.append(OrderAccepted(ts_ns=ts_ns, market=self._market, order_id=order.id))
        slippage = self._assumptions.market_slippage_ticks
        if order.limit_ticks is None:
            price_ticks = market_fill_ticks(last_ticks, order.side, slippage)
        elif marketable(last_ticks, order.limit_ticks, order.side):
            price_ticks = marketable_fill_ticks(last_ticks, order.limit_ticks, order.side, slippage)
        else:
            return
        self._open(group, ts_ns, order.size_steps, price_ticks)
        self._stop_if_through(group, ts_ns, last_ticks)

    def move_stop(self, order_id: str, stop_ticks: int, ts_ns: int, last_ticks: int) -> None:
        """Move a stop closer; a wider one is not taken (I21). The report says what works now."""
        group = self.groups.get(order_id)
        if group is None or group.held_steps == 0:
            return
        if (stop_ticks - group.stop_ticks) * group.order.side > 0:
            group.stop_ticks = stop_ticks
        self._report_bracket(group, ts_ns)
        self._stop_if_through(group, ts_ns, last_ticks)

    def cancel(self, order_id: str, ts_ns: int) -> None:
        """Cancel what is left of an entry; its bracket stays for what was filled."""
        group = self.groups.get(order_id)
        if group is not None:
            self._cancel(group, ts_ns, "asked")

    def close(self, reason: str, ts_ns: int, last_ticks: int | None) -> None:
        """Cancel entries and brackets, and close what is held at market."""
        for group in list(self.groups.values()):
            self._cancel(group, ts_ns, f"close: {reason}")
            if group.held_steps > 0 and last_ticks is not None:
                price_ticks = market_fill_ticks(last_ticks, group.exit_side,
                                                self._assumptions.market_slippage_ticks)
                self._exit(group, ts_ns, "close", group.held_steps, price_ticks)

    def expire(self, now_ns: int) -> None:
        """End the entries whose good-until has come."""
        for group in list(self.groups.values()):
            if group.good_until_ns <= now_ns:
                self._expire(group, now_ns)

    def trade(self, ts_ns: int, price_ticks: int, size_steps: int) -> None:
        """Match one public print against every group."""
        for group in list(self.groups.values()):
            limit_ticks = group.order.limit_ticks
            if group.left_steps > 0 and limit_ticks is not None:
                turn = limit_turn(limit_ticks, group.order.side, group.left_steps, group.entry_ahead_steps,
                                  (price_ticks, size_steps))
                group.entry_ahead_steps = turn.ahead_steps
                if turn.filled_steps > 0:
                    self._open(group, ts_ns, turn.filled_steps, limit_ticks)
            if group.held_steps > 0 and not self._stop_if_through(group, ts_ns, price_ticks):
                turn = limit_turn(group.target_ticks, group.exit_side, group.held_steps,
                                  group.target_ahead_steps, (price_ticks, size_steps))
                group.target_ahead_steps = turn.ahead_steps
                if turn.filled_steps > 0:
                    self._exit(group, ts_ns, "target", turn.filled_steps, group.target_ticks)

    # -- fills --------------------------------------------------------------------------

    def _stop_if_through(self, group: Group, ts_ns: int, price_ticks: int) -> bool:
        if group.held_steps == 0 or not stop_triggers(price_ticks, group.stop_ticks, group.exit_side):
            return False
        fill_ticks = stop_fill_ticks(price_ticks, group.stop_ticks, group.exit_side,
                                     self._assumptions.stop_slippage_ticks)
        self._exit(group, ts_ns, "stop", group.held_steps, fill_ticks)
        return True

    def _open(self, group: Group, ts_ns: int, steps: int, price_ticks: int) -> None:
        self._fill(group, ts_ns, "entry", (group.order.side, steps, price_ticks))
        if group.fills == 1:  # a moved stop stays where it was moved to when the rest fills
            group.stop_ticks = price_ticks + group.order.stop_offset_ticks
            group.target_ticks = price_ticks + group.order.target_offset_ticks
        group.left_steps -= steps
        group.held_steps += steps
        self._report_bracket(group, ts_ns)

    def _exit(self, group: Group, ts_ns: int, leg: Leg, steps: int, price_ticks: int) -> None:
        self._fill(group, ts_ns, leg, (group.exit_side, steps, price_ticks))
        group.held_steps -= steps
        if group.held_steps > 0:
            self._report_bracket(group, ts_ns)
        else:  # the rest of an entry must not open again what its bracket has closed
            self._cancel(group, ts_ns, f"{leg} filled")

    def _fill(self, group: Group, ts_ns: int, leg: Leg, execution: tuple[int, int, int]) -> None:
        side, steps, price_ticks = execution
        group.fills += 1
        fill = Fill(
            id=f"{group.order.id}-F{group.fills}", order_id=group.order.id, leg=leg, market=self._market,
            side=side, size_steps=steps, price_ticks=price_ticks,
            fees=self._instrument.fees(steps, price_ticks), ts_ns=ts_ns,
        )
        self._events.append(OrderFilled(ts_ns=ts_ns, market=self._market, fill=fill))

    # -- ends ---------------------------------------------------------------------------

    def _cancel(self, group: Group, ts_ns: int, reason: str) -> None:
        if group.left_steps > 0:
            group.left_steps = 0
            self._events.append(OrderCancelled(ts_ns=ts_ns, market=self._market, order_id=group.order.id,
                                               reason=reason))
        self._forget_if_done(group)

    def _expire(self, group: Group, ts_ns: int) -> None:
        if group.fills > 0:  # partly filled: only its rest goes, which is a cancel
            self._cancel(group, ts_ns, "good-until")
            return
        group.left_steps = 0
        self._events.append(OrderExpired(ts_ns=ts_ns, market=self._market, order_id=group.order.id))
        self._forget_if_done(group)

    def _report_bracket(self, group: Group, ts_ns: int) -> None:
        self._events.append(BracketWorking(
            ts_ns=ts_ns, market=self._market, order_id=group.order.id, stop_ticks=group.stop_ticks,
            target_ticks=group.target_ticks, size_steps=group.held_steps))

    def _forget_if_done(self, group: Group) -> None:
        if group.done:
            self.groups.pop(group.order.id, None)
            self.done.add(group.order.id)
