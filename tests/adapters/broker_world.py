"""A broker in front of the small venue, in virtual time, and everything it told."""

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager

from broker_venue import ACCOUNT, CONTRACT, MNQ, START_NS, FakeVenue, Rest

from fabio.adapters.topstepx.broker.broker import Broker, BrokerSettings
from fabio.adapters.topstepx.broker.life import LifeTimes
from fabio.adapters.topstepx.broker.reach import Reach
from fabio.adapters.topstepx.broker.traded import TradedContract, TradedContracts
from fabio.adapters.topstepx.signalr.notices import Connected, Lost, Reason
from fabio.adapters.topstepx.signalr.timing import HubClock
from fabio.model import command as commands
from fabio.model import order as nouns
from fabio.model.event import VenueSeen


class Arrivals:
    def __init__(self):
        self._waiting = []
        self._filled = asyncio.Event()

    def put(self, arrival):
        self._waiting.append(arrival)
        self._filled.set()

    async def take(self):
        await self._filled.wait()
        self._filled.clear()
        taken, self._waiting = self._waiting, []
        return taken


class World:
    """A broker in front of a venue, and what it told."""

    def __init__(self, venue, world="fab7", since_ns=None, picture_s=15.0, times=None):
        self.venue = venue
        self.told = []  # events, in order
        self.notes = []
        self.raw = []  # arrivals of the user hub
        self.reconnects = []
        self.wall_offset_s = 0.0
        loop = asyncio.get_running_loop()
        self.clock = HubClock(loop.time, asyncio.sleep, venue.now_ns)
        self.reach = Reach(
            rest=Rest(venue), account_id=ACCOUNT,
            traded=TradedContracts([TradedContract(market=0, contract_id=CONTRACT, instrument=MNQ)]),
            clock=self.clock, wall_s=lambda: loop.time() + self.wall_offset_s, emit=self.told.append,
            note=self.notes.append, counts=Counter(), keep_raw=self.raw.append,
        )
        self.broker = Broker(
            self.reach, BrokerSettings(world=world, picture_s=picture_s, times=times or LifeTimes()),
            since_ns or (lambda: START_NS - 3600 * 10**9), random.Random(1).random,
        )
        self.arrivals = Arrivals()
        self.number = 0

    def connect(self):
        self.number += 1
        self.venue.arrivals = self.arrivals
        self.broker.notice(Connected("user", self.number))

    def lose(self, detail="gone"):
        self.venue.arrivals = None
        self.broker.notice(Lost("user", self.number, Reason.DROPPED, detail, 1.0))

    def _reconnect(self, why, slow):
        self.reconnects.append((why, slow))
        self.lose(why)
        asyncio.get_running_loop().call_later(45.0 if slow else 1.0, self.connect)

    async def up(self):
        """Connect, and wait for the first picture."""
        self.connect()
        await self.until(lambda: self.pictures())

    async def until(self, is_true, limit_s=60.0):
        """Wait until something is true; fails after the limit."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + limit_s
        while not is_true():
            assert loop.time() < ends_s, f"not within {limit_s} s; told: {[type(each).__name__ for each in self.told]}"
            await asyncio.sleep(0.005)

    def of(self, kind):
        return [each for each in self.told if isinstance(each, kind)]

    def pictures(self, whole=True):
        return [each.picture for each in self.of(VenueSeen) if each.picture.complete or not whole]

    def submit(self, command):
        self.broker.submit(command)

    def enter(self, number=1, **fields):
        order = entry(number, **fields)
        self.submit(commands.SubmitOrder(order=order, generation=self.broker.generation))
        return order


def entry(number=1, side=1, size=1, kind="market", limit_ticks=None, stop=20, target=40):
    """An entry as the engine makes it; distances are given unsigned."""
    return nouns.Order(
        id=f"O261120-{number}", decision_id=f"261120-{number}", strategy="test", market=0, symbol="MNQ", side=side,
        kind=kind, size_steps=size, limit_ticks=limit_ticks, stop_offset_ticks=-side * stop,
        target_offset_ticks=side * target, ts_ns=START_NS,
    )


@asynccontextmanager
async def running(venue=None, **settings):
    """Run a broker; it is connected, and has told a first picture, unless `up=False`."""
    connect = settings.pop("up", True)
    world = World(venue or FakeVenue(), **settings)
    task = asyncio.create_task(world.broker.run(world.arrivals, world._reconnect))
    try:
        await asyncio.sleep(0)
        if connect:
            await world.up()
        yield world
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()
