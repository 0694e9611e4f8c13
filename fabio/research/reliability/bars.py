"""All measurements of `fabio bench reliability`, in the order in which they run: add a line, and it is one."""

import importlib
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

import msgspec

from fabio.research.reliability.bar import Bar

Say = Callable[[str], None]
WORKERS = 2


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """A function `(n, say) -> Bar`, or `-> list[Bar]` where one run shows several figures.

    Parameters
    ----------
    name
        The word for `--only`.
    where
        `module:function` below `fabio.research.reliability`; it is imported only when it runs.
    ci
        `n` by default: what continuous integration runs.
    full
        `n` with `--full`: the size at which a release is judged.
    beside
        Whether it runs in a process of its own, beside one other. Those do not that take both cores by themselves,
        and those that measure short times.
    core_ms
        Of the processor's time that one of `n` takes, about: what takes longest in all begins first.
    """

    name: str
    where: str
    ci: int
    full: int
    beside: bool = True
    core_ms: float = 1.0


MEASUREMENTS: tuple[Measurement, ...] = (
    Measurement(name="chaos", where="chaos.bars:chaos", ci=150, full=2_000, beside=False),
    Measurement(name="each_fault", where="chaos.bars:each_fault_in_each_state", ci=1, full=3, beside=False),
    Measurement(name="box", where="limits.bars:orders_against_the_box", ci=2_000, full=10_000, core_ms=0.1),
    Measurement(name="exits", where="limits.bars:exits_under_trouble", ci=200, full=2_000, core_ms=5),
    Measurement(name="bad_states", where="limits.bars:entries_in_bad_states", ci=200, full=2_000, core_ms=5),
    Measurement(name="runaways", where="limits.bars:runaways", ci=10, full=100, core_ms=500),
    Measurement(name="session_minutes", where="sessions.bars:session_minutes", ci=300_000, full=5_521_500,
                core_ms=0.03),
    Measurement(name="session_years", where="sessions.bars:session_years", ci=4_000, full=30_000, core_ms=0.1),
    Measurement(name="flat_days", where="sessions.bars:flat_days", ci=30, full=500, core_ms=50),
    Measurement(name="refused_ticks", where="inputs.ticks:refused_ticks", ci=500, full=10_000, core_ms=5),
    Measurement(name="bad_prints", where="inputs.ticks:bad_prints", ci=1_000, full=10_000, core_ms=1),
    Measurement(name="misspelled_settings", where="inputs.bars:misspelled_settings", ci=200, full=2_000, core_ms=2),
    Measurement(name="settings_file", where="inputs.bars:settings_file", ci=300, full=100_000, core_ms=0.6),
    Measurement(name="settings_environment", where="inputs.bars:settings_environment", ci=300, full=100_000),
    Measurement(name="dotenv", where="inputs.bars:dotenv", ci=300, full=100_000, core_ms=1.3),
    Measurement(name="tables", where="inputs.bars:tables", ci=200, full=100_000, core_ms=0.5),
    Measurement(name="inbox_file", where="inputs.bars:inbox_file", ci=1_000, full=100_000, core_ms=0.3),
    Measurement(name="hub_frame", where="inputs.bars:hub_frame", ci=5_000, full=100_000, core_ms=0.1),
    Measurement(name="rest_body", where="inputs.bars:rest_body", ci=5_000, full=100_000, core_ms=0.2),
    Measurement(name="gateway_request", where="inputs.bars:gateway_request", ci=2_000, full=100_000, core_ms=0.1),
    Measurement(name="model_answer", where="inputs.bars:model_answer", ci=1_000, full=100_000, core_ms=2),
    Measurement(name="model_body", where="inputs.bars:model_body", ci=5_000, full=100_000, core_ms=0.1),
    Measurement(name="journal_line", where="inputs.bars:journal_line", ci=1_000, full=100_000, core_ms=2),
    Measurement(name="tape_file", where="inputs.bars:tape_file", ci=50, full=100_000, core_ms=8),
    Measurement(name="journal_kills", where="journal.bars:kills", ci=60, full=1_000, core_ms=100),
    Measurement(name="journal_cuts", where="journal.bars:truncation", ci=1_000, full=65_536, core_ms=0.7),
    Measurement(name="journal_nuls", where="journal.bars:nul_fills", ci=1_000, full=10_000, core_ms=0.7),
    Measurement(name="journal_flips", where="journal.bars:bit_flips", ci=300, full=10_000, core_ms=2),
    Measurement(name="journal_full_drive", where="journal.bars:full_drives", ci=40, full=500, core_ms=150),
    Measurement(name="journal_failed_sync", where="journal.bars:failed_syncs", ci=20, full=200, core_ms=50),
    Measurement(name="journal_power", where="journal.bars:power_losses", ci=100, full=1_000, core_ms=15),
    Measurement(name="journal_slow_drive", where="journal.bars:slow_drive", ci=200, full=1_000, beside=False),
    Measurement(name="tick_path", where="processes.tick_path:tick_path", ci=30, full=120, beside=False),
    Measurement(name="wedges", where="processes.wedges:wedges", ci=8, full=64, beside=False),
    Measurement(name="kills", where="processes.kills:kills_on_paper", ci=45, full=850, core_ms=1000),
    Measurement(name="venue_kills", where="processes.venue_kills:kills_at_venue", ci=15, full=150, core_ms=4000),
    Measurement(name="starts", where="processes.kills:parallel_starts", ci=20, full=50, beside=False),
    Measurement(name="soak", where="chaos.soak:soak", ci=20, full=1_440, core_ms=280),
    Measurement(name="canaries", where="secrets:canaries", ci=1, full=3, core_ms=30000),
)


