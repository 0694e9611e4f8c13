"""Each traded minute of the real tapes lies in open hours, and each open session has trades."""

import datetime as dt
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray
from tape_writing import NS, SESSIONS, real_tape

from fabio.adapters.data.sessions import load_sessions
from fabio.model.session import SessionTable

CHICAGO = ZoneInfo("America/Chicago")
DAY = dt.timedelta(days=1)

# name: (column, sessions without any bar, and why)
TAPES: dict[str, tuple[str, set[str]]] = {
    "es_bars_5m_bidask_2016_2019.parquet": ("ts_utc", set()),
    "nq_bars_1m_volume_20231119_20231204.parquet": ("ts_utc", set()),
    "nq_bars_1m_tv_202408_202512.parquet": (
        "ts_utc",
        # roll days dropped by whoever made the tape, 2025-07-03, and its known hole in December
        {"2024-09-17", "2024-12-03", "2024-12-17", "2025-06-16", "2025-07-03", "2025-12-08", "2025-12-09"},
    ),
    "nq_bars_5m_volume_tv_202412_202512.parquet": ("ts_utc", set()),
    "es_bars_1m_delta_rth_2026_public.parquet": (
        "minute_utc",
        {f"2026-02-{day:02d}" for day in (6, 9, 10, 11, 12, 13, 16)},  # not in the tape
    ),
    "es_trades_20130901_20130903.parquet": ("ts_event", set()),
    "nq_trades_20251127_full_session.parquet": ("ts_event", set()),
    "nq_trades_20251009_30min.parquet": ("ts_event", set()),
}


def traded(name: str, column: str) -> NDArray[np.int64]:
    query = f"select distinct epoch_ns({column}) as ts from '{real_tape(name)}' order by ts"
    return duckdb.sql(query).fetchnumpy()["ts"]


def sessions_around(times: NDArray[np.int64]) -> SessionTable:
    first, last = (
        dt.datetime.fromtimestamp(int(time) // NS, CHICAGO).date() for time in (times[0], times[-1])
    )
    return load_sessions(SESSIONS, "cme_equity", first - 7 * DAY, last + 7 * DAY)


def wall(time: int) -> str:
    return f"{dt.datetime.fromtimestamp(time // NS, CHICAGO):%H:%M}"


@pytest.mark.parametrize("name", TAPES)
def test_every_traded_minute_is_in_open_hours(name: str) -> None:
    times = traded(name, TAPES[name][0])
    sessions = sessions_around(times)
    outside = [int(time) for time in times if not sessions.is_open(int(time))]
    if name.startswith("es_bars_5m"):
        # one print of the closing second itself, in 18 of 1,031 sessions: Sierra stamps it into the next bar
        assert len(outside) == 18
        assert {wall(time) for time in outside} == {"15:15", "16:00", "12:00"}
        return
    assert outside == []


@pytest.mark.parametrize("name", TAPES)
def test_every_open_session_has_trades(name: str) -> None:
    column, missing = TAPES[name]
    times = traded(name, column)
    sessions = sessions_around(times)
    inside = (sessions.closes_ns > times[0]) & (sessions.opens_ns <= times[-1])
    counts = np.searchsorted(times, sessions.closes_ns) - np.searchsorted(times, sessions.opens_ns)
    empty = {sessions.session(int(row)).date for row in np.flatnonzero(inside & (counts == 0))}
    assert empty == missing


def test_five_minute_bars_fill_the_open_hours_but_for_the_tape_s_own_holes() -> None:
    times = traded("es_bars_5m_bidask_2016_2019.parquet", "ts_utc")
    sessions = sessions_around(times)
    step = 300 * NS
    holes: dict[str, int] = {}
    for row in np.flatnonzero((sessions.closes_ns > times[0]) & (sessions.opens_ns <= times[-1])):
        opened, closed = sessions.opens_ns[row], sessions.closes_ns[row]
        seen = set(times[np.searchsorted(times, opened) : np.searchsorted(times, closed)].tolist())
        missing = [bar for bar in range(opened, closed, step) if bar not in seen and sessions.is_open(bar)]
        if len(missing) > 3:
            holes[sessions.session(int(row)).date] = len(missing)
    expiries = {date for date, count in holes.items() if count >= 80}
    # the front contract stops trading on the third Friday at 8:30, the next one starts late on Sunday
    assert all(dt.date.fromisoformat(date).weekday() == 4 for date in expiries)
    assert len(expiries) == 16
    late_starts = holes.keys() - expiries
    assert all(dt.date.fromisoformat(date).weekday() == 0 for date in late_starts)
    assert len(late_starts) == 17


def test_the_outages_of_2019_and_2025_are_breaks() -> None:
    for name, inside in (
        ("es_bars_5m_bidask_2016_2019.parquet", "2019-02-26T20:00"),
        ("nq_bars_1m_tv_202408_202512.parquet", "2025-11-28T03:00"),
    ):
        times = traded(name, "ts_utc")
        instant = int(dt.datetime.fromisoformat(inside).replace(tzinfo=CHICAGO).timestamp()) * NS
        sessions = sessions_around(times)
        assert not sessions.is_open(instant)
        row = int(np.searchsorted(sessions.breaks_ns[:, 0], instant)) - 1
        start, stop = sessions.breaks_ns[row]
        assert not np.any((times >= start) & (times < stop))


def test_bars_stamped_at_their_close_fit_once_they_are_moved_to_their_start() -> None:
    # NinjaTrader stamps a bar at its close, in New York time: the last bar of a session is outside
    path = real_tape("nq_ninjatrader_1m_volumetric_20260205_20260216.csv.gz")
    query = f"select timestamp from read_csv('{path}', all_varchar = true, skip = 1, header = true)"
    stamps = [
        dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))
        for (text,) in duckdb.sql(query).fetchall()
    ]
    closes = np.array([int(stamp.timestamp()) * NS for stamp in stamps])
    sessions = sessions_around(closes)
    assert sum(not sessions.is_open(int(time)) for time in closes) >= 6
    assert [wall(int(time)) for time in closes - 60 * NS if not sessions.is_open(int(time))] == []
