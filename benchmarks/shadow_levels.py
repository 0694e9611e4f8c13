"""What open shadow trades cost a tick: the whole loop with 0 to 1,000 of them, none of which fills.

    python benchmarks/shadow_levels.py
"""

import statistics
import time

from fabio.runtime.kernels import prepare_cache

prepare_cache()  # before numba is imported

from fabio.engine.advance import ASK_DUE_NS, ASKING, NEVER  # noqa: E402
from fabio.engine.loop import Loop  # noqa: E402
from fabio.model.signal import Decision, Signal  # noqa: E402
from fabio.runtime.bench import Bench  # noqa: E402
from fabio.settings.load import load  # noqa: E402

PASSES, FAR_TICKS = 5, 50_000
COUNTS = (0, 1, 10, 100, 1_000)


def main() -> None:
    """Print ns per tick for each number of open shadows."""
    settings = load()
    bench = Bench(settings, say=lambda words: None)
    spent: dict[int, list[float]] = {count: [] for count in COUNTS}
    for number in range(PASSES + 1):  # the first is not counted: kernels are loaded
        for count in COUNTS:
            loop = Loop([bench._market], settings.exchange, settings.cadence, 0)
            loop.control[0, ASKING], loop.control[0, ASK_DUE_NS] = 0, NEVER
            loop.advance(bench._day, 0, int(bench._day.ts_recv_ns[0]))
            for place in range(count):
                _open(loop, place, int(bench._day.ts_recv_ns[0]))
            since = time.perf_counter_ns()
            loop.advance(bench._day, 1, NEVER)
            if number:
                spent[count].append((time.perf_counter_ns() - since) / (len(bench._day) - 1))
    for count, values in spent.items():
        print(f"{count:6,} open shadows: {statistics.median(values):6.1f} ns a tick")  # noqa: T201


def _open(loop: Loop, place: int, now_ns: int) -> None:
    features = loop.features[0]
    price = features.stats().last_ticks
    signal = Signal(
        strategy="bench", setup=f"setup_{place}", side=1 if place % 2 else -1, entry_ticks=price,
        stop_ticks=price - (FAR_TICKS + place) * (1 if place % 2 else -1),
        target_ticks=price + (FAR_TICKS + place) * (1 if place % 2 else -1), confidence=0.5, reason="far away",
    )
    decision = Decision(
        id=f"B{place}", ts_ns=now_ns, tape_pos=1, market=0, symbol=features.instrument.symbol, session="",
        signal=signal, verdicts=(), approved=False, refused_by=("bench",), size_steps=0, size_reason="", regime=None,
        stats=features.stats(),
    )
    loop.shadows[0].open(decision, now_ns, price)
    loop.stack_shadows_if_grown(0)


if __name__ == "__main__":
    main()
