"""Front: what stands between a core and whoever carries its bytes; faults happen here.

The aiohttp shell and the doors inside one process both use it, so that a fault is the same on
a socket and in virtual time.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Protocol

import msgspec

from fabio.adapters.gateway.connection import Ended, HubConnection, Outgoing
from fabio.adapters.gateway.core import Gateway
from fabio.adapters.gateway.faults.fates import Ending
from fabio.adapters.gateway.faults.layer import Faults
from fabio.adapters.gateway.messages import Answer, Request
from fabio.adapters.gateway.pace import wait_for
from fabio.adapters.topstepx.stamps import SECOND_NS

_WITHOUT_MARKET = ("/api/Status/", "/api/Auth/", "/api/Account/", "/api/Contract/")


class Time(Protocol):
    """The replay clock as those who wait see it."""

    def now_ns(self) -> int:
        """Tell what time it is."""

    def wait_s(self, due_ns: int) -> float:
        """Give the event loop's time until a moment of this clock."""

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds of this clock."""


class Delivery(msgspec.Struct, frozen=True):
    """An answer, and how it leaves."""

    answer: Answer
    ending: Ending
    bytes_per_s: float


class Front:
    """Takes requests and carries what hubs send, with the faults of a script.

    Attributes
    ----------
    market_is_there
        Set at first; while it is cleared, requests about history, orders and positions wait.
    """

    def __init__(self, gateway: Gateway, faults: Faults, time: Time) -> None:
        self.gateway = gateway
        self.faults = faults
        self.time = time
        self.market_is_there = asyncio.Event()
        self.market_is_there.set()

    async def answer(self, request: Request) -> Delivery:
        """Answer a request as the script wants it."""
        if not request.path.startswith(_WITHOUT_MARKET):
            await self.market_is_there.wait()
        self.catch_up()
        fate = self.faults.fate(request.path)
        if fate.before_s:
            await self.time.sleep(fate.before_s)
        answer = Answer(status=503)
        if fate.executes:
            self.catch_up()
            answer = self.gateway.request(request, self.gateway.now_ns - int(fate.stale_s * SECOND_NS))
        if fate.instead is not None:
            answer = fate.instead
        for edit in fate.edits:
            answer = edit(answer)
        if fate.after_s:
            await self.time.sleep(fate.after_s)
        return Delivery(answer, fate.ending, fate.bytes_per_s)

    def receive(self, connection: HubConnection, data: bytes | str) -> None:
        """Take what a client sends to a hub."""
        if not self.faults.incoming(connection.hub):
            self.catch_up()
            connection.receive(data)

    async def carry(self, connection: HubConnection, send: Callable[[bytes], Awaitable[None]]) -> Ended:
        """Carry what a hub sends to its client, until one of them ends it; tell how."""
        some, loop = asyncio.Event(), asyncio.get_running_loop()
        connection.wake = some.set
        if connection.waiting:
            some.set()
        late: list[tuple[int, int, Outgoing]] = []  # due ns, number, what
        numbers, last_ns = count(), 0
        while True:
            until_s = None if not late else loop.time() + self.time.wait_s(late[0][0])
            await wait_for(some, until_s)
            some.clear()
            now_ns = self.time.now_ns()
            for parcel in self.faults.outgoing(connection.hub, connection.take()):
                due_ns = now_ns + int(parcel.delay_s * SECOND_NS)
                if parcel.hold_s:
                    hold_ns = int(parcel.hold_s * SECOND_NS)
                    due_ns += -due_ns % hold_ns
                if not parcel.overtakes:
                    due_ns = last_ns = max(due_ns, last_ns)
                heapq.heappush(late, (due_ns, next(numbers), parcel.item))
            while late and late[0][0] <= now_ns:
                item = heapq.heappop(late)[2]
                if isinstance(item, Ended):
                    connection.lost()
                    return item
                await send(item.data)

    def catch_up(self) -> None:
        """Bring the gateway to the time it is."""
        now_ns = self.time.now_ns()
        if now_ns > self.gateway.now_ns or self.gateway.next_due_ns() <= now_ns:
            self.gateway.advance(now_ns)
