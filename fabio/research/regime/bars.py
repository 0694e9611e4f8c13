"""Real minute bars for measuring: files of bars or trades, cut into whole regular sessions.

A file of bars has the columns `open`, `high`, `low`, `close` and a time in UTC at the bar's start, named
`ts_utc`, `minute_utc` or `ts_event`; other names leave zone and end open and are refused. A column
`contract` or `adj_factor` that changes within a session marks a roll. A tape of trades is made
into bars. The instrument is the one that the file's name begins with.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fabio.adapters.data.contract_choice import guess_from_name
from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tape_source import connect, duckdb_name, run
from fabio.adapters.data.tapes import open_tape
from fabio.model.errors import ConfigError
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable
from fabio.model.tick import Ticks
from fabio.research.regime.numbers import BarColumns, Floats

MINUTE_NS = 60_000_000_000
DAY_MINUTES = 390
"""A whole regular session of the index futures; shorter days are left out."""
MOST_MISSING = 3
"""Minutes without a trade that a session may have; they stand at the last close."""
JUMP = 25.0
"""A step between two bars beyond this many mean ranges of the session is a roll or a hole, not a market."""
USUAL_SESSIONS, LEAST_USUAL = 20, 5
TIME_NAMES = ("ts_utc", "minute_utc", "ts_event")
PART_NAMES = ("contract", "adj_factor")
BAR_SUFFIXES = (".parquet", ".csv", ".csv.gz")


class NoBars(Exception):
    """A file that holds nothing to measure on; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class MinuteFile:
    """Bars of one file, by rising start; `part` differs where contract or adjustment do."""

    name: str
    instrument: Instrument
    start_ns: NDArray[np.int64]
    ohlc_ticks: Floats
    part: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """Whole regular sessions, oldest first.

    Parameters
    ----------
    open_ns
        When each session opens, shape (days,).
    ohlc_ticks
        Shape (days, 390, 4).
    usual_range_ticks
        Median range of the same minute over the last 20 of these sessions, shape (days, 390); NaN
        while there are fewer than 5.
    dropped
        Sessions left out, by reason.
    """

    name: str
    open_ns: NDArray[np.int64]
    ohlc_ticks: Floats
    usual_range_ticks: Floats
    dropped: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.open_ns)

    def columns(self, day: int) -> BarColumns:
        """Give one session as columns."""
        opened, high, low, close = self.ohlc_ticks[day].T
        return BarColumns(opened, high, low, close, self.usual_range_ticks[day])


