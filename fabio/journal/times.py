"""ISO 8601 text of a time in nanoseconds, fast enough for every line."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def _minute(minutes: int) -> str:
    return (_EPOCH + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:")


@lru_cache(maxsize=16)  # a question, its answer and their record stand at one time
def iso(ts_ns: int) -> str:
    """Write a time as ISO 8601 UTC with microseconds; the record's `ts_ns` stays the exact one.

    >>> iso(1378214400_123456789)
    '2013-09-03T13:20:00.123456Z'
    """
    minutes, rest = divmod(ts_ns // 1000, 60_000_000)
    return f"{_minute(minutes)}{rest // 1_000_000:02d}.{rest % 1_000_000:06d}Z"


def utc_day(ts_ns: int) -> str:
    """Give the UTC calendar day of a time.

    >>> utc_day(1378214400_123456789)
    '2013-09-03'
    """
    return _minute(ts_ns // 60_000_000_000)[:10]
