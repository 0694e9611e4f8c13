"""Kills of a real agent that trades at a gateway over sockets, its books compared with the gateway's after each."""

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from fabio.journal.inbox import NoAnswer, ask
from fabio.journal.world import read_status
from fabio.research.reliability.bar import Bar, at_most
from fabio.research.reliability.processes.kills import is_alive, until
from fabio.research.reliability.processes.nursery import Nursery
from fabio.research.reliability.processes.victims import STRATEGY, at_venue

ACCOUNT, ACCOUNT_ID = "PRAC-V2-20418-73510264", 18_204_311
SPEED = 40
LONGEST_LIFE_S = 6.0
EARLY, EARLY_S = 0.25, 1.0
AGREES_S = 15.0
Say = Callable[[str], None]


def kills_at_venue(n: int, say: Say) -> list[Bar]:
    """Kill an agent that trades at the gateway, and let the next take over.

    After every kill it has to find what the venue holds, and to order nothing twice. Times are
    seconds of the wall clock; the gateway's market runs `SPEED` times as fast.
    """
    dice, longest_s, differs = random.Random(n), 0.0, 0
    with _gateway() as (home, venue), Nursery() as nursery:
        logs = home / "logs"
        pid = _started(nursery, logs, venue)
        for kill in range(1, n + 1):
            time.sleep(dice.random() * LONGEST_LIFE_S)
            nursery.kill(pid)
            while dice.random() < EARLY:  # again, while it opens, recovers and reconciles
                pid = nursery.start(at_venue, logs, venue.url, output=home / "output.txt")
                time.sleep(dice.random() * EARLY_S)
                nursery.kill(pid)
            pid = nursery.start(at_venue, logs, venue.url, output=home / "output.txt")
            try:
                longest_s = max(longest_s, until(partial(_is_same, logs, pid, venue)))
            except TimeoutError:
                differs += 1
            _arm(logs)
            say(f"{kill} of {n} kills, {len(venue.tags())} entries at the venue, the same after {longest_s:.1f} s")
        ask(logs, "stop", timeout_s=120)
        nursery.wait(pid)
        doubled = sum(count - 1 for count in Counter(venue.tags()).values())
        left = venue.held() + len(venue.working())
        entries = len(venue.tags())
    note = f"{entries} entries"
    return [
        at_most("venue_orders_doubled_on_kill", doubled, 0, n, note),
        at_most("positions_that_stay_different_after_kill", differs, 0, n, note),
        at_most("same_as_venue_after_kill_s", longest_s, AGREES_S, n, note),
        at_most("left_at_the_venue_after_stop", left, 0, 1, note),
    ]


class _Venue:
    """The demo account at a gateway, seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=120)
        token = self._client.post("/api/Auth/loginKey", json={"userName": "demo", "apiKey": "0123456789abc"}).json()
        self._client.headers["Authorization"] = f"Bearer {token['token']}"

    def held(self) -> float:
        """Contracts held, whatever the side."""
        return float(sum(each["size"] for each in self._ask("Position/searchOpen")["positions"]))

    def working(self) -> list[dict[str, Any]]:
        return list(self._ask("Order/searchOpen")["orders"])

    def tags(self) -> list[str]:
        """Tags of all entries that the venue ever took."""
        orders = self._ask("Order/search", startTimestamp="2026-05-30T00:00:00Z")["orders"]
        tags = [each["customTag"] for each in orders if each.get("customTag")]
        return [tag for tag in tags if not tag.endswith(("-SL", "-TP"))]

    def close(self) -> None:
        self._client.close()

    def _ask(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self._client.post(f"/api/{path}", json={"accountId": ACCOUNT_ID, **body})
        answer.raise_for_status()
        return dict(answer.json())


@contextmanager
def _gateway() -> Iterator[tuple[Path, _Venue]]:
    home = Path(tempfile.mkdtemp(prefix="fabio-kills-"))
    command = (sys.executable, "-m", "fabio", "gateway", "--port", "0", "--print-url", "--speed", str(SPEED))
    process = subprocess.Popen(command, cwd=home, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if process.stdout is None:
        raise AssertionError("a pipe was asked for")
    try:
        venue = _Venue(process.stdout.readline().strip())
        yield home, venue
        venue.close()
    finally:
        process.terminate()
        process.wait(120)
        process.stdout.close()
        shutil.rmtree(home, ignore_errors=True)


def _started(nursery: Nursery, logs: Path, venue: _Venue) -> int:
    pid = nursery.start(at_venue, logs, venue.url, output=logs.with_name("output.txt"))
    until(partial(_agrees, logs, pid))
    _arm(logs)
    return pid


def _agrees(logs: Path, pid: int) -> bool:
    return is_alive(logs, pid) and bool((read_status(logs) or {})["venue"]["agrees"])


def _is_same(logs: Path, pid: int, venue: "_Venue") -> bool:
    """Tell whether the book agrees with the venue's picture, and holds what the venue holds now."""
    if not _agrees(logs, pid):
        return False
    position = (read_status(logs) or {})["position"]
    return (0.0 if position is None else float(position["size"])) == venue.held()


def _arm(logs: Path) -> None:
    """Arm where it is not armed any more, and let it trade; a refusal (a paper position) stands until the next kill."""
    if (read_status(logs) or {})["venue"]["phase"] == "observing":
        try:
            ask(logs, "arm", name=ACCOUNT, timeout_s=10)
            ask(logs, "enable", name=STRATEGY, timeout_s=10)
        except NoAnswer:
            return
