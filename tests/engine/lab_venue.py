"""A venue of one contract that can misbehave: orders, brackets, executions, and what queries saw of them when."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from engine_worlds import INSTRUMENT
from live_worlds import BALANCE

from fabio.model import event as events
from fabio.model.order import Fill
from fabio.model.venue import VenueOrder

LIVE = ("working", "suspended")


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """How often what goes wrong, as probabilities; lags in seconds."""

    submit: float = 0.0       # a submit's request or reply is lost, or it is refused, or very late
    bracket: float = 0.0      # children never work, or the stop is cancelled by the venue
    told_lost: float = 0.0    # when a bracket is lost, that nobody says so
    command: float = 0.0      # a cancel, close or stop fails, with or without effect
    query: float = 0.0        # a picture or look fails
    lag_s: float = 0.0        # queries show an older state, up to this
    hub_late_s: float = 0.0   # messages come late, and out of order, up to this
    hub_twice: float = 0.0
    hub_lost: float = 0.0     # single messages that never come
    oco: float = 0.0          # the other leg is not cancelled
    gaps: float = 0.0         # connections lost, per minute
    by_hand: float = 0.0      # a person flattens, per minute
    kills: float = 0.0        # the machine dies and comes back, per minute


class Venue:
    """Orders and net position of one contract, matched against a last price."""

    def __init__(self, tell: Callable[[Any], None], now: Callable[[], int]) -> None:
        self.orders: dict[str, VenueOrder] = {}
        self.fills: list[Fill] = []
        self.net = 0
        self.cash = Decimal(0)
        self.price = 1000
        self.history: list[tuple[int, tuple[VenueOrder, ...], int, tuple[Fill, ...], Decimal]] = []
        self.bare_since_ns: int | None = None
        self.bare_ns: list[int] = []  # how long what was held was without a stop, each time
        self.overshoots = 0
        self._tell = tell
        self._now = now

    def place(self, order: VenueOrder) -> VenueOrder:
        order = msgspec.structs.replace(order, venue_id=str(len(self.orders) + 1), created_ns=self._now())
        self.orders[order.venue_id] = order
        return order

    def set(self, venue_id: str, **changes: Any) -> VenueOrder:
        self.orders[venue_id] = msgspec.structs.replace(self.orders[venue_id], **changes)
        self.keep()
        return self.orders[venue_id]

    def of(self, order_id: str) -> list[VenueOrder]:
        return [order for order in self.orders.values() if order.order_id == order_id]

    def execute(self, venue_id: str, steps: int, price: int) -> None:
        """Fill so much of an order, and say so."""
        order = self.orders[venue_id]
        left = order.size_steps - order.filled_steps
        before = self.net
        self.net += order.side * steps
        if order.leg != "entry" and abs(self.net) > abs(before):
            self.overshoots += 1
        fees = INSTRUMENT.fees(steps, price)
        self.cash -= INSTRUMENT.money(order.side * steps * price) + fees
        fill = Fill(
            id=f"V{len(self.fills) + 1}", order_id=order.order_id, leg=order.leg, market=0, side=order.side,
            size_steps=steps, price_ticks=price, fees=fees, ts_ns=self._now(),
        )
        self.fills.append(fill)
        self.set(venue_id, filled_steps=order.filled_steps + steps, filled_ticks=float(price),
                 status="filled" if steps == left else "working")
        self._tell(events.OrderFilled(ts_ns=0, market=0, fill=fill))

    def by_tagless(self, steps: int) -> None:
        """A market order without a tag: a close, or a person."""
        side = 1 if steps > 0 else -1
        order = self.place(VenueOrder(
            venue_id="", leg="close", market=0, kind="market", side=side, size_steps=abs(steps), status="working"))
        self.execute(order.venue_id, abs(steps), self.price)

    @property
    def balance(self) -> Decimal:
        """Closed balance: of what was closed, as far as the venue nets it (exact when flat)."""
        return BALANCE + self.cash + INSTRUMENT.money(self.net * self.price)

    def keep(self) -> None:
        """Remember this moment, so that queries can lag; mind whether what is held is protected."""
        now_ns = self._now()
        self.history.append((now_ns, tuple(self.orders.values()), self.net, tuple(self.fills), self.balance))
        stops = sum(
            order.size_steps - order.filled_steps for order in self.orders.values()
            if order.leg == "stop" and order.status == "working" and order.side * self.net < 0
        )
        if self.net and stops < abs(self.net):
            self.bare_since_ns = now_ns if self.bare_since_ns is None else self.bare_since_ns
        elif self.bare_since_ns is not None:
            self.bare_ns.append(now_ns - self.bare_since_ns)
            self.bare_since_ns = None

    def seen_at(self, ts_ns: int) -> tuple[tuple[VenueOrder, ...], int, tuple[Fill, ...], Decimal]:
        """What a query sees that lags to a time."""
        for kept_ns, *state in reversed(self.history):
            if kept_ns <= ts_ns:
                return tuple(state)  # type: ignore[return-value]
        return (), 0, (), BALANCE
