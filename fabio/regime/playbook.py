"""The playbook classifier: which regime's conditions hold, and the market state.

Each regime has five conditions; its score is the share of the known ones that hold. A
condition is unknown while its statistic is null or its window is longer than the
session so far; with fewer than 3 known a regime has no score. The highest score wins if
it is high enough and far enough above the second, else the label is `unclear`.
"""

from collections.abc import Sequence

import msgspec

from fabio.model.bar import Bar
from fabio.model.regime import Balance, Direction, Label
from fabio.model.stats import MarketStats

NS = 1_000_000_000
MIN_5_S, MIN_15_S, MIN_30_S = 300.0, 900.0, 1800.0
ROUNDING = 1e-9
"""Scores are quotients: 0.8 - 0.6 must still count as 0.2."""


class PlaybookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the playbook; shares and percentiles in [0, 1].

    Parameters
    ----------
    near_bar_ranges, far_bar_ranges
        Distances from the POC, in multiples of the mean 1-minute bar range of 15 minutes.
    near_ticks, far_ticks
        Where set, they stand in for the multiples, in ticks.
    strong_flow, flat_flow
        Absolute `cvd_slope_5min_norm` over which flow is strong, under which it is flat.
    trend_percentile
        Session range percentile a trend exceeds.
    outside_share
        Share of 30 minutes outside value a trend exceeds; also above (or below) value for
        the market state out of balance.
    trend_crosses_below
        POC crosses in 30 minutes a trend stays under.
    range_percentile_low, range_percentile_high
        Range percentiles of a range, inclusive.
    range_crosses_low, range_crosses_high
        POC crosses in 30 minutes of a range, inclusive; more is chop.
    balance_share
        Share of 30 minutes in value that a range, and the market state balanced, exceed.
    chop_percentile
        Range percentile chop stays under.
    chop_near_poc_s
        Seconds of 30 minutes near the POC that chop exceeds, 0 to 1800.
    least_known
        Known conditions that a score needs, 1 to 5.
    least_score, least_lead
        What the winner needs, and its distance to the second.
    """

    near_bar_ranges: float = 0.5
    far_bar_ranges: float = 3.0
    near_ticks: float | None = None
    far_ticks: float | None = None
    strong_flow: float = 0.25
    flat_flow: float = 0.05
    trend_percentile: float = 0.60
    outside_share: float = 0.50
    trend_crosses_below: int = 10
    range_percentile_low: float = 0.30
    range_percentile_high: float = 0.70
    range_crosses_low: int = 10
    range_crosses_high: int = 25
    balance_share: float = 0.60
    chop_percentile: float = 0.30
    chop_near_poc_s: float = 1000.0
    least_known: int = 3
    least_score: float = 0.6
    least_lead: float = 0.2

    def __post_init__(self) -> None:
        shares = ("trend_percentile", "outside_share", "range_percentile_low", "range_percentile_high",
                  "balance_share", "chop_percentile", "strong_flow", "flat_flow", "least_score", "least_lead")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in 0 to 1")
        for low, high in (("near_bar_ranges", "far_bar_ranges"), ("flat_flow", "strong_flow"),
                          ("range_percentile_low", "range_percentile_high"),
                          ("range_crosses_low", "range_crosses_high")):
            if not 0 <= getattr(self, low) <= getattr(self, high):
                raise ValueError(f"{low} is {getattr(self, low)} and {high} {getattr(self, high)}; "
                                 f"they must satisfy 0 <= {low} <= {high}")
        for name in ("near_ticks", "far_ticks"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value} ticks; it must be above 0, or left out")
        if not 0 <= self.chop_near_poc_s <= MIN_30_S:
            raise ValueError(f"chop_near_poc_s is {self.chop_near_poc_s} s; it must lie in 0 to 1800")
        if not 1 <= self.least_known <= 5:
            raise ValueError(f"least_known is {self.least_known}; it must lie in 1 to 5")
        if self.trend_crosses_below < 0:
            raise ValueError(f"trend_crosses_below is {self.trend_crosses_below}; it must be 0 or more")


PRESETS: dict[str, PlaybookSettings] = {
    "default": PlaybookSettings(),
    # the original playbook's numbers for NQ; on real tapes they almost never hold together
    "seed": PlaybookSettings(near_ticks=5.0, far_ticks=20.0, strong_flow=0.5, flat_flow=0.1),
}


class PlaybookReading(msgspec.Struct, frozen=True, gc=False):
    """What the playbook says; scores in [0, 1], None with too few known conditions.

    `confidence` is the lead of the best score over the second (over 0 where there is none).
    """

    label: Label
    direction: Direction
    confidence: float
    trend: float | None
    range: float | None
    chop: float | None


def read_playbook(
    stats: MarketStats,
    bars: Sequence[Bar],
    near_poc_30min_s: float | None,
    session_age_s: float,
    settings: PlaybookSettings = PRESETS["default"],
) -> PlaybookReading:
    """Score the three regimes of the playbook.

    Cost: one pass over 30 bars, about 8 us.

    Parameters
    ----------
    bars
        Finished 1-minute bars, oldest first; those of the last 30 minutes are looked at.
    near_poc_30min_s
        Seconds of the last 30 minutes within `near` of the POC; None where nobody booked it.
    session_age_s
        Open time since the session's first trade, in seconds.
    """
    trend = _score(_trend_conditions(stats, session_age_s, settings), settings)
    ranging = _score(_range_conditions(stats, bars, session_age_s, settings), settings)
    chop = _score(_chop_conditions(stats, near_poc_30min_s, session_age_s, settings), settings)
    named: tuple[tuple[float | None, Label], ...] = ((trend, "trend"), (ranging, "range"), (chop, "chop"))
    label: Label = "unclear"
    best, second = -1.0, 0.0
    for score, name in named:
        if score is None:
            continue
        if score > best:
            best, second, label = score, max(best, 0.0), name
        elif score > second:
            second = score
    lead = max(best, 0.0) - second
    if best < settings.least_score - ROUNDING or lead < settings.least_lead - ROUNDING:
        label = "unclear"
    direction: Direction = "none"
    slope = stats.cvd_slope_5min
    if label == "trend" and slope is not None and slope != 0:
        direction = "up" if slope > 0 else "down"
    return PlaybookReading(label, direction, lead, trend, ranging, chop)


def market_state(
    stats: MarketStats, session_age_s: float, settings: PlaybookSettings = PRESETS["default"]
) -> Balance:
    """Tell whether the market is in balance; `transition` while the session is under 30 minutes old."""
    elapsed = _elapsed_30min_ns(stats)
    if session_age_s < MIN_30_S or elapsed == 0:
        return "transition"
    if stats.in_value_30min_ns > settings.balance_share * elapsed:
        return "balanced"
    slope = stats.cvd_slope_5min
    if slope is not None:
        if slope > 0 and stats.above_value_30min_ns > settings.outside_share * elapsed:
            return "out_of_balance_up"
        if slope < 0 and stats.below_value_30min_ns > settings.outside_share * elapsed:
            return "out_of_balance_down"
    return "transition"


Held = bool | None


def _score(conditions: tuple[Held, ...], settings: PlaybookSettings) -> float | None:
    known = [held for held in conditions if held is not None]
    if len(known) < settings.least_known:
        return None
    return sum(known) / len(known)


def _elapsed_30min_ns(stats: MarketStats) -> int:
    return stats.in_value_30min_ns + stats.above_value_30min_ns + stats.below_value_30min_ns


def _trend_conditions(stats: MarketStats, age_s: float, settings: PlaybookSettings) -> tuple[Held, ...]:
    far = _distance(settings.far_ticks, settings.far_bar_ranges, stats, age_s)
    elapsed = _elapsed_30min_ns(stats)
    outside = stats.above_value_30min_ns + stats.below_value_30min_ns
    flow = stats.cvd_slope_5min_norm
    half_hour = age_s >= MIN_30_S
    return (
        None if stats.range_percentile is None else stats.range_percentile > settings.trend_percentile,
        None if far is None else abs(stats.distance_to_poc_ticks) > far,
        outside > settings.outside_share * elapsed if half_hour and elapsed > 0 else None,
        None if flow is None or age_s < MIN_5_S else abs(flow) > settings.strong_flow,
        stats.crosses_30min < settings.trend_crosses_below if half_hour else None,
    )


def _range_conditions(
    stats: MarketStats, bars: Sequence[Bar], age_s: float, settings: PlaybookSettings
) -> tuple[Held, ...]:
    percentile, elapsed = stats.range_percentile, _elapsed_30min_ns(stats)
    short, long = stats.cvd_slope_5min, stats.cvd_slope_15min
    half_hour = age_s >= MIN_30_S
    return (
        None if percentile is None
        else settings.range_percentile_low <= percentile <= settings.range_percentile_high,
        outer_quarters_visited(stats, bars) if half_hour else None,
        settings.range_crosses_low <= stats.crosses_30min <= settings.range_crosses_high
        if half_hour else None,
        None if short is None or long is None or age_s < MIN_15_S else short * long <= 0,
        stats.in_value_30min_ns > settings.balance_share * elapsed if half_hour and elapsed > 0 else None,
    )


def _chop_conditions(
    stats: MarketStats, near_poc_30min_s: float | None, age_s: float, settings: PlaybookSettings
) -> tuple[Held, ...]:
    near = _distance(settings.near_ticks, settings.near_bar_ranges, stats, age_s)
    flow = stats.cvd_slope_5min_norm
    half_hour = age_s >= MIN_30_S
    return (
        None if stats.range_percentile is None else stats.range_percentile < settings.chop_percentile,
        None if near is None else abs(stats.distance_to_poc_ticks) <= near,
        stats.crosses_30min > settings.range_crosses_high if half_hour else None,
        None if flow is None or age_s < MIN_5_S else abs(flow) < settings.flat_flow,
        None if near_poc_30min_s is None or not half_hour else near_poc_30min_s > settings.chop_near_poc_s,
    )


def _distance(ticks: float | None, bar_ranges: float, stats: MarketStats, age_s: float) -> float | None:
    if ticks is not None:
        return ticks
    if stats.bar_range_15min_ticks is None or age_s < MIN_15_S:
        return None
    return bar_ranges * stats.bar_range_15min_ticks


def outer_quarters_visited(stats: MarketStats, bars: Sequence[Bar]) -> bool:
    """Tell whether bars of the last 30 minutes reached into both outer quarters of the value area.

    The rows of a bar all count as visited; the running minute counts by its last price only.
    """
    vah, val, last = stats.vah_ticks, stats.val_ticks, stats.last_ticks
    quarter = (vah - val) / 4
    upper_from, lower_to = vah - quarter, val + quarter
    upper, lower = upper_from <= last <= vah, val <= last <= lower_to
    since = stats.ts_ns - 1800 * NS
    for bar in reversed(bars):
        if bar.start_ns < since or (upper and lower):
            break
        upper = upper or (bar.high_ticks >= upper_from and bar.low_ticks <= vah)
        lower = lower or (bar.low_ticks <= lower_to and bar.high_ticks >= val)
    return upper and lower
