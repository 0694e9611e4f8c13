"""Timestamps of the wire: ISO 8601 text to nanoseconds since 1970 and back, to the last digit.

The gateway writes 0 to 7 fraction digits and `Z` or an offset; `datetime` cuts at microseconds,
so the fraction is read here.
"""

import re
from datetime import date
from functools import lru_cache

SECOND_NS = 1_000_000_000
_DAY_S = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_NS = 2**63 - 1

_SECOND = re.compile(r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)", re.ASCII)
_REST = re.compile(r"(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII)


class BadStamp(ValueError):
    """A text that is no timestamp of this wire."""


@lru_cache(maxsize=4096)  # each look at the orders of a day reads the same ones
def stamp_ns(text: str) -> int:
    """Read a timestamp as nanoseconds since 1970, UTC, exactly.

    Raises
    ------
    BadStamp
        If it is not ISO 8601 with date, time, 0 to 9 fraction digits and `Z` or an offset, or
        lies outside 1970 to 2262 (.NET writes year 1 for "never").

    Examples
    --------
    >>> stamp_ns("1970-01-02T00:00:00.1234567+00:00")
    86400123456700
    >>> stamp_ns("2026-08-27T09:30:00-05:00") == stamp_ns("2026-08-27T14:30:00Z")
    True
    """
    rest = _REST.fullmatch(text, 19)
    if rest is None:
        raise _unreadable(text)
    fraction, sign, offset_hour, offset_minute = rest.groups()
    # many stamps share a second, so its digits are read once
    nanoseconds = _second_ns(text[:19])
    if sign is not None:
        offset_ns = (int(offset_hour) * 3600 + int(offset_minute) * 60) * SECOND_NS
        nanoseconds += offset_ns if sign == "-" else -offset_ns
    if fraction is not None:
        nanoseconds += int(fraction.ljust(9, "0"))
    if not 0 <= nanoseconds <= _LAST_NS:
        raise BadStamp(f"timestamp {text!r}: expected a time from 1970 to 2262")
    return nanoseconds


def stamp_text(nanoseconds: int, digits: int = 7, zone: str = "Z") -> str:
    """Write nanoseconds since 1970 as a timestamp.

    Parameters
    ----------
    digits
        Fraction digits, 0 to 9; what is finer is cut off. The venue's own resolution is 7.
    zone
        `Z` or `+00:00`; both mean UTC.

    Examples
    --------
    >>> stamp_text(86400123456700)
    '1970-01-02T00:00:00.1234567Z'
    >>> stamp_text(86400123456700, digits=0, zone="+00:00")
    '1970-01-02T00:00:00+00:00'
    """
    if not (0 <= nanoseconds <= _LAST_NS and 0 <= digits <= 9 and zone in ("Z", "+00:00")):
        raise BadStamp(
            f"{nanoseconds} ns, {digits} digits, zone {zone!r}: expected 1970 to 2262, 0 to 9 digits, Z or +00:00"
        )
    seconds, rest_ns = divmod(nanoseconds, SECOND_NS)
    days, second_of_day = divmod(seconds, _DAY_S)
    hour, rest_s = divmod(second_of_day, 3600)
    day = date.fromordinal(_EPOCH_DAY + days).isoformat()
    fraction = f".{rest_ns:09d}"[: digits + 1] if digits else ""
    return f"{day}T{hour:02d}:{rest_s // 60:02d}:{rest_s % 60:02d}{fraction}{zone}"


@lru_cache(maxsize=1024)
def _second_ns(text: str) -> int:
    found = _SECOND.fullmatch(text)
    if found is None:
        raise _unreadable(text)
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        raise _unreadable(text) from None
    return (days * _DAY_S + hour * 3600 + minute * 60 + second) * SECOND_NS


def _unreadable(text: str) -> BadStamp:
    return BadStamp(f"timestamp {text[:64]!r}: expected YYYY-MM-DDTHH:MM:SS, 0 to 9 fraction digits, Z or an offset")
