"""When a scheduled process is due."""

import datetime as dt
from zoneinfo import ZoneInfo

from fabio.runtime.supervise.definition import Schedule, minute_of_day

NS = 1_000_000_000


def next_due_ns(schedule: Schedule, last_ns: int | None, now_ns: int) -> int:
    """Give the wall-clock time of the next run.

    Parameters
    ----------
    last_ns
        When the latest run began; None where there was none. A time of day that passed while nobody was
        there to start it is made up for if it was less than a day ago.
    now_ns
        Wall clock, where there was no run yet.

    Notes
    -----
    A time of day that the clocks skip in spring comes when they have been moved, one they show twice in
    autumn comes the first time.
    """
    if schedule.every_hours is not None:
        return now_ns if last_ns is None else last_ns + round(schedule.every_hours * 3600 * NS)
    since_ns = now_ns if last_ns is None else max(last_ns, now_ns - 86_400 * NS)
    return _next_at_ns(minute_of_day(schedule.at), ZoneInfo(schedule.zone), since_ns)


def _next_at_ns(minute: int, zone: ZoneInfo, since_ns: int) -> int:
    """Give the first such time of day after a moment."""
    day = dt.datetime.fromtimestamp(since_ns // NS, zone).date()
    for ahead in range(-1, 3):
        local = dt.datetime.combine(day + dt.timedelta(days=ahead), dt.time(minute // 60, minute % 60), zone)
        found_ns = int(local.timestamp()) * NS
        if found_ns > since_ns:
            return found_ns
    raise AssertionError("every day has its time")
