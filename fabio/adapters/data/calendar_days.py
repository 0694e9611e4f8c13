"""What pandas_market_calendars says about trading days: the dates, and the early closes among them."""

import datetime as dt
import warnings
from functools import lru_cache

from fabio.model.errors import ConfigError, did_you_mean


def trading_days(calendar: str, first: dt.date, last: dt.date) -> dict[dt.date, dt.time | None]:
    """List a calendar's trading days from `first` to `last`, inclusive.

    Returns
    -------
    dict[date, time or None]
        The early close in the calendar's own wall time, None on an ordinary day.

    Raises
    ------
    ConfigError
        If the library does not know the calendar.
    """
    return dict(_trading_days(calendar, first, last))


@lru_cache(maxsize=64)  # several groups of products keep one calendar, and the library takes milliseconds for it
def _trading_days(calendar: str, first: dt.date, last: dt.date) -> dict[dt.date, dt.time | None]:
    with warnings.catch_warnings():
        # the library's own pandas deprecations are not the user's business
        warnings.simplefilter("ignore")
        import pandas_market_calendars as calendars

        try:
            source = calendars.get_calendar(calendar)
        except RuntimeError:
            names = calendars.get_calendar_names()
            raise ConfigError(f"unknown calendar {calendar!r}{did_you_mean(calendar, names)}") from None
        schedule = source.schedule(first, last)
        if schedule.empty:  # the library cannot look for early closes among no days
            return {}
        early = source.early_closes(schedule)["market_close"]
        days: dict[dt.date, dt.time | None] = {day.date(): None for day in schedule.index}
        for day, close in early.items():
            days[day.date()] = close.tz_convert(source.tz).time()
    return days
