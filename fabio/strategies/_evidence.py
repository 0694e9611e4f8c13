"""What both playbook strategies share: how order flow is weighed, and when a stop goes to break-even.

The leading underscore says that this file is no strategy.
"""

from collections.abc import Sequence
from math import ceil

import msgspec

from fabio.model.order import Position
from fabio.model.signal import Tighten
from fabio.model.view import View

Condition = tuple[str, bool | None, float | None, float | None]
"""Name, whether it holds (None: unknown), value seen, threshold."""
NS = 1_000_000_000
BIG_PRINTS_NS = 300 * NS
"""Big prints older than five minutes say nothing about this turn."""


class FlowThresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a piece of order flow confirms; every piece is read for the side of the trade.

    Parameters
    ----------
    slope_least
        Least `cvd_slope_5min_norm` in the trade's direction, -1 to 1.
    absorption_least
        Least absorption on the trade's side, 0 to 1.
    exhaustion_least
        Least exhaustion of the other side, 0 to 1.
    share
        Share of the known pieces that have to confirm, 0 to 1, rounded up.
    """

    slope_least: float = 0.05
    absorption_least: float = 0.2
    exhaustion_least: float = 0.5
    share: float = 0.5

    def __post_init__(self) -> None:
        if not -1 <= self.slope_least <= 1:
            raise ValueError(f"slope_least is {self.slope_least}; it must lie in -1 to 1")
        for name in ("absorption_least", "exhaustion_least", "share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in 0 to 1")


def weigh(view: View, side: int, thresholds: FlowThresholds) -> tuple[int, int]:
    """Count which pieces of order flow confirm a trade, and how many are known.

    The five pieces are the CVD slope of 5 minutes, the last minute's delta, the net big
    prints of 5 minutes, absorption on the trade's side, exhaustion of the other side. A null
    piece neither confirms nor denies; so does an exhaustion of 0, which only says that the
    other side made no new extreme.
    """
    stats = view.stats
    confirmed = known = 0
    slope, delta = stats.cvd_slope_5min_norm, stats.delta_1min_steps
    if slope is not None:
        known += 1
        confirmed += slope * side >= thresholds.slope_least
    if delta is not None and delta != 0:
        known += 1
        confirmed += delta * side > 0
    printed = 0
    since = stats.ts_ns - BIG_PRINTS_NS
    for print_ in view.big_prints:
        if print_.ts_ns > since:
            printed += print_.side * print_.size_steps
    if printed != 0:
        known += 1
        confirmed += printed * side > 0
    absorption = stats.buy_absorption if side > 0 else stats.sell_absorption
    if absorption is not None:
        known += 1
        confirmed += absorption >= thresholds.absorption_least
    exhaustion = stats.sell_exhaustion if side > 0 else stats.buy_exhaustion
    if exhaustion is not None and exhaustion > 0:
        known += 1
        confirmed += exhaustion >= thresholds.exhaustion_least
    return confirmed, known


def needed(known: int, thresholds: FlowThresholds) -> int:
    """Give how many of the known pieces have to confirm.

    >>> needed(3, FlowThresholds(share=0.5)), needed(0, FlowThresholds())
    (2, 0)
    """
    return ceil(thresholds.share * known - 1e-9)


def flow_condition(confirmed: int, known: int, thresholds: FlowThresholds) -> Condition:
    """Give the condition that enough of the known pieces confirm; unknown where none is known."""
    wanted = needed(known, thresholds)
    return ("order_flow", None if known == 0 else confirmed >= wanted, float(confirmed), float(wanted))


def all_hold(conditions: Sequence[Condition]) -> bool:
    """Tell whether no condition fails; an unknown one does not."""
    return False not in [condition[1] for condition in conditions]


def spread_ticks(bar_ranges: float, floor_ticks: int, view: View) -> int:
    """Give a distance in ticks: a multiple of the mean bar range of 15 minutes, at least the floor."""
    span = view.stats.bar_range_15min_ticks
    return floor_ticks if span is None else max(floor_ticks, round(bar_ranges * span))


def break_even(
    view: View, position: Position, after_r: float, offset_ticks: int, thresholds: FlowThresholds
) -> Tighten | None:
    """Ask for the stop at the entry once the position is strong; only ever closer.

    Strong means `after_r` times the planned risk in hand, and order flow not against it: of
    the known pieces the needed share confirms.

    Parameters
    ----------
    after_r
        Gain over planned risk, > 0.
    offset_ticks
        Ticks on the winning side of the entry, >= 0, which pay the fees.
    """
    side, last = position.side, view.stats.last_ticks
    entry = position.entry_ticks
    risk = (entry - position.planned_stop_ticks) * side
    gained = (last - entry) * side
    if risk <= 0 or gained < after_r * risk:
        return None
    # an average entry between two ticks is rounded to the winning side
    stop = side * (ceil(entry * side) + offset_ticks)
    placed = position.planned_stop_ticks if position.stop_ticks is None else position.stop_ticks
    if (stop - placed) * side <= 0 or (last - stop) * side <= 0:
        return None
    confirmed, known = weigh(view, side, thresholds)
    if confirmed < needed(known, thresholds):
        return None
    return Tighten(
        strategy=position.strategy,
        stop_ticks=stop,
        reason=f"{gained:g} ticks in hand against {risk:g} at risk, {confirmed} of {known} known pieces of "
               "order flow agree: stop to break-even",
    )
