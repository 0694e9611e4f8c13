"""What the synthetic market is calibrated to: curves and tables measured on real tapes.

Each constant names its tape; `docs/synthetic.md` compares them with what comes out, and
`benchmarks/calibrate_synthetic.py` measures both sides again. Tables that need a
logarithm or an exponential are rounded, so that libraries that differ in the last bit
still give the same bytes.
"""

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

HALF_HOURS = 46
"""A full session: 17:00 to 16:00 Chicago."""

REGULAR_OPEN_MINUTE, REGULAR_CLOSE_MINUTE, SESSION_MINUTES = 930, 1320, 1380
"""08:30, 15:00 and 16:00 Chicago, in minutes since 17:00."""

NQ_RANGE_BP = (
    3.83, 2.46, 2.65, 2.44, 3.16, 2.70, 2.61, 2.42, 2.25, 1.97, 1.92, 1.80, 1.87, 1.76, 2.10, 2.26,
    2.72, 2.58, 3.80, 3.26, 3.68, 2.99, 2.82, 2.58, 2.86, 2.85, 3.31, 3.19, 3.55, 4.81, 4.23,
    10.87, 9.47, 7.95, 7.02, 6.44, 5.91, 5.59, 5.82, 5.62, 5.70, 5.51, 5.53, 6.70, 4.16, 2.38,
)
"""Mean 1-minute range per half hour, 1e-4 of the price: `nq_bars_1m_tv_202408_202512`."""

NQ_VOLUME_SHARE = (
    .00734, .00441, .00499, .00458, .00650, .00528, .00492, .00436, .00403, .00339, .00337, .00288,
    .00322, .00288, .00343, .00368, .00497, .00469, .00828, .00681, .00858, .00616, .00582, .00550,
    .00648, .00676, .00879, .00889, .01145, .01916, .02238,
    .11622, .08710, .07054, .06038, .05458, .04708, .04356, .04247, .04086, .04166, .04017, .04157,
    .07555, .02709, .00721,
)
"""Share of the session's volume per half hour: `nq_bars_5m_volume_tv_202412_202512`."""

ES_VOLUME_SHARE = (
    .00429, .00195, .00254, .00250, .00421, .00356, .00379, .00370, .00290, .00255, .00208, .00193,
    .00173, .00163, .00205, .00203, .00417, .00384, .01022, .00747, .00731, .00618, .00630, .00589,
    .00580, .00572, .00692, .00796, .01061, .01616, .01771,
    .11628, .08364, .07031, .06190, .05221, .04330, .03742, .03652, .03491, .04295, .04282, .04876,
    .10974, .04763, .00594,
)
"""The same for ES: `es_bars_5m_bidask_2016_2019`, each session's busiest contract."""

PRINTS_PER_EVENT = ((1, 0.800), (2, 0.110), (3, 0.040), (4, 0.018), (5, 0.010), (6, 0.006), (8, 0.008),
                    (12, 0.005), (20, 0.0025), (40, 0.0005))
"""How many prints one aggressor makes in one nanosecond. `nq_databento_trades_20250504`: 89 %
one, 7 % two; regular hours (`nq_trades_20251009_30min`) sweep more."""

NQ_SIZES = ((1, 0.800), (2, 0.126), (3, 0.030), (4, 0.014), (5, 0.013), (6, 0.006), (8, 0.005), (10, 0.0035),
            (15, 0.0013), (25, 0.0008), (50, 0.0003), (100, 0.0001))
"""Contracts per print, quantiles of `nq_databento_trades_20250504`; the tail is made heavier."""

ES_SIZES = ((1, 0.512), (2, 0.170), (3, 0.080), (4, 0.050), (5, 0.035), (6, 0.020), (8, 0.036), (10, 0.030),
            (14, 0.020), (20, 0.018), (38, 0.019), (50, 0.005), (104, 0.004), (300, 0.0009), (1000, 0.0001))
"""Contracts per print, quantiles of the regular hours of `es_trades_20130901_20130903`."""

GAP_QUANTILES = ((0.0, 1), (0.10, 20), (0.25, 80), (0.50, 480), (0.75, 1330), (0.90, 2670),
                 (0.99, 6300), (1.0, 20000))
