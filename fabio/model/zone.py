"""Zone: a price that matters, with an inner and an outer band around it."""

from typing import Literal

import msgspec

Priority = Literal["high", "low"]
Band = Literal["inner", "outer", "none"]


class Zone(msgspec.Struct, frozen=True):
    """An importance zone.

    Parameters
    ----------
    name
        What stands there: `poc`, `vah`, `val`, `prev_high`, `lvn`, or the model's word.
    centre_ticks
        The price.
    inner_ticks, outer_ticks
        Half widths of the two bands, both inclusive; inner <= outer.
    priority
        Only high-priority zones quicken the questions to the model.
    source
        `profile` for the defaults, else who set it.
    """

    name: str
    centre_ticks: int
    inner_ticks: int
    outer_ticks: int
    priority: Priority = "high"
    source: str = "profile"

    def band(self, price_ticks: int) -> Band:
        """Tell in which band a price stands.

        >>> Zone("poc", 100, 4, 12).band(104)
        'inner'
        """
        distance = abs(price_ticks - self.centre_ticks)
        if distance <= self.inner_ticks:
            return "inner"
        return "outer" if distance <= self.outer_ticks else "none"
