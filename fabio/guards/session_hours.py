"""session_hours: entries only in the hours meant for them, never close to the flat-by time."""

from typing import Literal

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View

MIN_NS = 60_000_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When entries are allowed.

    Parameters
    ----------
    entries
        `regular` hours only, or `all` trading hours.
    before_flat_by_min
        No entries within this many minutes of the flat-by time, or of the session's close
        where nothing demands to be flat earlier; 0 to 600.
    before_regular_close_min
        No entries within this many minutes of the regular close, 0 to 600; only with
        `entries` regular.
    after_open_min
        No entries in the first minutes of the regular hours (of the session with `all`),
        0 to 600.
    """

    entries: Literal["regular", "all"] = "regular"
    before_flat_by_min: float = 20.0
    before_regular_close_min: float = 10.0
    after_open_min: float = 0.0

    def __post_init__(self) -> None:
        if self.entries not in ("regular", "all"):
            raise ValueError(f"entries is {self.entries!r}; it must be regular or all")
        for name in ("before_flat_by_min", "before_regular_close_min", "after_open_min"):
            if not 0 <= getattr(self, name) <= 600:
                raise ValueError(f"{name} is {getattr(self, name)} minutes; it must lie in 0 to 600")


class Guard:
    """Refuses entries too early, too late, or outside regular hours.

    An instrument that never closes (no regular hours and no flat-by time) always passes.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare minutes since the opening and until the end with what they have to be."""
        settings, session, now = self.settings, view.session, view.now_ns
        opens, closes, flat_by = session.regular_open_ns, session.regular_close_ns, session.flat_by_ns
        if opens is None or closes is None:
            if flat_by is None:
                return Verdict("session_hours", True, None, None, "the instrument never closes")
            if settings.entries == "regular":
                return Verdict("session_hours", False, None, None, "the session has no regular hours")
        since_ns, after_min, what = now - session.open_ns, settings.after_open_min, "the session's open"
        if settings.entries == "regular" and opens is not None:
            since_ns, what = now - opens, "the regular open"
        if since_ns < after_min * MIN_NS:
            return _verdict(False, since_ns, after_min, f"since {what}")
        until_ns, before_min, what = session.close_ns - now, settings.before_flat_by_min, "the close"
        if flat_by is not None:
            until_ns, what = flat_by - now, "the flat-by time"
        if settings.entries == "regular" and closes is not None:
            slack_ns = closes - now - settings.before_regular_close_min * MIN_NS
            if slack_ns < until_ns - before_min * MIN_NS:
                until_ns, before_min = closes - now, settings.before_regular_close_min
                what = "the regular close"
        return _verdict(until_ns >= before_min * MIN_NS, until_ns, before_min, f"until {what}")


def _verdict(passed: bool, span_ns: int, threshold_min: float, words: str) -> Verdict:
    minutes = span_ns / MIN_NS
    reason = f"{minutes:.1f} minutes {words}, at least {threshold_min:g} needed"
    return Verdict("session_hours", passed, minutes, threshold_min, reason)
