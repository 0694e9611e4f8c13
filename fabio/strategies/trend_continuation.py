"""trend_continuation: out of balance, enter a trend when its pullback turns at a level that holds.

Long side; the short side is its mirror. All of these at a bar's close:

1. `trend`: the label in force is trend up, or the rules say trend and the window's net move is up.
2. `out_of_balance`: price spent enough of the last 30 minutes above value, or stands above it now.
3. `pullback`: since the window's high price fell back far enough, in bar ranges.
4. `level`: the pullback's low came near a level: an importance zone, or the session's VWAP.
5. `holds`: the last close is above that level again.
6. `turn`: the last bar is the first since the low to close above the high of the bar before it, so one
   pullback makes one signal.
7. `order_flow`: enough of the known pieces confirm (CVD slope, delta, big prints, absorption,
   exhaustion); what is not known neither confirms nor denies.

Entry at market. Stop beyond the lower of the level and the pullback's low, plus a buffer; never
widened, moved to break-even when the position is strong. Target a multiple of the risk. The state's
`stop_ticks` and `target_ticks` stand in for both distances where set.
"""

import msgspec

from fabio.model.signal import Exit, Signal, Tighten
from fabio.model.view import View, Wake
from fabio.strategies._evidence import (
    Condition,
    FlowThresholds,
    all_hold,
    break_even,
    flow_condition,
    spread_ticks,
    weigh,
)

