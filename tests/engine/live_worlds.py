"""A desk for stories about live trading: the machine with its paper exchange and a venue that is only told of."""

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from engine_worlds import FLAT_BY, HOUR, INSTRUMENT, OPEN, SECOND, Scripted, config, driver, enter_once, ticks

from fabio.engine.venue.records import VenueRecord
from fabio.model import event as events
from fabio.model.command import VenueCommand
from fabio.model.event import JournaledEvent
from fabio.model.order import Fill, Leg, Order, Position
from fabio.model.signal import Decision, Signal
from fabio.model.step import Step
from fabio.model.venue import VenueOrder, VenuePicture, VenuePosition
from fabio.model.view import View

NOW = OPEN + 9 * HOUR
BALANCE = Decimal(50_000)
FLOOR = Decimal(40_000)
"""Low enough for entries of two steps."""
Kind = TypeVar("Kind")


class Broker:
    """Keeps what the machine asks of the venue."""

    def __init__(self) -> None:
        self.commands: list[VenueCommand] = []

    def submit(self, command: VenueCommand) -> None:
        self.commands.append(command)


class Desk:
    """A machine, what it asked of the venue, and short words for what the venue says.

    Parameters
    ----------
    strategy
        None for one that enters once, at the first bar.
    changes
        To the configuration, as for `engine_worlds.config`.
    """

    def __init__(self, strategy: Scripted | None = None, **changes: Any) -> None:
        self.drive, self.kept = driver(config(strategy or enter_once(), **changes))
        self.broker = Broker()
        self.drive.broker = self.broker
        self.now_ns = NOW
        self.price = 1000
        self.generation = 0
        self.floor = FLOOR
        self._ids = 0

    # -- what is known ------------------------------------------------------------------

    @property
    def venue(self) -> VenueRecord:
        return self.drive.engine.state.venue

    def position(self, market: int = 0) -> Position | None:
        return self.drive.engine.state.markets[market].position

    def order(self, number: int = -1) -> Order:
        """An order that was booked, by default the last."""
        booked = [fact for fact in self.kept.facts() if type(fact).__name__ == "OrderBooked"]
        return booked[number].order  # type: ignore[attr-defined]

    def state_of(self, order_id: str) -> str:
        return self.drive.engine.state.orders[order_id].state

    def sent(self, *kinds: type[Kind]) -> list[Kind]:
        """What was asked of the venue, of these kinds."""
        return [command for command in self.broker.commands if isinstance(command, kinds)]

    def facts(self, kind: type[Kind]) -> list[Kind]:
        return [fact for fact in self.kept.facts() if isinstance(fact, kind)]

    def decisions(self) -> list[Decision]:
        return [
            fact.decision for fact in self.kept.facts()  # type: ignore[attr-defined]
            if type(fact).__name__ in ("SignalApproved", "SignalBlocked")
        ]

    # -- time ---------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let time pass without a tick."""
        self.now_ns += round(seconds * SECOND)
        self.drive.pass_time(self.now_ns)

    def tick(self, price: int | None = None, after_s: float = 0.25) -> None:
        """Let one trade happen."""
        self.wait(after_s)
        self.price = self.price if price is None else price
        self.drive.feed(ticks((0, self.price), start_ns=self.now_ns))

    def next_bar(self) -> None:
        """Trade on until the next minute has begun, so that a bar closes."""
        minute = 60 * SECOND
        self.tick(after_s=((self.now_ns // minute + 1) * minute - self.now_ns) / SECOND)

    def happen(self, event: JournaledEvent) -> Step:
        return self.drive.happen(event)

    # -- what the venue says --------------------------------------------------------------

    def connect(self) -> None:
        """Hear the venue, under a new generation; its picture has to follow."""
        self.generation += 1
        self.happen(events.VenueRestored(ts_ns=self.now_ns, generation=self.generation))

    def lose(self, reason: str = "the hub is silent") -> None:
        self.happen(events.VenueLost(ts_ns=self.now_ns, reason=reason))

    def picture(self, *orders: VenueOrder, held: int = 0, **changes: Any) -> Step:
        """Show a picture taken now; `held` is the position of the first market."""
        positions = (VenuePosition(market=0, size_steps=held, entry_ticks=1000.0),) if held else ()
        values: dict[str, Any] = {
            "generation": self.generation, "taken_ns": self.now_ns, "complete": True, "balance": BALANCE,
            "positions": positions, "orders": orders,
        }
        picture = VenuePicture(**(values | changes))
        return self.happen(events.VenueSeen(ts_ns=max(self.now_ns, picture.taken_ns), picture=picture))

    def arm(self, **changes: Any) -> Step:
        values: dict[str, Any] = {
            "ts_ns": self.now_ns, "id": "arm-1", "account": "PRAC-1", "balance": BALANCE,
            "day_start_balance": BALANCE, "loss_floor": self.floor, "until_ns": FLAT_BY,
        }
        return self.happen(events.ArmAsked(**(values | changes)))

    def armed(self) -> "Desk":
        """Trade a little, connect, agree, arm."""
        self.tick(1000)
        self.connect()
        self.wait(1)
        self.picture()
        self.arm()
        assert self.venue.phase == "armed", self.kept.facts()[-1]
        return self

    def entered(self) -> "Desk":
        """Armed, and an entry left for the venue."""
        self.armed()
        self.next_bar()
        return self

    def holding(self) -> "Desk":
        """Armed, entered, filled at the last price, and its bracket works."""
        self.entered()
        self.accepted()
        self.filled()
        self.bracket()
        return self

    def accepted(self, order_id: str = "") -> Step:
        return self.happen(events.OrderAccepted(ts_ns=self.now_ns, market=0, order_id=order_id or self.order().id))

    def unknown(self, order_id: str = "") -> Step:
        return self.happen(events.OrderUnknown(
            ts_ns=self.now_ns, market=0, order_id=order_id or self.order().id, reason="timeout"))

    def a_fill(self, leg: Leg = "entry", steps: int | None = None, price: int | None = None, **changes: Any) -> Fill:
        """An execution of the last order, by default of all of it; a `close` has no tag."""
        self._ids += 1
        order = self.order()
        steps = order.size_steps if steps is None else steps
        ticks_ = self.price if price is None else price
        fill = Fill(
            id=f"T{self._ids}", order_id="" if leg == "close" else order.id, leg=leg, market=0,
            side=order.side if leg == "entry" else -order.side, size_steps=steps, price_ticks=ticks_,
            fees=INSTRUMENT.fees(steps, ticks_), ts_ns=self.now_ns,
        )
        return msgspec.structs.replace(fill, **changes)

    def told(self, fill: Fill) -> Step:
        return self.happen(events.OrderFilled(ts_ns=self.now_ns, market=fill.market, fill=fill))

    def filled(self, leg: Leg = "entry", steps: int | None = None, price: int | None = None, **changes: Any) -> Step:
        return self.told(self.a_fill(leg, steps, price, **changes))

    def bracket(self, steps: int | None = None, stop: int | None = None, target: int | None = 1040) -> Step:
        steps = self.order().size_steps if steps is None else steps
        stop = self.price - 20 if stop is None else stop
        return self.happen(events.BracketWorking(
            ts_ns=self.now_ns, market=0, order_id=self.order().id, stop_ticks=stop, target_ticks=target,
            size_steps=steps))

    def looked_up(self, *orders: VenueOrder, fills: tuple[Fill, ...] = (), order_id: str = "") -> Step:
        return self.happen(events.OrderLookedUp(
            ts_ns=self.now_ns, market=0, order_id=order_id or self.order().id, asked_ns=self.now_ns,
            orders=orders, fills=fills))

    # -- orders as the venue shows them ---------------------------------------------------

    def entry(self, status: str = "filled", filled: int | None = None, **changes: Any) -> VenueOrder:
        order = self.order()
        steps = order.size_steps
        filled = (steps if status == "filled" else 0) if filled is None else filled
        values: dict[str, Any] = {
            "venue_id": f"v-{order.id}", "tag": order.id, "order_id": order.id, "leg": "entry", "market": 0,
            "kind": order.kind, "side": order.side, "size_steps": steps, "filled_steps": filled,
            "filled_ticks": float(self.price) if filled else None, "limit_ticks": order.limit_ticks, "status": status,
        }
        return VenueOrder(**(values | changes))

    def leg(self, leg: str, status: str = "working", steps: int | None = None, **changes: Any) -> VenueOrder:
        order = self.order()
        steps = order.size_steps if steps is None else steps
        stop = leg == "stop"
        values: dict[str, Any] = {
            "venue_id": f"v-{order.id}-{leg}", "tag": f"{order.id}-{leg}", "order_id": order.id, "leg": leg,
            "market": 0, "kind": "stop" if stop else "limit", "side": -order.side, "size_steps": steps,
            "stop_ticks": 980 if stop else None, "limit_ticks": None if stop else 1040, "status": status,
        }
        return VenueOrder(**(values | changes))


def foreign_order(market: int = 0, **changes: Any) -> VenueOrder:
    """An order of somebody else."""
    values: dict[str, Any] = {
        "venue_id": "f-1", "market": market, "contract": "TSTZ6", "kind": "limit", "side": 1, "size_steps": 1,
        "limit_ticks": 900, "status": "working",
    }
    return VenueOrder(**(values | changes))


def enter_each_bar(side: int = 1, kind: str = "market", away: int = 0, stop: int = 20, target: int = 40) -> Scripted:
    """Wish to enter whenever a bar closes and nothing is held; a limit lies `away` ticks from the last trade."""

    def wish(view: View) -> Signal | None:
        if view.position is not None:
            return None
        entry = view.stats.last_ticks - side * away
        return Signal(
            strategy="scripted", setup="test", side=side, kind=kind, entry_ticks=entry,  # type: ignore[arg-type]
            stop_ticks=entry - side * stop, target_ticks=entry + side * target, confidence=0.7, reason="scripted",
        )

    return Scripted(wish)


def names(step: Step) -> list[str]:
    """The kinds of a step's facts."""
    return [type(fact).__name__ for fact in step.facts]


def folds_again(desk: Desk) -> bool:
    """Tell whether the recorded facts alone give the same state again, as recovery folds them."""
    mine = desk.drive.engine.state
    again = driver(desk.drive.engine.config)[0].engine
    for step in desk.kept.steps:
        again.state.now_ns = max(again.state.now_ns, step.ts_ns)
        for fact in step.facts:
            again.apply(fact)
    return (
        again.state.command_times == mine.command_times and again.state.entry_ids == mine.entry_ids
        and again.state.venue == mine.venue and again.state.orders == mine.orders
        and again.state.account == mine.account
        and [(each.position, each.exit_asked, each.care) for each in again.state.markets]
        == [(each.position, each.exit_asked, each.care) for each in mine.markets]
    )
