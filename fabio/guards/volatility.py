"""volatility: stand aside while bars are far larger than usual for the minute."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View

BASE_FLOOR_TICKS = 2.0
"""A usual range below two ticks would make every bar wild."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How wild is too wild.

    Parameters
    ----------
    bars
        Latest 1-minute bars looked at, 1 to 32.
    max_ratio
        Most their mean range may be, in multiples of the usual range at these minutes, > 0.
    """

    bars: int = 5
    max_ratio: float = 2.5

    def __post_init__(self) -> None:
        if not 1 <= self.bars <= 32:
            raise ValueError(f"bars is {self.bars}; it must lie in 1 to 32")
        if not 0 < self.max_ratio <= 100:
            raise ValueError(f"max_ratio is {self.max_ratio}; it must be above 0 and at most 100")


class Guard:
    """Refuses entries in wild minutes; passes, and says so, where the usual range is not known."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare the latest bars' range with the usual one."""
        seen = 0
        usual = 0.0
        for bar in view.bars[-self.settings.bars:]:
            if bar.usual_range_ticks is not None:
                seen += bar.high_ticks - bar.low_ticks
                usual += max(bar.usual_range_ticks, BASE_FLOOR_TICKS)
        limit = self.settings.max_ratio
        if usual == 0:
            return Verdict("volatility", True, None, limit, "the usual range is not known yet")
        ratio = seen / usual
        reason = f"bars are {ratio:.2f} times their usual range, at most {limit:g} allowed"
        return Verdict("volatility", ratio <= limit, ratio, limit, reason)
