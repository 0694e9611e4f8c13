"""mean_reversion: in balance, fade a failed attempt to leave value back to the POC.

Short side at the value area's high; the long side at its low is the mirror. All of these
at a bar's close:

1. `balance`: enough of the last 30 minutes was spent in value, or the label in force (or the rules') is
   range or chop.
2. `attempt`: in the last bars price left value by a clear margin, in bar ranges.
3. `reclaim`: the last bar closes in value again: the one before closed outside, or this one alone made
   the attempt.
4. `not_accepted`: few bars of the attempt closed outside.
5. `room`: the POC is far enough away to be a target, in bar ranges.
6. `order_flow`: enough of the known pieces confirm (CVD slope not against, delta, big prints,
   absorption at the edge, exhaustion of the attempt); what is not known neither confirms nor denies.

Entry at market. Stop beyond the failed extreme plus a buffer; never widened, moved to break-even
when the position is strong. Target the POC. The state's `stop_ticks` and `target_ticks` stand in for
both distances where set.
"""

import msgspec

from fabio.model.bar import Bar
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

NAME = "mean_reversion"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds; "bar ranges" are multiples of the mean 1-minute bar range of 15 minutes.

    Parameters
    ----------
    attempt_bars
        1-minute bars in which the attempt is looked for, 3 to 32.
    balance_share
        Share of the last 30 minutes in value, 0 to 1.
    leave_bar_ranges, leave_floor_ticks
        How far the attempt goes beyond value: bar ranges, 0 to 10, and at least ticks, >= 1.
    accept_bars
        Most closes outside value before the move counts as accepted, 0 to 32.
    room_bar_ranges
        Least distance from price to the POC in bar ranges, 0 to 20.
    buffer_bar_ranges, buffer_floor_ticks
        Stop beyond the failed extreme: bar ranges, 0 to 5, and at least ticks, >= 1.
    break_even_r
        Gain in multiples of the risk from which the stop may go to break-even, above 0 to 20.
    break_even_offset_ticks
        Ticks beyond the entry that pay the fees, 0 to 100.
    refuse_approximate_profile
        Whether to stay out of a session part of which is made of bars.
    flow
        What confirms.
    """

    attempt_bars: int = 10
    balance_share: float = 0.6
    leave_bar_ranges: float = 0.25
    leave_floor_ticks: int = 2
    accept_bars: int = 6
    room_bar_ranges: float = 1.0
    buffer_bar_ranges: float = 0.25
    buffer_floor_ticks: int = 2
    break_even_r: float = 1.0
    break_even_offset_ticks: int = 1
    refuse_approximate_profile: bool = False
    flow: FlowThresholds = FlowThresholds(slope_least=-0.1)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("attempt_bars", 3, 32), ("balance_share", 0, 1), ("leave_bar_ranges", 0, 10),
            ("leave_floor_ticks", 1, 1000), ("accept_bars", 0, 32), ("room_bar_ranges", 0, 20),
            ("buffer_bar_ranges", 0, 5), ("buffer_floor_ticks", 1, 1000), ("break_even_r", 0.01, 20),
            ("break_even_offset_ticks", 0, 100),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in {low} to {high}")


class Look(msgspec.Struct, frozen=True):
    """What was seen; `side` is the trade's, 0 where a condition failed; `extreme_ticks` the attempt's."""

    conditions: tuple[Condition, ...]
    side: int = 0
    extreme_ticks: int = 0
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
        return self._signal(view, look) if look.side else None

    def conditions(self, view: View) -> tuple[Condition, ...]:
        """Give every condition looked at: name, whether it holds (None: unknown), value, threshold."""
        return self._look(view, whole=True).conditions

    def _signal(self, view: View, look: Look) -> Signal | None:
        settings, state, stats, side = self.settings, view.state, view.stats, look.side
        entry = stats.last_ticks
        buffer = spread_ticks(settings.buffer_bar_ranges, settings.buffer_floor_ticks, view)
        risk = (entry - look.extreme_ticks) * side + buffer if state.stop_ticks is None else state.stop_ticks
        reward = (stats.poc_ticks - entry) * side if state.target_ticks is None else state.target_ticks
        if risk <= 0 or reward <= 0:
            return None
        edge = "val" if side > 0 else "vah"
        return Signal(
            strategy=NAME,
            setup=f"failed_{edge}",
            side=side,
            entry_ticks=entry,
            stop_ticks=entry - side * risk,
            target_ticks=entry + side * reward,
            confidence=look.confidence,
            reason=f"the attempt to tick {look.extreme_ticks} beyond {edge} failed and value was reclaimed, "
                   f"POC {reward} ticks away, stop {risk}",
        )

    def _look(self, view: View, whole: bool) -> Look:
        """Look at the conditions, in order; order flow is weighed only if all others hold, or the `whole` is asked."""
        settings, stats = self.settings, view.stats
        if settings.refuse_approximate_profile and view.is_approximate:
            return Look((("exact_profile", False, None, None),))
        bars = view.bars[-settings.attempt_bars:]
        count, span = len(bars), stats.bar_range_15min_ticks
        if count < settings.attempt_bars or span is None:
            return Look((("bars", False, float(count), float(settings.attempt_bars)),))
        # everything below is mirrored so that the attempt goes up
        over = max([bar.high_ticks for bar in bars]) - stats.vah_ticks
        under = stats.val_ticks - min([bar.low_ticks for bar in bars])
        if over >= under:
            attempt, edge, extreme = 1, stats.vah_ticks, over
        else:
            attempt, edge, extreme = -1, -stats.val_ticks, under
        last, before = bars[-1], bars[-2]
        close, close_before = last.close_ticks * attempt, before.close_ticks * attempt
        margin = spread_ticks(settings.leave_bar_ranges, settings.leave_floor_ticks, view)
        outside = sum(1 for bar in bars if bar.close_ticks * attempt > edge)
        room, least_room = (stats.last_ticks - stats.poc_ticks) * attempt, settings.room_bar_ranges * span
        alone = _reach(last, attempt) - edge >= margin > _reach(before, attempt) - edge
        side = -attempt
        share, balanced = _balance(view, settings.balance_share)
        conditions: tuple[Condition, ...] = (
            ("balance", balanced, share, settings.balance_share),
            ("attempt", extreme >= margin, float(extreme), float(margin)),
            ("reclaim", close <= edge and (close_before > edge or alone), float(edge - close), 0.0),
            ("not_accepted", outside <= settings.accept_bars, float(outside), float(settings.accept_bars)),
            ("room", room >= max(least_room, 1), float(room), least_room),
        )
        stands = all_hold(conditions)
        if not stands and not whole:
            return Look(conditions)
        confirmed, known = weigh(view, side, settings.flow)
        flow = flow_condition(confirmed, known, settings.flow)
        flow_share = confirmed / known if known else 0.5
        sure = 0.25 + 0.4 * flow_share + 0.2 * (share or 0.0) + 0.15 * (outside <= settings.accept_bars / 2)
        side = side if stands and flow[1] is not False else 0
        return Look((*conditions, flow), side, (edge + extreme) * attempt, min(sure, 1.0))


def _reach(bar: Bar, attempt: int) -> int:
    return bar.high_ticks if attempt > 0 else -bar.low_ticks


def _balance(view: View, threshold: float) -> tuple[float | None, bool]:
    stats, regime = view.stats, view.regime
    elapsed = stats.in_value_30min_ns + stats.above_value_30min_ns + stats.below_value_30min_ns
    share = stats.in_value_30min_ns / elapsed if elapsed > 0 else None
    fresh = regime is not None and view.now_ns <= regime.good_until_ns
    label = regime.label if regime is not None and fresh else view.rule_label
    return share, label in ("range", "chop") or (share is not None and share >= threshold)
