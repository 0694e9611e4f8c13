"""cooldown: a pause after every exit."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View

NS = 1_000_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pause.

    Parameters
    ----------
    after_exit_s
        Seconds between an exit in this market and the next entry, 0 to 86400.
    """

    after_exit_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.after_exit_s <= 86_400:
            raise ValueError(f"after_exit_s is {self.after_exit_s} s; it must lie in 0 to 86400")


class Guard:
    """Refuses entries right after an exit."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare the time since the last exit with the pause."""
        last, needed = view.recent.last_exit_ns, self.settings.after_exit_s
        if last is None:
            return Verdict("cooldown", True, None, needed, "no exit in this market yet")
        since_ns = view.now_ns - last
        reason = f"{since_ns / NS:.0f} s since the last exit, at least {needed:g} s needed"
        return Verdict("cooldown", since_ns >= needed * NS, since_ns / NS, needed, reason)
