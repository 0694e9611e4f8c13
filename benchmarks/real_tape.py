"""Replay a real tape with every record written, and compare its cost with what its wake-ups explain.

    python benchmarks/real_tape.py ../shared/data/es_trades_20130901_20130903.parquet ES

The bench's day gives the price of a tick and of a wake-up; a tape with more wake-ups per tick may
cost more, and no more than they do.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from fabio.runtime.kernels import prepare_cache

prepare_cache()  # before numba is imported

from fabio.engine.seams import MarketConfig  # noqa: E402
from fabio.runtime.bench import Bench  # noqa: E402
from fabio.runtime.folder import FolderSink  # noqa: E402
from fabio.runtime.summary import Summary  # noqa: E402
from fabio.runtime.wiring import build_driver, engine_config, instruments_of, sessions_between  # noqa: E402
from fabio.settings.load import load  # noqa: E402

PASSES = 3


def main(path: Path, symbol: str) -> None:
    """Print ns per tick, as measured and as the wake-ups explain."""
    from fabio.adapters.data.tapes import open_tape

    settings = load()
    known = instruments_of(settings)
    tape = open_tape(path, known, symbol)
    ticks = tape.ticks()
    table = sessions_between(settings, tape.instrument, tape.first_ns, tape.last_ns)
    market = MarketConfig(instrument=tape.instrument, table=table)
    spent, stops = [], 0
    with tempfile.TemporaryDirectory() as name:
        for number in range(PASSES + 1):  # the first is not counted: kernels are loaded
            sink = FolderSink(Path(name) / str(number), [tape.instrument])
            driver = build_driver(engine_config(settings, [market]), (Summary(), sink))
            since = time.perf_counter_ns()
            driver.feed(ticks)
            sink.close()
            spent.append((time.perf_counter_ns() - since) / len(ticks))
            stops = driver.engine.wake_ups
    measured = statistics.median(spent[1:])
    day = Bench(settings, passes=PASSES, say=lambda words: None).measure(cold=False)
    explained = day["fixed_ns"] + stops * day["wake_us"] * 1000 / len(ticks)
    print(f"{path.name}: {len(ticks):,} ticks, {stops:,} wake-ups ({len(ticks) / max(stops, 1):.0f} ticks each)")  # noqa: T201
    print(f"measured {measured:.0f} ns a tick; fixed {day['fixed_ns']:.0f} ns and wake-ups of {day['wake_us']:.1f} us "  # noqa: T201
          f"explain {explained:.0f} ns")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