def bar_files(folder: Path) -> list[Path]:
    """List the files of a folder that may hold bars or trades, by name."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().endswith(BAR_SUFFIXES))


def read_file(path: Path, instruments: dict[str, Instrument]) -> MinuteFile:
    """Read a file of bars or of trades.

    Raises
    ------
    NoBars
        If it is neither, or not of one minute, or its instrument or the time's meaning is not known.
    """
    try:
        return _read(path, instruments)
    except (TapeError, ConfigError) as error:
        raise NoBars(str(error).removeprefix(f"{path}: ")) from None


def _read(path: Path, instruments: dict[str, Instrument]) -> MinuteFile:
    connection = connect()
    reader = "read_parquet(?)" if path.name.lower().endswith(".parquet") else "read_csv_auto(?)"
    source = [duckdb_name(path)]
    described = run(connection, path, f"describe select * from {reader}", source).fetchall()
    kinds = {str(name): str(kind) for name, kind, *_ in described}
    if not {"open", "high", "low", "close"} <= kinds.keys():
        return _from_trades(path, instruments)
    time = next((name for name in TIME_NAMES if name in kinds), None)
    if time is None:
        raise NoBars(f"no time column that says what it means; name the bar's start in UTC {TIME_NAMES[0]}")
    known = guess_from_name(path, instruments)
    if known is None:
        raise NoBars("its name does not begin with a known instrument")
    instant = time if kinds[time].endswith("INT") else f"epoch_ns({time})"
    part = " || '/' || ".join(f"coalesce({name}::varchar, '')" for name in PART_NAMES if name in kinds) or "''"
    query = (f"select {instant} as start_ns, open::double as o, high::double as h, low::double as l, "
             f"close::double as c, dense_rank() over (order by {part}) as part from {reader} order by 1")
    rows = run(connection, path, query, source).fetchnumpy()
    start_ns = np.asarray(rows["start_ns"], dtype=np.int64)
    if len(start_ns) < 2 or int(np.median(np.diff(start_ns))) != MINUTE_NS:
        raise NoBars("its bars are not of one minute")
    prices = np.column_stack([np.asarray(rows[name], dtype=np.float64) for name in "ohlc"])
    ticks = np.rint(prices / float(known[0].tick_size))
    return MinuteFile(_plain_name(path), known[0], start_ns, ticks, np.asarray(rows["part"], dtype=np.int64))


def _plain_name(path: Path) -> str:
    return path.name.split(".")[0]


def _from_trades(path: Path, instruments: dict[str, Instrument]) -> MinuteFile:
    tape = open_tape(path, instruments)
    start_ns, ohlc = bars_of_ticks(tape.ticks())
    return MinuteFile(_plain_name(path), tape.instrument, start_ns, ohlc, np.zeros(len(start_ns), dtype=np.int64))


def bars_of_ticks(ticks: Ticks) -> tuple[NDArray[np.int64], Floats]:
    """Make minute bars of trades: their starts, and open, high, low, close in ticks."""
    if not len(ticks):
        return np.empty(0, dtype=np.int64), np.empty((0, 4))
    order = np.argsort(ticks.ts_event_ns, kind="stable")
    minute, price = ticks.ts_event_ns[order] // MINUTE_NS, ticks.price_ticks[order].astype(np.float64)
    first = np.flatnonzero(np.diff(minute, prepend=minute[0] - 1))
    last = np.append(first[1:], len(minute)) - 1
    ohlc = np.column_stack([
        price[first], np.maximum.reduceat(price, first), np.minimum.reduceat(price, first), price[last],
    ])
    return minute[first] * MINUTE_NS, ohlc


def whole_days(bars: MinuteFile, table: SessionTable) -> Days:
    """Cut out the whole regular sessions; rolls, holes and short days are dropped and counted."""
    kept: list[Floats] = []
    opens: list[int] = []
    dropped: Counter[str] = Counter()
    for open_ns, close_ns in zip(table.regular_opens_ns.tolist(), table.regular_closes_ns.tolist(), strict=True):
        if open_ns == NO_TIME:
            continue
        first, stop = np.searchsorted(bars.start_ns, (open_ns, close_ns)).tolist()
        if first == stop:
            continue
        problem = _problem(bars, first, stop, (close_ns - open_ns) // MINUTE_NS)
        if problem is None:
            day = _filled(bars, first, stop, open_ns)
            if np.abs(day[1:, 0] - day[:-1, 3]).max() > JUMP * max(float((day[:, 1] - day[:, 2]).mean()), 1.0):
                problem = "jump"
        if problem is None:
            kept.append(day)
            opens.append(open_ns)
        else:
            dropped[problem] += 1
    if not kept:
        raise NoBars(f"no whole regular session in it ({dict(dropped) or 'none at all'})")
    ohlc = np.array(kept)
    return Days(bars.name, np.array(opens, dtype=np.int64), ohlc, usual_ranges(ohlc), dict(dropped))


def _problem(bars: MinuteFile, first: int, stop: int, minutes: int) -> str | None:
    if minutes != DAY_MINUTES:
        return "short day"
    if (bars.part[first:stop] != bars.part[first]).any():
        return "roll"
    if np.unique(bars.start_ns[first:stop]).size != stop - first:
        return "minutes twice"
    return "hole" if stop - first < DAY_MINUTES - MOST_MISSING else None


def _filled(bars: MinuteFile, first: int, stop: int, open_ns: int) -> Floats:
    """Give every minute a row; one without a trade stands at the close before it."""
    day = np.full((DAY_MINUTES, 4), np.nan)
    day[(bars.start_ns[first:stop] - open_ns) // MINUTE_NS] = bars.ohlc_ticks[first:stop]
    close = bars.ohlc_ticks[first, 0]
    for minute in range(DAY_MINUTES):
        if np.isnan(day[minute, 3]):
            day[minute] = close
        close = day[minute, 3]
    return day


def usual_ranges(ohlc: Floats, sessions: int = USUAL_SESSIONS) -> Floats:
    """Give the median range of each minute over the sessions before, never the session's own.

    NaN where fewer than 5 of them have a bar at that minute.
    """
    ranges = ohlc[:, :, 1] - ohlc[:, :, 2]
    usual = np.full(ranges.shape, np.nan)
    for day in range(LEAST_USUAL, len(ranges)):
        before = ranges[max(0, day - sessions):day]
        known = (~np.isnan(before)).sum(axis=0) >= LEAST_USUAL
        usual[day, known] = np.nanmedian(before[:, known], axis=0)
    return usual


def describe_dropped(dropped: Mapping[str, int]) -> str:
    """Say what was left out.

    >>> describe_dropped({"roll": 2, "hole": 1})
    '1 hole, 2 roll'
    """
    parts: Sequence[str] = [f"{count} {reason}" for reason, count in sorted(dropped.items())]
    return ", ".join(parts) or "none"
