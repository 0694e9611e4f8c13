"""A venue that misbehaves, in virtual time, with a broker before it: what chaos runs are made of.

The venue nets one contract, knows tags, brackets (two children that begin to work after
their entry's fill, the other cancelled when one fills), and tells what happens over a hub.
Between it and the machine stands a broker that does what commands say, once, and pictures.
Faults are drawn from one seed and end at `heal_ns`.
"""

import heapq
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from engine_worlds import SECOND, Scripted, config, driver, ticks
from lab_venue import LIVE, Faults, Venue
from live_worlds import BALANCE, NOW, enter_each_bar

from fabio.engine.machine import Engine
from fabio.model import command as commands
from fabio.model import event as events
from fabio.model.venue import VenueOrder, VenuePicture, VenuePosition
from fabio.portfolio.account import AccountSettings

RICH = AccountSettings(daily_loss=Decimal(2_000))
"""May lose a whole run's trades without being halted: what is looked at is whether book and venue agree."""


class Lab:
    """Machine, broker and venue in one virtual time.

    Parameters
    ----------
    heal_ns
        After so much time every fault ends, and nobody wishes to enter any more.
    """

    def __init__(self, seed: int, faults: Faults, heal_s: float, strategy: Scripted | None = None) -> None:
        self.random = random.Random(seed)
        self.heal_ns = NOW + round(heal_s * SECOND)
        wishes = strategy or enter_each_bar()
        inner = wishes.wish
        wishes.wish = lambda view: inner(view) if view.now_ns < self.heal_ns else None
        self.drive, self.kept = driver(config(wishes, account=RICH))
        self.drive.broker = self
        self.engine: Engine = self.drive.engine
        self.venue = Venue(self._over_hub, lambda: self.now_ns)
        self.now_ns = NOW
        self.generation = 0
        self.hub_up = True
        self.alive = True
        self.sent: list[Any] = []
        self.cancelled_by_us: list[str] = []
        self._faults = faults
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._closing = False
        self._next_tick_ns = NOW

    # -- time ---------------------------------------------------------------------------

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (self.now_ns + round(seconds * SECOND), self._count, act))

    def run(self, seconds: float) -> None:
        until_ns = self.now_ns + round(seconds * SECOND)
        while True:
            due_ns = min(self._heap[0][0] if self._heap else until_ns, self._next_tick_ns, until_ns)
            timer_ns = self.engine.next_timer_ns() if self.alive else until_ns + 1
            if timer_ns <= due_ns:
                self.now_ns = max(self.now_ns, timer_ns)
                self.drive.pass_time(self.now_ns)
                assert self.engine.next_timer_ns() > self.now_ns, "a duty does not move"
                continue
            if due_ns >= until_ns:
                self.now_ns = until_ns
                return
            self.now_ns = max(self.now_ns, due_ns)
            if self._heap and self._heap[0][0] <= due_ns:
                heapq.heappop(self._heap)[2]()
            else:
                self._tick()

    def _tick(self) -> None:
        venue = self.venue
        if self.now_ns < self.heal_ns:
            venue.price += self.random.choice((-3, -2, -1, 0, 0, 1, 2, 3))
        self._next_tick_ns = self.now_ns + SECOND // 2
        self._match()
        if self.alive:
            self.drive.feed(ticks((0, venue.price), start_ns=self.now_ns))

    def _match(self) -> None:
        venue = self.venue
        for order in list(venue.orders.values()):
            if venue.orders[order.venue_id].status != "working":
                continue
            if order.stop_ticks is not None and (venue.price - order.stop_ticks) * order.side >= 0:
                self._fill_leg(order, venue.price)
            elif order.limit_ticks is not None and (order.limit_ticks - venue.price) * order.side > 0:
                if order.leg == "entry":
                    self._fill_entry(order.venue_id)
                elif order.order_id:
                    self._fill_leg(order, order.limit_ticks)
        venue.keep()

    def _bad(self, chance: float) -> bool:
        return self.now_ns < self.heal_ns and self.random.random() < chance

    # -- the venue's side -----------------------------------------------------------------

    def _fill_entry(self, venue_id: str) -> None:
        venue = self.venue
        entry = venue.orders[venue_id]
        venue.execute(venue_id, entry.size_steps, venue.price)
        self.later(0.018, lambda: self._wake_children(entry, venue.price))

    def _wake_children(self, entry: VenueOrder, price: int) -> None:
        venue = self.venue
        legs = [order for order in venue.of(entry.order_id) if order.native and order.status == "suspended"]
        if self._bad(self._faults.bracket):
            if self.random.random() < 0.5:
                for leg in legs:
                    venue.set(leg.venue_id, status="rejected")
                self._say_lost(entry.order_id)
                return
            self.later(self.random.uniform(0.5, 20), lambda: self._lose_stop(entry.order_id))
        order = self.engine.state.orders[entry.order_id].order
        stop, target = price + order.stop_offset_ticks, price + order.target_offset_ticks
        for leg in legs:
            where = {"stop_ticks": stop} if leg.leg == "stop" else {"limit_ticks": target}
            venue.set(leg.venue_id, status="working", **where)
        if legs:
            self._over_hub(events.BracketWorking(
                ts_ns=0, market=0, order_id=entry.order_id, stop_ticks=stop, target_ticks=target,
                size_steps=entry.size_steps))

    def _lose_stop(self, order_id: str) -> None:
        for leg in self.venue.of(order_id):
            if leg.leg == "stop" and leg.status == "working":
                self.venue.set(leg.venue_id, status="cancelled")
                self._say_lost(order_id)

    def _say_lost(self, order_id: str) -> None:
        if not self._bad(self._faults.told_lost):
            self._over_hub(events.BracketLost(ts_ns=0, market=0, order_id=order_id, reason="rejected"))

    def _fill_leg(self, leg: VenueOrder, price: int) -> None:
        self.venue.execute(leg.venue_id, leg.size_steps - leg.filled_steps, price)
        if self._bad(self._faults.oco):
            return
        for other in self.venue.of(leg.order_id):
            if other.leg != "entry" and other.native and other.status in LIVE:
                self.venue.set(other.venue_id, status="cancelled")

    # -- the hub --------------------------------------------------------------------------

    def _over_hub(self, event: Any) -> None:
        if not self.hub_up or self._bad(self._faults.hub_lost):
            return
        for _ in range(1 + self._bad(self._faults.hub_twice)):
            late = self.random.uniform(0, self._faults.hub_late_s) if self.now_ns < self.heal_ns else 0.0
            self.later(0.005 + late, lambda: self.happen(event))

    def happen(self, event: Any) -> None:
        if not self.alive:
            return  # nobody is there to hear it
        self.drive.happen(msgspec.structs.replace(event, ts_ns=max(self.now_ns, self.engine.state.now_ns)))

    def die(self, seconds: float) -> None:
        """Be killed; what is on its way to the venue arrives there, what is on its way back is lost."""
        if not self.alive:
            return
        self.alive = self.hub_up = False
        self.later(seconds, self._come_back)

    def _come_back(self) -> None:
        """Start again from what was kept, and find the venue again."""
        kept = self.engine.snapshot()
        self.drive.engine = self.engine = Engine(self.engine.config)
        self.engine.restore(kept)
        self.alive = True
        self.happen(events.VenueLost(ts_ns=0, reason="restarted"))
        self.later(self.random.uniform(0.5, 5), self.connect)

    def lose(self, seconds: float) -> None:
        """Lose the connection; the machine is told a little later."""
        self.hub_up = False
        self.later(self.random.uniform(0, 3), lambda: self.happen(events.VenueLost(ts_ns=0, reason="silence")))
        self.later(max(seconds, 3.1), self.connect)

    def connect(self) -> None:
        if not self.alive:
            return
        self.hub_up = True
        self.generation += 1
        self.happen(events.VenueRestored(ts_ns=0, generation=self.generation))
        self.take_picture()

    # -- the broker -----------------------------------------------------------------------

    def submit(self, command: Any) -> None:
        self.sent.append(command)
        act = {
            commands.SubmitOrder: self._submit, commands.CancelOrder: self._cancel,
            commands.ClosePosition: self._close, commands.LookUpOrder: self._look,
            commands.PlaceStop: self._place_stop, commands.CancelVenueOrder: self._cancel_one,
            commands.TakePicture: lambda _: self.take_picture(),
        }[type(command)]
        self.later(0.02, lambda: act(command))

    def _submit(self, command: commands.SubmitOrder) -> None:
        order = command.order
        if command.generation != self.generation:
            self.happen(events.OrderRejected(ts_ns=0, market=0, order_id=order.id, reason="an older generation"))
            return
        if not self._bad(self._faults.submit):
            self._enter(command)
            self.later(0.01, lambda: self.happen(events.OrderAccepted(ts_ns=0, market=0, order_id=order.id)))
            return
        kind = self.random.choice(("request", "reply", "late", "silent", "refused"))
        if kind == "refused":
            self.happen(events.OrderRejected(ts_ns=0, market=0, order_id=order.id, reason="code 2"))
            return
        if kind == "late":
            self.later(self.random.uniform(0.1, 60), lambda: self._enter(command))
        elif kind != "request":
            self._enter(command)
        if kind != "silent":
            self.later(5, lambda: self.happen(events.OrderUnknown(
                ts_ns=0, market=0, order_id=order.id, reason="timeout")))

    def _enter(self, command: commands.SubmitOrder) -> None:
        order, venue = command.order, self.venue
        assert not venue.of(order.id), f"I01: {order.id} is at the venue already"
        entry = venue.place(VenueOrder(
            venue_id="", tag=order.id, order_id=order.id, leg="entry", market=0, kind=order.kind, side=order.side,
            size_steps=order.size_steps, limit_ticks=order.limit_ticks, status="working"))
        for leg, kind in (("stop", "stop"), ("target", "limit")):
            venue.place(VenueOrder(
                venue_id="", tag=f"{order.id}-{leg}", order_id=order.id, leg=leg, market=0, kind=kind,  # type: ignore[arg-type]
                side=-order.side, size_steps=order.size_steps, status="suspended"))
        venue.keep()
        if order.limit_ticks is None:
            self._fill_entry(entry.venue_id)

    def _fails(self, command: Any, order_id: str = "") -> bool:
        """Let a command fail: with no effect and said so, with none and nothing known, or with all of it."""
        if not self._bad(self._faults.command):
            return False
        known = self.random.random() < 0.5
        self.happen(events.CommandFailed(
            ts_ns=0, market=0, command=type(command).__name__, order_id=order_id, known=known, reason="fault"))
        return known or self.random.random() < 0.5

    def _cancel(self, command: commands.CancelOrder) -> None:
        if self._fails(command, command.order_id):
            return
        for order in self.venue.of(command.order_id):
            if order.leg == "entry" and order.status == "working":
                self._cancel_entry(order)

    def _cancel_entry(self, entry: VenueOrder) -> None:
        for order in self.venue.of(entry.order_id):
            if order.venue_id == entry.venue_id or (order.status == "suspended"):
                self.venue.set(order.venue_id, status="cancelled")
        self._over_hub(events.OrderCancelled(ts_ns=0, market=0, order_id=entry.order_id, reason="asked"))

    def _cancel_one(self, command: commands.CancelVenueOrder) -> None:
        order = self.venue.orders[command.venue_id]
        assert order.order_id, "H12: a foreign order is never touched"
        if self._fails(command):
            return
        if order.status in LIVE:
            if order.leg == "entry":
                self._cancel_entry(order)
            else:
                self.venue.set(order.venue_id, status="cancelled")

    def _close(self, command: commands.ClosePosition) -> None:
        if self._closing or self._fails(command):
            return
        self._closing = True
        for order in list(self.venue.orders.values()):
            if order.order_id and order.status in LIVE:
                if order.leg == "entry":
                    self._cancel_entry(order)
                elif order.status == "working":
                    self.venue.set(order.venue_id, status="cancelled")
        self.later(0.03, self._close_rest)

    def _close_rest(self) -> None:
        self._closing = False
        if self.venue.net:
            self.venue.by_tagless(-self.venue.net)

    def _place_stop(self, command: commands.PlaceStop) -> None:
        if self._fails(command, command.order_id):
            return
        working = [leg for leg in self.venue.of(command.order_id) if leg.leg == "stop" and leg.status == "working"]
        assert not working, "I23: a stop of this entry works already"
        self.venue.place(VenueOrder(
            venue_id="", tag=f"{command.order_id}-S{command.number}", order_id=command.order_id, leg="stop",
            native=False, market=0, kind="stop", side=command.side, size_steps=command.size_steps,
            stop_ticks=command.stop_ticks, status="working"))
        self.venue.keep()
        self._over_hub(events.BracketWorking(
            ts_ns=0, market=0, order_id=command.order_id, stop_ticks=command.stop_ticks, target_ticks=None,
            size_steps=command.size_steps))

    def _look(self, command: commands.LookUpOrder) -> None:
        asked_ns = self.now_ns
        if not self.hub_up or self._bad(self._faults.query):
            self.later(1, lambda: self.happen(events.CommandFailed(
                ts_ns=0, market=0, command="LookUpOrder", order_id=command.order_id, known=False, reason="500")))
            return
        orders, _, fills, _ = self.venue.seen_at(self._lagged())
        found = tuple(order for order in orders if order.order_id == command.order_id and order.status != "suspended")
        own = tuple(fill for fill in fills if fill.order_id == command.order_id)
        self.later(0.05, lambda: self.happen(events.OrderLookedUp(
            ts_ns=0, market=0, order_id=command.order_id, asked_ns=asked_ns, orders=found, fills=own)))

    def _lagged(self) -> int:
        if self.now_ns >= self.heal_ns:
            return self.now_ns
        return self.now_ns - round(self.random.uniform(0, self._faults.lag_s) * SECOND)

    def take_picture(self) -> None:
        if not self.hub_up:
            return
        complete = not self._bad(self._faults.query)
        orders, net, _, balance = self.venue.seen_at(self._lagged())
        fills = self.venue.seen_at(self._lagged())[2]
        picture = VenuePicture(
            generation=self.generation, taken_ns=self.now_ns, complete=complete, balance=balance,
            positions=(VenuePosition(market=0, size_steps=net, entry_ticks=1000.0),) if net else (),
            orders=tuple(order for order in orders if order.status != "suspended"), fills=fills,
        )
        self.later(0.08, lambda: self.happen(events.VenueSeen(ts_ns=0, picture=picture)))

    # -- a whole run ----------------------------------------------------------------------

    def arm(self) -> None:
        self.run(1)
        self.connect()
        while self.engine.state.venue.agreed != self.generation:
            self.run(2)
            self.take_picture()
        self.run(0.5)
        self.happen(events.ArmAsked(
            ts_ns=0, id="1", account="LAB", balance=BALANCE, day_start_balance=BALANCE,
            loss_floor=Decimal(30_000), until_ns=NOW + 8 * 3600 * SECOND))
        assert self.engine.state.venue.phase == "armed"

    def live(self, minutes: int) -> None:
        """Live through minutes with gaps and a person's hand, at random."""
        for _ in range(minutes):
            if self._bad(self._faults.gaps):
                self.later(self.random.uniform(0, 40), lambda: self.lose(self.random.uniform(1, 60)))
            if self._bad(self._faults.kills):
                self.later(self.random.uniform(0, 60), lambda: self.die(self.random.uniform(0.5, 30)))
            if self._bad(self._faults.by_hand):
                self.later(self.random.uniform(0, 60), self._close_rest)
            self.run(60)
