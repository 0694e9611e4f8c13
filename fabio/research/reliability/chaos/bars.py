"""Chaos: many plots lived through, in two processes, and what they show beside what must hold."""

import gc
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from fabio.adapters.gateway.faults.catalogue import FAULTS
from fabio.research.reliability.bar import Bar, at_most, p99
from fabio.research.reliability.chaos.judge import BOOT_S, FLAT_S, ORPHAN_S, Judged, judge
from fabio.research.reliability.chaos.living import lived
from fabio.research.reliability.chaos.plot import Plot, draw, write_plot
from fabio.research.reliability.chaos.states import STATES, plot_with, spots

Say = Callable[[str], None]
CI_SEEDS, FULL_SEEDS = 150, 2000
CI_S, FULL_S = 300.0, 900.0
"""Simulated seconds a seed, below and from `FULL_SEEDS` on."""
WORKERS = 2
SAY_EVERY = 25
COLLECTED_AT = (20_000, 20, 100)
"""Objects after which circles among the new ones are looked for, in a worker: each run ends with a look at all."""
KEPT = Path("logs/chaos")
"""Where the plots of runs that did not hold are kept."""
P99_S = 2.0
_WORDS = {
    "I01": "duplicate_orders", "I02": "orders_without_durable_intent", "I03": "illegal_order_states",
    "I10": "positions_that_are_no_sum_of_fills", "I11": "book_apart_from_venue_15s",
    "I13": "recovery_orders_that_increase", "I14": "trades_worth_other_than_their_fills",
    "I15": "orphan_orders_3s", "I20": "unprotected_5s_and_no_close_asked",
    "I21": "stops_loosened", "I22": "stops_on_the_wrong_side", "I30": "orders_outside_the_box",
    "I31": "exits_refused", "I32": "entries_while_unfit", "I33": "day_locks_lost", "I34": "minutes_over_the_call_limit",
    "I50": "acknowledged_steps_lost", "I51": "steps_read_back_otherwise", "I52": "journals_damaged",
    "I53": "states_brought_back_otherwise", "flat": "not_flat_10s_after_the_press", "crash": "crashes",
    "drive": "refused_files_used_again",
}
# rule -> name of its bar
_COUNTED_BY = {
    "I01": "entries", "I02": "I02", "I03": "I03", "I10": "I10", "I13": "I13", "I14": "I14", "I30": "entries",
    "I31": "I31", "I32": "entries", "I34": "I34", "I50": "starts", "I51": "starts", "I52": "starts", "I53": "I53",
}
# rule -> what counts how often it was looked at; the others are looked at once a run


def live_and_judge(plot: Plot) -> Judged:
    """Live through a plot and judge it; the work of one process of the pool."""
    with lived(plot) as living:
        found = judge(living)
    del living
    gc.collect()  # a run is full of circles, and the next one comes at once
    return found


def work(plot: Plot) -> Judged:
    """Live through a plot in a process that does nothing else: what the first run loaded is looked through no more."""
    found = live_and_judge(plot)
    if not gc.get_freeze_count():
        gc.freeze()
        gc.set_threshold(*COLLECTED_AT)
    return found


def judged(plots: Iterable[Plot], say: Say, workers: int = WORKERS) -> Iterator[Judged]:
    """Live through plots, some at a time, in the order in which they end."""
    wanted = list(plots)
    if workers <= 1 or len(wanted) <= 1:
        yield from map(live_and_judge, wanted)
        return
    context = multiprocessing.get_context("spawn")  # numba's threads and a fork do not go together
    with ProcessPoolExecutor(min(workers, len(wanted)), mp_context=context) as pool:
        runs = [pool.submit(work, plot) for plot in wanted]
        broken = 0
        for number, run in enumerate(as_completed(runs), 1):
            found = run.result()
            broken += bool(found.breaches)
            if found.breaches:
                first = found.breaches[0]
                say(f"seed {found.plot.seed}: {first.rule} at {first.at_s:.1f} s, {first.words}; {_keep(found.plot)}")
            if number % SAY_EVERY == 0 or number == len(runs):
                say(f"{number} of {len(runs)} runs, {broken} of them with something that did not hold")
            yield found


def _keep(plot: Plot) -> str:
    """Keep the plot of a run that did not hold, and say how to repeat it."""
    path = KEPT / _name(plot)
    write_plot(path, plot)
    return f"repeat with --plot {path}"


def _name(plot: Plot) -> str:
    return f"{plot.seed}-{plot.length_s:g}-{'-'.join(spec.name for spec in plot.faults.faults)}.json"


