"""Realized volatility: standard deviation of one-second log returns, annualised."""

import math

import numpy as np
from numpy.typing import NDArray

from fabio.features.cvd import sampled_seconds
from fabio.features.inlined import inlined, piece
from fabio.features.layout import LAST, PRICES_AT, RING_MASK, SECOND, SECOND_NS, TRADING_SECONDS

WINDOW_S = 300
FEWEST_SAMPLES = 150


@piece
def _log_return(price: int, earlier: int) -> float:
    """log(price / earlier), by its series where the move is small, which is nearly always.

    With z = (p - q) / (p + q), log(p / q) = 2 (z + z^3 / 3 + z^5 / 5 + ...); the first term left
    out is below 1e-21 of the sum for |z| < 1e-3.
    """
    z = (price - earlier) / (price + earlier)
    if abs(z) > 1e-3:
        return math.log(price / earlier)
    square = z * z
    return 2.0 * z * (1.0 + square * (1 / 3 + square * (1 / 5 + square * (1 / 7))))


@inlined
def _price_at(s: NDArray[np.int64], second: int) -> int:
    """Last price at the end of a second of the window."""
    return int(s[LAST] if second >= s[SECOND] else s[PRICES_AT + (second & RING_MASK)])


@piece
def realized_vol(s: NDArray[np.int64], now_ns: int) -> float:
    """Annualised population standard deviation of the last 5 minutes' one-second returns.

    NaN below 150 samples, or with a price at or below 0 among them. Cost when read: about
    5 ns for each second in which the price changed.
    """
    n = sampled_seconds(s, now_ns, WINDOW_S)
    if n < FEWEST_SAMPLES:
        return np.nan
    last = now_ns // SECOND_NS - 1
    first = last - n + 1
    first_price, last_price = _price_at(s, first), _price_at(s, last)
    if first_price <= 0 or last_price <= 0:
        return np.nan
    mean = math.log(last_price / first_price) / (n - 1)
    earlier = first_price
    unmoved = n - 1
    squares = 0.0
    for second in range(first + 1, min(last, s[SECOND]) + 1):
        price = _price_at(s, second)
        if price != earlier:
            if price <= 0:
                return np.nan
            deviation = _log_return(price, earlier) - mean
            squares += deviation * deviation
            unmoved -= 1
            earlier = price
    squares += unmoved * mean * mean
    return math.sqrt(squares / (n - 1)) * math.sqrt(float(s[TRADING_SECONDS]))
