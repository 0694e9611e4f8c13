"""A small engine in front of the broker, faults all over the wire: what must hold whatever happens.

The engine here does only what the broker's contract asks of one: it looks unknown orders up,
asks again what failed, and closes what has no stop. Small runs are in the suite; the full
number stands behind the marker `slow`.
"""

import asyncio
from collections import Counter

import pytest
from broker_venue import FakeVenue
from broker_world import entry, running

from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.enums import LIVE
from fabio.model import command as commands
from fabio.model.event import (
    BracketLost,
    BracketWorking,
    CommandFailed,
    OrderFilled,
    OrderLookedUp,
    OrderRejected,
    OrderUnknown,
)
from fabio.research.reliability.virtual_time import run_virtual

MUTATION_FAULTS = ("ok", "ok", "ok", "drop", "lost", "late", "error", "error after", "refuse", "never")
READ_FAULTS = ("ok", "ok", "ok", "ok", "error", "empty")
MARKET = 0


class Chaos:
    """One run: entries, fills, cancels, moves, closes, gaps, restarts of the hub, at random."""

    def __init__(self, world):
        self.world = world
        self.venue = world.venue
        self.random = world.venue.random
        self.sent = {}  # order id -> order
        self.misses = Counter()

    async def run(self, steps):
        for method in ("place", "cancel", "modify", "close"):
            self.venue.fail(method, *self.random.choices(MUTATION_FAULTS, k=25))
        for method in ("positions", "query", "search", "open", "trades", "order", "accounts"):
            self.venue.fail(method, *self.random.choices(READ_FAULTS, k=25))
        for number in range(1, steps + 1):
            self.step(number)
            await asyncio.sleep(self.random.random() * 4.0)
            self.react()

    def step(self, number):
        chosen = self.random.random()
        if chosen < 0.35:
            kind, limit_ticks = self.random.choice((("market", None), ("limit", 79_900)))
            order = entry(number, side=self.random.choice((1, -1)), size=self.random.randint(1, 3), kind=kind,
                          limit_ticks=limit_ticks)
            self.sent[order.id] = order
            for _ in range(self.random.choice((1, 1, 2))):
                self.world.submit(commands.SubmitOrder(order=order, generation=self.world.broker.generation))
        elif chosen < 0.6:
            self.fill_something()
        elif chosen < 0.7 and self.sent:
            self.world.submit(commands.CancelOrder(order_id=self.random.choice(list(self.sent)), market=MARKET))
        elif chosen < 0.78 and self.sent:
            self.world.submit(commands.MoveStop(
                order_id=self.random.choice(list(self.sent)), market=MARKET, stop_ticks=79_990))
        elif chosen < 0.88:
            self.world.submit(commands.ClosePosition(market=MARKET, reason="chaos"))
        elif chosen < 0.94 and self.venue.arrivals is not None:
            self.world.lose()
            asyncio.get_running_loop().call_later(self.random.random() * 20, self.connect)
        elif self.sent:
            self.world.submit(commands.LookUpOrder(order_id=self.random.choice(list(self.sent)), market=MARKET))

    def connect(self):
        if self.venue.arrivals is None:
            self.world.connect()

    def fill_something(self):
        live = [each for each in self.venue.orders.values()
                if each.status in LIVE and each.status != 8 and (each.stop_price or each.limit_price)]
        if live:
            self.venue.fill(self.random.choice(live).id, self.random.randint(1, 3))

    def react(self):
        """What the contract asks of an engine: look up what is not known, close what failed to close."""
        for event in self.world.told[self.misses["read"]:]:
            if isinstance(event, OrderUnknown):
                self.world.submit(commands.LookUpOrder(order_id=event.order_id, market=MARKET))
            elif isinstance(event, BracketLost) or (
                    isinstance(event, CommandFailed) and event.command == "ClosePosition"):
                self.world.submit(commands.ClosePosition(market=MARKET, reason="unprotected"))
        self.misses["read"] = len(self.world.told)

    async def settle(self):
        """No more faults: close everything, as a flatten does, until it is proven."""
        self.venue.faults.clear()
        self.connect()
        for _ in range(10):
            self.world.submit(commands.ClosePosition(market=MARKET, reason="end"))
            await asyncio.sleep(4)
        await asyncio.sleep(30)
        self.world.submit(commands.TakePicture(reason="end"))
        await asyncio.sleep(5)


async def live_through(seed, steps=40):
    venue = FakeVenue(seed)
    venue.hub_delays_s = (0.0, venue.random.choice((0.005, 0.3, 2.0)))
    venue.copies = venue.random.choice((1, 1, 3))
    deafness = venue.random.choice((0.0, 0.0, 0.2))
    venue.hub_loses = lambda target, data: venue.random.random() < deafness
    async with running(venue) as world:
        chaos = Chaos(world)
        await chaos.run(steps)
        await chaos.settle()
        check(world, chaos)


def check(world, chaos):
    venue = world.venue
    for tag, count in venue.asked.items():
        assert count == 1, f"{tag} left {count} times"  # H01, H02, I01
    tags = Tags("fab7")
    assert venue.position == 0
    assert not [each.custom_tag for each in venue.orders.values() if each.status in LIVE and tags.read(each.custom_tag)]
    told = {}
    for event in world.of(OrderFilled):
        assert event.fill.id not in told, f"fill {event.fill.id} was told twice"  # H05
        told[event.fill.id] = event.fill
    pictured = {fill.id: fill for fill in world.pictures()[-1].fills}
    true = {str(each.id): each for each in venue.trades}
    assert set(pictured) == set(true)  # none lost
    assert set(told) <= set(true)
    for fill in [*told.values(), *pictured.values()]:
        order = venue.orders[true[fill.id].order_id]
        tag = tags.read(order.custom_tag)
        assert fill.order_id == (tag.order_id if tag else ""), f"fill {fill.id} of {order.custom_tag}"
        assert fill.leg == (tag.leg if tag else "close")
        assert fill.size_steps == true[fill.id].size
    assert sum(each.side * each.size_steps for each in pictured.values()) == 0
    assert all(tags.read(venue.orders[each].custom_tag) for each in venue.touched if each in venue.orders)  # H12
    for event in world.of(OrderRejected):  # I05: what was told as rejected is not at the venue
        assert not venue.by_tag(tags.entry(event.order_id)), f"{event.order_id} was told as rejected: {event.reason}"
    for event in world.of(OrderLookedUp):
        assert all(each.order_id == event.order_id for each in event.orders)
    for event in world.of(BracketWorking):
        assert event.size_steps > 0
    assert world.broker.counts["unreadable events"] == 0


@pytest.mark.parametrize("block", range(6))
def test_h01_h02_h05_h07_whatever_happens_nothing_doubles_nothing_is_lost_and_the_end_is_flat(block):
    for seed in range(block * 20, block * 20 + 20):
        try:
            run_virtual(live_through(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_h01_h02_h05_h07_in_2000_runs(block):
    for seed in range(1000 + block * 100, 1100 + block * 100):
        try:
            run_virtual(live_through(seed, steps=60))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
