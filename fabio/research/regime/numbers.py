"""The six numbers that the learned classifiers see: the rules' four, a slope, and a short look.

All are of the last 20 one-minute bars (15 at least), the sixth of the last 5; each minute's are made of
that minute and those before it alone. The first four are what `regime.rules` reads, as columns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabio.regime.rules import DEFAULT_RULES, RuleSettings

Floats = NDArray[np.float64]
NUMBERS = ("er", "vr", "nz", "rot", "slope", "short_vr")
ER, VR, NZ, ROT, SLOPE, SHORT_VR = range(len(NUMBERS))
SHORT_BARS = 5
SLOPE_LIMIT = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class BarColumns:
    """One session's 1-minute bars as columns, in ticks, one row a minute without a hole.

    `usual_range_ticks` is the usual range at that minute, NaN where it is not known.
    """

    open_ticks: Floats
    high_ticks: Floats
    low_ticks: Floats
    close_ticks: Floats
    usual_range_ticks: Floats

    def __len__(self) -> int:
        return len(self.close_ticks)


def numbers_of(bars: BarColumns, settings: RuleSettings = DEFAULT_RULES) -> Floats:
    """Give the six numbers of each minute, shape (minutes, 6); NaN before there are enough bars.

    `er`, `vr`, `nz` and `rot` as in `RuleReading`; `slope` is the t-value of the line through the closes,
    at most 20; `short_vr` the range ratio of the last 5 bars.
    """
    count, window = len(bars), settings.window_bars
    numbers = np.full((count, len(NUMBERS)), np.nan)
    if count < settings.least_bars:
        return numbers
    ends = np.arange(settings.least_bars - 1, count)
    first = np.maximum(ends - window + 1, 0)
    length = (ends - first + 1).astype(np.float64)
    bases = np.maximum(bars.usual_range_ticks, settings.base_floor_ticks)
    before = np.concatenate(([bars.open_ticks[0]], bars.close_ticks[:-1]))
    changes = bars.close_ticks - before
    # the window begins at its first bar's open, not at the close before it
    opening = bars.close_ticks[first] - bars.open_ticks[first]
    net = bars.close_ticks[ends] - bars.open_ticks[first]
    path = _sums(np.abs(changes), first + 1, ends) + np.abs(opening)
    base = _sums(bases, first, ends)
    spans = bars.high_ticks - bars.low_ticks
    numbers[ends, ER] = np.divide(net, path, out=np.zeros_like(net), where=path > 0)
    numbers[ends, VR] = _sums(spans, first, ends) / base
    numbers[ends, NZ] = net * np.sqrt(length) / base
    numbers[ends, ROT] = _turns(changes, opening, first, ends) / (length - 1)
    numbers[ends, SLOPE] = _slopes(bars.close_ticks, first, ends, window)
    short = np.maximum(ends - SHORT_BARS + 1, 0)
    numbers[ends, SHORT_VR] = _sums(spans, short, ends) / _sums(bases, short, ends)
    return numbers


def _sums(values: Floats, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
    """Sum `[first, last]`, each row its own."""
    totals = np.concatenate(([0.0], np.cumsum(values)))
    sums: Floats = totals[last + 1] - totals[first]
    return sums


def _turns(changes: Floats, opening: Floats, first: NDArray[np.int64], ends: NDArray[np.int64]) -> Floats:
    """Count neighbouring changes of different sign; a bar that stood is passed over."""
    turns = np.zeros(len(ends))
    sign = np.sign(opening)
    for offset in range(1, int((ends - first).max()) + 1):
        place = first + offset
        inside = place <= ends
        now = np.where(inside, np.sign(changes[np.minimum(place, len(changes) - 1)]), 0.0)
        turns += now * sign < 0
        sign = np.where(now != 0, now, sign)
    return turns


def _slopes(closes: Floats, first: NDArray[np.int64], ends: NDArray[np.int64], window: int) -> Floats:
    """Give the t-value of the least-squares line through the closes of each window."""
    places = first[:, None] + np.arange(window)[None, :]
    inside = places <= ends[:, None]
    values = np.where(inside, closes[np.minimum(places, len(closes) - 1)], 0.0)
    times = np.where(inside, np.arange(window)[None, :].astype(np.float64), 0.0)
    length = inside.sum(axis=1)
    values = np.where(inside, values - (values.sum(axis=1) / length)[:, None], 0.0)
    times = np.where(inside, times - (times.sum(axis=1) / length)[:, None], 0.0)
    product = (times * values).sum(axis=1)
    scale = np.sqrt((times**2).sum(axis=1) * (values**2).sum(axis=1))
    correlation = np.clip(np.divide(product, scale, out=np.zeros_like(product), where=scale > 0), -1.0, 1.0)
    rest = np.sqrt(np.maximum(1.0 - correlation**2, 1e-12))
    slopes: Floats = np.clip(correlation * np.sqrt(length - 2) / rest, -SLOPE_LIMIT, SLOPE_LIMIT)
    return slopes
