"""Silence: a quiet market raises no alarm, a deaf connection does, and in time (H20, H21, H28)."""

import asyncio
import datetime as dt
from collections import Counter
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray
from tape_writing import NS, SESSIONS, real_tape

from fabio.adapters.data.sessions import load_sessions
from fabio.adapters.topstepx.enums import BarUnit
from fabio.adapters.topstepx.errors import NoAnswer, PermanentError, WireError
from fabio.adapters.topstepx.feed.probe import ON_ITS_WAY_NS, Probe
from fabio.adapters.topstepx.feed.watchdog import Alarm, Hours, Verdict, Watchdog
from fabio.adapters.topstepx.records import Bar
from fabio.adapters.topstepx.rest.endpoints import BarsQuery
from fabio.adapters.topstepx.stamps import stamp_text
from fabio.research.reliability.virtual_time import run_virtual

LOOK_S = 0.25
CHICAGO = ZoneInfo("America/Chicago")
CONTRACT = "CON.F.US.MNQ.Z26"


class Story:
    """A watchdog, looked at every quarter of a second; probes are answered after a while."""

    def __init__(self, hours: Hours, verdict: Verdict = Verdict.UNKNOWN, answer_s: float = 0.3) -> None:
        self.now_s = 0.0
        self.hours = hours
        self.verdict = verdict
        self.answer_s = answer_s
        self.dog = Watchdog(0.0)
        self.seen: list[tuple[float, str]] = []  # when, what
        self._answers: list[float] = []

    def run(self, seconds: float, message_every_s: float | None = None, is_print: bool = True) -> None:
        ends_s, next_s = self.now_s + seconds, self.now_s
        while self.now_s < ends_s:
            self.now_s += LOOK_S
            while message_every_s is not None and next_s <= self.now_s:
                self.dog.heard(next_s, is_print)
                next_s += message_every_s
            if self._answers and self._answers[0] <= self.now_s:
                self._answers.pop(0)
                self.dog.answered(self.verdict, self.now_s)
            self._note(self.dog.look(self.now_s, self.hours))

    def _note(self, alarm: Alarm) -> None:
        if alarm.lost:
            self.seen.append((self.now_s, "lost"))
        if alarm.probe:
            self.seen.append((self.now_s, "probe"))
            self._answers.append(self.now_s + self.answer_s)
        if alarm.reconnect:
            self.seen.append((self.now_s, "reconnect"))
            self.dog.connected(self.now_s + 1.0)

    def first(self, what: str, after_s: float = 0.0) -> float:
        return next((at_s for at_s, each in self.seen if each == what and at_s > after_s), float("inf"))

    def count(self, what: str) -> int:
        return sum(each == what for _, each in self.seen)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.MISSED])
def test_h20_in_regular_hours_a_mute_hub_is_lost_in_3_s_probed_in_5_and_left_in_10(verdict: Verdict) -> None:
    story = Story(Hours.REGULAR, verdict)
    story.run(60.0, message_every_s=0.05)
    assert story.seen == []
    story.run(20.0)
    assert story.first("lost") - 60.0 <= 3.0
    assert story.first("probe") - 60.0 <= 5.0
    assert story.first("reconnect") - 60.0 <= 10.0


def test_in_other_hours_it_is_lost_in_15_s_and_left_in_30() -> None:
    story = Story(Hours.OTHER)
    story.run(60.0, message_every_s=1.0)
    story.run(40.0)
    assert 10.0 < story.first("lost") - 60.0 <= 15.0
    assert story.first("probe") < story.first("lost")
    assert 15.0 <= story.first("reconnect") - 60.0 <= 30.0


def test_in_other_hours_prints_that_were_missed_end_the_connection_at_once() -> None:
    story = Story(Hours.OTHER, Verdict.MISSED)
    story.run(60.0, message_every_s=1.0)
    story.run(10.0)
    assert story.first("lost") == story.first("reconnect")
    assert story.first("reconnect") - 60.0 <= 8.0


def test_a_quiet_night_is_no_alarm() -> None:
    story = Story(Hours.OTHER, Verdict.QUIET)
    story.run(590.0)
    assert (story.count("lost"), story.count("reconnect")) == (0, 0)
    assert story.count("probe") >= 50


@pytest.mark.parametrize("halt_s", [2.0, 5.0, 10.0])
def test_a_velocity_halt_blocks_entries_and_nothing_more(halt_s: float) -> None:
    story = Story(Hours.REGULAR, Verdict.QUIET)
    for _ in range(20):
        story.run(30.0, message_every_s=0.05)
        story.run(halt_s)
    assert story.count("reconnect") == 0
    assert (story.count("lost") > 0) == (halt_s > 2.5)


def test_a_halt_of_a_quarter_of_an_hour_is_no_storm() -> None:
    story = Story(Hours.REGULAR, Verdict.QUIET)
    story.run(900.0)
    assert 1 <= story.count("reconnect") <= 6