def chaos(n: int, say: Say) -> list[Bar]:
    """Live `n` seeds with three faults at once, kills and people's deeds."""
    length_s = FULL_S if n >= FULL_SEEDS else CI_S
    say(f"{n} seeds x {length_s / 60:g} simulated minutes")
    return bars_of(list(judged((draw(seed, length_s) for seed in range(n)), say)))


def bars_of(runs: list[Judged], prefix: str = "", by_seed: bool = True) -> list[Bar]:
    """Put what runs showed beside what must hold; runs that did not hold are named by their seed, or their file."""
    counts: Counter[str] = Counter()
    for run in runs:
        counts.update(run.counts)
    broken = {rule: [(run, breach) for run in runs for breach in run.breaches if breach.rule == rule]
              for rule in _WORDS}
    tried = {rule: counts[_COUNTED_BY[rule]] if rule in _COUNTED_BY else len(runs) for rule in _WORDS}
    bars = [
        at_most(f"{prefix}{name}", len(broken[rule]), 0, tried[rule], _which((run for run, _ in broken[rule]), by_seed))
        for rule, name in _WORDS.items()
    ]
    bare = [seconds for run in runs for seconds in run.bare_s]
    bars.append(at_most(f"{prefix}unprotected_p99_s", round(p99(bare), 3) if bare else 0.0, P99_S, max(len(bare), 1),
                        f"longest {max(bare, default=0.0):.1f} s, faults and kills included"))
    for name, limit_s, times in (
        ("book_apart_longest_s", BOOT_S, [seconds for run in runs for seconds in run.apart_s]),
        ("orphans_longest_s", ORPHAN_S, [seconds for run in runs for seconds in run.orphans_s]),
        ("flat_after_press_longest_s", FLAT_S, [seconds for run in runs for seconds in run.flat_s]),
    ):
        bars.append(at_most(f"{prefix}{name}", round(max(times, default=0.0), 2), limit_s, len(runs),
                            f"{len(times)} times; outside faults, and from 15 s after a start"))
    kills, mishaps = sum(len(run.kills) for run in runs), sum(len(run.plot.mishaps) for run in runs)
    drives = sum(bool(run.plot.drive) for run in runs)
    note = (f"{kills} kills, {drives} failing drives, {mishaps} mishaps of a machine; stops that filled beside a "
            "close: no limit is set")
    bars.append(Bar(name=f"{prefix}kills_and_races", value=float(counts["races"]), limit=float("inf"), n=len(runs),
                    holds=True, note=note))
    return bars


def _which(runs: Iterable[Judged], by_seed: bool) -> str:
    """Name the runs to repeat, the first few."""
    names = list(dict.fromkeys(str(run.plot.seed) if by_seed else _name(run.plot) for run in runs))
    if not names:
        return ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    how = "repeat with --seed" if by_seed else f"kept in {KEPT}:"
    return f"{how} {', '.join(names[:5])}{more}"


def each_fault_in_each_state(n: int, say: Say) -> list[Bar]:
    """Live `n` times through each fault alone, struck while an order is in each state."""
    plots = [plot_with(spot, name) for number in range(n) for spot in spots(number) for name in FAULTS]
    say(f"{len(plots)} runs: {len(FAULTS)} faults, each in {len(STATES)} states of an order, {n} times")
    bars = bars_of(list(judged(plots, say)), "each_fault_", by_seed=False)
    return [bar for bar in bars if bar.name != f"each_fault_{_WORDS['I53']}"]  # nobody is killed, nothing comes back


def tell(plot: Plot, say: Say) -> Judged:
    """Live through a plot again, telling all that happens."""
    for spec in plot.faults.faults:
        until = "its end" if spec.until_s is None else f"{spec.until_s:.1f} s"
        say(f"fault {spec.name} at rate {spec.rate:g} from {spec.from_s:.1f} s until {until}")
    for kill in plot.kills:
        say(f"kill at {kill.point} from {kill.at_s:.1f} s on{', without power' if kill.power else ''}")
    for woe in plot.drive:
        say(f"drive: {woe.woe.replace('_', ' ')} from {woe.from_s:.1f} s until {woe.until_s:.1f} s")
    for mishap in plot.mishaps:
        say(f"machine: {mishap.what.replace('_', ' ')} at {mishap.at_s:.1f} s, {mishap.seconds:g} s")
    with lived(plot, say) as living:
        found = judge(living)
    for breach in found.breaches:
        say(f"{breach.at_s:8.2f} s  {breach.rule} DID NOT HOLD: {breach.words}")
    return found
