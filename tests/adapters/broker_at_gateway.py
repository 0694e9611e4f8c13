"""A broker, its REST client and its user hub at the simulated gateway, in one process and in virtual time."""

import asyncio
import json
import random
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import numpy as np
from gateway_worlds import ACCOUNT, LAST, NQ, NQ_ID, SECOND, START_NS, gateway
from pydantic import SecretStr

from fabio.adapters.gateway.faults.layer import Faults
from fabio.adapters.gateway.faults.script import Script
from fabio.adapters.gateway.front import Front
from fabio.adapters.gateway.inprocess import Dial, Transport
from fabio.adapters.gateway.pace import Pace
from fabio.adapters.topstepx.broker.broker import Broker, BrokerSettings
from fabio.adapters.topstepx.broker.reach import Reach
from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.broker.traded import TradedContract, TradedContracts
from fabio.adapters.topstepx.broker.user_hub import UserHub
from fabio.adapters.topstepx.rest.session import open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock as RestClock
from fabio.adapters.topstepx.signalr.hub import HubSettings
from fabio.adapters.topstepx.signalr.timing import HubClock
from fabio.model import command as commands
from fabio.model import event as events
from fabio.model.order import Order
from fabio.model.tick import Ticks

WORLD = "fab7"


def walk(seed, seconds, step_ns=100_000_000):
    """Prints that wander: one each 100 ms, a tick up or down, sometimes a jump."""
    dice = np.random.default_rng(seed)
    count = seconds * SECOND // step_ns
    steps = dice.integers(-1, 2, count) + (dice.random(count) < 0.01) * dice.integers(-8, 9, count)
    prices = (LAST + np.cumsum(steps)).astype(np.int64)
    times = START_NS + SECOND + np.arange(count, dtype=np.int64) * step_ns
    return Ticks(
        ts_event_ns=times, ts_recv_ns=times, price_ticks=prices, size_steps=np.ones(count, dtype=np.int64),
        side=np.where(np.arange(count) % 2, 1, -1).astype(np.int8), market=np.zeros(count, dtype=np.int16),
    )


class Watching(httpx.AsyncBaseTransport):
    """Notes what leaves: places that were not thrown away at the door, and whose orders are touched."""

    def __init__(self, inner):
        self.inner = inner
        self.placed = Counter()  # tag -> places that may have been carried out
        self.touched = set()
        self.calls = Counter()

    async def handle_async_request(self, request):
        body = await request.aread()
        path = request.url.path
        self.calls[path] += 1
        if path in ("/api/Order/cancel", "/api/Order/modify"):
            self.touched.add(json.loads(body)["orderId"])
        try:
            response = await self.inner.handle_async_request(request)
        except httpx.HTTPError:
            self._place(path, body)
            raise
        if response.status_code != 401:
            self._place(path, body)
        return response

    def _place(self, path, body):
        if path == "/api/Order/place":
            self.placed[json.loads(body)["customTag"]] += 1


class World:
    def __init__(self, made, front, rest, watching):
        self.gateway, self.front, self.rest, self.watching = made, front, rest, watching
        self.told, self.notes = [], []
        loop = asyncio.get_running_loop()
        reach = Reach(
            rest=rest, account_id=ACCOUNT,
            traded=TradedContracts([TradedContract(market=0, contract_id=NQ_ID, instrument=NQ)]),
            clock=HubClock(loop.time, asyncio.sleep, front.time.now_ns), wall_s=loop.time, emit=self.told.append,
            note=self.notes.append, counts=Counter(),
        )
        self.broker = Broker(
            reach, BrokerSettings(world=WORLD), lambda: START_NS - 3600 * SECOND, random.Random(1).random
        )
        self.hub = UserHub(self.broker, HubSettings(name="user", url="wss://gateway.invalid/hubs/user"),
                           Dial(front), random.Random(2).random)

    def of(self, kind):
        return [each for each in self.told if isinstance(each, kind)]

    @property
    def pictures(self):
        return [each.picture for each in self.of(events.VenueSeen) if each.picture.complete]

    @property
    def held(self):
        return self.gateway.accounts[ACCOUNT].held_steps(NQ_ID)

    def own_live(self):
        tags = Tags(WORLD)
        return [each for each in self.gateway.operator.live_orders(ACCOUNT) if tags.read(each.custom_tag)]

    async def until(self, is_true, limit_s=60.0):
        ends_s = asyncio.get_running_loop().time() + limit_s
        while not is_true():
            assert asyncio.get_running_loop().time() < ends_s, [type(each).__name__ for each in self.told[-20:]]
            await asyncio.sleep(0.05)


