"""Moments: a time as a person writes it, against the clock of the exchange."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import msgspec

from fabio.journal.times import iso

NS = 1_000_000_000
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(Z?)")
_SECONDS = re.compile(r"[T ][0-9]{2}:[0-9]{2}:")
_NANOSECONDS = re.compile(r"[0-9]{18,19}")


class NoMoment(ValueError):
    """The text is no time."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The span that was asked for: a minute, or a second where seconds were given.

    `words` says how the text was understood.
    """

    first_ns: int
    last_ns: int
    words: str


def read_moment(text: str, zone: ZoneInfo, open_ns: int, close_ns: int) -> Moment:
    """Read `14:30` (wall time of the exchange), `14:30Z`, ISO 8601, or nanoseconds since the epoch.

    Parameters
    ----------
    zone
        Of the exchange; ISO times without a zone are its wall times too.
    open_ns, close_ns
        Of the session in which a bare clock time lies.

    Raises
    ------
    NoMoment
        If it is none, or the session has no such time.

    Examples
    --------
    >>> day = 1378166400 * NS  # 2013-09-03T00:00Z
    >>> read_moment("09:30", ZoneInfo("America/Chicago"), day - 2 * 3600 * NS, day + 20 * 3600 * NS).words
    '09:30 America/Chicago is 2013-09-03 14:30:00 UTC'
    """
    text = text.strip()
    if _NANOSECONDS.fullmatch(text):
        return Moment(first_ns=int(text), last_ns=int(text), words=f"{text} ns is {_shown(int(text))} UTC")
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        return _clock(clock, zone, open_ns, close_ns)
    try:
        when = dt.datetime.fromisoformat(text) if text.isascii() and "T" in text.replace(" ", "T") else None
    except ValueError:
        when = None
    if when is None:
        raise NoMoment(f"{text} is no time: write 14:30 (the exchange's wall time), 14:30Z (UTC) or "
                       "2025-06-04T14:30:00Z")
    bare = when.tzinfo is None
    when = when.replace(tzinfo=zone) if bare else when
    first = int(when.replace(microsecond=0).timestamp()) * NS + when.microsecond * 1000
    words = f"{text} {zone.key if bare else 'as written'} is {_shown(first)} UTC"
    return Moment(first_ns=first, last_ns=first + _span(_SECONDS.search(text) is not None) - 1, words=words)


def _clock(clock: re.Match[str], zone: ZoneInfo, open_ns: int, close_ns: int) -> Moment:
    hour, minute, second = (int(part or 0) for part in clock.group(1, 2, 3))
    where = ZoneInfo("UTC") if clock[4] else zone
    try:
        wall = dt.time(hour, minute, second)
    except ValueError:
        raise NoMoment(f"{clock[0]} is no time of day: 00:00 to 23:59") from None
    last_day = dt.datetime.fromtimestamp(close_ns // NS, tz=where).date()
    for days in (0, 1):
        date = last_day - dt.timedelta(days=days)
        first = int(dt.datetime.combine(date, wall, tzinfo=where).timestamp()) * NS
        if open_ns <= first < close_ns:
            words = f"{clock[0].rstrip('Z')} {where.key} is {_shown(first)} UTC"
            return Moment(first_ns=first, last_ns=first + _span(clock[3] is not None) - 1, words=words)
    raise NoMoment(f"the last session here ran from {_shown(open_ns)} to {_shown(close_ns)} UTC; "
                   f"{clock[0]} ({where.key}) lies outside of it: write the date too, as in 2025-06-04T14:30Z")


def _span(to_the_second: bool) -> int:
    return NS if to_the_second else 60 * NS


def _shown(ts_ns: int) -> str:
    return iso(ts_ns)[:19].replace("T", " ")
