"""History on start: minute bars of earlier sessions and of today stand in for trades nobody saw.

What the own tape has is better and stays (`features.remembered.lacking` says what it does not have).
The rest is asked of the venue, as minute bars of the contract that is traded now: up to 20 sessions
with some to spare for those that do not count, and today up to now, the bar in the making included.
The feed is started after this, so nothing counts twice; the moments in between are a gap.

A start does not fail for want of history: without an answer there is none, and it says so.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from fabio.adapters.topstepx.enums import BarUnit
from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.records import Bar
from fabio.adapters.topstepx.rest.endpoints import BarsQuery, Rest, bar_start_ns
from fabio.adapters.topstepx.rest.history import retrieve_bars
from fabio.features.from_bars import MinuteBars, history_behind, prints_of
from fabio.features.layout import HISTORY_SESSIONS, MINUTE_NS, SESSION_MINUTES
from fabio.features.remembered import History, Remembered, lacking
from fabio.model.instrument import Instrument, OffGrid
from fabio.model.session import SessionTable

SPARE_SESSIONS = 5
"""Asked for beside the 20: a short holiday session does not count as finished."""

CLOCKS_NS = 1_000_000_000
"""The venue's clock is known to half a second: no made print may stand later than the first true one."""


class PastMarket(msgspec.Struct, frozen=True, kw_only=True):
    """Whose history is wanted.

    Parameters
    ----------
    table
        Should reach 25 sessions back.
    live
        The market-data subscription: False for simulated accounts.
    remembered
        What the market knows from its own tape.
    """

    instrument: Instrument
    table: SessionTable
    contract_id: str
    live: bool
    remembered: Remembered


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Parameters
    ----------
    history
        To be put behind the market; None where nothing is lacking, or nothing could be had.
    source
        Where it is from, for the journal.
    sessions
        Finished sessions in it.
    minutes
        Bars of today in it.
    latest_ns
        Exchange time up to which the market is known with it.
    last_ticks
        The last price known; None without any.
    words
        What a person should hear of it; empty for nothing.
    """

    history: History | None = None
    source: str = ""
    sessions: int = 0
    minutes: int = 0
    latest_ns: int = 0
    last_ticks: int | None = None
    words: str = ""


def minute_bars(bars: Sequence[Bar], instrument: Instrument) -> tuple[MinuteBars, Counter[str]]:
    """Turn bars of the wire into columns on our grid; count those that are none, by what is wrong.

    Raises
    ------
    WireError
        If a bar has no time.
    """
    rows: dict[int, tuple[int, ...]] = {}
    bad: Counter[str] = Counter()
    for bar in bars:
        start_ns = bar_start_ns(bar)
        try:
            opened, high, low, close = (instrument.price_ticks(price) for price in (bar.o, bar.h, bar.l, bar.c))
        except OffGrid:
            bad["off grid"] += 1
            continue
        if bar.v <= 0:
            bad["without volume"] += 1
        elif not low <= min(opened, close) <= max(opened, close) <= high:
            bad["impossible"] += 1
        elif low <= 0 and not instrument.allows_negative_price:
            bad["without a price"] += 1
        else:
            rows[start_ns] = (start_ns, opened, high, low, close, bar.v * int(1 / instrument.size_step))
    columns = np.array([rows[start_ns] for start_ns in sorted(rows)], dtype=np.int64).reshape(-1, 6)
    return MinuteBars(*(np.ascontiguousarray(column) for column in columns.T)), bad


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """Bars as they came; `words` say why some are missing."""

    bars: tuple[Bar, ...] = ()
    words: str = ""


async def load_past(rest: Rest, market: PastMarket, now_ns: int) -> Past:
    """Ask for what a market lacks, and make a history of it; before ticks come, as that takes a second or two.

    Parameters
    ----------
    now_ns
        The venue's clock.

    Raises
    ------
    NoSession
        If the table does not cover `now_ns`.
    CredentialsRefused
        If a person has to act first.
    """
    fetched = await fetch_past(rest, market, now_ns)
    return make_past(market, fetched, now_ns)


async def fetch_past(rest: Rest, market: PastMarket, now_ns: int) -> Fetched:
    """Ask for the bars of what a market lacks; raises what `load_past` raises."""
    lacks = lacking(market.remembered, market.table, now_ns)
    from_ns = lacks.today_from_ns
    if lacks.sessions:
        index = market.table.index_at(now_ns)
        from_ns = int(market.table.opens_ns[max(index - HISTORY_SESSIONS - SPARE_SESSIONS, 0)])
    if from_ns is None:
        return Fetched()
    query = BarsQuery(
        contract_id=market.contract_id, start_ns=from_ns, end_ns=now_ns, unit=BarUnit.MINUTE, live=market.live,
        include_partial=True,
    )
    try:
        found = await retrieve_bars(rest, query)
    except (TemporaryError, PermanentError, WireError) as error:
        return Fetched(words=f"no history of {market.contract_id}: {error}")
    words = "" if found.complete else "the venue's pages end before the first session that was wanted"
    return Fetched(bars=found.bars, words=words)


def make_past(market: PastMarket, fetched: Fetched, now_ns: int) -> Past:
    """Make a history of the bars for the moment they were fetched at."""
    lacks, index = lacking(market.remembered, market.table, now_ns), market.table.index_at(now_ns)
    bars, bad = minute_bars(fetched.bars, market.instrument)
    said = [f"{count} bars {what}" for what, count in sorted(bad.items()) if what != "without volume"]
    words = "; ".join([fetched.words, *said] if fetched.words else said)
    today = bars.between(now_ns if lacks.today_from_ns is None else lacks.today_from_ns, now_ns)
    none = np.zeros((0, SESSION_MINUTES), dtype=np.int32)
    earlier = History(none, none, None)
    if lacks.sessions:
        earlier = history_behind(market.instrument, market.table, bars, index)
    count, latest_ns = len(earlier.running_range_ticks), market.remembered.latest_ns
    if not count and not len(today):
        return Past(latest_ns=latest_ns, words=words)
    history = History(
        earlier.running_range_ticks, earlier.bar_range_ticks, earlier.previous,
        before_date=int(market.table.dates[index]), today=prints_of(today, now_ns - CLOCKS_NS) if len(today) else None,
        only_today=not lacks.sessions,
    )
    return Past(
        history=history, sessions=count, minutes=len(today), words=words, last_ticks=int(bars.close_ticks[-1]),
        source=f"TopstepX minute bars of {market.contract_id}: {count} sessions, {len(today)} minutes of today",
        latest_ns=min(int(today.start_ns[-1]) + MINUTE_NS, now_ns) if len(today) else latest_ns,
    )
