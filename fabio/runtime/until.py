"""Until: a time of day or a moment, as a person writes it, on the runtime clock."""

import datetime as dt
from zoneinfo import ZoneInfo


class BadTime(ValueError):
    """A text that is no time."""


def until_ns(text: str, zone: ZoneInfo, start_ns: int) -> int:
    """Read `HH:MM`, `HH:MM:SS` (the next such time after the start) or an ISO date and time.

    Parameters
    ----------
    zone
        Of times that name none: the exchange's.
    start_ns
        Where the run starts.

    Examples
    --------
    >>> until_ns("08:30", ZoneInfo("UTC"), 36_000 * 10**9) // 10**9
    117000

    Raises
    ------
    BadTime
        If it is neither.
    """
    start = dt.datetime.fromtimestamp(start_ns // 1_000_000_000, zone)
    try:
        if "-" not in text:
            moment = dt.datetime.combine(start.date(), dt.time.fromisoformat(text), tzinfo=zone)
            if moment <= start:
                moment += dt.timedelta(days=1)
        else:
            moment = dt.datetime.fromisoformat(text)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    except ValueError:
        raise BadTime(f"--until {text!r} is no time: write HH:MM (the exchange's clock) or "
                      "an ISO time like 2026-06-01T10:30:00") from None
    return int(moment.timestamp()) * 1_000_000_000
