"""Material change: whether anything a model was told has moved enough to ask it again.

What a question tells is kept as a handful of numbers. The next one that is due is compared with what
was last told, and stays unasked while everything lies within its threshold and the answer is young.

Three things count. *Events*: the rules' label changed, the value area was left, the POC was crossed.
*Lines*: a number passed a value that the guidelines name, so that somebody who reads by them may
judge differently from one tick to the next. *Distances*: a number went far from what was told,
whatever it passed. Lines are exact: a number that hovers about one changes the reading each time,
and margins were measured to cost more agreement than they save calls. Flat flow counts only where
price is not far from the POC, since order flow passes its line on every way through zero. The
zone's band does not count: price, and the levels that zones stand around, are compared themselves.
All wait until the last question is a little old.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from fabio.model.regime import ValueLocation
from fabio.model.stats import MarketStats
from fabio.model.told import Told
from fabio.regime.playbook import PRESETS, PlaybookSettings
from fabio.regime.reading import Readings

NS = 1_000_000_000


class MaterialSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has to move before a paid model is asked again; shares and percentiles in [0, 1].

    The start values were fitted on some generated days and a recorded NQ session and checked on
    others (`benchmarks/material_change.py`): between an eighth and a third of the calls are left.
    A thin market, whose ticks let fewer questions leave anyway, saves less.

    Parameters
    ----------
    max_age_s
        After this the model is asked whatever happened, 10 to 3600.
    least_gap_s
        Between two questions, 0 to `max_age_s`; what asks before waits.
    price_bar_ranges
        Move of price, or of a limit of the value area, in multiples of the mean 1-minute bar
        range of 15 minutes; above 0, at most 20.
    poc_bar_ranges, poc_share
        Change of the distance to the POC in the same multiples (above 0, at most 20), or as a
        share of the distance told (0 to 1), whichever is larger: far away a step says less.
    floor_ticks
        Least of these distances, also while no bar is known; 1 or more.
    flow
        Change of `cvd_slope_5min_norm`, above 0, at most 2.
    range_percentile
        Change of the session range's percentile.
    in_value_share
        Change of the share of 30 minutes in value.
    crosses
        Change of the POC crosses of 30 minutes, 1 or more.
    range_ratio, efficiency
        Change of the rules' ratios, above 0, at most 2.
    """

    max_age_s: float = 300.0
    least_gap_s: float = 15.0
    price_bar_ranges: float = 2.0
    poc_bar_ranges: float = 1.5
    poc_share: float = 0.25
    floor_ticks: int = 4
    flow: float = 0.3
    range_percentile: float = 0.05
    in_value_share: float = 0.1
    crosses: int = 5
    range_ratio: float = 0.3
    efficiency: float = 0.3

    def __post_init__(self) -> None:
        if not 10 <= self.max_age_s <= 3600:
            raise ValueError(f"max_age_s is {self.max_age_s} s; it must lie in 10 to 3600")
        if not 0 <= self.least_gap_s <= self.max_age_s:
            raise ValueError(f"least_gap_s is {self.least_gap_s} s; it must lie in 0 to max_age_s ({self.max_age_s})")
        for name, most in (("price_bar_ranges", 20), ("poc_bar_ranges", 20), ("flow", 2), ("range_percentile", 1),
                           ("in_value_share", 1), ("range_ratio", 2), ("efficiency", 2)):
            if not 0 < getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie above 0, at most {most}")
        if not 0 <= self.poc_share <= 1:
            raise ValueError(f"poc_share is {self.poc_share}; it must lie in 0 to 1")
        if self.floor_ticks < 1:
            raise ValueError(f"floor_ticks is {self.floor_ticks} ticks; it must be 1 or more")
        if self.crosses < 1:
            raise ValueError(f"crosses is {self.crosses}; it must be 1 or more")


