"""stale_data: no entry on old prices, a lost feed or a clock that disagrees."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View

NS = 1_000_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old a price may be.

    Parameters
    ----------
    max_age_regular_s, max_age_s
        Age of the last trade in seconds, in and outside regular hours; 0 to 3600.
    max_skew_s
        Seconds the exchange's clock may run ahead of ours, 0 to 3600.
    """

    max_age_regular_s: float = 3.0
    max_age_s: float = 15.0
    max_skew_s: float = 10.0

    def __post_init__(self) -> None:
        for name in ("max_age_regular_s", "max_age_s", "max_skew_s"):
            if not 0 <= getattr(self, name) <= 3600:
                raise ValueError(f"{name} is {getattr(self, name)} s; it must lie in 0 to 3600")


class Guard:
    """Refuses entries on stale data.

    The one place where an exchange time is held against the runtime clock on purpose: the
    age of a price is what went by on ours since theirs.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare the age of the last trade with what the hour allows."""
        now, session, settings = view.now_ns, view.session, self.settings
        lost = view.recent.feed_lost_since_ns
        if lost is not None:
            return Verdict("stale_data", False, (now - lost) / NS, 0.0,
                           f"the feed is lost since {(now - lost) / NS:.1f} s")
        age_ns = now - view.stats.last_trade_ns
        if age_ns < 0:
            skew, limit = -age_ns / NS, settings.max_skew_s
            return Verdict("stale_data", -age_ns <= limit * NS, skew, limit,
                           f"the exchange's clock is {skew:.1f} s ahead, at most {limit:g} s allowed")
        opens, closes = session.regular_open_ns, session.regular_close_ns
        regular = opens is not None and closes is not None and opens <= now < closes
        limit = settings.max_age_regular_s if regular else settings.max_age_s
        reason = f"the last trade is {age_ns / NS:.1f} s old, at most {limit:g} s allowed"
        return Verdict("stale_data", age_ns <= limit * NS, age_ns / NS, limit, reason)
