"""loss_streak: several losses in a row earn a pause, more of them the rest of the day."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View

MIN_NS = 60_000_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two steps.

    Parameters
    ----------
    pause_after
        Losses in a row that start a pause, >= 1.
    pause_min
        Length of the pause from the last loss, in minutes, 0 to 1440.
    stop_after
        Losses in a row that end the trade date, above `pause_after`.
    """

    pause_after: int = 3
    pause_min: float = 30.0
    stop_after: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.pause_after < self.stop_after:
            raise ValueError(f"pause_after is {self.pause_after} and stop_after {self.stop_after}; "
                             "they must satisfy 1 <= pause_after < stop_after")
        if not 0 <= self.pause_min <= 1440:
            raise ValueError(f"pause_min is {self.pause_min} minutes; it must lie in 0 to 1440")


class Guard:
    """Refuses entries while a losing streak is fresh."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Count losses of this trade date since the last winner; below both steps it passes."""
        settings, losses, last = self.settings, view.recent.losses_in_a_row, view.recent.last_loss_ns
        if losses >= settings.stop_after:
            return Verdict("loss_streak", False, float(losses), float(settings.stop_after),
                           f"{losses} losses in a row, {settings.stop_after} end the day")
        if losses >= settings.pause_after and last is not None:
            since_ns = view.now_ns - last
            reason = (f"{losses} losses in a row, {since_ns / MIN_NS:.1f} minutes since the last one, "
                      f"at least {settings.pause_min:g} needed")
            return Verdict("loss_streak", since_ns >= settings.pause_min * MIN_NS,
                           since_ns / MIN_NS, settings.pause_min, reason)
        return Verdict("loss_streak", True, float(losses), float(settings.pause_after),
                       f"{losses} losses in a row, {settings.pause_after} start a pause")
