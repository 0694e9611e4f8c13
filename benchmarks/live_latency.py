"""What a market message costs live: over a WebSocket, through feed, life and machine, to the end of its step.

    python benchmarks/live_latency.py [--loop asyncio|uvloop] [--latency-s 20] [--flood-s 60]

A process of its own sends `GatewayTrade` arrays over loopback and stamps each with the moment it
is sent, by the clock that both share. The agent is the real one, with its folder, heartbeat and
inbox; only tokens and REST are not there. Answers with JSON: `wire_us` is from the send to the end
of the machine's step for a print, `inside_us` from the arrival stamp to there; the flood tells
ticks lost and memory grown.
"""

import argparse
import asyncio
import importlib
import multiprocessing
import os
import platform
import random
import resource
import tempfile
import time
from contextlib import suppress
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from fabio.runtime.kernels import prepare_cache

prepare_cache()  # before numba is imported

import numpy as np  # noqa: E402
import orjson  # noqa: E402
from websockets.asyncio.server import ServerConnection, serve  # noqa: E402
from websockets.exceptions import ConnectionClosed  # noqa: E402

from fabio.adapters.topstepx.feed.lane import FeedMarket  # noqa: E402
from fabio.adapters.topstepx.feed.market import MarketFeed  # noqa: E402
from fabio.adapters.topstepx.feed.probe import Probe  # noqa: E402
from fabio.adapters.topstepx.signalr.hub import HubSettings, Outside  # noqa: E402
from fabio.adapters.topstepx.signalr.link import dial  # noqa: E402
from fabio.adapters.topstepx.signalr.protocol import (  # noqa: E402
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    parse_handshake_request,
    render,
)
from fabio.adapters.topstepx.signalr.reader import RecordReader  # noqa: E402
from fabio.adapters.topstepx.signalr.timing import HubClock  # noqa: E402
from fabio.adapters.topstepx.stamps import stamp_text  # noqa: E402
from fabio.journal.world import World, claim  # noqa: E402
from fabio.model.tick import Ticks  # noqa: E402
from fabio.runtime.agent import settle_memory  # noqa: E402
from fabio.runtime.clock import Clock, Moment  # noqa: E402
from fabio.runtime.drive import Driver  # noqa: E402
from fabio.runtime.live import LiveLife  # noqa: E402
from fabio.runtime.reopen import Place, RunPlan, reopen  # noqa: E402
from fabio.runtime.wiring import instrument_of, sessions_between  # noqa: E402
from fabio.settings.load import load  # noqa: E402

CONTRACT = "CON.F.US.MNQ.M26"
REGULAR_NS = 1_780_324_200_000_000_000  # Monday 2026-06-01, 09:30 in Chicago
WARM_UP_S = 3.0
"""The first seconds are not counted."""
LATENCY_RATE, FLOOD_RATE, FLOOD_FRAME = 1_000, 10_000, 5
LAST_S = 10.0
"""So long the last ones may be on their way."""
NS = 1_000_000_000


class Load(NamedTuple):
    """Messages a second, for how long, and how many of them travel in one frame."""

    rate: int
    seconds: float
    per_frame: int


