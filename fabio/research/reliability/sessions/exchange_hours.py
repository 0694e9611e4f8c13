"""When CME's products trade from October 2026 to November 2027, read from the exchange's notices by hand.

This is the independent side of `calendar_bars`: no calendar library, none of `config/sessions.toml`. Usual
hours are those of the contract specifications; holidays those of the exchange's notices for 2026, carried to
2027 by the same rules (Good Friday of 2027 has no jobs report, so nothing opens). Where a notice is not out
and the years before differ, both readings stand in `OPEN_QUESTIONS`, and minutes between them are not judged.
"""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

CHICAGO = ZoneInfo("America/Chicago")
UTC = ZoneInfo("UTC")
FIRST, LAST = dt.date(2026, 10, 1), dt.date(2027, 11, 30)
MINUTES = ((LAST - FIRST).days + 1) * 1440 + 60
"""Of the span in Chicago's wall time: two autumns against one spring make it an hour longer."""

_THANKSGIVINGS = ("2026-11-26", "2027-11-25")
_FRIDAYS_AFTER = ("2026-11-27", "2027-11-26")
_EVE = "2026-12-24"  # a Thursday; in 2027 the eve, a Friday, lies behind the span
_HOLIDAYS = ("2027-01-18", "2027-02-15", "2027-05-31", "2027-06-18", "2027-07-05", "2027-09-06", *_THANKSGIVINGS)
_CLOSED = frozenset({"2026-12-25", "2027-01-01", "2027-03-26"})


def _closes(holidays: str, fridays: str, eve: str) -> dict[str, str]:
    """Say when each shortened day ends; an empty time means the usual close."""
    times = {**dict.fromkeys(_HOLIDAYS, holidays), **dict.fromkeys(_FRIDAYS_AFTER, fridays), _EVE: eve}
    return {date: time for date, time in times.items() if time}


EARLY = {
    "cme_equity": _closes("12:00", "12:15", "12:15"),
    "cme_rates": _closes("12:00", "12:15", "12:15"),
    "cme_fx": _closes("", "12:15", "12:15"),
    "cme_crypto": _closes("", "12:45", "12:15"),
    "energy": {**_closes("13:30", "12:45", "12:45"), "2026-11-27": "13:45"},
    "metals": {**_closes("13:30", "12:45", "12:45"), "2026-11-27": "13:45"},
    "grains": _closes("", "12:05", "12:05"),
    "livestock": _closes("", "12:05", "12:05"),
}
"""Product group -> date -> its early close, wall time of Chicago."""

OPEN_QUESTIONS = {
    ("energy", "2027-09-06"): ("12:00", "13:30"),  # Labor Day: 12:00 until 2025, 13:30 in 2026
    ("metals", "2027-09-06"): ("12:00", "13:30"),
    ("energy", "2027-11-26"): ("12:45", "13:45"),  # after Thanksgiving: 12:45 until 2025, 13:45 in 2026
    ("metals", "2027-11-26"): ("12:45", "13:45"),
    ("grains", "2026-11-27"): ("12:00", "12:05"),  # futures 12:05; noon in older lists
    ("grains", "2026-12-24"): ("12:00", "12:05"),
    ("grains", "2027-11-26"): ("12:00", "12:05"),
    ("livestock", "2027-06-18"): ("08:30", "13:05"),  # Juneteenth: sources differ whether it opens
}
"""(Product group, date) -> the wall times between which the readings differ."""

_MORNINGS = {"grains": "13:20", "livestock": "13:05"}  # product group -> usual close; the others close at 16:00


def groups() -> tuple[str, ...]:
    """Give the product groups that this table knows."""
    return (*EARLY, "always_open")


def minutes() -> Iterator[tuple[int, dt.datetime]]:
    """Give each minute of the span as seconds since 1970, and as Chicago's wall time."""
    start = int(dt.datetime.combine(FIRST, dt.time(), CHICAGO).timestamp())
    for at_s in range(start, start + MINUTES * 60, 60):
        yield at_s, dt.datetime.fromtimestamp(at_s, CHICAGO)


def session_of(group: str, wall: dt.datetime) -> str | None:
    """Name the session that a moment belongs to, by the date it ends on; None where the product rests.

    Examples
    --------
    >>> session_of("cme_equity", dt.datetime(2026, 11, 1, 17, 0, tzinfo=CHICAGO))
    '2026-11-02'
    """
    if group == "always_open":
        return str(wall.astimezone(UTC).date())
    clock = f"{wall:%H:%M}"
    if group == "livestock":
        evening = False
        is_open = clock >= "08:30"
    elif group == "grains":
        evening = clock >= "19:00"
        is_open = evening or clock < "07:45" or clock >= "08:30"
    else:
        evening = clock >= "17:00"
        is_open = True
    date = wall.date() + dt.timedelta(days=1) if evening else wall.date()
    name = str(date)
    if not is_open or date.weekday() >= 5 or name in _CLOSED:
        return None
    if group in _MORNINGS and name in _HOLIDAYS and (group, name) not in OPEN_QUESTIONS:
        return None  # farm products rest on holidays
    close = EARLY[group].get(name, _MORNINGS.get(group, "16:00"))
    return name if evening or clock < close else None


def is_open_question(group: str, wall: dt.datetime) -> bool:
    """Tell whether the readings differ about this moment."""
    between = OPEN_QUESTIONS.get((group, str(wall.date())))
    return between is not None and between[0] <= f"{wall:%H:%M}" < between[1]
