"""How far the venue's clock is from ours, from the `Date` its answers carry."""

from collections import deque
from datetime import UTC
from email.utils import parsedate_to_datetime
from statistics import median

SAMPLES = 5
SLOWEST_ROUND_TRIP_S = 2.0
"""An answer that took longer says too little about when its date was written."""

_HALF_A_SECOND = 0.5  # `Date` has whole seconds, cut: on average it is half a second behind


def http_date_s(text: str | None) -> float | None:
    """Read an HTTP date as seconds since 1970; None where it is none.

    >>> http_date_s("Fri, 20 Nov 2026 14:30:00 GMT")
    1795185000.0
    >>> http_date_s("soon") is None
    True
    """
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


class Skew:
    """The venue's clock against ours: the median of the last 5 answers."""

    def __init__(self) -> None:
        self._offsets_s: deque[float] = deque(maxlen=SAMPLES)

    def update(self, date: str | None, sent_s: float, received_s: float) -> None:
        """Take one answer.

        Parameters
        ----------
        date
            Its `Date` header; None, nonsense and slow answers are passed over.
        sent_s, received_s
            Our wall clock around the call, in seconds since 1970.
        """
        venue_s = http_date_s(date)
        if venue_s is None or not 0 <= received_s - sent_s <= SLOWEST_ROUND_TRIP_S:
            return
        self._offsets_s.append(venue_s + _HALF_A_SECOND - (sent_s + received_s) / 2)

    def get(self) -> float | None:
        """Seconds by which the venue's clock is ahead of ours (negative: behind); None before any answer.

        Right to about half a second: more than that is not in a `Date`.
        """
        return median(self._offsets_s) if self._offsets_s else None