def test_quiet_is_believed_for_a_minute_in_regular_hours() -> None:
    story = Story(Hours.REGULAR, Verdict.QUIET)
    story.run(70.0)
    assert 55.0 <= story.first("reconnect") <= 61.0


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("hours", [Hours.REGULAR, Hours.OTHER])
def test_a_hub_that_stays_mute_for_an_hour_is_not_reconnected_in_a_storm(hours: Hours, verdict: Verdict) -> None:
    story = Story(hours, verdict)
    story.run(3600.0)
    times = [at_s for at_s, what in story.seen if what == "reconnect"]
    assert 2 <= len(times) <= 20
    assert np.diff(times).max() <= 660.0  # and never given up


def test_quotes_without_prints_are_no_storm_either() -> None:
    story = Story(Hours.REGULAR, Verdict.MISSED)
    story.run(3600.0, message_every_s=0.5, is_print=False)
    assert 2 <= story.count("reconnect") <= 20


def test_the_first_reconnection_after_good_times_is_as_quick_as_ever() -> None:
    story = Story(Hours.REGULAR, Verdict.MISSED)
    story.run(600.0)
    story.run(30.0, message_every_s=0.1)
    since_s = story.now_s
    story.run(600.0 - 400.0)
    assert story.first("reconnect", since_s) - since_s <= 305.0
    story.run(400.0, message_every_s=0.1)
    since_s = story.now_s
    story.run(20.0)
    assert story.first("reconnect", since_s) - since_s <= 10.0


def test_outside_the_session_nothing_is_an_alarm_and_its_opening_begins_the_count() -> None:
    story = Story(Hours.CLOSED)
    story.run(3600.0)
    assert story.seen == []
    story.hours = Hours.OTHER
    story.run(13.0)
    assert story.count("lost") == 0
    story.run(5.0)
    assert story.count("lost") > 0


def test_a_quote_that_prints_do_not_show_leads_to_a_probe() -> None:
    story = Story(Hours.REGULAR, Verdict.MISSED)
    story.run(30.0, message_every_s=0.1)
    since_s = story.now_s
    story.dog.quoted_elsewhere(since_s)
    story.run(3.0, message_every_s=0.1, is_print=False)
    assert story.first("probe", since_s) - since_s <= 2.5
    assert story.first("reconnect", since_s) - since_s <= 3.0


def test_a_print_that_follows_its_quote_is_no_reason_to_probe() -> None:
    story = Story(Hours.REGULAR, Verdict.MISSED)
    for _ in range(20):
        story.dog.quoted_elsewhere(story.now_s)
        story.run(1.0, message_every_s=0.5)
    assert story.seen == []


def test_a_quote_found_harmless_is_not_asked_about_again_before_the_next_print() -> None:
    story = Story(Hours.OTHER, Verdict.QUIET)
    for _ in range(100):
        story.dog.quoted_elsewhere(story.now_s)
        story.run(1.0, message_every_s=0.5, is_print=False)
    assert story.count("probe") == 1
    assert story.count("reconnect") == 0


def test_quotes_move_prints_do_not_and_nobody_answers() -> None:
    story = Story(Hours.REGULAR, Verdict.UNKNOWN)
    for _ in range(12):
        story.dog.quoted_elsewhere(story.now_s)
        story.run(1.0, message_every_s=0.1, is_print=False)
    assert story.count("reconnect") == 1


def test_prints_silent_for_long_lead_to_a_probe_though_quotes_flow() -> None:
    story = Story(Hours.REGULAR, Verdict.QUIET)
    story.run(100.0, message_every_s=0.1, is_print=False)
    assert 3 <= story.count("probe") <= 6
    assert story.count("lost") == 0


def test_our_own_standstill_is_nobody_s_silence() -> None:
    story = Story(Hours.REGULAR)
    story.run(10.0, message_every_s=0.1)
    story.now_s += 60.0
    story.dog.stalled(60.0)
    story.run(2.0)
    assert story.seen == []


# -- recorded nights: 0 false alarms, with a probe that tells the truth


def real_times(name: str) -> NDArray[np.int64]:
    return np.sort(duckdb.sql(f"select epoch_ns(ts_event) as ts from '{real_tape(name)}'").fetchnumpy()["ts"])


