"""The jitted per-tick loop: statistics, watched prices, shadows, cadence; it stops when asked to.

Python runs only where something that somebody asked for happened. The loop is the same
for one tick live and for ten million in a replay, for one instrument and for several.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.exchange.shadow_kernel import shadow_is_quiet, shadow_tick
from fabio.features.compiled import kernel
from fabio.features.kernel import update
from fabio.features.layout import REJECTED
from fabio.regime.cadence import band_limits

# -- control of one market, int64
(
    WANTED,             # mask of the feature kernel's happenings that wake
    WATCH_UP,           # nearest watched price above; touched at or beyond
    WATCH_DOWN,
    HIGH_SINCE,         # extremes since the position was opened
    LOW_SINCE,
    BAND,               # 0 none, 1 outer, 2 inner
    BAND_LOW,           # the band stays the same within these prices
    BAND_HIGH,
    ASK_DUE_NS,         # runtime clock; NEVER where nothing is to be asked
    LAST_ASK_NS,
    INTERVAL_AT,        # three intervals by band, ns
    _INTERVAL_OUTER,
    _INTERVAL_INNER,
    ASKING,             # 0 where nothing is to be asked, as when the bare loop is timed
    ZONES,              # rows used of the zones array
    LAST_RECV_NS,       # runtime clock of the last tick of this market
) = range(16)
CONTROL_SIZE = 16
MAX_ZONES = 32
NEVER = (1 << 63) - 1
PRICE_TOUCHED, ASK_DUE = 1 << 10, 1 << 11


@kernel
def reband(c: NDArray[np.int64], zones: NDArray[np.int64], price: int) -> None:
    """Find the band of a price anew, and with it when the next question is due."""
    band, low, high = band_limits(zones[: c[ZONES]], price)
    c[BAND], c[BAND_LOW], c[BAND_HIGH] = band, low, high
    c[ASK_DUE_NS] = c[LAST_ASK_NS] + c[INTERVAL_AT + band] if c[ASKING] != 0 else NEVER


@kernel
def advance(
    s: NDArray[np.int64], rows: NDArray[np.int64], trades: NDArray[np.int64],
    control: NDArray[np.int64], zones: NDArray[np.int64], book: NDArray[np.int64], slots: NDArray[np.int64],
    ts_event_ns: NDArray[np.int64], ts_recv_ns: NDArray[np.int64], price_ticks: NDArray[np.int64],
    size_steps: NDArray[np.int64], side: NDArray[np.int8], market: NDArray[np.int8],
    start: int, until_ns: int,
) -> tuple[int, int, int]:
    """Consume ticks up to and including the first wake, at most to `until_ns`.

    All state arrays have one row a market in front. Returns the index after the last tick
    consumed, why it stopped (0: the batch or the time ran out; negative: what the arrays
    of a market lack, the tick is not consumed), and the market.
    """
    for i in range(start, len(ts_event_ns)):
        now_ns = ts_recv_ns[i]
        if now_ns > until_ns:
            return i, 0, 0
        m = market[i]
        price = price_ticks[i]
        happened = update(s[m], rows[m], trades[m], ts_event_ns[i], price, size_steps[i], side[i])
        if happened < 0:
            return i, happened, m
        c = control[m]
        wake = happened & c[WANTED]
        if happened & REJECTED == 0:
            if not shadow_is_quiet(book[m], now_ns, price):
                shadow_tick(book[m], slots[m], now_ns, price)
            c[LAST_RECV_NS] = now_ns
            if price >= c[WATCH_UP] or price <= c[WATCH_DOWN]:
                wake |= PRICE_TOUCHED
            if price > c[HIGH_SINCE]:
                c[HIGH_SINCE] = price
            if price < c[LOW_SINCE]:
                c[LOW_SINCE] = price
            if price < c[BAND_LOW] or price > c[BAND_HIGH]:
                reband(c, zones[m], price)
            if now_ns >= c[ASK_DUE_NS]:
                wake |= ASK_DUE
        if wake != 0:
            return i + 1, wake, m
    return len(ts_event_ns), 0, 0