def measure(measurement: Measurement, n: int, say: Say) -> list[Bar]:
    """Run one measurement with a size."""
    module, function = measurement.where.split(":")
    part = getattr(importlib.import_module(f"fabio.research.reliability.{module}"), function)
    answer: Bar | Sequence[Bar] = part(n, say)
    return [answer] if isinstance(answer, Bar) else list(answer)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that was made."""

    measurement: Measurement
    bars: list[Bar]
    seconds: float


def measured(wanted: Sequence[Measurement], size: Callable[[Measurement], int], say: Say) -> Iterator[Measured]:
    """Run measurements, those that may be beside others two at a time, in the order in which they end.

    Parameters
    ----------
    say
        Takes a line; it goes to other processes, and has to be a function of a module where they are used.
    """
    beside = [each for each in wanted if each.beside]
    if len(beside) < WORKERS:
        beside = []
    for each in wanted:
        if each not in beside:
            yield _timed(each, size(each), say)
    if not beside:
        return
    context = multiprocessing.get_context("spawn")  # numba's threads and a fork do not go together
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        longest_first = sorted(beside, key=lambda each: -each.core_ms * size(each))  # the last to begin is short
        for done in as_completed([pool.submit(_timed, each, size(each), say) for each in longest_first]):
            yield done.result()


def _timed(measurement: Measurement, n: int, say: Say) -> Measured:
    say(f"{measurement.name}: {n:,} times")
    since_s = time.perf_counter()
    bars = measure(measurement, n, lambda words: say(f"    {measurement.name}: {words}"))
    return Measured(measurement=measurement, bars=bars, seconds=round(time.perf_counter() - since_s, 1))


def chosen(names: Iterable[str]) -> list[Measurement]:
    """Give the measurements with these names, all of them where none is named.

    Raises
    ------
    ValueError
        A name that is none of them.
    """
    wanted = list(names)
    known = [each.name for each in MEASUREMENTS]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"there is no measurement {unknown[0]!r}; known: {', '.join(known)}")
    return [each for each in MEASUREMENTS if not wanted or each.name in wanted]
