"""The synthetic suite seen through the machine's eyes: bars, and the statistics of every minute.

The prints of a session go through the feature kernels as a tape would. Behind each session stand
the same twenty earlier ones (seeds from 2000 on), so that the playbook knows what range is usual,
and what a session says depends on its own seed alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np

from fabio.features.market import MarketFeatures
from fabio.features.near import seconds_near_poc
from fabio.model.bar import Bar
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable
from fabio.model.stats import MarketStats
from fabio.model.tick import Ticks
from fabio.regime.reading import session_age_s
from fabio.research.regime.numbers import BarColumns
from fabio.research.regime.recipe import (
    MINUTES,
    STEPS,
    TICKS_A_POINT,
    USUAL_RANGE_POINTS,
    RecipeSession,
    make_session,
    time_of_day,
)

NS = 1_000_000_000
MINUTE_NS = 60 * NS
DAY_NS = 86_400 * NS
FIRST_OPEN_NS = 1_767_623_400 * NS
"""2026-01-05 14:30 UTC; only differences of time matter."""
EARLIER_SESSIONS = 20
EARLIER_SEEDS_FROM = 2000
BARS_SHOWN = 32

INSTRUMENT = Instrument(
    symbol="NQ", description="the suite's", tick_size=Decimal("0.25"), tick_value=Decimal(5), size_step=Decimal(1),
    product_group="suite", trading_seconds_per_year=20_865_600, poc_cross_band_ticks=4,
)
"""Of the suite's own, so that a change of the configuration does not change what was measured."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the machine knows as a minute ends."""

    stats: MarketStats
    bars: tuple[Bar, ...]
    near_poc_30min_s: float | None
    age_s: float


def opened_ns(day: int) -> int:
    """Give the opening of the session on this day of the suite."""
    return FIRST_OPEN_NS + day * DAY_NS


def session_table() -> SessionTable:
    """Give the days of the suite: the earlier ones, and the one that is measured."""
    opens = np.array([opened_ns(day) for day in range(EARLIER_SESSIONS + 1)], dtype=np.int64)
    none = np.full(len(opens), NO_TIME, dtype=np.int64)
    return SessionTable(
        product_group=INSTRUMENT.product_group, dates=20260101 + np.arange(len(opens), dtype=np.int64),
        opens_ns=opens, closes_ns=opens + MINUTES * MINUTE_NS, regular_opens_ns=opens,
        regular_closes_ns=opens + MINUTES * MINUTE_NS, flat_by_ns=none, breaks_ns=np.empty((0, 2), dtype=np.int64),
    )


def ticks_of(session: RecipeSession, day: int = EARLIER_SESSIONS) -> Ticks:
    """Give the session's prints as ticks, evenly apart."""
    ts_ns = opened_ns(day) + np.arange(MINUTES * STEPS, dtype=np.int64) * (MINUTE_NS // STEPS)
    return Ticks(ts_ns, ts_ns, session.price_ticks.ravel(), session.size_steps.ravel(), session.side.ravel(),
                 np.zeros(len(ts_ns), dtype=np.int8))


def columns_of(session: RecipeSession) -> BarColumns:
    """Give the session's bars as columns, with the recipe's usual range, which is known here."""
    prices = session.price_ticks.astype(np.float64)
    return BarColumns(
        open_ticks=prices[:, 0], high_ticks=prices.max(axis=1), low_ticks=prices.min(axis=1),
        close_ticks=prices[:, -1], usual_range_ticks=TICKS_A_POINT * USUAL_RANGE_POINTS * time_of_day(),
    )


def bars_of(session: RecipeSession) -> list[Bar]:
    """Give the session's bars, with the recipe's usual range."""
    columns, start_ns = columns_of(session), opened_ns(EARLIER_SESSIONS)
    delta = (session.size_steps * session.side).sum(axis=1).tolist()
    volume = session.size_steps.sum(axis=1).tolist()
    rows = zip(columns.open_ticks.tolist(), columns.high_ticks.tolist(), columns.low_ticks.tolist(),
               columns.close_ticks.tolist(), volume, delta, columns.usual_range_ticks.tolist(), strict=True)
    return [
        Bar(start_ns + minute * MINUTE_NS, int(opened), int(high), int(low), int(close), traded, net, STEPS, usual)
        for minute, (opened, high, low, close, traded, net, usual) in enumerate(rows)
    ]


@cache
def _after_earlier_sessions(drift: float) -> MarketFeatures:
    market = MarketFeatures(INSTRUMENT, session_table())
    for day in range(EARLIER_SESSIONS):
        market.update(ticks_of(make_session(EARLIER_SEEDS_FROM + day, drift), day))
    return market


def moments_of(session: RecipeSession, near_bar_ranges: float, near_ticks: float | None = None) -> Iterator[Moment]:
    """Give what the machine knows at the end of each minute, before the next one's first print.

    Parameters
    ----------
    near_bar_ranges, near_ticks
        What the playbook calls near the POC (`PlaybookSettings`).
    """
    market = MarketFeatures(INSTRUMENT, session_table())
    market.restore(_after_earlier_sessions(session.drift).snapshot())
    ticks, start_ns = ticks_of(session), opened_ns(EARLIER_SESSIONS)
    for minute in range(MINUTES):
        now_ns = start_ns + (minute + 1) * MINUTE_NS
        market.update(ticks, minute * STEPS, stop=(minute + 1) * STEPS)
        stats = market.stats(now_ns)
        span = near_ticks
        if span is None and stats.bar_range_15min_ticks is not None:
            span = near_bar_ranges * stats.bar_range_15min_ticks
        near = None if span is None else float(seconds_near_poc(market.s, now_ns, span))
        yield Moment(stats, market.bars(BARS_SHOWN, now_ns), near, session_age_s(stats))