NAME = "trend_continuation"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds; "bar ranges" are multiples of the mean 1-minute bar range of 15 minutes.

    Parameters
    ----------
    window_bars
        1-minute bars in which the swing is looked for, 5 to 32.
    outside_share
        Share of the last 30 minutes beyond value, 0 to 1.
    pullback_bar_ranges
        Least depth of the pullback in bar ranges, 0 to 20.
    touch_bar_ranges, touch_floor_ticks
        How near the pullback comes to the level: bar ranges, 0 to 5, and at least ticks, >= 0.
    use_vwap
        Whether the session's VWAP counts as a level.
    buffer_bar_ranges, buffer_floor_ticks
        Stop beyond the level: bar ranges, 0 to 5, and at least ticks, >= 1.
    target_r
        Target distance in multiples of the stop's, above 0 to 20.
    break_even_r
        Gain in multiples of the risk from which the stop may go to break-even, above 0 to 20.
    break_even_offset_ticks
        Ticks beyond the entry that pay the fees, 0 to 100.
    refuse_approximate_profile
        Whether to stay out of a session part of which is made of bars.
    flow
        What confirms.
    """

    window_bars: int = 20
    outside_share: float = 0.5
    pullback_bar_ranges: float = 0.75
    touch_bar_ranges: float = 1.0
    touch_floor_ticks: int = 2
    use_vwap: bool = True
    buffer_bar_ranges: float = 0.5
    buffer_floor_ticks: int = 2
    target_r: float = 2.0
    break_even_r: float = 1.0
    break_even_offset_ticks: int = 1
    refuse_approximate_profile: bool = False
    flow: FlowThresholds = FlowThresholds()

    def __post_init__(self) -> None:
        for name, low, high in (
            ("window_bars", 5, 32), ("outside_share", 0, 1), ("pullback_bar_ranges", 0, 20),
            ("touch_bar_ranges", 0, 5), ("touch_floor_ticks", 0, 1000), ("buffer_bar_ranges", 0, 5),
            ("buffer_floor_ticks", 1, 1000), ("target_r", 0.01, 20), ("break_even_r", 0.01, 20),
            ("break_even_offset_ticks", 0, 100),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in {low} to {high}")


class Look(msgspec.Struct, frozen=True):
    """What was seen; `side` is 0 where a condition failed, the prices are None where nothing was found."""

    conditions: tuple[Condition, ...]
    side: int = 0
    level: str = ""
    level_ticks: int | None = None
    extreme_ticks: int | None = None
    confidence: float = 0.0


class Strategy:
    """Wakes when a bar closes; manages its own position, else looks for an entry."""

    triggers = Wake.BAR_CLOSED

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def propose(self, view: View) -> Signal | Tighten | Exit | None:
        """Tighten the own position, or wish to enter where no condition fails."""
        position, settings = view.position, self.settings
        if position is not None and position.strategy == NAME:
            return break_even(view, position, settings.break_even_r, settings.break_even_offset_ticks,
                              settings.flow)
        look = self._look(view, whole=False)
        if look.side == 0 or look.level_ticks is None or look.extreme_ticks is None:
            return None
        return self._signal(view, look, look.level_ticks, look.extreme_ticks)

    def conditions(self, view: View) -> tuple[Condition, ...]:
        """Give every condition looked at: name, whether it holds (None: unknown), value, threshold.

        Later ones are missing where an earlier one left nothing to look at.
        """
        return self._look(view, whole=True).conditions

    def _signal(self, view: View, look: Look, level_ticks: int, extreme_ticks: int) -> Signal | None:
        settings, state, side = self.settings, view.state, look.side
        entry = view.stats.last_ticks
        buffer = spread_ticks(settings.buffer_bar_ranges, settings.buffer_floor_ticks, view)
        beyond = min(level_ticks * side, extreme_ticks * side) - buffer
        risk = entry * side - beyond if state.stop_ticks is None else state.stop_ticks
        if risk <= 0:
            return None
        reward = max(1, round(settings.target_r * risk)) if state.target_ticks is None else state.target_ticks
        return Signal(
            strategy=NAME,
            setup=f"pullback_{look.level}",
            side=side,
            entry_ticks=entry,
            stop_ticks=entry - side * risk,
            target_ticks=entry + side * reward,
            confidence=look.confidence,
            reason=f"trend {'up' if side > 0 else 'down'}: the pullback to tick {extreme_ticks} turned at "
                   f"{look.level} (tick {level_ticks}), stop {risk} ticks away, target {reward}",
        )

    def _look(self, view: View, whole: bool) -> Look:
        """Look at the conditions, in order; order flow is weighed only if all others hold, or the `whole` is asked."""
        settings, stats = self.settings, view.stats
        if settings.refuse_approximate_profile and view.is_approximate:
            return Look((("exact_profile", False, None, None),))
        bars = view.bars[-settings.window_bars:]
        count = len(bars)
        if count < settings.window_bars or stats.bar_range_15min_ticks is None:
            return Look((("bars", False, float(count), float(settings.window_bars)),))
        side = _trend_side(view)
        trend: Condition = ("trend", side != 0, float(side), None)
        if side == 0:
            return Look((trend,))
        if side > 0:
            highs, lows = [bar.high_ticks for bar in bars], [bar.low_ticks for bar in bars]
            closes = [bar.close_ticks for bar in bars]
        else:
            highs, lows = [-bar.low_ticks for bar in bars], [-bar.high_ticks for bar in bars]
            closes = [-bar.close_ticks for bar in bars]
        top = max(highs)
        place_top = count - 1 - highs[::-1].index(top)
        low = min(lows[place_top:])
        place_low = count - 1 - lows[::-1].index(low)
        depth, deep = top - low, settings.pullback_bar_ranges * stats.bar_range_15min_ticks
        near = spread_ticks(settings.touch_bar_ranges, settings.touch_floor_ticks, view)
        name, level, distance = self._nearest_level(view, side, low)
        fresh = not any(closes[k] > highs[k - 1] for k in range(max(place_low, place_top + 1), count - 1))
        conditions: tuple[Condition, ...] = (
            trend,
            _out_of_balance(view, side, settings.outside_share),
            ("pullback", place_top < count - 1 and depth >= deep, float(depth), deep),
            ("level", distance is not None and distance <= near,
             None if distance is None else float(distance), float(near)),
            ("holds", level is not None and closes[-1] > level,
             None if level is None else float(closes[-1] - level), 0.0),
            ("turn", fresh and closes[-1] > highs[-2], float(closes[-1] - highs[-2]), 0.0),
        )
        stands = all_hold(conditions)
        if not stands and not whole:
            return Look(conditions)
        confirmed, known = weigh(view, side, settings.flow)
        flow = flow_condition(confirmed, known, settings.flow)
        flow_share = confirmed / known if known else 0.5
        closeness = 0.0 if distance is None else max(0.0, 1 - distance / max(near, 1))
        sure = 0.25 + 0.4 * flow_share + 0.2 * _regime_confidence(view) + 0.15 * closeness
        level_ticks = None if level is None else level * side
        entered = side if stands and flow[1] is not False else 0
        return Look((*conditions, flow), entered, name, level_ticks, low * side, min(sure, 1.0))

    def _nearest_level(self, view: View, side: int, low: int) -> tuple[str, int | None, int | None]:
        """Give the level nearest to the pullback's low, both mirrored to the long side."""
        best: tuple[str, int | None, int | None] = ("", None, None)
        least = 1 << 62
        for zone in view.zones:
            distance = abs(zone.centre_ticks * side - low)
            if distance < least:
                least = distance
                best = (zone.name, zone.centre_ticks * side, distance)
        vwap = view.stats.vwap_ticks
        if self.settings.use_vwap and vwap is not None:
            level = round(vwap * side)
            if abs(level - low) < least:
                best = ("vwap", level, abs(level - low))
        return best


def _trend_side(view: View) -> int:
    regime = view.regime
    if regime is not None and regime.label == "trend" and view.now_ns <= regime.good_until_ns:
        return 1 if regime.direction == "up" else -1 if regime.direction == "down" else 0
    if view.rule_label != "trend":
        return 0
    net = view.bars[-1].close_ticks - view.bars[-min(20, len(view.bars))].open_ticks
    return (net > 0) - (net < 0)


def _regime_confidence(view: View) -> float:
    regime = view.regime
    fresh = regime is not None and regime.label == "trend" and view.now_ns <= regime.good_until_ns
    return regime.confidence if regime is not None and fresh else 0.0


def _out_of_balance(view: View, side: int, threshold: float) -> Condition:
    stats = view.stats
    elapsed = stats.in_value_30min_ns + stats.above_value_30min_ns + stats.below_value_30min_ns
    booked = stats.above_value_30min_ns if side > 0 else stats.below_value_30min_ns
    edge = stats.vah_ticks if side > 0 else stats.val_ticks
    share = booked / elapsed if elapsed > 0 else None
    beyond_now = (stats.last_ticks - edge) * side > 0
    return ("out_of_balance", beyond_now or (share is not None and share >= threshold), share, threshold)
