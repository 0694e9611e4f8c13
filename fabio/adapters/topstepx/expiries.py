"""When a contract ends: the venue does not say, so the exchange's rules are kept here.

| products | a contract ends |
| --- | --- |
| equity index | on the third Friday of its month |
| Nikkei | on the business day before the second Friday of its month |
| currencies | two business days before the third Wednesday of its month |
| crypto | on the last Friday of its month |
| crude oil (CL, MCL, QM) | three business days before the 25th of the month before |
| gas (NG, MNG, QG) | three business days before the first of its month |
| rates, metals, grains, heating oil, gasoline | with the month before: then delivery begins |
| live cattle | with its month |
| lean hogs | on the tenth business day of its month |

Business days are weekdays here: a holiday makes the true day a day earlier, which the margin of
`roll` covers. Source: the exchange's contract specifications, 2026.
"""

import datetime as dt
from collections.abc import Callable

from fabio.adapters.topstepx.contracts import Expiry
from fabio.model.instrument import Instrument

DAY = dt.timedelta(days=1)
_FRIDAY, _WEDNESDAY, _SATURDAY = 4, 2, 5


def last_day(expiry: Expiry, instrument: Instrument) -> dt.date | None:
    """Give the day on which a contract ends, at the latest; None for a product without a rule.

    Examples
    --------
    >>> third_friday(dt.date(2026, 12, 1))
    datetime.date(2026, 12, 18)
    """
    rule = _BY_ROOT.get(expiry.root) or _BY_GROUP.get(instrument.product_group)
    return rule(dt.date(expiry.year, expiry.month, 1)) if rule is not None else None


def third_friday(month: dt.date) -> dt.date:
    """Give the third Friday of a month, named by its first day."""
    return _nth(month, _FRIDAY, 3)


def _nikkei(month: dt.date) -> dt.date:
    return _business_days_before(_nth(month, _FRIDAY, 2), 1)


def _currencies(month: dt.date) -> dt.date:
    return _business_days_before(_nth(month, _WEDNESDAY, 3), 2)


def _last_friday(month: dt.date) -> dt.date:
    day = _last_of(month)
    return day - DAY * ((day.weekday() - _FRIDAY) % 7)


def _crude_oil(month: dt.date) -> dt.date:
    day = (month - DAY).replace(day=25)
    while day.weekday() >= _SATURDAY:
        day -= DAY
    return _business_days_before(day, 3)


def _gas(month: dt.date) -> dt.date:
    return _business_days_before(month, 3)


def _month_before(month: dt.date) -> dt.date:
    return _business_days_before(month, 1)


def _whole_month(month: dt.date) -> dt.date:
    return _business_days_before(_last_of(month) + DAY, 1)


def _hogs(month: dt.date) -> dt.date:
    day, count = month - DAY, 0
    while count < 10:
        day += DAY
        count += day.weekday() < _SATURDAY
    return day


def _nth(month: dt.date, weekday: int, count: int) -> dt.date:
    return month + DAY * ((weekday - month.weekday()) % 7 + 7 * (count - 1))


def _last_of(month: dt.date) -> dt.date:
    return (month + 31 * DAY).replace(day=1) - DAY


def _business_days_before(day: dt.date, count: int) -> dt.date:
    while count:
        day -= DAY
        count -= day.weekday() < _SATURDAY
    return day


_Rule = Callable[[dt.date], dt.date]
_BY_GROUP: dict[str, _Rule] = {
    "cme_equity": third_friday, "cme_fx": _currencies, "cme_crypto": _last_friday, "cme_rates": _month_before,
    "metals": _month_before, "grains": _month_before, "energy": _month_before,
}
# product group -> its rule
_BY_ROOT: dict[str, _Rule] = {
    "CLE": _crude_oil, "MCLE": _crude_oil, "NQM": _crude_oil, "NGE": _gas, "MNG": _gas, "NQG": _gas,
    "NKD": _nikkei, "GLE": _whole_month, "HE": _hogs,
}
# root at the venue -> a rule of its own
