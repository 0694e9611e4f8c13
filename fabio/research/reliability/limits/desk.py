"""A machine armed at a venue that is only told of: what leaves it is counted, and nothing else is simulated."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from fabio.engine.seams import MarketConfig, NamedStrategy
from fabio.model import event as events
from fabio.model.command import Command, SubmitOrder
from fabio.model.event import JournaledEvent, TicksArrived
from fabio.model.order import Fill, Order
from fabio.model.signal import Exit, Signal, Tighten
from fabio.model.step import Step
from fabio.model.strategy import StrategyState
from fabio.model.tick import Tick, Ticks
from fabio.model.venue import VenuePicture
from fabio.model.view import View, Wake
from fabio.research.learning.market import INSTRUMENT, session_table
from fabio.runtime.wiring import build_driver, engine_config
from fabio.settings.load import load

NS = 1_000_000_000
BALANCE, FLOOR = Decimal(50_000), Decimal(48_000)
PRICE = 80_000
EVERY_WAKE = Wake.BAR_CLOSED | Wake.VALUE_LEFT | Wake.VALUE_ENTERED | Wake.POC_CROSSED | Wake.POC_MOVED | Wake.BIG_PRINT
Wishes = Callable[[View], Signal | Tighten | Exit | None]
Kind = TypeVar("Kind")


class Wishing:
    """A strategy that wishes what it is told to, whenever the loop stops for anything."""

    triggers = EVERY_WAKE

    def __init__(self) -> None:
        self.wish: Wishes = lambda view: None

    def propose(self, view: View) -> Signal | Tighten | Exit | None:
        """Wish as told."""
        return self.wish(view)


class LimitDesk:
    """The machine, its hand on the clock, and every command that left it.

    Parameters
    ----------
    guarded
        Whether the shipped guards stand before the exit; without them it stands alone.
    """

    def __init__(self, guarded: bool) -> None:
        settings = load(environment={}, directory=Path("/"))
        table = session_table(3)
        config = engine_config(settings, [MarketConfig(instrument=INSTRUMENT, table=table)])
        self.strategy = Wishing()
        policy = msgspec.structs.replace(
            config.policy, guards=config.policy.guards if guarded else (),
            strategies=(NamedStrategy(name="wishing", part=self.strategy, state=StrategyState(
                max_trades_per_session=1_000)),),
        )
        self.engine = build_driver(msgspec.structs.replace(config, policy=policy)).engine
        self.session = table.session(0)
        self.now_ns = (self.session.regular_open_ns or self.session.open_ns) + 1800 * NS
        self.sent: list[Command] = []
        self._fills = 0

    def happen(self, event: JournaledEvent) -> Step:
        """Let the machine handle an event, and keep what leaves."""
        return self._kept(self.engine.handle(event))

    def _kept(self, step: Step) -> Step:
        self.sent += step.commands
        return step

    def tick(self, price: int = PRICE, after_ns: int = NS, late_ns: int = 0) -> None:
        """Let time pass, timers with it, and one print come that is `late_ns` old."""
        self.now_ns += after_ns
        while (due_ns := self.engine.next_timer_ns()) <= self.now_ns:
            self.happen(events.TimerFired(ts_ns=due_ns))
        ticks = Ticks.of([Tick(ts_event_ns=self.now_ns - late_ns, ts_recv_ns=self.now_ns, price_ticks=price,
                               size_steps=1, side=1, market=0)])
        self._kept(self.engine.handle(TicksArrived(ticks)))

    def next_bar(self, price: int = PRICE, late_ns: int = 0) -> None:
        """Let the first print of the next minute come, so that a bar closes."""
        minute_ns = 60 * NS
        self.tick(price, (self.now_ns // minute_ns + 1) * minute_ns + late_ns - self.now_ns, late_ns)

    def picture(self) -> None:
        """Show that the venue holds what the book says."""
        state = self.engine.state
        position = state.markets[0].position
        if position is None and not state.orders:
            self.happen(events.VenueSeen(ts_ns=self.now_ns, picture=VenuePicture(
                generation=state.venue.generation, taken_ns=self.now_ns, complete=True, balance=BALANCE,
                positions=(), orders=())))

    def arm(self) -> "LimitDesk":
        """Trade a little, connect, agree, arm."""
        self.tick()
        self.happen(events.VenueRestored(ts_ns=self.now_ns, generation=1))
        self.tick()
        self.picture()
        self.happen(events.ArmAsked(
            ts_ns=self.now_ns, id="arm", account="A", balance=BALANCE, day_start_balance=BALANCE, loss_floor=FLOOR,
            until_ns=self.session.flat_by_ns or self.session.close_ns))
        if self.engine.state.venue.phase != "armed":
            raise RuntimeError(f"the desk is not armed: {self.engine.state.venue}")
        return self

    def enter(self, signal: Callable[[View], Signal]) -> Order:
        """Let an entry leave, be filled and protected."""
        self.strategy.wish = lambda view: signal(view) if view.position is None else None
        self.next_bar()
        self.strategy.wish = lambda view: None
        order = self.of(SubmitOrder)[-1].order
        self._fills += 1
        fill = Fill(id=f"F{self._fills}", order_id=order.id, leg="entry", market=0, side=order.side,
                    size_steps=order.size_steps, price_ticks=PRICE, fees=Decimal(1), ts_ns=self.now_ns)
        self.happen(events.OrderAccepted(ts_ns=self.now_ns, market=0, order_id=order.id))
        self.happen(events.OrderFilled(ts_ns=self.now_ns, market=0, fill=fill))
        self.happen(events.BracketWorking(
            ts_ns=self.now_ns, market=0, order_id=order.id, stop_ticks=PRICE + order.stop_offset_ticks,
            target_ticks=PRICE + order.target_offset_ticks, size_steps=order.size_steps))
        return order

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Give the commands of one kind that left."""
        return [command for command in self.sent if isinstance(command, kind)]
