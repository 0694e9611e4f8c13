"""The other side of a hub's connection in memory, and a hub made to talk to it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from fabio.adapters.topstepx.feed.quote_merging import QuoteMerging
from fabio.adapters.topstepx.signalr.hub import Hub, HubSettings, Outside
from fabio.adapters.topstepx.signalr.inbox import Inbox
from fabio.adapters.topstepx.signalr.link import DialFailed, LinkLost
from fabio.adapters.topstepx.signalr.protocol import (
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    Ping,
    parse_handshake_request,
    render,
)
from fabio.adapters.topstepx.signalr.reader import RecordReader
from fabio.adapters.topstepx.signalr.session import Subscription
from fabio.adapters.topstepx.signalr.timing import HubClock, loop_clock

URL = "wss://rtc.example.com/hubs/market"
TRADES = Subscription("SubscribeContractTrades", ("CON.F.US.MNQ.Z26",))
QUOTES = Subscription("SubscribeContractQuotes", ("CON.F.US.MNQ.Z26",))


class Side:
    """One accepted connection as the server sees it; also the hub's Link."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.polite: bool | None = None  # how the hub said goodbye; None while it has not
        self.to_hub: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._arrived = asyncio.Event()
        self._reader = RecordReader(first=parse_handshake_request)

    # the hub's end

    async def send(self, data: bytes) -> None:
        if self.polite is not None:
            raise LinkLost("closed")
        self.received += self._reader.feed(data)
        self._arrived.set()

    async def receive(self) -> bytes:
        frame = await self.to_hub.get()
        if frame is None:
            raise LinkLost("no close frame received or sent")
        return frame

    async def close(self, polite: bool) -> None:
        if self.polite is None:
            self.polite = polite

    # the server's end

    def say(self, *records: Any) -> None:
        self.to_hub.put_nowait(b"".join(map(render, records)))

    def drop(self) -> None:
        self.to_hub.put_nowait(None)

    async def hears(self, wanted: Callable[[Any], bool]) -> Any:
        """Wait until the hub has sent a record like that."""
        while True:
            for record in self.received:
                if wanted(record):
                    return record
            self._arrived.clear()
            await self._arrived.wait()

    def calls(self) -> list[Invocation]:
        return [record for record in self.received if isinstance(record, Invocation)]

    async def serve(self) -> None:
        """Answer the handshake and complete every call, for ever."""
        await self.hears(lambda record: isinstance(record, HandshakeRequest))
        self.say(HandshakeAnswer())
        completed = 0
        while True:
            calls = self.calls()
            for call in calls[completed:]:
                self.say(Completion(call.invocation_id or "", msgspec.Raw(b"null")))
            completed = len(calls)
            self._arrived.clear()
            await self._arrived.wait()

    async def live(self) -> None:
        """Serve, and ping every 15 s."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.serve())
            while True:
                await asyncio.sleep(15.0)
                self.say(Ping())


Script = Callable[[Side], Awaitable[None]]


class Venue:
    """Takes connections; what it does with each is the next script, the last one for all that follow."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts) or [Side.live]
        self.sides: list[Side] = []
        self.urls: list[str] = []
        self.dialled_s: list[float] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def dial(self, url: str) -> Side:
        self.urls.append(url)
        self.dialled_s.append(asyncio.get_running_loop().time())
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        side = Side()
        refusal = getattr(script, "refusal", None)
        if refusal is not None:
            await refusal()
        self.sides.append(side)
        self._tasks.append(asyncio.ensure_future(script(side)))
        return side

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def refusing(failure: Exception | None) -> Script:
    """A script for a dial that fails, or with None hangs for ever."""

    async def script(side: Side) -> None:
        raise AssertionError("never reached")

    async def refusal() -> None:
        if failure is None:
            await asyncio.Event().wait()
        else:
            raise failure

    script.refusal = refusal  # type: ignore[attr-defined]
    return script


def unreachable() -> Script:
    return refusing(DialFailed("OSError: no route to host"))


class Tokens:
    """A token factory that counts; each token differs."""

    def __init__(self, failures: Iterable[Exception | None] = ()) -> None:
        self.asked: list[str | None] = []
        self._failures = list(failures)

    async def __call__(self, dead: str | None) -> str:
        self.asked.append(dead)
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure
        return f"se cret/{len(self.asked)}"


class ManualClock:
    """A clock that moves when it is told to: for real sockets, whose loop cannot be virtual."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> HubClock:
        return HubClock(lambda: self.now_s, self.sleep, lambda: int(self.now_s * 1e9))

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (self.now_s + seconds, woken)
        self._sleepers.append(sleeper)
        try:
            await woken
        finally:
            self._sleepers.remove(sleeper)

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking sleepers in their order; what they then do happens in between."""
        end_s = self.now_s + seconds
        while True:
            await asyncio.sleep(0.001)  # lets tasks and sockets do what they can
            due = [sleeper for sleeper in self._sleepers if sleeper[0] <= end_s and not sleeper[1].done()]
            if not due:
                break
            at_s, woken = min(due, key=lambda sleeper: sleeper[0])
            self.now_s = max(self.now_s, at_s)
            woken.set_result(None)
        self.now_s = end_s


class Bench:
    """A hub, what it was told to use, and what it told."""

    def __init__(self, venue: Venue, *subscriptions: Subscription, **options: Any) -> None:
        self.venue = venue
        self.tokens = options.pop("tokens", None) or Tokens()
        self.lagged: list[int] = []
        self.merging = QuoteMerging()
        self.inbox = Inbox(options.pop("capacity", 1000), self.merging, self.lagged.append)
        self.notices: list[Any] = []
        self._told = asyncio.Event()
        clock: HubClock = options.pop("clock", None) or loop_clock(lambda: int(asyncio.get_running_loop().time() * 1e9))
        dial = options.pop("dial", venue.dial)
        seed = options.pop("seed", 0)
        outside = Outside(self.tokens, dial, clock, random.Random(seed).random)
        settings = HubSettings(**({"name": "market", "url": URL} | options))
        self.hub = Hub(settings, subscriptions, outside, self.inbox, self._observe)

    def _observe(self, notice: Any) -> None:
        self.notices.append(notice)
        self._told.set()

    async def told(self, kind: type, count: int = 1) -> Any:
        """Wait until a notice of this kind has come so many times; give the last of them."""
        while True:
            found = [notice for notice in self.notices if isinstance(notice, kind)]
            if len(found) >= count:
                return found[count - 1]
            self._told.clear()
            await self._told.wait()

    @asynccontextmanager
    async def running(self) -> Any:
        task = asyncio.ensure_future(self.hub.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.venue.end()
