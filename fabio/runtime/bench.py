"""Bench: what a tick, a wake-up, a replay and a start cost on this machine.

Each figure is the median of several passes that take turns, so that a slow moment of the
machine hits all of them. Starts and memory are those of real commands in processes of their own.
"""

import datetime as dt
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fabio.adapters.data.synthetic import synthetic_session
from fabio.adapters.data.tapes import open_tape
from fabio.engine.advance import ASK_DUE_NS, ASKING, NEVER
from fabio.engine.loop import Loop
from fabio.engine.seams import MarketConfig
from fabio.exchange.venue import Exchange
from fabio.features.market import MarketFeatures
from fabio.model.instrument import Instrument
from fabio.model.tick import SIDE_LETTERS, Ticks
from fabio.runtime.folder import FolderSink
from fabio.runtime.summary import Summary
from fabio.runtime.wiring import build_driver, engine_config, instruments_of, sessions_between
from fabio.settings.load import Settings

TICKS, PASSES = 1_000_000, 5
CHUNK, SINGLE_CALLS = 16, 50_000
SEED, DAY = 7, dt.datetime(2026, 6, 3, 12, tzinfo=dt.UTC)
START_TICKS = 100_000
MORE_THAN_WANTED = 1.2
"""The generator's mean is a usual day's; this much more is made, then thinned to the count wanted."""
SMALL_TICKS = 20_000

GOALS: dict[str, tuple[str, float]] = {
    "features.batch_ns": ("<=", 40), "features.single_ns": ("<=", 1000), "fixed_ns": ("<=", 60),
    "wake_us": ("<=", 25), "replay_ns": ("<=", 250), "peak_rss_mb": ("<", 350), "import_s": ("<", 0.5),
}
"""What has to hold, by the name of the figure."""


class Bench:
    """One machine's figures.

    Parameters
    ----------
    ticks
        Prints of the synthetic day, 20,000 or more.
    passes
        How often each figure is taken.
    say
        Takes a word on what is being measured.
    """

    def __init__(
        self, settings: Settings, ticks: int = TICKS, passes: int = PASSES, say: Callable[[str], None] = print,
    ) -> None:
        self._settings = settings
        self._passes = passes
        self._say = say
        self._known = instruments_of(settings)
        self._instrument: Instrument = self._known[settings.agent.symbol]
        day_ns = int(DAY.timestamp()) * 1_000_000_000
        self._market = MarketConfig(
            instrument=self._instrument, table=sessions_between(settings, self._instrument, day_ns, day_ns),
        )
        self._day = _exactly(ticks, self._instrument, self._market, day_ns)
        self._rows: list[tuple[int, int, int, int]] = list(zip(
            *(column[:SINGLE_CALLS].tolist() for column in (
                self._day.ts_event_ns, self._day.price_ticks, self._day.size_steps, self._day.side)), strict=True,
        ))
        self._chunks = [self._day.slice(at, at + CHUNK) for at in range(0, len(self._day), CHUNK)]

    def measure(self, cold: bool = True) -> dict[str, Any]:
        """Take all figures.

        Parameters
        ----------
        cold
            Whether to compile all kernels anew once, in an empty folder: about half a minute.
        """
        with tempfile.TemporaryDirectory(prefix="fabio-bench-") as name:
            folder = Path(name)
            tape, small = folder / "day.parquet", folder / "small.parquet"
            _write(self._day, self._instrument, tape)
            _write(self._day.slice(0, SMALL_TICKS), self._instrument, small)
            for run in (self._batch, self._chunked, self._single, self._fixed):
                run()  # loaded or compiled, and the machine's caches filled
            self._replay(folder / "logs-0")
            figures: dict[str, list[float]] = {}
            wakes: dict[str, int] = {}
            stops = 0
            for number in range(1, self._passes + 1):
                self._say(f"pass {number} of {self._passes} ...")
                replay_ns, wakes, stops = self._replay(folder / f"logs-{number}")
                taken = {"batch": self._batch(), "chunk": self._chunked(), "single": self._single(),
                         "fixed": self._fixed(), "replay": replay_ns, "read": self._read(tape)}
                for key, value in taken.items():
                    figures.setdefault(key, []).append(value)
                shutil.rmtree(folder / f"logs-{number}")
            middle = {key: statistics.median(values) for key, values in figures.items()}
            self._say("starts ...")
            answer = {
                "features": {"batch_ns": middle["batch"], "chunk16_ns": middle["chunk"], "single_ns": middle["single"]},
                "fixed_ns": middle["fixed"],
                "wake_us": (middle["replay"] - middle["fixed"]) * len(self._day) / max(stops, 1) / 1000,
                "replay_ns": middle["replay"], "read_ns": middle["read"], "wakes": wakes, "wake_ups": stops,
                **_starts(tape, small, self._instrument.symbol, self._passes, cold),
                "ticks": len(self._day), "passes": self._passes, "symbol": self._instrument.symbol,
                "spread": {key: [min(values), max(values)] for key, values in figures.items()},
                "machine": machine(),
            }
        answer["goals"] = goals(answer)
        return answer

    def _per_tick(self, run: Callable[[], object], count: int) -> float:
        since = time.perf_counter_ns()
        run()
        return (time.perf_counter_ns() - since) / count

    def _batch(self) -> float:
        features = MarketFeatures(self._instrument, self._market.table)
        return self._per_tick(lambda: features.update(self._day), len(self._day))

    def _chunked(self) -> float:
        features = MarketFeatures(self._instrument, self._market.table)

        def run() -> None:
            for chunk in self._chunks:
                features.update(chunk)

        return self._per_tick(run, len(self._day))

    def _single(self) -> float:
        features = MarketFeatures(self._instrument, self._market.table)

        def run() -> None:
            for row in self._rows:
                features.update_one(*row)

        return self._per_tick(run, len(self._rows))

    def _fixed(self) -> float:
        """Time the loop where nobody wants to be woken: statistics, watched prices, shadows, exchange."""
        settings = self._settings
        loop = Loop([self._market], settings.exchange, settings.cadence, 0)
        loop.control[0, ASKING], loop.control[0, ASK_DUE_NS] = 0, NEVER
        exchange = Exchange([self._instrument], settings.exchange)

        def run() -> None:
            loop.advance(self._day, 0, NEVER)
            exchange.on_ticks(self._day)

        return self._per_tick(run, len(self._day))

    def _replay(self, folder: Path) -> tuple[float, dict[str, int], int]:
        """Time the whole day, every question and decision recorded; give the wakes too."""
        sink = FolderSink(folder, [self._instrument])
        driver = build_driver(engine_config(self._settings, [self._market]), (Summary(), sink))

        def run() -> None:
            driver.feed(self._day)
            sink.close()

        spent = self._per_tick(run, len(self._day))
        return spent, driver.engine.wakes(), driver.engine.wake_ups

    def _read(self, path: Path) -> float:
        def run() -> None:
            for _ in open_tape(path, self._known, self._instrument.symbol).batches():
                pass

        return self._per_tick(run, len(self._day))


