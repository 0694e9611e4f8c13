"""How long the event loop of a live agent is held while its model hangs and its drive is slow, in real time."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fabio.adapters.gateway.inprocess import Dial, Transport
from fabio.adapters.gateway.plan import Switches
from fabio.journal.exchanges import Exchange
from fabio.model.fact import SignalApproved, SignalBlocked
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.research.reliability.bar import Bar, at_least, at_most, p99
from fabio.research.reliability.chaos.street import WITHOUT_LEARNING, calendar, chaos_settings, walk
from fabio.research.reliability.faulty_disk import FaultyDisk
from fabio.research.reliability.lab import World, arm

SEED = 7
SLOW_S = 0.02
LAG_MS, DECISION_MS = 20.0, 250.0
SAMPLE_S = 0.005
READY_S = 5.0
"""Before the first print that counts."""
Say = Callable[[str], None]


class Decided:
    """A sink that notes how old the latest print was when a decision made of it was recorded."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.ages_ms: list[float] = []
        self._now_ns = now_ns
        self._latest_ns = 0

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Remember when the exchange dated the latest print."""
        if stop > start:
            self._latest_ns = int(ticks.ts_event_ns[stop - 1])

    def exchange(self, exchange: Exchange) -> None:
        """Nothing to do."""

    def step(self, step: Step, body: bytes) -> None:
        """Take the time from the print to its decision."""
        if any(isinstance(fact, SignalApproved | SignalBlocked) for fact in step.facts):
            self.ages_ms.append((self._now_ns() - self._latest_ns) / 1e6)


def tick_path(n: int, say: Say) -> list[Bar]:
    """Live n seconds of the market, armed and trading, at a model that never answers and a drive that takes 20 ms."""
    with tempfile.TemporaryDirectory(prefix="fabio-tick-path-") as folder:
        lags_ms, ages_ms, asked = asyncio.run(_lived(n, Path(folder)))
    say(f"{len(ages_ms)} decisions, {asked} questions that nobody answered")
    what = f"{asked} questions hung; the gateway runs in the same loop"
    return [
        at_most("tick_path_loop_lag_p99_ms", round(p99(lags_ms), 2), LAG_MS, len(lags_ms), what),
        at_most("tick_to_decision_p99_ms", round(p99(ages_ms), 2), DECISION_MS, len(ages_ms), what),
        at_least("tick_path_questions_hung", asked, 1, n),
    ]


async def _lived(seconds: int, folder: Path) -> tuple[list[float], list[float], int]:
    """Give the loop's lags and the ages of decisions, in milliseconds, and how many questions hung."""
    asked = 0

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        with contextlib.suppress(asyncio.CancelledError):  # the end of the loop
            await asyncio.sleep(3600)
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = chaos_settings(
        WITHOUT_LEARNING, f"openai.base_url=http://127.0.0.1:{port}/v1", "openai.model=hangs",
        "budget.hours=all", "model.answer_timeout_s=3.0", model_key="none",
    )
    world = World(walk(SEED, seconds + READY_S), calendar(), switches=Switches(), settings=settings)
    doors = world.doors_through(Transport(world.front), Dial(world.front),
                                FaultyDisk(slow=lambda what: time.sleep(SLOW_S)))
    driving = asyncio.create_task(world.drive())
    ready = await world.begin(folder, doors=doors, apart=True)
    decided = Decided(world.now_ns)
    ready.driver.sinks = (*ready.driver.sinks, decided)
    lags_ms: list[float] = []

    async def sample() -> None:
        """Look how much later than asked for the loop comes back; end when the time is over."""
        await arm(ready)
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            since = time.perf_counter()
            await asyncio.sleep(SAMPLE_S)
            lags_ms.append((time.perf_counter() - since - SAMPLE_S) * 1000)

    try:
        await ready.agent.run({"sample": sample})
    finally:
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        ready.close()
        server.close()
    return lags_ms, decided.ages_ms, asked
