import datetime as dt
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tape_writing import NS, SESSIONS

from fabio.adapters.data.sessions import load_sessions
from fabio.model.errors import ConfigError
from fabio.model.session import NO_TIME, Session, SessionTable

CHICAGO = ZoneInfo("America/Chicago")
GROUPS = [
    "cme_equity",
    "cme_fx",
    "cme_rates",
    "energy",
    "metals",
    "grains",
    "livestock",
    "cme_crypto",
    "always_open",
]
MINUTE = 60 * NS


def ns(text: str, zone: ZoneInfo = CHICAGO) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS


def table(group: str, first: str, last: str) -> SessionTable:
    return load_sessions(SESSIONS, group, dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def session(group: str, date: str) -> Session:
    one = table(group, date, date)
    assert len(one.dates) == 1, f"{group} has no session {date}"
    return one.session(0)


def test_whether_it_is_open_follows_from_the_columns() -> None:
    # the minutes themselves are compared in tests/research/test_reliability_calendar.py
    sessions = table("cme_equity", "2026-09-25", "2027-12-10")
    minutes = np.arange(ns("2026-10-01T00:00"), ns("2027-12-01T00:00"), 97 * MINUTE)
    index = np.searchsorted(sessions.closes_ns, minutes, side="right")
    assert [sessions.is_open(int(minute)) for minute in minutes] == (minutes >= sessions.opens_ns[index]).tolist()
    assert len(sessions.breaks_ns) == 0


@pytest.mark.parametrize(
    ("date", "utc"),
    [
        ("2026-10-30", "20:10"),
        ("2026-11-02", "21:10"),
        ("2027-03-12", "21:10"),
        ("2027-03-15", "20:10"),
        ("2027-11-05", "20:10"),
        ("2027-11-08", "21:10"),
    ],
)
def test_flat_by_follows_chicago_over_the_clock_changes(date: str, utc: str) -> None:
    assert session("cme_equity", date).flat_by_ns == ns(f"{date}T{utc}", ZoneInfo("UTC"))


def test_sessions_over_a_clock_change_are_as_long_as_they_really_are() -> None:
    # the clocks change on Sundays at 2:00, when the market is closed
    for date in ("2026-11-02", "2027-03-15", "2027-11-08"):
        one = session("cme_equity", date)
        assert one.close_ns - one.open_ns == 23 * 3600 * NS
    chicago, london = (ns("2026-10-26T08:30", zone) for zone in (CHICAGO, ZoneInfo("Europe/London")))
    assert chicago - london == 5 * 3600 * NS
    assert session("cme_equity", "2026-10-26").regular_open_ns == chicago


@pytest.mark.parametrize("group", GROUPS)
def test_ten_years_of_sessions_have_no_overlap_and_one_state_per_instant(group: str) -> None:
    sessions = table(group, "2020-01-01", "2030-12-31")
    assert np.all(sessions.opens_ns < sessions.closes_ns)
    assert np.all(sessions.closes_ns[:-1] <= sessions.opens_ns[1:])
    assert np.all(np.diff(sessions.dates) > 0)
    if group == "always_open":
        assert np.array_equal(sessions.closes_ns[:-1], sessions.opens_ns[1:])
        assert np.all(sessions.flat_by_ns == NO_TIME)
        assert np.all(sessions.regular_opens_ns == NO_TIME)
        return
    assert np.all(sessions.flat_by_ns <= sessions.closes_ns)
    assert np.all(sessions.flat_by_ns >= sessions.opens_ns)
    regular = sessions.regular_opens_ns != NO_TIME
    assert np.array_equal(regular, sessions.regular_closes_ns != NO_TIME)
    assert np.all(sessions.regular_opens_ns[regular] < sessions.regular_closes_ns[regular])
    assert np.all(sessions.regular_closes_ns[regular] <= sessions.closes_ns[regular])
    starts, stops = sessions.breaks_ns[:, 0], sessions.breaks_ns[:, 1]
    assert np.all(starts < stops)
    assert np.all(stops[:-1] < starts[1:])
    inside = np.searchsorted(sessions.closes_ns, starts, side="right")
    assert np.all((starts > sessions.opens_ns[inside]) & (stops <= sessions.closes_ns[inside]))


def test_a_holiday_is_a_session_of_its_own() -> None:
    labor_day = session("cme_equity", "2013-09-02")
    assert (labor_day.open_ns, labor_day.close_ns) == (ns("2013-09-01T17:00"), ns("2013-09-02T10:30"))
    assert labor_day.flat_by_ns == ns("2013-09-02T10:30")
    following = session("cme_equity", "2013-09-03")
    assert (following.open_ns, following.close_ns) == (ns("2013-09-02T17:00"), ns("2013-09-03T16:15"))


def test_half_days_end_at_quarter_past_twelve_and_the_account_is_flat_by_the_earlier_source() -> None:
    half_day = session("cme_equity", "2025-11-28")
    assert half_day.close_ns == half_day.regular_close_ns == ns("2025-11-28T12:15")
    assert half_day.flat_by_ns == ns("2025-11-28T12:00")


def test_the_day_of_mourning_of_2025_traded_until_half_past_eight() -> None:
    mourning = session("cme_equity", "2025-01-09")
    assert mourning.close_ns == mourning.flat_by_ns == ns("2025-01-09T08:30")
    assert mourning.regular_open_ns is None
    assert session("cme_rates", "2025-01-09").close_ns == ns("2025-01-09T12:15")
    assert session("energy", "2025-01-09").close_ns == ns("2025-01-09T16:00")


def test_good_friday_trades_only_with_a_jobs_report() -> None:
    assert len(table("cme_equity", "2025-04-18", "2025-04-18").dates) == 0
    good_friday = session("cme_equity", "2026-04-03")
    assert good_friday.close_ns == good_friday.flat_by_ns == ns("2026-04-03T08:15")
    assert good_friday.regular_open_ns is None
    assert session("cme_rates", "2026-04-03").flat_by_ns == ns("2026-04-03T10:00")
    assert len(table("energy", "2026-04-03", "2026-04-03").dates) == 0


@pytest.mark.parametrize(
    ("date", "close", "breaks"),
    [
        ("2014-06-10", "16:15", 1),
        ("2015-09-18", "16:15", 1),
        ("2015-09-21", "16:00", 1),
        ("2021-06-25", "16:00", 1),
        ("2021-06-28", "16:00", 0),
    ],
)
def test_the_afternoon_halt_and_the_close_changed_over_the_years(date: str, close: str, breaks: int) -> None:
    one = table("cme_equity", date, date)
    assert one.closes_ns.tolist() == [ns(f"{date}T{close}")]
    assert one.breaks_ns.tolist() == [[ns(f"{date}T15:15"), ns(f"{date}T15:30")]] * breaks


def test_an_early_close_cuts_the_afternoon_halt_away() -> None:
    assert len(table("cme_equity", "2019-11-29", "2019-11-29").breaks_ns) == 0


def test_livestock_opens_in_the_morning_and_grains_pause_before_it() -> None:
    cattle = session("livestock", "2026-10-06")
    assert (cattle.open_ns, cattle.close_ns) == (ns("2026-10-06T08:30"), ns("2026-10-06T13:05"))
    assert cattle.flat_by_ns == cattle.close_ns
    corn = table("grains", "2026-10-06", "2026-10-06")
    assert corn.opens_ns.tolist() == [ns("2026-10-05T19:00")]
    assert corn.breaks_ns.tolist() == [[ns("2026-10-06T07:45"), ns("2026-10-06T08:30")]]


def test_a_day_one_source_holds_for_closed_is_flat_from_the_start() -> None:
    juneteenth = session("livestock", "2026-06-19")
    assert juneteenth.flat_by_ns == juneteenth.open_ns


def test_always_open_has_utc_days() -> None:
    day = session("always_open", "2026-11-01")
    assert (day.open_ns, day.close_ns) == (
        ns("2026-11-01T00:00", ZoneInfo("UTC")),
        ns("2026-11-02T00:00", ZoneInfo("UTC")),
    )
    assert (day.flat_by_ns, day.regular_open_ns) == (None, None)


def test_importing_the_module_does_not_import_pandas() -> None:
    code = "import sys, fabio.adapters.data.sessions; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"15:10"', '"24:00"'), "no time of day"),
        (('"15:10"', '"3pm"'), "no time of day"),
        (('"15:10"', "910"), "no time of day"),
        (('time_zone = "America/Chicago"', 'time_zone = "America/Chikago"'), "unknown time zone"),
        (('calendars = ["CME Globex Equity",', 'calendars = ["CME Globex Equities",'), "unknown calendar"),
        (('calendars = ["CME Globex Equity", "CME_Equity"]', "calendars = []"), "at least one calendar"),
        (("from = 2012-11-19", "from = 2016-11-19"), "have to rise"),
        (("from = 2012-11-19", 'from = "2012-11-19"'), "not a date"),
        (('regular = ["08:30", "15:00"]', 'regular = ["08:30"]'), "two times"),
        (('regular = ["08:30"', 'regulars = ["08:30"'), "did you mean regular"),
        (("closed = true", "clsoed = true"), "did you mean closed"),
        (("dates = [2025-01-09]", "dates = [2018-12-05]"), "corrected twice"),
        (('close = "08:30"\n', ""), "one of closed"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "sessions.toml"
    text = SESSIONS.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(ConfigError, match=message):
        load_sessions(path, "cme_equity", dt.date(2026, 1, 1), dt.date(2026, 1, 31))


def test_an_unknown_group_a_wrong_span_and_years_without_rules_are_refused() -> None:
    day = dt.date(2026, 1, 5)
    with pytest.raises(ConfigError, match="did you mean cme_equity"):
        load_sessions(SESSIONS, "cme_equities", day, day)
    with pytest.raises(ConfigError, match="after the last"):
        load_sessions(SESSIONS, "cme_equity", day, day - dt.timedelta(days=1))
    with pytest.raises(ConfigError, match="from 2012-11-19 on"):
        load_sessions(SESSIONS, "cme_equity", dt.date(2010, 1, 1), day)
