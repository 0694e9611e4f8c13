"""Importance zones: prices that matter, each with an inner and an outer band.

By default they are read from the profile: this session's POC, VAH and VAL and the
previous session's high and low (high priority: these quicken the questions to the
model), its close, POC, VAH and VAL, and this session's low-volume nodes (low priority).
"""

from collections.abc import Sequence

import msgspec

from fabio.model.stats import MarketStats, Node
from fabio.model.zone import Band, Priority, Zone


class ZoneSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Band half widths of the default zones.

    Parameters
    ----------
    inner_bar_ranges, outer_bar_ranges
        In multiples of the mean 1-minute bar range of 15 minutes; 0 < inner <= outer <= 20.
        With the defaults recorded ES and NQ sessions stood in an inner band for 15 to 20 %
        of their minutes and in an outer one for 25 to 34 %.
    inner_floor_ticks, outer_floor_ticks
        Least half widths, in ticks, which also stand while no bar is known; 0 <= inner <= outer.
    lvn_most
        Low-volume nodes taken, 0 to 5.
    """

    inner_bar_ranges: float = 0.25
    outer_bar_ranges: float = 1.0
    inner_floor_ticks: int = 2
    outer_floor_ticks: int = 6
    lvn_most: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.inner_bar_ranges <= self.outer_bar_ranges <= 20:
            raise ValueError(f"inner_bar_ranges is {self.inner_bar_ranges} and outer_bar_ranges "
                             f"{self.outer_bar_ranges}; they must satisfy 0 < inner <= outer <= 20")
        if not 0 <= self.inner_floor_ticks <= self.outer_floor_ticks:
            raise ValueError(f"inner_floor_ticks is {self.inner_floor_ticks} and outer_floor_ticks "
                             f"{self.outer_floor_ticks}; they must satisfy 0 <= inner <= outer")
        if not 0 <= self.lvn_most <= 5:
            raise ValueError(f"lvn_most is {self.lvn_most}; it must lie in 0 to 5")


DEFAULT_ZONES = ZoneSettings()


def default_zones(
    stats: MarketStats, lvn: Sequence[Node] = (), settings: ZoneSettings = DEFAULT_ZONES
) -> tuple[Zone, ...]:
    """Give the zones that the profile names, high priority first; cost about 4 us.

    Levels not known yet (no previous session) are left out.
    """
    inner, outer = settings.inner_floor_ticks, settings.outer_floor_ticks
    span = stats.bar_range_15min_ticks
    if span is not None:
        inner = max(inner, round(settings.inner_bar_ranges * span))
        outer = max(outer, round(settings.outer_bar_ranges * span))
    high: Priority = "high"
    low: Priority = "low"
    levels: tuple[tuple[str, int | None, Priority], ...] = (
        ("poc", stats.poc_ticks, high),
        ("vah", stats.vah_ticks, high),
        ("val", stats.val_ticks, high),
        ("prev_high", stats.prev_high_ticks, high),
        ("prev_low", stats.prev_low_ticks, high),
        ("prev_close", stats.prev_close_ticks, low),
        ("prev_poc", stats.prev_poc_ticks, low),
        ("prev_vah", stats.prev_vah_ticks, low),
        ("prev_val", stats.prev_val_ticks, low),
    )
    zones = [
        Zone(name, price, inner, outer, priority) for name, price, priority in levels if price is not None
    ]
    zones += [Zone("lvn", node.price_ticks, inner, outer, low) for node in lvn[: settings.lvn_most]]
    return tuple(zones)


def strongest_band(zones: Sequence[Zone], price_ticks: int) -> tuple[Band, Zone | None]:
    """Tell the innermost band a price stands in among the high-priority zones, and whose it is.

    Of equal bands the nearest centre's zone is told, the first of equals; None outside all.

    >>> poc, low = Zone("poc", 100, 4, 12), Zone("lvn", 108, 4, 12, "low")
    >>> strongest_band((poc, low), 108)[0], strongest_band((poc, low), 120)
    ('outer', ('none', None))
    """
    best: Zone | None = None
    best_rank = (2, 0)
    for zone in zones:
        distance = abs(price_ticks - zone.centre_ticks)
        if zone.priority == "high" and distance <= zone.outer_ticks:
            rank = (0 if distance <= zone.inner_ticks else 1, distance)
            if rank < best_rank:
                best, best_rank = zone, rank
    if best is None:
        return "none", None
    return ("inner" if best_rank[0] == 0 else "outer"), best
