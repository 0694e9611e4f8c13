"""What FMELRecorder costs: Backtrader's own samples, with and without it, in one process.

    git clone https://github.com/mementum/backtrader /tmp/backtrader
    python benchmarks/backtrader_overhead.py /tmp/backtrader [--pairs 15] [--json]

Each sample is its own unchanged script; what it prints is thrown away. Runs alternate: without, with,
with, without, ... Only `cerebro.run()` is timed (reading the data file and writing the records are part of
it, importing is not). A ratio is the median of the pairs' ratios, once of processor time, which other
programs disturb less, and once of the clock on the wall.
"""

import argparse
import contextlib
import gc
import io
import json
import os
import runpy
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import backtrader as bt

from fabio.integrations.backtrader import FMELRecorder

SAMPLES: dict[str, list[str]] = {
    "observer-benchmark/observer-benchmark.py": ["--fromdate", "1996-01-01", "--todate", "2015-12-31"],
    "observer-benchmark/observer-benchmark.py ": [],
    "multidata-strategy/multidata-strategy.py": [],
    "multidata-strategy/multidata-strategy.py ": ["--runnext"],
    "memory-savings/memory-savings.py": [],
    "memory-savings/memory-savings.py ": ["--save", "1"],
    "macd-settings/macd-settings.py": ["--dataset", "yhoo"],
    "order-execution/order-execution.py": [],
    "bracket/bracket.py": [],
    "sizertest/sizertest.py": [],
    "stoptrail/trail.py": [],
    "psar/psar-intraday.py": [],
}
"""Scripts under `samples/` with their arguments; a space after a name makes it another entry."""


class Spent(NamedTuple):
    """Seconds inside `cerebro.run`: of the processor, and on the wall."""

    processor_s: float
    wall_s: float


class Clock:
    """Stands in for `Cerebro.run`: adds the recorder when told to, and times the call."""

    def __init__(self, folder: str) -> None:
        self.folder, self.recording = folder, False
        self.spent = Spent(0.0, 0.0)
        self.decisions = 0
        self.errors: dict[str, int] = {}
        self._run = bt.Cerebro.run

    def run(self, cerebro: Any, **named: Any) -> Any:
        """Run the sample's cerebro."""
        if self.recording:
            cerebro.addanalyzer(FMELRecorder, _name="fmel", folder=self.folder)
        gc.collect()
        begin, busy = time.perf_counter(), time.process_time()
        answer = self._run(cerebro, **named)
        self.spent = Spent(time.process_time() - busy, time.perf_counter() - begin)
        if self.recording:
            analysis = answer[0].analyzers.fmel.get_analysis()
            self.decisions, self.errors = analysis["total_decisions"], analysis["error_kinds"]
        return answer

    @contextlib.contextmanager
    def instead(self) -> Iterator[None]:
        """Take the place of `Cerebro.run` for a while."""
        bt.Cerebro.run = lambda cerebro, **named: self.run(cerebro, **named)
        try:
            yield
        finally:
            bt.Cerebro.run = self._run


def run_sample(script: Path, arguments: list[str], clock: Clock, recording: bool) -> Spent:
    """Run one script as `python SCRIPT ARGUMENTS` would."""
    clock.recording = recording
    os.chdir(script.parent)
    sys.argv = [str(script), *arguments]
    with clock.instead(), contextlib.redirect_stdout(io.StringIO()):
        runpy.run_path(str(script), run_name="__main__")
    return clock.spent


def measure(script: Path, arguments: list[str], pairs: int, folder: str) -> dict[str, Any]:
    """Measure one sample in `pairs` interleaved pairs, after one that does not count."""
    clock = Clock(folder)
    spent: dict[bool, list[Spent]] = {False: [], True: []}
    for number in range(pairs + 1):
        for recording in (False, True) if number % 2 else (True, False):
            spent[recording].append(run_sample(script, arguments, clock, recording))
    together = list(zip(spent[False][1:], spent[True][1:], strict=True))
    return {
        "sample": script.stem, "arguments": " ".join(arguments), "decisions": clock.decisions,
        "without_ms": 1e3 * statistics.median(plain.processor_s for plain, _ in together),
        "with_ms": 1e3 * statistics.median(recorded.processor_s for _, recorded in together),
        "ratio": statistics.median(recorded.processor_s / plain.processor_s for plain, recorded in together),
        "wall_ratio": statistics.median(recorded.wall_s / plain.wall_s for plain, recorded in together),
        "errors": clock.errors,
    }


def main() -> None:
    """Measure every sample and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backtrader", type=Path, help="a copy of Backtrader's repository: samples/ and datas/")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    samples = asked.backtrader.resolve() / "samples"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in SAMPLES.items():
            row = measure(samples / name.strip(), arguments, asked.pairs, folder)
            rows.append(row)
            if not asked.json:
                print(f"{row['sample']:20} {row['arguments'][:44]:44} {row['decisions']:6} decisions "  # noqa: T201
                      f"{row['without_ms']:8.1f} ms {row['with_ms']:8.1f} ms  x{row['ratio']:.3f} "
                      f"(wall x{row['wall_ratio']:.3f}) {row['errors'] or ''}", flush=True)
    if asked.json:
        print(json.dumps(rows, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
