"""Kills of real agents, at random moments, and many starts at once."""

import random
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from fabio.journal.inbox import Answer, Request, post
from fabio.journal.reader import read_steps, verify
from fabio.journal.world import is_running, read_status
from fabio.model.event import OperatorAsked
from fabio.research.reliability.bar import Bar, at_most
from fabio.research.reliability.processes.nursery import REFUSED, Nursery
from fabio.research.reliability.processes.victims import know_prices, on_paper
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.settings.load import load

KILLS_A_DAY = 20
UNTIL = "23:30"
"""Of the evening before: six and a half hours, about 20,000 ticks."""
LONGEST_LIFE_S = 0.4
EARLY, EARLY_S = 0.3, 0.3
"""This share is killed this soon after the fork: while it opens, verifies, repairs, recovers."""
LIMIT_S = 240.0
PREFIX = "fabio-kills-"
Say = Callable[[str], None]


def kills_on_paper(n: int, say: Say) -> list[Bar]:
    """Kill agents on paper at random moments, starts and recoveries included, and start them again.

    Every folder has to verify afterwards, to live again as it was recorded, and to hold each
    request that was answered, once.
    """
    lost = differing = acknowledged = done = 0
    worst = ""
    with Nursery() as nursery, TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        home = Path(name)
        for seed in range(-(-n // KILLS_A_DAY)):
            logs = home / f"seed-{seed}"
            kills = min(KILLS_A_DAY, n - done)
            nursery.prepare(know_prices, seed)
            answered = _killed_often(nursery, logs, seed, kills)
            done += kills
            acted = [step.event.id for step in read_steps(logs) if isinstance(step.event, OperatorAsked)]
            missing = sum(acted.count(each) != 1 for each in answered)
            wrong = _what_differs(logs)
            acknowledged, lost, differing = acknowledged + len(answered), lost + missing, differing + bool(wrong)
            if missing or wrong:
                worst = f"seed {seed}: {missing} answered requests missing; {wrong}"
            say(f"{done} of {n} kills, {acknowledged} answered requests, {lost} lost")
            shutil.rmtree(logs)
    return [
        at_most("acknowledged_requests_lost_on_kill", lost, 0, n, worst or f"{acknowledged} were answered"),
        at_most("records_that_differ_after_kills", differing, 0, n, worst),
    ]


def _killed_often(nursery: Nursery, logs: Path, seed: int, kills: int) -> list[str]:
    """Kill an agent some times, let it come to the end then, and give the requests it answered."""
    dice = random.Random(seed)
    asked: list[Request] = []
    for _ in range(kills):
        pid = nursery.start(on_paper, logs, seed, UNTIL, output=logs.with_suffix(".txt"))
        if dice.random() < EARLY:
            time.sleep(dice.random() * EARLY_S)
        else:
            until(partial(is_alive, logs, pid))
            ends = time.monotonic() + dice.random() * LONGEST_LIFE_S
            while time.monotonic() < ends:
                asked.append(post(logs, dice.choice(("enable", "disable")), name="mean_reversion"))
                time.sleep(0.02)
        nursery.kill(pid)
    pid = nursery.start(on_paper, logs, seed, UNTIL, output=logs.with_suffix(".txt"))
    code = nursery.wait(pid)
    if code != 0:
        raise RuntimeError(f"seed {seed}: the agent ended with {code}: {logs.with_suffix('.txt').read_text()[-2000:]}")
    return [each.id for each in asked if _was_done(logs, each.id)]


def _was_done(logs: Path, request_id: str) -> bool:
    try:
        answer = msgspec.json.decode((logs / "inbox" / "done" / f"{request_id}.json").read_bytes(), type=Answer)
    except FileNotFoundError:
        return False
    return answer.outcome == "done"


def _what_differs(logs: Path) -> str:
    report = verify(logs)
    if report.code:
        return f"journal verify: {report.reason}"
    recorded = Recorded(load(environment={}), logs)
    difference = Again(empty_machine(recorded), recorded).run()
    return "" if difference is None else f"step {difference.seq} comes out otherwise: {difference.place}"


def parallel_starts(n: int, say: Say) -> list[Bar]:
    """Start many agents in one folder at once: one may have it; after its kill the next has it soon."""
    with Nursery() as nursery, TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        home = Path(name)
        logs = home / "logs"
        pids = [nursery.start(on_paper, logs, 1, "23:59", 600.0, output=home / f"{number}.txt") for number in range(n)]
        until(lambda: any(is_alive(logs, pid) for pid in pids))
        winner = next(pid for pid in pids if is_alive(logs, pid))
        codes = [nursery.wait(pid) for pid in pids if pid != winner]
        say(f"{n} starts: {codes.count(REFUSED)} were refused")
        nursery.kill(winner)
        killed_s = time.monotonic()
        still_locked = is_running(logs)
        heir = nursery.start(on_paper, logs, 1, "23:59", 600.0, output=home / "heir.txt")
        until(lambda: is_running(logs))
        claimed_s = time.monotonic() - killed_s
        until(lambda: is_alive(logs, heir))
        nursery.kill(heir)
    others = len(codes) - codes.count(REFUSED)
    return [
        at_most("agents_beside_the_one_that_holds_the_folder", others + still_locked, 0, n),
        at_most("folder_of_a_killed_agent_taken_over_s", claimed_s, 2.0, 1),
    ]


def is_alive(logs: Path, pid: int) -> bool:
    """Tell whether this process says that it runs in the folder."""
    status = read_status(logs)
    return status is not None and status.get("pid") == pid and status.get("state") == "running"


def until(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> float:
    """Wait for something another process brings about; give the seconds it took.

    Raises
    ------
    TimeoutError
        After `limit_s`.
    """
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > limit_s:
            raise TimeoutError(f"nothing came of it within {limit_s:g} s")
        time.sleep(0.01)
    return time.monotonic() - begun
