"""The rule classifier: a label from the last twenty 1-minute bars alone.

Four numbers are read from a window of W bars (20, at least 15):

- `er`, the signed efficiency ratio: net change over the sum of absolute changes, in [-1, 1];
- `vr`, the range ratio: mean bar range over the usual range at these minutes (at least 2 ticks);
- `nz`, the net move: net change over the usual range times sqrt(W);
- `rot`, the rotation: share of neighbouring changes that turn round, in [0, 1].

Quiet bars are `chop`, wild ones `volatile`; between them an efficient net move is a `trend`, the
rest `range`. The start values were the best of a grid on synthetic sessions with known labels.
Without an earlier session the usual range is unknown: the window's own mean range then stands in
for it in `nz`, `vr` is None, so that only `trend` and `range` can be told, at half the confidence.
"""

from collections.abc import Sequence
from math import sqrt

import msgspec

from fabio.model.bar import Bar
from fabio.model.regime import Direction, Label


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the rule classifier; ratios have no unit.

    Parameters
    ----------
    window_bars
        Bars looked at, 2 to 32.
    least_bars
        Below these the label is `unclear`; 2 to `window_bars`.
    base_floor_ticks
        Least usual range of a bar, in ticks, > 0.
    quiet_below
        Range ratio under which the market is `chop`, > 0.
    volatile_above
        Range ratio over which it is `volatile`, above `quiet_below`.
    trend_efficiency
        Absolute efficiency ratio a trend exceeds, (0, 1).
    trend_net_move
        Absolute net move a trend exceeds, > 0.
    fast_trend_efficiency
        With a range ratio over `volatile_above`, the efficiency ratio that still makes it a
        trend, (0, 1); None (the default) never does, since on synthetic sessions one
        volatile window in five would pass 0.35 by chance.
    """

    window_bars: int = 20
    least_bars: int = 15
    base_floor_ticks: float = 2.0
    quiet_below: float = 0.55
    volatile_above: float = 1.4
    trend_efficiency: float = 0.15
    trend_net_move: float = 0.5
    fast_trend_efficiency: float | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.window_bars <= 32:
            raise ValueError(f"window_bars is {self.window_bars}; it must lie in 2 to 32")
        if not 2 <= self.least_bars <= self.window_bars:
            raise ValueError(f"least_bars is {self.least_bars}; it must lie in 2 to window_bars "
                             f"({self.window_bars})")
        if not self.base_floor_ticks > 0:
            raise ValueError(f"base_floor_ticks is {self.base_floor_ticks}; it must be above 0")
        if not 0 < self.quiet_below < self.volatile_above:
            raise ValueError(f"quiet_below is {self.quiet_below} and volatile_above {self.volatile_above}; "
                             "they must satisfy 0 < quiet_below < volatile_above")
        if not 0 < self.trend_efficiency < 1:
            raise ValueError(f"trend_efficiency is {self.trend_efficiency}; it must lie between 0 and 1")
        if not self.trend_net_move > 0:
            raise ValueError(f"trend_net_move is {self.trend_net_move}; it must be above 0")
        if self.fast_trend_efficiency is not None and not 0 < self.fast_trend_efficiency < 1:
            raise ValueError(f"fast_trend_efficiency is {self.fast_trend_efficiency}; "
                             "it must lie between 0 and 1")


class RuleReading(msgspec.Struct, frozen=True, gc=False):
    """What the rules say at one minute.

    `confidence` in [0, 1] is the least distance to a threshold that would change the
    label, as a share of that threshold. `er`, `nz` and `rot` are None where the window is
    too short, `vr` also where no earlier session is known.
    """

    label: Label
    direction: Direction
    confidence: float
    er: float | None
    vr: float | None
    nz: float | None
    rot: float | None


DEFAULT_RULES = RuleSettings()
NOT_ENOUGH_BARS = RuleReading("unclear", "none", 0.0, None, None, None, None)


def classify(bars: Sequence[Bar], settings: RuleSettings = DEFAULT_RULES) -> RuleReading:
    """Label the market by its last bars.

    Cost: one pass over the window, about 5 us.

    Parameters
    ----------
    bars
        Finished 1-minute bars of the session, oldest first; more than the window is cut.

    Examples
    --------
    >>> rising = [Bar(60 * k, 8 * k, 8 * k + 10, 8 * k - 2, 8 * k + 8, 1, 0, 1, 12.0) for k in range(20)]
    >>> reading = classify(rising)
    >>> reading.label, reading.direction, reading.er, reading.vr, reading.rot
    ('trend', 'up', 1.0, 1.0, 0.0)
    >>> classify(rising[:14]).label
    'unclear'
    """
    window = bars[-settings.window_bars:]
    count = len(window)
    if count < settings.least_bars:
        return NOT_ENOUGH_BARS
    floor = settings.base_floor_ticks
    before = window[0].open_ticks
    net = window[-1].close_ticks - before
    path = ranges = known_ranges = known = turns = last_sign = 0
    bases = 0.0
    for bar in window:
        change = bar.close_ticks - before
        before = bar.close_ticks
        span = bar.high_ticks - bar.low_ticks
        ranges += span
        usual = bar.usual_range_ticks
        if usual is not None:
            known += 1
            known_ranges += span
            bases += usual if usual > floor else floor
        if change > 0:
            path += change
            turns += last_sign < 0
            last_sign = 1
        elif change < 0:
            path -= change
            turns += last_sign > 0
            last_sign = -1
    er = net / path if path else 0.0
    rot = turns / (count - 1)
    if known:
        vr = known_ranges / bases
        nz = net * known / (bases * sqrt(count))
        label, confidence = _decide(abs(er), abs(nz), vr, settings)
    else:
        vr = None
        nz = net / (max(ranges / count, floor) * sqrt(count))
        label, confidence = _trend_or_range(abs(er), abs(nz), settings)
        confidence *= 0.5
    direction: Direction = "none" if label != "trend" else "up" if net > 0 else "down"
    return RuleReading(label, direction, confidence, er, vr, nz, rot)


def _decide(er: float, nz: float, vr: float, settings: RuleSettings) -> tuple[Label, float]:
    if vr < settings.quiet_below:
        return "chop", 1.0 - vr / settings.quiet_below
    if vr > settings.volatile_above:
        beyond = min(vr / settings.volatile_above - 1.0, 1.0)
        fast = settings.fast_trend_efficiency
        if fast is not None and er > fast and nz > settings.trend_net_move:
            return "trend", min(er / fast - 1.0, nz / settings.trend_net_move - 1.0, 1.0)
        return "volatile", beyond
    label, confidence = _trend_or_range(er, nz, settings)
    return label, min(confidence, vr / settings.quiet_below - 1.0, 1.0 - vr / settings.volatile_above)


def _trend_or_range(er: float, nz: float, settings: RuleSettings) -> tuple[Label, float]:
    efficient, moved = er / settings.trend_efficiency - 1.0, nz / settings.trend_net_move - 1.0
    if efficient > 0 and moved > 0:
        return "trend", min(efficient, moved, 1.0)
    # either shortfall alone keeps it a range, so the larger one is the distance to a trend
    return "range", max(-efficient, -moved)


def reasoning(reading: RuleReading, settings: RuleSettings = DEFAULT_RULES) -> str:
    """Say in one sentence which numbers made the label.

    >>> reasoning(NOT_ENOUGH_BARS)
    'fewer than 15 one-minute bars in this session'
    """
    if reading.er is None or reading.nz is None:
        return f"fewer than {settings.least_bars} one-minute bars in this session"
    ratio = ("range_ratio unknown (no earlier session)" if reading.vr is None else
             f"range_ratio {reading.vr:.2f} (quiet below {settings.quiet_below}, "
             f"volatile above {settings.volatile_above})")
    return (f"{ratio}, efficiency_ratio {reading.er:+.2f} (trend beyond {settings.trend_efficiency}), "
            f"net_move {reading.nz:+.2f} (trend beyond {settings.trend_net_move})")