def alarms_of(times: NDArray[np.int64]) -> tuple[Counter[str], float]:
    """Live through a tape of prints without quotes; give what happened outside regular hours, and their length."""
    days = [dt.datetime.fromtimestamp(int(ts) // NS, CHICAGO).date() for ts in (times[0], times[-1])]
    table = load_sessions(SESSIONS, "cme_equity", days[0] - dt.timedelta(days=3), days[1] + dt.timedelta(days=3))
    now_ns, look_ns = int(times[0]), int(LOOK_S * NS)
    dog = Watchdog(now_ns / NS)
    seen: Counter[str] = Counter()
    place, answer_ns, hours_s = 0, 0, 0.0
    while now_ns < times[-1]:
        now_ns += look_ns
        reached = int(times.searchsorted(now_ns, side="right"))
        if reached > place:
            dog.heard(int(times[reached - 1]) / NS, is_print=True)
            place = reached
        if answer_ns and answer_ns <= now_ns:
            traded = times.searchsorted(answer_ns - 300_000_000 - ON_ITS_WAY_NS) > place
            dog.answered(Verdict.MISSED if traded else Verdict.QUIET, now_ns / NS)
            answer_ns = 0
        hours = hours_at(table, now_ns)
        alarm = dog.look(now_ns / NS, hours)
        if alarm.probe and not answer_ns:
            answer_ns = now_ns + 300_000_000
        if hours is Hours.OTHER:
            hours_s += LOOK_S
            seen["lost"] += bool(alarm.lost)
            seen["probe"] += alarm.probe
        seen["reconnect"] += bool(alarm.reconnect)
    return seen, hours_s / 3600


def hours_at(table, now_ns: int) -> Hours:
    if not table.is_open(now_ns):
        return Hours.CLOSED
    session = table.session(table.index_at(now_ns))
    if session.regular_open_ns is not None and session.regular_open_ns <= now_ns < session.regular_close_ns:
        return Hours.REGULAR
    return Hours.OTHER


@pytest.mark.parametrize(("name", "least_hours"), [
    ("nq_trades_20251127_full_session.parquet", 14.0),
    ("es_trades_20130901_20130903.parquet", 30.0),
])
def test_h20_recorded_quiet_nights_raise_no_alarm(name: str, least_hours: float) -> None:
    seen, hours = alarms_of(real_times(name))
    assert hours >= least_hours
    assert (seen["lost"], seen["reconnect"]) == (0, 0)
    assert seen["probe"] > 100  # there was silence enough to be wrong about


# -- the probe

NOW_NS = 1_795_186_800 * NS


class SecondHistory:
    """Answers with bars of the seconds given, as (seconds before now, volume)."""

    def __init__(self, *seconds: tuple[int, int], failure: Exception | None = None, delay_s: float = 0.0) -> None:
        self.queries: list[BarsQuery] = []
        self._bars = tuple(
            Bar(stamp_text(NOW_NS - ago * NS), *[1] * 4, volume) for ago, volume in seconds  # type: ignore[arg-type]
        )
        self._failure, self._delay_s = failure, delay_s

    async def bars(self, query: BarsQuery) -> tuple[Bar, ...]:
        self.queries.append(query)
        await asyncio.sleep(self._delay_s)
        if self._failure is not None:
            raise self._failure
        return self._bars


def asked(history: SecondHistory, seen_ago_ns: int | None, whole_ago_s: int = 600) -> Verdict:
    probe = Probe(history, False, asyncio.sleep)
    seen_ns = 0 if seen_ago_ns is None else NOW_NS - seen_ago_ns
    return run_virtual(probe.ask(CONTRACT, seen_ns, NOW_NS - whole_ago_s * NS, NOW_NS))


@pytest.mark.parametrize(("bars", "wanted"), [
    ([(10, 5)], Verdict.QUIET),              # only the second of our last print
    ([(10, 5), (8, 1)], Verdict.MISSED),
    ([(10, 5), (8, 0)], Verdict.QUIET),      # a bar without volume is no trade
    ([(10, 5), (2, 9), (1, 3)], Verdict.QUIET),  # may be on its way to us
    ([(10, 5), (3, 9)], Verdict.MISSED),
    ([], Verdict.UNKNOWN),                   # does not even know our own print
    ([(8, 1)], Verdict.MISSED),
])
def test_second_bars_tell_whether_the_market_traded_unheard(bars: list[tuple[int, int]], wanted: Verdict) -> None:
    assert asked(SecondHistory(*bars), seen_ago_ns=9_500_000_000) is wanted


def test_what_traded_before_the_subscriptions_stood_was_not_missed() -> None:
    assert asked(SecondHistory((10, 5), (8, 5)), seen_ago_ns=9_500_000_000, whole_ago_s=5) is Verdict.QUIET
    assert asked(SecondHistory((3, 5)), seen_ago_ns=None, whole_ago_s=5) is Verdict.MISSED


def test_a_last_print_long_ago_is_not_looked_for() -> None:
    history = SecondHistory()
    assert asked(history, seen_ago_ns=300 * NS) is Verdict.QUIET
    [query] = history.queries
    assert query.start_ns == NOW_NS - 60 * NS
    assert (query.unit, query.unit_number, query.live, query.include_partial) == (BarUnit.SECOND, 1, False, True)


@pytest.mark.parametrize("history", [
    SecondHistory(failure=NoAnswer("cut")), SecondHistory(failure=PermanentError("no", 2)),
    SecondHistory(failure=WireError("html")), SecondHistory((10, 5), delay_s=60.0),
])
def test_without_an_answer_in_time_nothing_is_known(history: SecondHistory) -> None:
    assert asked(history, seen_ago_ns=9_500_000_000) is Verdict.UNKNOWN
