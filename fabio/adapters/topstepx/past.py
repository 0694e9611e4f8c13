"""History on start: minute bars of earlier sessions and of today stand in for trades nobody saw.

What the own tape has is better and stays (`features.remembered.lacking` says what it does not have).
The rest is asked of the venue, as minute bars of the contract that is traded now: up to 20 sessions
with some to spare for those that do not count, and today up to now, the bar in the making included.
The feed is started after this, so nothing counts twice; the moments in between are a gap.

A start does not fail for want of history: without an answer there is none, and it says so.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from fabio.adapters.topstepx.enums import BarUnit
from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.history import retrieve_bars
from fabio.adapters.topstepx.records import Bar
from fabio.adapters.topstepx.rest import BarsQuery, Rest, bar_start_ns
from fabio.features.from_bars import MinuteBars, history_behind, prints_of
from fabio.features.layout import HISTORY_SESSIONS, MINUTE_NS, SESSION_MINUTES
from fabio.features.remembered import History, Remembered, lacking
from fabio.model.instrument import Instrument, OffGrid
from fabio.model.session import SessionTable

SPARE_SESSIONS = 5
"""Asked for beside the 20: a short holiday session does not count as finished."""


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


async def load_past(rest: Rest, market: PastMarket, now_ns: int) -> Past:
    """Ask for what a market lacks.

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
    lacks = lacking(market.remembered, market.table, now_ns)
    if not lacks.sessions and lacks.today_from_ns is None:
        return Past(latest_ns=market.remembered.latest_ns)
    index = market.table.index_at(now_ns)
    from_ns = int(market.table.opens_ns[index]) if lacks.today_from_ns is None else lacks.today_from_ns
    if lacks.sessions:
        from_ns = int(market.table.opens_ns[max(index - HISTORY_SESSIONS - SPARE_SESSIONS, 0)])
    query = BarsQuery(
        contract_id=market.contract_id, start_ns=from_ns, end_ns=now_ns, unit=BarUnit.MINUTE, live=market.live,
        include_partial=True,
    )
    try:
        fetched = await retrieve_bars(rest, query)
        bars, bad = await asyncio.to_thread(minute_bars, fetched.bars, market.instrument)
    except (TemporaryError, PermanentError, WireError) as error:
        return Past(latest_ns=market.remembered.latest_ns, words=f"no history of {market.contract_id}: {error}")
    words = [f"{count} bars {what}" for what, count in sorted(bad.items()) if what != "without volume"]
    if not fetched.complete:
        words.append("the venue's pages end before the first session wanted")
    made = await asyncio.to_thread(_made, market, bars, index, lacks.today_from_ns, lacks.sessions, now_ns)
    return msgspec.structs.replace(made, words="; ".join(words))


def _made(
    market: PastMarket, bars: MinuteBars, index: int, today_from_ns: int | None, sessions: bool, now_ns: int,
) -> Past:
    none = np.zeros((0, SESSION_MINUTES), dtype=np.int32)
    earlier = history_behind(market.instrument, market.table, bars, index) if sessions else History(none, none, None)
    today = bars.between(now_ns if today_from_ns is None else today_from_ns, now_ns)
    count = len(earlier.running_range_ticks)
    latest_ns = market.remembered.latest_ns
    if len(today):
        latest_ns = min(int(today.start_ns[-1]) + MINUTE_NS, now_ns)
    if not count and not len(today):
        return Past(latest_ns=latest_ns)
    history = History(
        earlier.running_range_ticks, earlier.bar_range_ticks, earlier.previous,
        before_date=int(market.table.dates[index]), today=prints_of(today, now_ns) if len(today) else None,
        only_today=not sessions,
    )
    return Past(
        history=history, source=f"TopstepX minute bars of {market.contract_id}: {count} sessions, "
        f"{len(today)} minutes of today", sessions=count, minutes=len(today), latest_ns=latest_ns,
        last_ticks=int(bars.close_ticks[-1]) if len(bars) else None,
    )