@asynccontextmanager
async def at_gateway(script=None, seed=1, seconds=600, switches=None):
    """Run a broker at a gateway with faults; the market wanders for so many seconds."""
    made = gateway(switches)
    made.supply(walk(seed, seconds))
    pace = Pace(made, 1.0)
    front = Front(made, Faults(made, script or Script()), pace)
    now_s = asyncio.get_running_loop().time
    watching = Watching(Transport(front))
    rest = open_rest("https://gateway.invalid", Credentials("demo", SecretStr("0123456789")),
                     RestClock(now_s, lambda: front.time.now_ns() / 1e9), random.Random(3).random, carrier=watching)
    world = World(made, front, rest, watching)
    driving = asyncio.create_task(pace.run())
    task = asyncio.create_task(world.hub.run())
    try:
        yield world
        assert not task.done(), task.exception()
    finally:
        for each in (task, driving):
            each.cancel()
        await asyncio.wait({task, driving})
        await rest.aclose()


class Trader:
    """As little of an engine as the broker's contract asks for; it wants to trade all the time."""

    def __init__(self, world, seed):
        self.world = world
        self.dice = random.Random(seed)
        self.read = 0
        self.number = 0
        self.side = {}  # order id -> side
        self.open_orders = {}  # order id -> when it was sent
        self.asked_looks = {}  # order id -> when to look next
        self.fills = {}  # id -> fill
        self.stops = {}  # order id -> stop ticks
        self.bare_since = None
        self.closing_until = 0.0
        self.current = ""

    @property
    def held(self):
        return sum(each.side * each.size_steps for each in self.fills.values())

    async def run(self, until_s):
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            await asyncio.sleep(0.25)
            self.hear()
            self.act(loop.time())

    def hear(self):
        now_s = asyncio.get_running_loop().time()
        told, self.read = self.world.told[self.read:], len(self.world.told)
        for event in told:
            match event:
                case events.OrderFilled(fill=fill):
                    self.fills[fill.id] = fill
                case events.VenueSeen(picture=picture):
                    self.fills.update({fill.id: fill for fill in picture.fills})
                case events.OrderLookedUp(fills=fills, order_id=order_id, orders=orders):
                    self.fills.update({fill.id: fill for fill in fills})
                    if orders:
                        self.asked_looks.pop(order_id, None)
                case events.BracketWorking(order_id=order_id, stop_ticks=stop_ticks):
                    self.stops[order_id] = stop_ticks
                case events.BracketLost(order_id=order_id):
                    self.stops.pop(order_id, None)
                case events.OrderUnknown(order_id=order_id):
                    self.asked_looks[order_id] = now_s

    def act(self, now_s):
        send = self.world.broker.submit
        for order_id, due_s in list(self.asked_looks.items()):
            if due_s <= now_s:
                self.asked_looks[order_id] = now_s + 5
                send(commands.LookUpOrder(order_id=order_id, market=0))
        if self.held and self.current not in self.stops:
            self.bare_since = self.bare_since or now_s
            if now_s - self.bare_since > 5 and now_s > self.closing_until:
                self.close(now_s, "no stop")
        else:
            self.bare_since = None
        if self.held == 0 and now_s > self.closing_until and not self.asked_looks and self.dice.random() < 0.05:
            self.enter()
        elif self.held and self.current in self.stops and self.dice.random() < 0.05:
            closer = self.stops[self.current] + self.side[self.current] * self.dice.randint(1, 3)
            send(commands.MoveStop(order_id=self.current, market=0, stop_ticks=closer))
        elif self.held and self.dice.random() < 0.01:
            self.close(now_s, "a wish")
        elif self.current and self.dice.random() < 0.02:
            send(commands.CancelOrder(order_id=self.current, market=0))
        if self.dice.random() < 0.02:
            send(commands.TakePicture(reason="by the clock"))

    def close(self, now_s, reason):
        self.closing_until = now_s + 4
        self.world.broker.submit(commands.ClosePosition(market=0, reason=reason))

    def enter(self):
        self.number += 1
        side, kind = self.dice.choice((1, -1)), self.dice.choice(("market", "market", "limit"))
        last = LAST if not self.fills else list(self.fills.values())[-1].price_ticks
        order = Order(
            id=f"O260601-{self.number}", decision_id="D", strategy="test", market=0, symbol="NQ", side=side, kind=kind,
            size_steps=self.dice.randint(1, 3), limit_ticks=last - side * 4 if kind == "limit" else None,
            stop_offset_ticks=-side * self.dice.randint(6, 20), target_offset_ticks=side * self.dice.randint(6, 30),
            ts_ns=self.world.front.time.now_ns(),
        )
        self.current, self.side[order.id] = order.id, side
        self.world.broker.submit(commands.SubmitOrder(order=order, generation=self.world.broker.generation))

    async def finish(self):
        """Close everything as a flatten does, then look."""
        for _ in range(12):
            self.close(asyncio.get_running_loop().time(), "the end")
            await asyncio.sleep(4)
        begun = len(self.world.pictures)
        self.world.broker.submit(commands.TakePicture(reason="the end"))
        await self.world.until(lambda: len(self.world.pictures) > begun)
        self.hear()