class Lines(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Values at which a reader of the guidelines changes his mind, each kind rising.

    Parameters
    ----------
    flow, flow_nearer
        Of the absolute `cvd_slope_5min_norm`: wherever price stands, and where it stands nearer to the
        POC than the farthest line.
    poc_bar_ranges, poc_ticks
        Of the absolute distance to the POC.
    """

    flow: tuple[float, ...]
    flow_nearer: tuple[float, ...]
    poc_bar_ranges: tuple[float, ...]
    poc_ticks: tuple[float, ...]
    range_percentile: tuple[float, ...]
    in_value_share: tuple[float, ...]
    crosses: tuple[float, ...]


def lines_of(playbook: PlaybookSettings) -> Lines:
    """Read the lines off the playbook's thresholds."""
    in_ticks = [ticks for ticks in (playbook.near_ticks, playbook.far_ticks) if ticks is not None]
    in_ranges = [
        ranges for ranges, ticks in ((playbook.near_bar_ranges, playbook.near_ticks),
                                     (playbook.far_bar_ranges, playbook.far_ticks)) if ticks is None
    ]
    return Lines(
        flow=(playbook.strong_flow,),
        flow_nearer=(playbook.flat_flow,),
        poc_bar_ranges=_rising(in_ranges),
        poc_ticks=_rising(in_ticks),
        range_percentile=_rising([playbook.chop_percentile, playbook.trend_percentile,
                                  playbook.range_percentile_low, playbook.range_percentile_high]),
        in_value_share=_rising([1.0 - playbook.outside_share, playbook.balance_share]),
        crosses=_rising([playbook.trend_crosses_below, playbook.range_crosses_low,
                         playbook.range_crosses_high + 1]),
    )


def _rising(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted(set(values)))


DEFAULT_MATERIAL = MaterialSettings()
DEFAULT_LINES = lines_of(PRESETS["default"])


class Wanted(NamedTuple):
    """Why a model should be asked, and whether it is an event that asks; falsy words: it should not."""

    why: str
    is_event: bool


NOT_WANTED = Wanted("", False)


def wanted(before: Told | None, now: Told, settings: MaterialSettings, lines: Lines = DEFAULT_LINES) -> Wanted:
    """Tell whether a question that is due should be put to a paid model.

    Parameters
    ----------
    before
        What the last question that left told; None before the first.
    """
    if before is not None:
        if now.session == before.session and 0 <= now.at_ns - before.at_ns < settings.least_gap_s * NS:
            return NOT_WANTED
        event = trigger_of(before, now, crossed_poc(before, now), now.band != "none")
        if event:
            return Wanted(event, True)
    return Wanted(moved(before, now, settings, lines), False)


def tell(stats: MarketStats, readings: Readings, band: str, held: int, version: int, now_ns: int) -> Told:
    """Keep of a question what later ones are compared with; cost about 3 us."""
    last, inside = stats.last_ticks, stats.in_value_30min_ns
    booked = inside + stats.above_value_30min_ns + stats.below_value_30min_ns
    value: ValueLocation = "in_value"
    if last > stats.vah_ticks:
        value = "above_value"
    elif last < stats.val_ticks:
        value = "below_value"
    rules = readings.rules
    return Told(
        now_ns, stats.session_date, last, stats.poc_ticks, stats.vah_ticks, stats.val_ticks, value,
        stats.poc_side, stats.crosses_session, stats.crosses_30min, stats.bar_range_15min_ticks,
        stats.cvd_slope_5min_norm, _sign(stats.cvd_slope_5min), _sign(stats.cvd_slope_15min),
        stats.range_percentile, inside / booked if booked > 0 else None, rules.vr, rules.er,
        readings.label, readings.direction, band, held, version,
    )


def _sign(value: float | None) -> int:
    return 0 if value is None else (value > 0) - (value < 0)


def crossed_poc(before: Told, now: Told) -> bool:
    """Tell whether price went over to another side of the POC since then; there and back again is not."""
    return now.crosses_session > before.crosses_session and now.poc_side not in (0, before.poc_side)


def trigger_of(before: Told, now: Told, crossed_poc: bool, in_high_zone: bool) -> str:
    """Name the event that asks at once; empty where there is none.

    Parameters
    ----------
    before
        What the last question told.
    crossed_poc, in_high_zone
        Whether the POC was crossed since, and whether price stands in a band of a high-priority zone.
    """
    if now.label != before.label or now.direction != before.direction:
        return f"rules changed from {_regime(before)} to {_regime(now)}"
    if before.value == "in_value" and now.value != "in_value":
        return f"value area left {'upwards' if now.value == 'above_value' else 'downwards'}"
    if crossed_poc and in_high_zone:
        return f"POC crossed at {now.poc_ticks} ticks"
    return ""


def moved(before: Told | None, now: Told, settings: MaterialSettings, lines: Lines = DEFAULT_LINES) -> str:
    """Name the first thing that moved beyond its threshold; empty while nothing did.

    Cost: about 4 us; events are `trigger_of`'s, the least gap is `wanted`'s.

    Parameters
    ----------
    before
        What the last question told; None before the first.
    lines
        Where a reader of the guidelines changes his mind.
    """
    if before is None:
        return "nothing told yet"
    words = _own(before, now) or _price(before, now, settings, lines) or _flow(before, now, settings, lines)
    if words:
        return words
    for name, then, value, step, marks in (
        ("range percentile", before.range_percentile, now.range_percentile, settings.range_percentile,
         lines.range_percentile),
        ("share of 30 minutes in value", before.in_value_share, now.in_value_share, settings.in_value_share,
         lines.in_value_share),
        ("POC crosses in 30 minutes", before.crosses_30min, now.crosses_30min, settings.crosses, lines.crosses),
        ("range ratio", before.range_ratio, now.range_ratio, settings.range_ratio, ()),
        ("efficiency", before.efficiency, now.efficiency, settings.efficiency, ()),
    ):
        words = _changed(name, then, value, step, marks)
        if words:
            return words
    age_ns = now.at_ns - before.at_ns
    return f"{age_ns / (60 * NS):.0f} min old" if age_ns >= settings.max_age_s * NS else ""


def _own(before: Told, now: Told) -> str:
    """What changed at once and wholly: the session, the position, the agent's record."""
    if now.session != before.session:
        return "a new session"
    if now.held != before.held:
        return f"position went from {_side(before.held)} to {_side(now.held)}"
    return "" if now.version == before.version else "strategies or their record changed"


def _price(before: Told, now: Told, settings: MaterialSettings, lines: Lines) -> str:
    """How far price went, from what was told and from the POC."""
    span = now.bar_range_ticks or before.bar_range_ticks or 0.0
    step = max(settings.price_bar_ranges * span, settings.floor_ticks)
    for name, move in (("price", now.last_ticks - before.last_ticks), ("VAH", now.vah_ticks - before.vah_ticks),
                       ("VAL", now.val_ticks - before.val_ticks)):
        if abs(move) >= step:
            return f"{name} moved {_distance(move, span)}"
    then, far = before.last_ticks - before.poc_ticks, now.last_ticks - now.poc_ticks
    if abs(far - then) >= max(settings.poc_bar_ranges * span, settings.poc_share * abs(then), settings.floor_ticks):
        return f"distance to the POC went from {then:+d} to {_distance(far, span)}"
    crossed = _crossed(abs(then), abs(far), lines.poc_ticks)
    if crossed is not None:
        return f"distance to the POC passed {crossed:g} ticks"
    if not before.bar_range_ticks or not now.bar_range_ticks:
        return ""
    crossed = _crossed(abs(then) / before.bar_range_ticks, abs(far) / now.bar_range_ticks, lines.poc_bar_ranges)
    return "" if crossed is None else f"distance to the POC passed {crossed:g} bar ranges"


def _flow(before: Told, now: Told, settings: MaterialSettings, lines: Lines) -> str:
    """Whether order flow turned round, or became strong or weak."""
    if now.flow_side != before.flow_side:
        return f"order flow of 5 minutes turned from {_flow_side(before.flow_side)} to {_flow_side(now.flow_side)}"
    if now.flow_15min_side != before.flow_15min_side:
        return (f"order flow of 15 minutes turned from {_flow_side(before.flow_15min_side)} to "
                f"{_flow_side(now.flow_15min_side)}")
    if before.flow is not None and now.flow is not None:
        was, at = abs(before.flow), abs(now.flow)
        crossed = _crossed(was, at, lines.flow)
        if crossed is None and _is_nearer(now, lines):
            crossed = _crossed(was, at, lines.flow_nearer)
        if crossed is not None:
            return f"order flow of 5 minutes passed {crossed:g}"
    return _changed("order flow of 5 minutes", before.flow, now.flow, settings.flow, ())


def _is_nearer(now: Told, lines: Lines) -> bool:
    """Tell whether price stands nearer to the POC than the farthest line."""
    far = abs(now.last_ticks - now.poc_ticks)
    if lines.poc_bar_ranges and now.bar_range_ticks and far < lines.poc_bar_ranges[-1] * now.bar_range_ticks:
        return True
    return bool(lines.poc_ticks) and far < lines.poc_ticks[-1]


def _changed(name: str, then: float | None, value: float | None, step: float, marks: tuple[float, ...]) -> str:
    if then is None or value is None:
        return "" if then is value else f"{name} became {'unknown' if value is None else 'known'}"
    crossed = _crossed(then, value, marks)
    if crossed is None and abs(value - then) < step:
        return ""
    passed = "" if crossed is None else f", past {crossed:g}"
    return f"{name} went from {then:.3g} to {value:.3g}{passed}"


def _crossed(then: float, value: float, marks: tuple[float, ...]) -> float | None:
    for mark in marks:
        if (then < mark) != (value < mark):
            return mark
    return None


def _distance(ticks: int, span: float) -> str:
    return f"{ticks:+d} ticks, {abs(ticks) / span:.1f} bar ranges" if span else f"{ticks:+d} ticks"


def _regime(told: Told) -> str:
    return told.label if told.direction == "none" else f"{told.label} {told.direction}"


def _side(held: int) -> str:
    return "flat" if not held else f"{'long' if held > 0 else 'short'} {abs(held)}"


def _flow_side(side: int) -> str:
    return "even" if not side else "buying" if side > 0 else "selling"
