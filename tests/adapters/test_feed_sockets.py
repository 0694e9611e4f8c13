"""The feed over real WebSockets on loopback: floods, mutated frames, and what it costs."""

import asyncio
import gc
import random
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from feed_lab import MES, MNQ, REGULAR_NS, Lab, S, trade_event
from hub_side import Venue
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from fabio.adapters.topstepx.signalr.link import dial
from fabio.adapters.topstepx.signalr.protocol import (
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    Ping,
    invocation,
    parse_handshake_request,
    render,
)
from fabio.adapters.topstepx.signalr.reader import RecordReader
from fabio.adapters.topstepx.signalr.timing import HubClock

LIMIT_S = 120.0
"""Only a broken test waits so long."""


class Server:
    """A market hub in a few lines: agrees to everything, and sends what a test wants."""

    def __init__(self) -> None:
        self.port = 0
        self.connection: ServerConnection | None = None
        self.subscriptions = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/hubs/market"

    async def handle(self, connection: ServerConnection) -> None:
        self.connection = connection
        reader = RecordReader(first=parse_handshake_request)
        with suppress(ConnectionClosed):
            async for frame in connection:
                for record in reader.feed(frame):
                    if isinstance(record, HandshakeRequest):
                        await self.send(render(HandshakeAnswer()))
                    elif isinstance(record, Invocation):
                        self.subscriptions += 1
                        await self.send(render(Completion(record.invocation_id or "")))

    async def send(self, frame: bytes) -> None:
        assert self.connection is not None
        await self.connection.send(frame, text=True)


@asynccontextmanager
async def served(**options: object) -> AsyncIterator[tuple[Server, Lab]]:
    """A server and a feed connected to it; time is real, the calendar's is set to regular hours."""
    server = Server()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async with serve(server.handle, "127.0.0.1", 0, ping_interval=None, compression=None) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        clock = HubClock(loop.time, asyncio.sleep, lambda: REGULAR_NS + int((loop.time() - began_s) * S))
        lab = Lab(Venue(), clock=clock, dial=dial, url=server.url, **options)
        async with lab.running():
            yield server, lab


async def until(count: int, lab: Lab) -> None:
    async with asyncio.timeout(LIMIT_S):
        while len(lab.feed.status().markets) and taken(lab) < count:
            await asyncio.sleep(0.002)


def taken(lab: Lab) -> int:
    return sum(market.prints.get("taken", 0) for market in lab.feed.status().markets)


def frame_of(number: int, contract_id: str = MNQ) -> bytes:
    price = 21000.0 + 0.25 * (number % 80)
    return render(trade_event(REGULAR_NS + number * 1_000, price, contract_id))


async def test_a_flood_over_a_socket_loses_no_tick() -> None:
    async with served(capacity=512) as (server, lab):
        sent = 20_000
        quote = render(invocation("GatewayQuote", MNQ, {"bestBid": 21000.0}))
        for number in range(sent):
            await server.send(frame_of(number) + (quote if number % 3 == 0 else b""))
        await until(sent, lab)
        await asyncio.sleep(0.01)
    prices = lab.prices()
    assert prices == [84_000 + number % 80 for number in range(sent)]


async def test_one_frame_may_hold_many_events_and_one_event_many_prints() -> None:
    async with served(symbols={"MNQ": MNQ, "MES": MES}) as (server, lab):
        await server.send(
            render(trade_event(REGULAR_NS, 21000.25, MNQ, count=34)) + render(Ping())
            + render(trade_event(REGULAR_NS, 6900.25, MES)) + render(trade_event(REGULAR_NS, 21001.0, MNQ))
        )
        await until(36, lab)
        await asyncio.sleep(0.01)
    assert lab.prices(0) == [84_001] * 34 + [84_004]
    assert lab.prices(1) == [27_601]


