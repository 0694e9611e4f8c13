"""duplicate_signal: the same wish does not act twice, and nothing is entered over a working entry."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View

NS = 1_000_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as the same wish.

    Parameters
    ----------
    within_s
        Seconds in which an approved signal of the same strategy, setup and side is not
        repeated, 0 to 86400.
    """

    within_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0 <= self.within_s <= 86_400:
            raise ValueError(f"within_s is {self.within_s} s; it must lie in 0 to 86400")


class Guard:
    """Refuses repeated signals and entries over own working entries."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare the time since the last approved signal of the same kind with the setting."""
        working, needed = view.recent.working_entries, self.settings.within_s
        if working > 0:
            return Verdict("duplicate_signal", False, float(working), 0.0,
                           f"{working} own entry orders are in flight or working")
        last = view.recent.last_signal_ns.get(f"{signal.strategy}/{signal.setup}/{signal.side}")
        if last is None:
            return Verdict("duplicate_signal", True, None, needed, "no signal of this kind this session")
        since_ns = view.now_ns - last
        reason = f"{since_ns / NS:.1f} s since the last signal of this kind, at least {needed:g} s needed"
        return Verdict("duplicate_signal", since_ns >= needed * NS, since_ns / NS, needed, reason)