"""Waiting time between events, 1e-3 of the mean: `nq_trades_20251009_30min`, milliseconds over 198 ms."""


@dataclass(frozen=True)
class Shape:
    """The figures one family of contracts shares.

    Parameters
    ----------
    range_bp
        Mean 1-minute range per half hour of the session, in 1e-4 of the price.
    volume_share
        Share of the session's volume per half hour.
    sizes
        Contracts per print and their probabilities.
    half_spread_ticks
        Regular hours, other hours.
    outward_sixteenths
        How many in 16 of an event's later prints go a tick further: thick books hold.
    """

    range_bp: tuple[float, ...]
    volume_share: tuple[float, ...]
    sizes: tuple[tuple[int, float], ...]
    half_spread_ticks: tuple[float, float]
    outward_sixteenths: int


NQ = Shape(NQ_RANGE_BP, NQ_VOLUME_SHARE, NQ_SIZES, (0.6, 1.1), 8)
ES = Shape(tuple(round(0.85 * value, 3) for value in NQ_RANGE_BP), ES_VOLUME_SHARE, ES_SIZES, (0.5, 0.5), 1)


def shape_of(symbol: str) -> Shape:
    """Give the family a contract is made like: ES and MES have their own, all others are made like NQ."""
    return ES if symbol in ("ES", "MES") else NQ


@cache
def minute_curves(symbol: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give range (1e-4 of the price) and volume share for each of a full session's 1,380 minutes.

    Half hours are joined by straight lines, but not over the regular open and close,
    where activity jumps. Volume shares sum to about 1.
    """
    shape = shape_of(symbol)
    ranges: list[float] = []
    shares: list[float] = []
    for minute in range(SESSION_MINUTES):
        left, right, weight = _neighbours(minute)
        ranges.append((1 - weight) * shape.range_bp[left] + weight * shape.range_bp[right])
        shares.append(((1 - weight) * shape.volume_share[left] + weight * shape.volume_share[right]) / 30)
    total = math.fsum(shares)
    return tuple(round(value, 6) for value in ranges), tuple(round(value / total, 9) for value in shares)


def _neighbours(minute: int) -> tuple[int, int, float]:
    """Half hours between whose centres a minute lies, and how far to the right one."""
    zones = (0, REGULAR_OPEN_MINUTE // 30, REGULAR_CLOSE_MINUTE // 30, HALF_HOURS)
    here = minute // 30
    first = max(edge for edge in zones if edge <= here)
    last = min(edge for edge in zones if edge > here) - 1
    place = (minute + 0.5) / 30 - 0.5
    left = min(max(math.floor(place), first), last)
    right = min(left + 1, last)
    return left, right, min(max(place - left, 0.0), 1.0)


@cache
def student_quantiles() -> tuple[float, ...]:
    """4,096 quantiles of Student's t with 4 degrees of freedom, scaled to variance 1 (closed form)."""
    values = []
    for index in range(4096):
        u = (index + 0.5) / 4096
        alpha = 4 * u * (1 - u)
        root = math.sqrt(alpha)
        q = math.cos(math.acos(root) / 3) / root
        values.append(round(math.copysign(2 * math.sqrt(max(q - 1, 0.0)), u - 0.5) / math.sqrt(2), 6))
    return tuple(values)


@cache
def gap_table() -> NDArray[np.int64]:
    """65,536 equally likely waiting times, joined by straight lines between the measured quantiles."""
    out: list[int] = []
    knots = [(round(share * 65536), value) for share, value in GAP_QUANTILES]
    for (left, low), (right, high) in pairwise(knots):
        out.extend(low + (high - low) * step // (right - left) for step in range(right - left))
    return np.array(out, dtype=np.int64)


@cache
def choice_table(weights: tuple[tuple[int, float], ...]) -> NDArray[np.int64]:
    """65,536 equally likely values that follow `weights`; what rounding leaves goes to the first value."""
    values = np.full(65536, weights[0][0], dtype=np.int64)
    place = 65536
    for value, share in reversed(weights[1:]):
        width = round(share * 65536)
        values[place - width:place] = value
        place -= width
    return values
