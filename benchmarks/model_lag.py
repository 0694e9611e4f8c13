"""How far a model outside holds up the loop that ticks are taken on, in every way in which it can fail.

    python benchmarks/model_lag.py [--seconds 6] [--speed 20] [--only silent,reset] [--json]

The whole agent lives through the busy hour of a generated day; the stub of a model's server is a
process of its own on loopback, and fails every request in one way after the other. A task on the agent's
loop wakes each millisecond: `lag` is how much later it came than it wanted. `feed` is what one piece of
ticks took, and `late` how long after its time a tick was taken (the agent looks for new ones every 10 ms).
Below 20 ms at p99 is the bar.
"""

import argparse
import asyncio
import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fabio.runtime.kernels import prepare_cache

prepare_cache()  # before numba is imported

import numpy as np  # noqa: E402
import orjson  # noqa: E402

from fabio.adapters.llm.breaker import Breaker, BreakerLimits  # noqa: E402
from fabio.adapters.llm.stub.failures import FAILURES  # noqa: E402
from fabio.model.fact import ModelAsked  # noqa: E402
from fabio.model.tick import SIDE_LETTERS, Ticks  # noqa: E402
from fabio.runtime import advising  # noqa: E402
from fabio.runtime.agent import settle_memory  # noqa: E402
from fabio.runtime.demo import Demo  # noqa: E402
from fabio.runtime.reopen import Ready, RunPlan  # noqa: E402
from fabio.runtime.start import prepare, warm_up  # noqa: E402
from fabio.runtime.wiring import instrument_of  # noqa: E402
from fabio.settings.load import Settings, load  # noqa: E402

SYMBOL, SEED, HOUR_NS = "MNQ", 82, 3_600_000_000_000
BEAT_S = 0.001
BAR_MS = 20.0
RULES, GOOD = "rules alone", "no failure"
EAGER = ("material.least_gap_s=0", "material.max_age_s=10", "model.answer_timeout_s=2")
"""So that hundreds of questions are asked in seconds, and a timeout does not take them all."""


class Measured(NamedTuple):
    """One way to fail: times in milliseconds."""

    name: str
    asked: int
    outcomes: dict[str, int]
    lag: list[float]
    feed: list[float]
    late: list[float]


class Counting:
    """A sink that counts questions and what became of them."""

    def __init__(self) -> None:
        self.asked = 0
        self.outcomes: dict[str, int] = {}

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to keep."""

    def exchange(self, exchange: Any) -> None:
        """Count what became of a question to the model."""
        if exchange.source != "rules":
            self.outcomes[exchange.outcome] = self.outcomes.get(exchange.outcome, 0) + 1

    def step(self, step: Any, body: bytes) -> None:
        """Count the questions to the model."""
        self.asked += sum(isinstance(fact, ModelAsked) for fact in step.facts)


def main() -> None:
    """Measure, and print a table or JSON."""
    arguments = _arguments()
    names = [RULES, GOOD, *(failing.name for failing in FAILURES)]
    if arguments.only:
        names = [name for name in names if name in arguments.only.split(",")]
    limits = BreakerLimits(failures=1_000_000)  # it would leave a failing server alone: here it is asked on
    setattr(advising, "Breaker", functools.partial(Breaker, limits=limits))  # noqa: B010
    warm_up(_settings(""))
    with tempfile.TemporaryDirectory() as folder:
        tape = _busy_hour(Path(folder) / "mnq.csv")
        found = [measure(name, tape, Path(folder) / name.replace(" ", "_"), arguments) for name in names]
    if arguments.json:
        print(orjson.dumps([_numbers(each) for each in found], option=orjson.OPT_INDENT_2).decode())  # noqa: T201
    else:
        _print(found)


def measure(name: str, tape: Path, folder: Path, arguments: argparse.Namespace) -> Measured:
    """Let an agent live for some seconds beside a server that fails in one way."""
    with _stub(name) as url:
        plan = RunPlan(logs=folder, feed=str(tape), symbol=SYMBOL, speed=arguments.speed,
                       model="rules" if name == RULES else "openai")
        counting, feed, late = Counting(), list[float](), list[float]()
        ready = prepare(plan, _settings(url), lambda line: None)
        ready.driver.sinks = (*ready.driver.sinks, counting)
        _watch(ready, arguments.speed, feed, late)
        settle_memory()
        lag: list[float] = []
        try:
            asyncio.run(ready.agent.run({"beat": functools.partial(_beat, arguments.seconds, lag)}))
        finally:
            ready.close()
    return Measured(name, counting.asked, counting.outcomes, lag, feed, late)


async def _beat(seconds: float, lag: list[float]) -> None:
    """Wake each millisecond, and end the run after its time; the first second settles."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while (since_s := loop.time()) - began_s < seconds + 1:
        await asyncio.sleep(BEAT_S)
        if since_s - began_s > 1:
            lag.append((loop.time() - since_s - BEAT_S) * 1000)


