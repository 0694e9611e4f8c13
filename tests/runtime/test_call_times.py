"""The rate limit of calls counts on over a kill."""

import asyncio
import json
from pathlib import Path

import pytest

from fabio.adapters.topstepx.rest.buckets import Gate, Limit, Urgency
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.call_times import CALLS, CallTimes
from fabio.runtime.clock import NS, Clock, Moment

LIMIT = Limit(calls=3, window_s=60.0)


def process(folder: Path) -> tuple[Gate, CallTimes]:
    """Begin a process whose clock is the world's, and whose monotonic one begins anew."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    clock = Clock(Moment(int(began_s * NS), 0), monotonic_ns=lambda: int((loop.time() - began_s) * NS))
    gate = Gate(LIMIT, clock.monotonic)
    return gate, CallTimes(folder, gate, clock)


def test_a_restart_counts_the_calls_of_the_process_before(tmp_path: Path) -> None:
    async def story() -> None:
        gate, times = process(tmp_path)
        for _ in range(3):
            await gate.take(Urgency.PROTECT)
            await asyncio.sleep(5.0)
        times.keep()
        killed_s = asyncio.get_running_loop().time()
        await asyncio.sleep(10.0)
        gate, times = process(tmp_path)
        times.restore()
        for wanted_s in (45.0, 50.0, 55.0):  # after the kill: the oldest call was 15 s old then
            await gate.take(Urgency.PROTECT)
            assert asyncio.get_running_loop().time() - killed_s == pytest.approx(wanted_s, abs=0.01)

    run_virtual(story())


def test_after_a_minute_nothing_is_counted(tmp_path: Path) -> None:
    async def story() -> None:
        gate, times = process(tmp_path)
        await gate.take(Urgency.PROTECT)
        times.keep()
        await asyncio.sleep(61.0)
        gate, times = process(tmp_path)
        times.restore()
        since_s = asyncio.get_running_loop().time()
        for _ in range(3):
            await gate.take(Urgency.PROTECT)
        assert asyncio.get_running_loop().time() == since_s

    run_virtual(story())


@pytest.mark.parametrize("content", [
    b"", b"{", b"null", b'{"v":1,"ts_ns":0,"ages_ms":[-1]}', b'{"v":1,"ts_ns":"x","ages_ms":[]}', b"\xff" * 100,
    json.dumps({"v": 1, "ts_ns": 1_000 * NS, "ages_ms": [0] * 201}).encode(),
])
def test_a_file_that_cannot_be_read_holds_nobody(tmp_path: Path, content: bytes) -> None:
    async def story() -> None:
        (tmp_path / CALLS).write_bytes(content)
        gate, times = process(tmp_path)
        times.restore()
        since_s = asyncio.get_running_loop().time()
        await gate.take(Urgency.ASK)
        assert asyncio.get_running_loop().time() == since_s

    run_virtual(story())


def test_a_folder_that_cannot_be_written_holds_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        gate, times = process(tmp_path / "not there")
        await gate.take(Urgency.ASK)
        times.keep()
        assert not (tmp_path / "not there").exists()

    run_virtual(story())
