"""The gateway's own clock, and how it writes times."""

from fabio.adapters.topstepx.stamps import SECOND_NS, stamp_text


class VenueClock:
    """What time it is at the gateway: set by whoever drives it.

    Parameters
    ----------
    now_ns
        Where it starts, nanoseconds since 1970.
    digits
        Fewest and most fraction digits it writes; which, follows from the time itself.
    offset_ns
        By how much all times, told and taken, are ahead of those it lives by.

    Attributes
    ----------
    skew_ns
        By how much the times it tells are wrong.
    """

    def __init__(self, now_ns: int, digits: tuple[int, int] = (3, 7), offset_ns: int = 0) -> None:
        self.now_ns = now_ns
        self.skew_ns = 0
        self.offset_ns = offset_ns
        self._fewest, most = digits
        self._choices = most - self._fewest + 1

    def replayed_ns(self) -> int:
        """Give the time that clients are to follow."""
        return self.now_ns + self.offset_ns

    def told_ns(self) -> int:
        """Tell what time it is, wrong or not."""
        return self.replayed_ns() + self.skew_ns

    def bar(self, ts_ns: int) -> str:
        """Write the start of a bar."""
        return stamp_text(ts_ns + self.offset_ns, 0, "+00:00")

    def rest(self, ts_ns: int) -> str:
        """Write a time as REST and the user hub do."""
        return self._text(ts_ns, "+00:00")

    def hub(self, ts_ns: int) -> str:
        """Write a time as the market hub does: both forms of UTC were seen."""
        return self._text(ts_ns, "Z" if ts_ns // SECOND_NS % 2 else "+00:00")

    def _text(self, ts_ns: int, zone: str) -> str:
        digits = self._fewest + ts_ns // 100 % self._choices
        return stamp_text(max(ts_ns + self.offset_ns + self.skew_ns, 0), digits, zone)
