"""Absorption and exhaustion: is the aggressor getting anywhere?

Absorption: one side hits hard and price holds. Exhaustion: a new extreme on fading delta.
Both 0 to 1, both computed when read.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.cvd import sampled_seconds
from fabio.features.inlined import piece
from fabio.features.layout import (
    CVD,
    DELTAS_AT,
    FIRST_SECOND,
    R_CVD,
    R_UNKNOWN,
    R_VOLUME,
    RING_MASK,
    SECOND,
    SECOND_NS,
    TRADE_PRICE,
    TRADES,
    UNKNOWN,
    VOLUME,
)
from fabio.features.seconds import NO_HIGH, NO_LOW, extremes, highest, lowest, record_at

FEWEST_TRADES = 20
FEWEST_SECONDS = 120
WINDOW_S = 900


@piece
def absorption(
    s: NDArray[np.int64], trades: NDArray[np.int64], flow: tuple[int, int, int, int],
    extreme: tuple[int, int], bar_range: float,
) -> tuple[float, float]:
    """Buy and sell absorption over the last minute; NaN where unknown.

    Parameters
    ----------
    flow
        Trades, volume, unknown volume and delta of the last minute.
    extreme
        High and low of the last minute.
    bar_range
        Mean bar range of 5 minutes in ticks; NaN without a bar.
    """
    count, volume, unknown, delta = flow
    if count < FEWEST_TRADES or 2 * unknown > volume or not bar_range > 0:
        return np.nan, np.nan
    first_price = trades[(s[TRADES] - count) & (len(trades) - 1), TRADE_PRICE]
    sells = (volume - unknown - delta) // 2
    buys = (volume - unknown + delta) // 2
    down_move = first_price - extreme[1]
    up_move = extreme[0] - first_price
    buy = max(0.0, 2 * sells / volume - 1) * max(0.0, 1 - down_move / bar_range)
    sell = max(0.0, 2 * buys / volume - 1) * max(0.0, 1 - up_move / bar_range)
    return buy, sell


@piece
def exhaustion(
    s: NDArray[np.int64], trades: NDArray[np.int64], now_ns: int, extreme: tuple[int, int],
) -> tuple[float, float]:
    """Buy and sell exhaustion; NaN where unknown.

    D is sampled at second ends, so D(t) is its latest sample. `extreme` is the high and low
    of the last minute. The unknown side is judged over the 15 minutes of seconds sampled.
    """
    n = sampled_seconds(s, now_ns, WINDOW_S)
    if n < FEWEST_SECONDS:
        return np.nan, np.nan
    last = now_ns // SECOND_NS - 1
    first = last - n + 1
    if _mostly_unknown(s, first, last):
        return np.nan, np.nan
    high, low, latest = _delta_extremes(s, first, last)
    earlier_high, earlier_low = extremes(s, trades, now_ns - WINDOW_S * SECOND_NS, now_ns - 60 * SECOND_NS)
    buy = sell = np.nan
    if high > 0:
        new_high = earlier_high != NO_HIGH and extreme[0] > earlier_high
        buy = min(max(1 - latest / high, 0.0), 1.0) if new_high else 0.0
    if low < 0:
        new_low = earlier_low != NO_LOW and extreme[1] < earlier_low
        sell = min(max(1 - latest / low, 0.0), 1.0) if new_low else 0.0
    return buy, sell


@piece
def _mostly_unknown(s: NDArray[np.int64], first: int, last: int) -> bool:
    """Whether more than half of the volume of these ended seconds is of unknown side."""
    volume, unknown = s[VOLUME], s[UNKNOWN]
    if last < s[SECOND]:
        at = record_at(last)
        volume, unknown = s[at + R_VOLUME], s[at + R_UNKNOWN]
    before = first - 1
    if before >= s[SECOND]:
        return False
    if before >= s[FIRST_SECOND]:
        at = record_at(before)
        volume -= s[at + R_VOLUME]
        unknown -= s[at + R_UNKNOWN]
    return bool(2 * unknown > volume)


@piece
def _delta_extremes(s: NDArray[np.int64], first: int, last: int) -> tuple[int, int, int]:
    """Highest, lowest and latest 60 s delta sampled at the ends of these seconds."""
    end = min(last, s[SECOND] - 1)
    high = highest(s, DELTAS_AT, first, end, NO_HIGH)
    low = lowest(s, DELTAS_AT, first, end, NO_LOW)
    latest = s[DELTAS_AT + (end & RING_MASK)] if first <= end else 0
    for second in range(max(first, s[SECOND]), last + 1):
        # seconds after the last trade: the CVD is carried, the window's start still moves
        earlier = second - 60
        latest = s[CVD]
        if earlier >= s[SECOND]:
            latest = 0
        elif earlier >= s[FIRST_SECOND]:
            latest -= s[record_at(earlier) + R_CVD]
        high = max(high, latest)
        low = min(low, latest)
    return high, low, latest