def _exactly(count: int, instrument: Instrument, market: MarketConfig, day_ns: int) -> Ticks:
    """Make a synthetic day and thin it evenly to a count."""
    index = market.table.index_at(day_ns)
    mean = int(count * MORE_THAN_WANTED)
    made = synthetic_session(instrument, market.table, index, SEED, START_TICKS, mean).ticks
    while len(made) < count:
        mean = int(mean * MORE_THAN_WANTED)
        made = synthetic_session(instrument, market.table, index, SEED, START_TICKS, mean).ticks
    rows = (np.arange(count, dtype=np.int64) * len(made)) // count
    return Ticks(made.ts_event_ns[rows], made.ts_recv_ns[rows], made.price_ticks[rows], made.size_steps[rows],
                 made.side[rows], made.market[rows])


def _write(ticks: Ticks, instrument: Instrument, path: Path) -> None:
    """Write ticks as a Parquet tape."""
    import duckdb

    letters = np.array([SIDE_LETTERS[side] for side in (-1, 0, 1)])
    rows = {  # named in the SQL below: DuckDB finds it here
        "ts_event": ticks.ts_event_ns, "ts_recv": ticks.ts_recv_ns,
        "price": ticks.price_ticks * float(instrument.tick_size),
        "size": ticks.size_steps * float(instrument.size_step), "side": letters[ticks.side + 1],
    }
    with duckdb.connect(":memory:") as connection:
        connection.register("rows", rows)
        target = str(path).replace("'", "''")
        connection.execute(f"copy (select * from rows) to '{target}' (format parquet)")


def _starts(tape: Path, small: Path, symbol: str, passes: int, cold: bool) -> dict[str, Any]:
    """Time real commands in processes of their own, and look at the memory of one."""
    start = ["replay", str(small), "--symbol", symbol, "--json"]
    answer: dict[str, Any] = {
        "import_s": statistics.median(_command(["--help"]) for _ in range(passes)), "cold_start_s": None,
    }
    if cold:
        with tempfile.TemporaryDirectory(prefix="fabio-kernels-") as cache:
            answer["cold_start_s"] = _command(start, cache)
    _command(start)
    answer["warm_start_s"] = statistics.median(_command(start) for _ in range(min(passes, 3)))
    answer["peak_rss_mb"] = _peak_mb(["replay", str(tape), "--symbol", symbol, "--json"])
    return answer


def _command(arguments: list[str], cache: str | None = None) -> float:
    """Run one command; give its wall time in seconds."""
    environment = dict(os.environ)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = cache
    since = time.perf_counter()
    _finished([sys.executable, "-m", "fabio", *arguments], environment)
    return time.perf_counter() - since


# a process begins with its parent's peak, which exec does not forget; so a small one stands between
_RELAY = """
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def _peak_mb(arguments: list[str]) -> float | None:
    """Run one command; give its largest memory in MB, None where the system does not tell."""
    if not hasattr(os, "wait4"):
        return None
    words = [sys.executable, "-S", "-c", _RELAY, sys.executable, "-m", "fabio", *arguments]
    said = _finished(words, dict(os.environ))
    # kB on Linux, bytes on macOS
    return int(said.split()[-1]) / (1e6 if sys.platform == "darwin" else 1e3)


def _finished(words: list[str], environment: dict[str, str]) -> str:
    """Run a program to its end and give what it printed."""
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[1:])} failed: {done.stderr.strip()}")
    return done.stdout


def machine() -> dict[str, Any]:
    """Describe what was measured on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "system": platform.platform(), "processor": _processor(), "cores": os.cpu_count(), "load_1min": load,
        "python": platform.python_version(), "numpy": np.__version__, "numba": version("numba"),
        "fabio": version("fabio"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def goals(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Say which goals hold; `holds` is None for a figure that was not taken."""
    found = []
    for name, (relation, limit) in GOALS.items():
        value: Any = answer
        for part in name.split("."):
            value = value[part]
        holds = None if value is None else (value <= limit if relation == "<=" else value < limit)
        found.append({"name": name, "value": value, "relation": relation, "limit": limit, "holds": holds})
    return found
