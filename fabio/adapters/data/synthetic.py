"""The synthetic market: seeded sessions with regimes known minute by minute.

Nothing here is market data. Sessions have the volume curve, tails, clustering and order
flow of the tapes in `docs/synthetic.md`, which says how near they come. The same seed,
instrument and date give the same bytes on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fabio.adapters.data.synthetic_plan import SessionPlan, make_plan, random_streams
from fabio.adapters.data.synthetic_regimes import REGIMES
from fabio.adapters.data.synthetic_ticks import make_ticks
from fabio.model.instrument import Instrument
from fabio.model.session import Session, SessionTable
from fabio.model.tick import Ticks

DEMO_TICKS, HISTORY_TICKS = 250_000, 60_000
"""Prints of a usual full session: the day that is shown, the days behind it."""

DESCRIPTION = "synthetic (made by a seeded generator; not market data)"


@dataclass(frozen=True, eq=False)
class RegimeMinutes:
    """The truth, per open minute: `start_ns` (int64) and `label` (int8, index into `REGIMES`)."""

    start_ns: NDArray[np.int64]
    label: NDArray[np.int8]

    def name_at(self, ts_ns: int) -> str:
        """Give the regime of the latest minute that began by `ts_ns`."""
        row = int(np.searchsorted(self.start_ns, ts_ns, side="right")) - 1
        return REGIMES[int(self.label[max(row, 0)])]


@dataclass(frozen=True, eq=False)
class SyntheticSession:
    """One session that never was.

    Parameters
    ----------
    symbol, date, seed
        What it was made from; `date` is `YYYYMMDD`.
    ticks
        Its prints; `ts_recv_ns` is a little later than `ts_event_ns`.
    regimes
        The regime of every open minute.
    next_start_price_ticks
        Where the next session starts.
    """

    symbol: str
    date: int
    seed: int
    ticks: Ticks
    regimes: RegimeMinutes
    next_start_price_ticks: int

    @property
    def description(self) -> str:
        """Say what this is, wherever the tape is named."""
        return f"{self.symbol} {self.date}, seed {self.seed}: {DESCRIPTION}"


def synthetic_session(
    instrument: Instrument, table: SessionTable, index: int, seed: int, start_price_ticks: int,
    mean_ticks: int | None = None,
) -> SyntheticSession:
    """Make one whole session: row `index` of `table`, its breaks honoured.

    Parameters
    ----------
    seed
        0 or more.
    start_price_ticks
        First mid price; ranges scale with it.
    mean_ticks
        Prints of a usual full session, at least 2,000; None takes `DEMO_TICKS`. Shorter and
        quieter sessions have fewer. It changes neither regimes nor the closing price.

    Raises
    ------
    ValueError
        A price too low to move, or too few prints.
    """
    ticks_wanted = DEMO_TICKS if mean_ticks is None else mean_ticks
    if ticks_wanted < 2_000:
        raise ValueError(f"{ticks_wanted} prints are too few for a session; ask for 2,000 or more")
    plan, prints_bits = _plan(instrument, table, index, seed, start_price_ticks)
    return SyntheticSession(
        symbol=instrument.symbol,
        date=int(table.dates[index]),
        seed=seed,
        ticks=make_ticks(plan, instrument.symbol, prints_bits, ticks_wanted),
        regimes=RegimeMinutes(plan.start_ns, plan.label),
        next_start_price_ticks=_next_start(plan),
    )


def synthetic_sessions(
    instrument: Instrument, table: SessionTable, first_index: int, count: int, seed: int,
    start_price_ticks: int,
) -> Iterator[SyntheticSession]:
    """Make `count` sessions in a row; each starts where the one before closed."""
    rows = range(first_index, first_index + count)
    return _chain(instrument, table, rows, seed, start_price_ticks, DEMO_TICKS)


def synthetic_history(
    instrument: Instrument, table: SessionTable, index: int, seed: int, start_price_ticks: int,
    count: int = 20,
) -> Iterator[SyntheticSession]:
    """Make the `count` sessions before row `index` (fewer where the table begins), the last leading up to it.

    They have `HISTORY_TICKS` prints each: enough for ranges, levels and bars, at a quarter
    of the cost. `start_price_ticks` is where the first of them starts.
    """
    rows = range(max(index - count, 0), index)
    return _chain(instrument, table, rows, seed, start_price_ticks, HISTORY_TICKS)


def closing_price_ticks(
    instrument: Instrument, table: SessionTable, index: int, seed: int, start_price_ticks: int,
) -> int:
    """Give `next_start_price_ticks` of a session without making its prints."""
    return _closing_price(instrument.symbol, table.session(index), table.breaks_ns.tobytes(), seed, start_price_ticks)


@lru_cache(maxsize=256)  # a day's price is at the end of a chain of twenty, each 20 ms
def _closing_price(symbol: str, session: Session, breaks_ns: bytes, seed: int, start_price_ticks: int) -> int:
    breaks = np.frombuffer(breaks_ns, dtype=np.int64).reshape(-1, 2)
    return _next_start(_plan_of(symbol, session, breaks, seed, start_price_ticks)[0])


def _chain(
    instrument: Instrument, table: SessionTable, rows: range, seed: int, start_price_ticks: int,
    mean_ticks: int,
) -> Iterator[SyntheticSession]:
    for index in rows:
        session = synthetic_session(instrument, table, index, seed, start_price_ticks, mean_ticks)
        start_price_ticks = session.next_start_price_ticks
        yield session


def _plan(
    instrument: Instrument, table: SessionTable, index: int, seed: int, start_price_ticks: int,
) -> tuple[SessionPlan, np.random.PCG64]:
    return _plan_of(instrument.symbol, table.session(index), table.breaks_ns, seed, start_price_ticks)


def _plan_of(
    symbol: str, session: Session, breaks_ns: NDArray[np.int64], seed: int, start_price_ticks: int,
) -> tuple[SessionPlan, np.random.PCG64]:
    if start_price_ticks < 1_000:
        raise ValueError(f"a start price of {start_price_ticks} ticks is too low to move; 1,000 or more are "
                         "needed")
    plan_bits, prints_bits = random_streams(seed, symbol, int(session.date.replace("-", "")))
    return make_plan(symbol, session, breaks_ns, plan_bits, start_price_ticks), prints_bits


def _next_start(plan: SessionPlan) -> int:
    return int(plan.close_ticks[-1] + 0.5)