def _watch(ready: Ready, speed: float, feed: list[float], late: list[float]) -> None:
    """Time every piece of ticks, and how late its first one is."""
    driver, whole = ready.driver, ready.driver.feed
    since: list[tuple[float, int]] = []

    def timed(ticks: Ticks) -> None:
        began_s, first_ns = time.perf_counter(), int(ticks.ts_recv_ns[0])
        if not since:
            since.append((began_s, first_ns))
        due_s = since[0][0] + (first_ns - since[0][1]) / 1e9 / speed
        late.append((began_s - due_s) * 1000)
        whole(ticks)
        feed.append((time.perf_counter() - began_s) * 1000)

    driver.feed = timed  # type: ignore[method-assign]


@contextlib.contextmanager
def _stub(name: str) -> Iterator[str]:
    """Run the stub as a process; give its address, empty where nobody is asked."""
    if name == RULES:
        yield ""
        return
    failure = [] if name == GOOD else ["--failure", name]
    command = [sys.executable, "-m", "fabio", "stub", "--port", "0", "--print-url", "--latency", "0.05", *failure]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FABIO_", "OPENAI", "TOPSTEP"))}
    process = subprocess.Popen(command, env=kept, text=True, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate()


def _settings(url: str) -> Settings:
    environment = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "any"} if url else {}
    return load(environment=environment, directory=Path("/"), overrides=EAGER)


def _busy_hour(path: Path) -> Path:
    """Write the first regular hour of a generated day as a tape."""
    settings = _settings("")
    day = Demo(settings, instrument_of(settings, SYMBOL), SEED).day(0)
    ticks = day.ticks
    first = day.watched_from
    last = int(ticks.ts_recv_ns.searchsorted(int(ticks.ts_recv_ns[first]) + HOUR_NS))
    lines = ["ts_event,price,size,side"]
    for index in range(first, last):
        tick = ticks.row(index)
        lines.append(f"{tick.ts_event_ns},{tick.price_ticks / 4},{tick.size_steps},{SIDE_LETTERS[tick.side]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def _numbers(found: Measured) -> dict[str, Any]:
    def of(values: list[float]) -> dict[str, float]:
        return {name: round(float(np.percentile(values, share)), 3) for name, share in
                (("p50", 50), ("p99", 99), ("max", 100))} if values else {}

    return {"name": found.name, "asked": found.asked, "outcomes": found.outcomes, "lag_ms": of(found.lag),
            "feed_ms": of(found.feed), "late_ms": of(found.late)}


def _print(found: list[Measured]) -> None:
    print(f"{'what':20}{'asked':>7}  {'lag p50':>8}{'p99':>8}{'max':>8}  {'feed p99':>9}{'late p99':>10}  outcomes")  # noqa: T201
    worst = 0.0
    for each in found:
        numbers = _numbers(each)
        lag, feed, late = numbers["lag_ms"], numbers["feed_ms"], numbers["late_ms"]
        worst = max(worst, lag["p99"])
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(each.outcomes.items()))
        print(f"{each.name:20}{each.asked:7}  {lag['p50']:8.2f}{lag['p99']:8.2f}{lag['max']:8.1f}  "  # noqa: T201
              f"{feed['p99']:9.2f}{late['p99']:10.1f}  {outcomes}")
    print(f"\nworst p99 of the lag: {worst:.2f} ms; the bar is {BAR_MS:g} ms")  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="measured for each way to fail")
    parser.add_argument("--speed", type=float, default=20.0, help="exchange seconds per second")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
