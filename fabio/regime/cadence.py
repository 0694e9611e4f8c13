"""Cadence: how long until the next question, by the band the price stands in.

The per-tick loop needs no list of zones: `band_limits` gives it the largest interval of
prices around the last one in which the band stays as it is, so that it compares twice
a tick and asks again only when price leaves the interval (or the zones change).
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.features.compiled import kernel
from fabio.model.zone import Band, Zone

NS = 1_000_000_000
BANDS: tuple[Band, Band, Band] = ("none", "outer", "inner")
"""Names of the kernel's band numbers 0, 1, 2."""
LOWEST = -(1 << 62)
HIGHEST = 1 << 62
"""Limits where no band begins on that side; far from int64's ends, so that sums cannot wrap."""


class CadenceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds between questions, each 1 to 3600, inner <= outer <= default."""

    interval_default_s: float = 30.0
    interval_outer_band_s: float = 15.0
    interval_inner_band_s: float = 5.0

    def __post_init__(self) -> None:
        inner, outer = self.interval_inner_band_s, self.interval_outer_band_s
        default = self.interval_default_s
        if not 1 <= inner <= outer <= default <= 3600:
            raise ValueError(f"intervals are {inner} s in the inner band, {outer} s in the outer and "
                             f"{default} s elsewhere; expected 1 <= inner <= outer <= default <= 3600")


DEFAULT_CADENCE = CadenceSettings()


def interval_ns(band: Band, settings: CadenceSettings = DEFAULT_CADENCE) -> int:
    """Give the time between questions in a band, in nanoseconds.

    >>> interval_ns("inner")
    5000000000
    """
    if band == "inner":
        return int(settings.interval_inner_band_s * NS)
    if band == "outer":
        return int(settings.interval_outer_band_s * NS)
    return int(settings.interval_default_s * NS)


def intervals_ns(settings: CadenceSettings = DEFAULT_CADENCE) -> NDArray[np.int64]:
    """Give the three intervals as a column indexed by the kernel's band number."""
    return np.array([interval_ns(band, settings) for band in BANDS], dtype=np.int64)


def zone_rows(zones: Sequence[Zone]) -> list[tuple[int, int, int]]:
    """Give the high-priority zones as rows (centre, inner, outer) in ticks for the kernel."""
    return [
        (zone.centre_ticks, zone.inner_ticks, zone.outer_ticks) for zone in zones if zone.priority == "high"
    ]


@kernel
def band_limits(zones: NDArray[np.int64], price: int) -> tuple[int, int, int]:
    """Give the band at `price` and the largest interval around it with the same band.

    Parameters
    ----------
    zones
        Shape (n, 3): centre, inner and outer half width of each high-priority zone, in ticks.
    price
        In ticks.

    Returns
    -------
    band, low_ticks, high_ticks
        0 outside all bands, 1 in an outer, 2 in an inner one; both limits inclusive,
        `LOWEST` or `HIGHEST` where nothing begins on that side. Cost O(n) rounds of n.
    """
    band = 0
    for row in range(zones.shape[0]):
        distance = abs(price - zones[row, 0])
        if distance <= zones[row, 1]:
            band = 2
        elif distance <= zones[row, 2] and band == 0:
            band = 1
    if band == 0:
        low, high = LOWEST, HIGHEST
    else:
        # grow through every band of this kind that overlaps or touches what is held already
        half = 1 if band == 2 else 2
        low = high = price
        grown = True
        while grown:
            grown = False
            for row in range(zones.shape[0]):
                bottom, top = zones[row, 0] - zones[row, half], zones[row, 0] + zones[row, half]
                if bottom <= high + 1 and top >= low - 1:
                    if bottom < low:
                        low, grown = bottom, True
                    if top > high:
                        high, grown = top, True
    if band < 2:
        # cut where the next stronger band begins
        half = 2 if band == 0 else 1
        for row in range(zones.shape[0]):
            bottom, top = zones[row, 0] - zones[row, half], zones[row, 0] + zones[row, half]
            if bottom > price:
                high = min(high, bottom - 1)
            elif top < price:
                low = max(low, top + 1)
    return band, low, high
