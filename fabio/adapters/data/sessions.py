"""Sessions of a product group: the rules of `config/sessions.toml` and the calendars, as int64 columns."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from fabio.adapters.data.calendar_days import trading_days
from fabio.adapters.data.session_rules import GroupRules, Hours, read_rules
from fabio.model.errors import ConfigError
from fabio.model.session import NO_TIME, SessionTable

NS = 1_000_000_000
DAY = dt.timedelta(days=1)

_Row = tuple[dt.date, int, int, int, int, int]  # date, open, close, regular open, regular close, flat by
_BreakRow = tuple[int, int]


def load_sessions(path: Path, product_group: str, first: dt.date, last: dt.date) -> SessionTable:
    """Build the table of the sessions named `first` to `last`, inclusive.

    A session is named by the date it ends on, so the evening of the last date belongs to
    the next day's session: ask for a week more than the data has.

    Parameters
    ----------
    path
        `config/sessions.toml`.
    product_group
        As in `Instrument.product_group`.

    Raises
    ------
    ConfigError
        If the file or the group is wrong, or its hours begin after `first`.
    """
    if first > last:
        raise ConfigError(f"no sessions from {first} to {last}: the first date is after the last")
    rules = read_rules(path, product_group)
    if rules.always_open:
        return _table(product_group, list(_utc_days(first, last)), [])
    if first < rules.hours[0].since:
        raise ConfigError(
            f"{path}, [{product_group}] knows the hours from {rules.hours[0].since} on, not of {first}; "
            f"add an earlier [[{product_group}.hours]]"
        )
    rows: list[_Row] = []
    breaks: list[_BreakRow] = []
    closes_by_calendar = [trading_days(name, first, last) for name in rules.calendars]
    dates = set(closes_by_calendar[0]) | {date for date in rules.corrections if first <= date <= last}
    for date in sorted(dates):
        if date in rules.corrections and rules.corrections[date].closed:
            continue
        row, own_breaks = _session(rules, date, [closes.get(date, _CLOSED) for closes in closes_by_calendar])
        rows.append(row)
        breaks.extend(own_breaks)
    return _table(product_group, rows, breaks)


_CLOSED = "closed"
_EarlyClose = dt.time | None | str  # None: an ordinary day; _CLOSED: none at all


def _session(rules: GroupRules, date: dt.date, early: list[_EarlyClose]) -> tuple[_Row, list[_BreakRow]]:
    hours = next(era for era in reversed(rules.hours) if era.since <= date)
    correction = rules.corrections.get(date)
    if correction is not None and correction.close is not None:
        early = [correction.close]
    zone = rules.time_zone
    opened = _instant(date - DAY if hours.opens_the_evening_before else date, hours.open, zone)
    usual_close = _instant(date, hours.close, zone)
    closed = usual_close
    if isinstance(early[0], dt.time):
        closed = min(closed, _instant(date, early[0], zone))
    flat_by = min(closed, _instant(date, rules.flat_by, rules.flat_by_zone))
    for close in early:
        # sources differ: the earlier one counts
        if close == _CLOSED:
            flat_by = opened
        elif isinstance(close, dt.time):
            flat_by = min(flat_by, _instant(date, close, zone))
    regular_open, regular_close = NO_TIME, NO_TIME
    if rules.regular is not None:
        start, stop = (_instant(date, time, zone) for time in rules.regular)
        if start < closed:
            regular_open, regular_close = start, min(stop, closed)
    spans = hours.breaks + (correction.breaks if correction is not None else ())
    breaks = []
    for span in spans:
        start, stop = (_wall(date, time, hours, zone) for time in span)
        if start < closed:
            breaks.append((start, min(stop, closed)))
    return (date, opened, closed, regular_open, regular_close, flat_by), sorted(breaks)


def _wall(date: dt.date, time: dt.time, hours: Hours, zone: ZoneInfo) -> int:
    evening_before = hours.opens_the_evening_before and time >= hours.open
    return _instant(date - DAY if evening_before else date, time, zone)


def _instant(date: dt.date, time: dt.time, zone: ZoneInfo) -> int:
    return int(dt.datetime.combine(date, time, tzinfo=zone).timestamp()) * NS


def _utc_days(first: dt.date, last: dt.date) -> Iterator[_Row]:
    utc = ZoneInfo("UTC")
    date = first
    while date <= last:
        opened = _instant(date, dt.time(), utc)
        yield date, opened, _instant(date + DAY, dt.time(), utc), NO_TIME, NO_TIME, NO_TIME
        date += DAY


def _table(product_group: str, rows: list[_Row], breaks: list[_BreakRow]) -> SessionTable:
    dates = [date.year * 10000 + date.month * 100 + date.day for date, *_ in rows]
    times = np.array([row[1:] for row in rows], dtype=np.int64).reshape(-1, 5)
    return SessionTable(
        product_group=product_group,
        dates=np.array(dates, dtype=np.int64),
        opens_ns=times[:, 0].copy(),
        closes_ns=times[:, 1].copy(),
        regular_opens_ns=times[:, 2].copy(),
        regular_closes_ns=times[:, 3].copy(),
        flat_by_ns=times[:, 4].copy(),
        breaks_ns=np.array(breaks, dtype=np.int64).reshape(-1, 2),
    )