class Sender:
    """A market hub in a few lines: agrees to everything, then sends at its rate."""

    def __init__(self, load: Load, base_ns: int) -> None:
        self._load = load
        self._base_ns = base_ns
        self._subscribed = 0
        self._ready: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self._walk = random.Random(7)
        self._price_ticks = 99_000

    async def run(self, pipe: Connection) -> None:
        """Tell the port, wait for both subscriptions, send; tell how many were sent within how many seconds."""
        async with serve(self._handle, "127.0.0.1", 0, ping_interval=None, compression=None) as server:
            pipe.send(next(iter(server.sockets)).getsockname()[1])
            connection = await self._ready.get()
            await asyncio.sleep(0.2)
            pipe.send(await self._send_all(connection))
            while not pipe.poll():  # until the other side has all it waits for
                await asyncio.sleep(0.05)

    async def _handle(self, connection: ServerConnection) -> None:
        reader = RecordReader(first=parse_handshake_request)
        with suppress(ConnectionClosed):
            async for frame in connection:
                for record in reader.feed(frame):
                    if isinstance(record, HandshakeRequest):
                        await connection.send(render(HandshakeAnswer()), text=True)
                    elif isinstance(record, Invocation):
                        await connection.send(render(Completion(record.invocation_id or "")), text=True)
                        self._subscribed += 1
                        if self._subscribed == 2:
                            self._ready.put_nowait(connection)

    async def _send_all(self, connection: ServerConnection) -> tuple[int, float]:
        rate, seconds, per_frame = self._load
        began_s, sent = time.monotonic(), 0
        while sent < rate * seconds:
            ahead_s = sent / rate - (time.monotonic() - began_s)
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            await connection.send("".join(self._message() for _ in range(per_frame)), text=True)
            sent += per_frame
        return sent, time.monotonic() - began_s

    def _message(self) -> str:
        self._price_ticks += self._walk.choice((-1, 0, 0, 0, 1))
        stamp = stamp_text(REGULAR_NS + time.monotonic_ns() - self._base_ns)
        return (f'{{"type":1,"target":"GatewayTrade","arguments":["{CONTRACT}",[{{"symbolId":"F.US.MNQ",'
                f'"price":{self._price_ticks / 4},"timestamp":"{stamp}","type":{self._walk.randrange(2)},'
                f'"volume":{self._walk.randrange(1, 5)}}}]]}}\x1e')


def send(load: Load, base_ns: int, pipe: Connection) -> None:
    """Be the sender's process."""
    asyncio.run(Sender(load, base_ns).run(pipe))


class NoBars:
    """REST is not there; nobody asks while prints come."""

    async def bars(self, query: object) -> tuple[()]:
        """Know nothing."""
        return ()


async def token(refused: str | None) -> str:
    """Stand in for the venue's token: this server asks for none."""
    return "benchmark"


class Timed:
    """Stands at the driver's door and notes when each tick's step was over."""

    def __init__(self, driver: Driver, clock: Clock, room: int) -> None:
        self.taken = 0
        self.event_ns, self.recv_ns, self.done_ns = (np.full(room, -1, np.int64) for _ in range(3))
        self._feed = driver.feed
        self._clock = clock
        driver.feed = self.feed  # type: ignore[method-assign]

    def feed(self, ticks: Ticks) -> None:
        """Let the driver live through ticks."""
        self._feed(ticks)
        here = slice(self.taken, self.taken + len(ticks))
        self.event_ns[here], self.recv_ns[here] = ticks.ts_event_ns, ticks.ts_recv_ns
        self.done_ns[here] = self._clock.now_ns()
        self.taken += len(ticks)

    def micros(self, since_s: float) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
        """Give `wire` and `inside` of every tick that was sent so long after the first one."""
        counted = self.event_ns[:self.taken] >= self.event_ns[0] + int(since_s * NS)
        done_ns = self.done_ns[:self.taken][counted]
        return (done_ns - self.event_ns[:self.taken][counted]) / 1000, (
            done_ns - self.recv_ns[:self.taken][counted]) / 1000


async def live(load_: Load, base_ns: int, pipe: Connection, port: int, folder: Path) -> dict[str, Any]:
    """Live through one load with an agent of its own."""
    clock = Clock(Moment(REGULAR_NS, base_ns))
    settings = load(environment={}, directory=folder)
    instrument = instrument_of(settings, "MNQ")
    table = sessions_between(settings, instrument, REGULAR_NS, REGULAR_NS)
    world = World(mode="test", feed="topstepx", account="1", instruments=("MNQ",))
    held = claim(folder, world, time.time_ns())
    back = reopen(RunPlan(logs=folder, feed="topstepx"), settings, Place(
        world=world, instrument=instrument, table=table, one_session=True, first_day="2026-06-01", live=None,
    ), lambda line: None)
    timed = Timed(back.driver, clock, int(load_.rate * load_.seconds) + load_.per_frame)
    hub_clock = HubClock(monotonic_s=clock.monotonic, sleep=clock.sleep, now_ns=clock.now_ns)
    feed = MarketFeed(
        HubSettings(name="market", url=f"ws://127.0.0.1:{port}/hubs/market"),
        Outside(token, dial, hub_clock, random.Random(0).random),
        [FeedMarket(instrument=instrument, table=table, contract_id=CONTRACT)],
        Probe(NoBars(), live=False, sleep=clock.sleep), lambda: 0.0,
    )
    life = LiveLife(back.driver, clock, instrument, "benchmark")
    life.tasks = {"market feed": feed.run, "ticks": lambda: carry(feed, life)}
    ready = back.ready(folder, life, held, {"mode": "test"})
    found: dict[str, Any] = {}

    async def watch() -> None:
        found.update(await measured(pipe, timed, load_))

    settle_memory()
    try:
        await ready.agent.run({"benchmark": watch})
    finally:
        ready.close()
    counts = feed.status().counts
    found["feed"] = {name: counts.get(name, 0) for name in ("lost", "behind", "filled up", "merged", "refused room")}
    return found


