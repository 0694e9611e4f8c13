"""A long day in little time: a whole agent trades at the simulated gateway for hours, and nothing of it may grow."""

import asyncio
import gc
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from fabio.journal.exchanges import Exchange
from fabio.model.fact import TradeClosed
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.research.reliability.bar import Bar, at_least, at_most
from fabio.research.reliability.chaos.street import WITHOUT_LEARNING, calendar, chaos_settings, wander
from fabio.research.reliability.lab import World, arm
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.reopen import Ready

NS_PER_S, S_PER_HOUR = 1_000_000_000, 3600
LOOK_S = 300
REGULAR_S = 6 * S_PER_HOUR
"""What is not longer lies in the regular hours, in which it trades."""
RECORD_FILES = 5
"""Each is opened with its first line, which may come late."""
WARM_SHARE = 0.25
"""This share at the beginning is left out: buffers grow to their size."""
MB_PER_HOUR = 1.0
LONG_MIN, MB_IN_ALL = 600, 5.0
"""Arrays are first touched over hours: a shorter run is judged by what it grew in all."""
Say = Callable[[str], None]


class _Trades:
    """A sink that counts trades, over all days."""

    def __init__(self) -> None:
        self.count = 0

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to count."""

    def exchange(self, exchange: Exchange) -> None:
        """Nothing to count."""

    def step(self, step: Step, body: bytes) -> None:
        """Count the trades that were closed."""
        self.count += sum(isinstance(fact, TradeClosed) for fact in step.facts)


def soak(n: int, say: Say, before_min: int | None = None) -> list[Bar]:
    """Live through `n` minutes of the market, armed and trading, at four prints a second and bursts.

    Memory is that of agent and gateway together, whose books do grow: what is found is an upper bound.
    With `before_min` it begins so many minutes before the regular hours.
    """
    looks: list[tuple[float, float, int]] = []  # hours, MB, open files
    with tempfile.TemporaryDirectory(prefix="fabio-soak-") as home:
        trades, files = run_virtual(_day(Path(home) / "logs", n * 60, _begin_ns(n, before_min), looks, say))
    warm = [look for look in looks if look[0] >= looks[-1][0] * WARM_SHARE]
    hours, megabytes, descriptors = (np.array(column) for column in zip(*warm, strict=True))
    growth = at_most("memory_growth_mb", float(megabytes[-1] - megabytes[0]), MB_IN_ALL, n)
    if n >= LONG_MIN:
        growth = at_most("memory_growth_mb_per_hour", float(np.polyfit(hours, megabytes, 1)[0]), MB_PER_HOUR, n)
    note = f"{n / 60:.1f} h, {trades} trades, {megabytes[0]:.0f} to {megabytes[-1]:.0f} MB, gateway included"
    return [
        msgspec.structs.replace(growth, note=note),
        at_most("open_files_growth", float(descriptors[-1] - descriptors[0]), RECORD_FILES, n, note),
        at_least("journal_files", files, 1, n),
    ]


def _begin_ns(minutes: int, before_min: int | None) -> int:
    """Give when it begins: a minute after the evening's open, or with the regular hours where those are enough."""
    session = calendar().session(0)
    assert session.regular_open_ns is not None
    if before_min is not None:
        return session.regular_open_ns - before_min * 60 * NS_PER_S
    return (session.open_ns if minutes * 60 > REGULAR_S else session.regular_open_ns) + 60 * NS_PER_S


async def _day(
    logs: Path, seconds: int, from_ns: int, looks: list[tuple[float, float, int]], say: Say,
) -> tuple[int, int]:
    ticks = wander(0, from_ns, float(seconds))
    world = World(ticks, calendar(), settings=chaos_settings(WITHOUT_LEARNING))
    driving = asyncio.create_task(world.drive())
    try:
        ready = await world.begin(logs)
        trades = _Trades()
        ready.driver.sinks = (*ready.driver.sinks, trades)
        try:
            await world.live(ready, world.start_ns + seconds * NS_PER_S, partial(_watch, seconds, looks, trades, say))
            return trades.count, len(list((logs / "journal").glob("*.jsonl")))
        finally:
            ready.close()
    finally:
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)


async def _watch(
    seconds: int, looks: list[tuple[float, float, int]], trades: _Trades, say: Say, ready: Ready,
) -> None:
    await arm(ready)
    for second in range(seconds):
        ready.sink.commit()
        if second % LOOK_S == 0:
            gc.collect()
            looks.append((second / S_PER_HOUR, _resident_mb(), len(os.listdir("/proc/self/fd"))))
            say(f"{second / S_PER_HOUR:.2f} h: {looks[-1][1]:.0f} MB, {looks[-1][2]} open files, "
                f"{trades.count} trades")
        await asyncio.sleep(1)


def _resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
