"""A live session at the simulated gateway, recorded in virtual time, and ways to plant a difference in its record."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import msgspec
import numpy as np

from fabio import __version__
from fabio.journal.files import day_files
from fabio.journal.reader import read_steps
from fabio.journal.tape import RECORD, TapeReader
from fabio.research.reliability.lab import LIVE_SETTINGS, World, arm
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.demo import Demo
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

SECOND_NS = 1_000_000_000
SETTINGS = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)
MNQ = instrument_of(SETTINGS, "MNQ")


def record_live(folder: Path, seed: int = 82, count: int = 30_000) -> None:
    """Live through the first ticks of a generated day's regular hours, armed."""
    demo = Demo(SETTINGS, MNQ, seed)
    day = demo.day(0)
    ticks = day.ticks.slice(day.watched_from, day.watched_from + count)

    async def story() -> None:
        world = World(ticks, demo)
        driving = asyncio.create_task(world.drive())
        ready = await world.begin(folder)
        await world.live(ready, int(ticks.ts_recv_ns[-1]) + SECOND_NS, arm)
        ready.close()
        driving.cancel()

    run_virtual(story())


def plant(folder: Path, seq: int, change: Callable[[bytes], bytes]) -> None:
    """Change one step's line of a journal, and chain all lines anew, so that nothing is damaged."""
    prev, number = "00000000", 0
    for path in day_files(folder / "journal", ".jsonl"):
        lines = []
        for line in path.read_bytes().splitlines():
            body = line[:line.rindex(b',"prev":"')]
            number += b'"seq":' in body[:30]
            if b'"seq":' in body[:30] and number == seq:
                changed = change(body)
                assert changed != body
                body = changed
            head = body + b',"prev":"%s"' % prev.encode()
            prev = f"{crc32(head):08x}"
            lines.append(head + b',"crc":"%s"}\n' % prev.encode())
        path.write_bytes(b"".join(lines))
        (path.parent / "synced").unlink(missing_ok=True)


def plant_version(folder: Path, version: str) -> None:
    """Let another build have recorded the folder."""
    path, = day_files(folder / "journal", ".jsonl")
    first = path.read_bytes().partition(b"\n")[0]
    assert b'"kind":"run"' in first
    path.write_bytes(path.read_bytes().replace(b'"version":"%s"' % __version__.encode(), b'"version":"%s"'
                                               % version.encode(), 1))
    plant(folder, 0, lambda body: body)


def plant_tick(folder: Path, row: int, by_ticks: int) -> None:
    """Change a tick's price on the tape, with a check that holds."""
    path, = day_files(folder / "tape", ".tape")
    data = bytearray(path.read_bytes())
    start = (len(data) - TapeReader(folder).total * RECORD.itemsize) + row * RECORD.itemsize
    record = np.frombuffer(bytes(data[start:start + RECORD.itemsize]), dtype=RECORD).copy()
    record["price_ticks"] += by_ticks
    record["check"] = record.view("<u2")[:-1].astype(np.int64).sum() % 65_536
    data[start:start + RECORD.itemsize] = record.tobytes()
    path.write_bytes(data)


def exchanged(folder: Path, first: int, second: int) -> None:
    """Let two steps' events change places."""
    steps = {step.seq: step for step in read_steps(folder)}
    one, other = (msgspec.json.encode(steps[seq].event) for seq in (first, second))
    for seq, event, wanted in ((first, one, other), (second, other, one)):
        plant(folder, seq, lambda body, event=event, wanted=wanted: body.replace(event, wanted, 1))