async def carry(feed: MarketFeed, life: LiveLife) -> None:
    """Carry what the feed gives to the machine's line, as `live_start` does."""
    while True:
        for item in await feed.take():
            life.tell(item)


async def measured(pipe: Connection, timed: Timed, load_: Load) -> dict[str, Any]:
    """Wait until all has come, and give the figures."""
    warm_up_s = min(WARM_UP_S, load_.seconds / 2)
    async with asyncio.timeout(warm_up_s + LAST_S):
        while timed.taken < load_.rate * warm_up_s:
            await asyncio.sleep(0.05)
    before_mib, most_mib = resident_mib(), 0.0
    cpu_s, since_s = time.process_time(), time.monotonic()
    while not pipe.poll():
        await asyncio.sleep(0.25)
        most_mib = max(most_mib, resident_mib())
    share = (time.process_time() - cpu_s) / (time.monotonic() - since_s)
    sent, took_s = pipe.recv()
    until_s = time.monotonic() + LAST_S
    while timed.taken < sent and time.monotonic() < until_s:
        await asyncio.sleep(0.01)
    found = {"sent": sent, "taken": timed.taken, "lost_ticks": sent - timed.taken, "seconds": round(took_s, 2),
             "messages_per_s": round(sent / took_s), "cpu_share": round(share, 3),
             "grown_mib": round(max(most_mib, resident_mib()) - before_mib, 1), "rss_mib": round(resident_mib(), 1)}
    wire, inside = timed.micros(warm_up_s)
    found |= {"wire_us": shares(wire), "inside_us": shares(inside), "n": len(wire)}
    pipe.send("done")
    return found


def shares(micros: "np.ndarray[Any, Any]") -> dict[str, float]:
    """Give the usual shares of a sample."""
    names = {"p50": 50, "p90": 90, "p99": 99, "p999": 99.9, "max": 100}
    return {name: round(float(np.percentile(micros, share)), 1) for name, share in names.items()}


def resident_mib() -> float:
    """Tell this process's memory; its most where the system does not tell how much it is now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_run(loop: str, load_: Load) -> dict[str, Any]:
    """Run sender and agent once."""
    factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
    base_ns = time.monotonic_ns()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=send, args=(load_, base_ns, theirs), daemon=True)
    process.start()
    try:
        port = ours.recv()
        with (tempfile.TemporaryDirectory(prefix="fabio-live-") as name,
              asyncio.Runner(loop_factory=factory) as runner):
            return runner.run(live(load_, base_ns, ours, port, Path(name)))
    finally:
        process.join(5)
        process.terminate()


def machine() -> dict[str, Any]:
    """Say what this ran on."""
    return {
        "python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count(),
        "load": [round(each, 2) for each in os.getloadavg()], "websockets": version("websockets"),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--latency-s", type=float, default=20.0)
    parser.add_argument("--flood-s", type=float, default=60.0)
    wanted = parser.parse_args()
    answer: dict[str, Any] = {"machine": machine(), "loop": wanted.loop}
    if wanted.latency_s:
        one_run(wanted.loop, Load(LATENCY_RATE, 2.0, 1))  # kernels are loaded
        answer["latency"] = one_run(wanted.loop, Load(LATENCY_RATE, wanted.latency_s + WARM_UP_S, 1))
    if wanted.flood_s:
        answer["flood"] = one_run(wanted.loop, Load(FLOOD_RATE, wanted.flood_s, FLOOD_FRAME))
    print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())  # noqa: T201


if __name__ == "__main__":
    main()
