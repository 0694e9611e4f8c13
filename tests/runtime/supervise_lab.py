"""A supervisor inside the test, and small programs for it to keep alive."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from fabio.runtime.supervise.reading import read_ecosystem
from fabio.runtime.supervise.supervisor import Place, Supervisor
from fabio.runtime.supervise.system import identity
from fabio.runtime.supervise.told import read_told

LIMIT_S = 120.0
"""Only a broken test waits so long."""
SILENCE_S = 60.0
"""What a program is granted that is not meant to hang: a loaded machine may give it no turn for seconds."""

# writes a beat every 20 ms; its lines say what happens to it
PROLOGUE = """
import os, signal, sys, time
place, name = sys.argv[1], sys.argv[2]
def say(*words):
    with open(place + "/events", "a") as file:
        file.write(" ".join(map(str, (name, *words))) + chr(10))
def beat(seconds=1e9):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with open(f"{place}/{name}.beat", "w") as file:
            file.write(str(time.monotonic()))
        time.sleep(0.02)
def bye(*_):
    say("bye")
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
say("begins", os.getpid())
"""


class Pages:
    """Keeps pages instead of running a program."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def page(self, kind: str, text: str, ts_ns: int) -> None:
        assert kind == "process"
        self.texts.append(text)

    async def run(self) -> None:
        await asyncio.Event().wait()

    def last_words(self) -> None:
        """Nothing waits."""


class Lab:
    """An ecosystem in a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.ecosystem = place / "ecosystem"
        self.logs = place / "logs"
        self.lines: list[str] = []
        self.pages = Pages()
        self.ecosystem.mkdir()
        self.logs.mkdir()

    def program(self, name: str, text: str, prologue: str = PROLOGUE) -> Path:
        path = self.place / f"{name}.py"
        path.write_text(prologue + text, "utf-8")
        return path

    def define(
        self, name: str, text: str = "beat()", more: str = "", *, beats: bool = True, silence_s: float = SILENCE_S,
    ) -> None:
        """Write a program and the file that keeps it alive; `more` are lines of the file."""
        program = self.program(name, text)
        heartbeat = f'[heartbeat]\nfile = "{self.place}/{name}.beat"\nlimit_s = {silence_s:g}\n' if beats else ""
        head, bracket, sections = f"\n{more}".partition("\n[")
        rest = f"[{sections}" if bracket else ""
        command = f'command = ["{sys.executable}", "-S", "{program}", "{self.place}", "{name}"]'
        (self.ecosystem / f"{name}.toml").write_text("\n".join([command, head, heartbeat, rest, ""]), "utf-8")

    def run(self, story: Callable[[], Any]) -> int:
        """Let a supervisor live until the story, a coroutine function, is over; then it is told to end."""
        async def live() -> int:
            supervisor = Supervisor(
                Place(self.ecosystem, self.logs), read_ecosystem(self.ecosystem), lambda: self.pages,
                lambda name, text: self.lines.append(f"{name} {text}"), lambda: 0.0)
            running = asyncio.create_task(supervisor.run())
            telling = asyncio.create_task(story())
            try:
                async with asyncio.timeout(LIMIT_S):
                    await asyncio.wait([running, telling], return_when=asyncio.FIRST_COMPLETED)
                    if telling.done():
                        telling.result()
            finally:
                if not running.done():
                    supervisor.leave()
                code = await running
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
            return code

        return asyncio.run(live())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something has come about."""
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                await asyncio.sleep(0.02)

    def events(self) -> list[str]:
        try:
            return (self.place / "events").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []

    def pids(self, name: str) -> list[int]:
        return [int(event.split()[-1]) for event in self.events() if event.startswith(f"{name} begins")]

    def state(self, name: str) -> str:
        return str(self.told(name).get("state", ""))

    def told(self, name: str) -> dict[str, Any]:
        told = read_told(self.logs)
        return {} if told is None else told["processes"].get(name, {})

    def said(self, words: str) -> bool:
        return any(words in line for line in self.lines)


def alive(pid: int) -> bool:
    return identity(pid) is not None


def keepers(place: Path) -> list[int]:
    """The processes that keep the output of a lab's programs."""
    done = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    return [int(line.split()[0]) for line in done.stdout.splitlines() if "keeping.py" in line and f"{place}/" in line]


def write_status(folder: Path, **status: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status.json").write_bytes(orjson.dumps(status))