def mutated(frame: bytes, rng: random.Random) -> bytes:
    """Damage a frame, but not its end: the next one begins anew."""
    body = bytearray(frame[:-1])
    for _ in range(rng.randrange(1, 4)):
        kind, place = rng.randrange(5), rng.randrange(len(body))
        if kind == 0:
            body[place] = rng.choice(b'{}[]",:0123456789.-+eEnultrfasNTZ \x00\x80\xff')
        elif kind == 1:
            del body[place : place + rng.randrange(1, 20)]
        elif kind == 2:
            body[place:place] = rng.choice([b"null", b"1e999", b'"NaN"', b"[[", b"-0", b"1" * 40, b'"type":', b"{}"])
        elif kind == 3:
            body[place:place] = body[: rng.randrange(len(body))]
        else:
            body = body[:place]
        if not body:
            body = bytearray(b"{")
    return bytes(body).replace(b"\x1e", b" ") + b"\x1e"


@pytest.mark.parametrize("frames", [3_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_mutated_frames_end_nothing_and_the_next_good_print_is_taken(frames: int) -> None:
    rng = random.Random(4)
    data = [{"symbolId": "F.US.MNQ", "price": 21000.25, "timestamp": "2026-11-20T15:00:00.1234567+00:00",
             "type": 0, "volume": 2}]
    seeds = [
        render(invocation("GatewayTrade", MNQ, data)), render(invocation("GatewayTrade", MNQ, data[0])),
        render(invocation("GatewayQuote", MNQ, {"lastPrice": 21000.25, "bestBid": 21000.0, "volume": 5})),
        render(invocation("GatewayDepth", MNQ, [None, {"type": 1, "price": 21000.0, "volume": 2}])),
    ]
    # what may end the connection by right is left out: a close record, an invented logout
    endings = (b'"type":7', b"GatewayLogout")
    async with served() as (server, lab):
        link = server.connection
        for number in range(frames):
            frame = mutated(rng.choice(seeds), rng)
            if any(ending in frame for ending in endings):
                continue
            await server.send(frame)
            if number % 1_000 == 999:
                before = taken(lab)
                await server.send(render(trade_event(REGULAR_NS + number, 21000.25)))
                async with asyncio.timeout(LIMIT_S):
                    while taken(lab) == before:
                        await asyncio.sleep(0.001)
        assert server.connection is link
    counts = lab.counts()
    assert counts["BadItem"] + sum(count for name, count in counts.items() if name.startswith("bad ")) > frames / 4
    assert all(0 < price < 2**31 for price in lab.prices())


def resident_mib() -> float:
    """Memory of this process; its most where the system does not tell how much it is now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.slow
async def test_10_000_messages_a_second_for_a_minute_lose_no_tick_and_no_memory() -> None:
    rate, seconds = 10_000, 60
    frames = [msgspec.Raw(frame_of(number)) for number in range(rate)]
    quote = render(invocation("GatewayQuote", MNQ, {"bestBid": 21000.0, "bestAsk": 21000.25}))
    async with served() as (server, lab):
        lab.keep_items = False
        gc.collect()
        before_mib = most_mib = resident_mib()
        began_s = time.perf_counter()
        for place in range(rate * seconds // 10):
            burst = b"".join(bytes(frames[(place * 5 + each) % rate]) + quote for each in range(5))
            await server.send(burst)
            if place % 1_000 == 0:
                most_mib = max(most_mib, resident_mib())
            ahead_s = place * 10 / rate - (time.perf_counter() - began_s)
            if ahead_s > 0.002:
                await asyncio.sleep(ahead_s)
        await until(rate * seconds // 2, lab)
        took_s = time.perf_counter() - began_s
        grown_mib = max(most_mib, resident_mib()) - before_mib
    assert taken(lab) == rate * seconds // 2
    assert grown_mib < 50
    print(f"{rate * seconds / took_s:,.0f} messages a second, {grown_mib:.1f} MiB more")  # noqa: T201
