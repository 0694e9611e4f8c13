"""How soon the supervisor notices an event loop that is blocked, and whether its stacks are there afterwards (H37)."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fabio.research.reliability.bar import Bar, at_most
from fabio.runtime.supervise.reading import read_ecosystem
from fabio.runtime.supervise.supervisor import Place, Supervisor
from fabio.runtime.supervise.told import read_told

AT_ONCE = 16
LIMIT_S = 120.0
NOTICED_S = 10.0
PROGRAM = """
import asyncio, faulthandler, os, signal, sys, time
name, seconds = sys.argv[1], float(sys.argv[2])
faulthandler.register(signal.SIGUSR1, sys.stderr, all_threads=True)
def block_the_loop():
    with open(name + ".hung", "w") as file:
        file.write(str(time.monotonic()))
    while True:
        time.sleep(30)
async def live():
    began = time.monotonic()
    while True:
        with open(name + ".beat", "w") as file:
            file.write(str(time.monotonic()))
        if time.monotonic() - began > seconds and not os.path.exists(name + ".hung"):
            signal.signal(signal.SIGTERM, lambda *_: None)
            block_the_loop()
        await asyncio.sleep(0.1)
asyncio.run(live())
"""
Say = Callable[[str], None]


def wedges(n: int, say: Say) -> list[Bar]:
    """Block the event loops of n processes at random moments, under the settings that an agent has."""
    longest_s, failed, done = 0.0, 0, 0
    while done < n:
        count = min(AT_ONCE, n - done)
        with tempfile.TemporaryDirectory() as home:
            times_s, without = asyncio.run(_batch(Path(home), count, random.Random(done)))
        longest_s, failed, done = max(longest_s, *times_s, 0.0), failed + without, done + count
        say(f"{done} of {n} loops blocked, noticed after {longest_s:.1f} s at the latest")
    return [
        at_most("wedge_noticed_s", longest_s, NOTICED_S, n, "the silence allowed is 8 s, a beat comes every 0.1 s"),
        at_most("wedges_without_stacks_or_restart", failed, 0, n),
    ]


async def _batch(home: Path, count: int, chance: random.Random) -> tuple[list[float], int]:
    """Block some at about the same time; give the times until each was noticed, and how many came to no good end."""
    names = [f"p{place}" for place in range(count)]
    _write(home, names, chance)
    noticed_s: dict[str, float] = {}

    def hear(name: str, text: str) -> None:
        if "it hangs" in text:
            noticed_s.setdefault(name, time.monotonic())

    supervisor = Supervisor(Place(home / "ecosystem", home / "logs"), read_ecosystem(home / "ecosystem"), lambda: None,
                            hear, chance.random)
    running = asyncio.create_task(supervisor.run())
    deadline = time.monotonic() + LIMIT_S
    while not all(_is_back(home, name) for name in names) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    back = [name for name in names if _is_back(home, name)]
    supervisor.leave()
    await running
    whole = [name for name in back if name in noticed_s and "block_the_loop" in _stacks(home, name)]
    return [noticed_s[name] - float((home / f"{name}.hung").read_text("ascii")) for name in whole], count - len(whole)


def _write(home: Path, names: list[str], chance: random.Random) -> None:
    (home / "ecosystem").mkdir()
    (home / "logs").mkdir()
    (home / "program.py").write_text(PROGRAM, "utf-8")
    for name in names:
        command = [sys.executable, "-S", "program.py", name, f"{chance.uniform(0.5, 2.5):.3f}"]
        words = ", ".join(f"'{word}'" for word in command)
        lines = [f"command = [{words}]", f"directory = '{home}'", "stop_s = 1", "[heartbeat]",
                 f"file = '{home}/{name}.beat'", ""]
        (home / "ecosystem" / f"{name}.toml").write_text("\n".join(lines), "utf-8")


def _is_back(home: Path, name: str) -> bool:
    told = read_told(home / "logs")
    each = {} if told is None else told["processes"].get(name, {})
    return each.get("starts", 0) > 1 and each.get("state") == "ready"


def _stacks(home: Path, name: str) -> str:
    return (home / "logs" / f"{name}.err").read_text("utf-8", "replace")
