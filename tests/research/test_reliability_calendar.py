"""Sessions against the exchange's hours, and days that end flat; the full sizes are the bars' own."""

import pytest

from fabio.engine.turn import Turn
from fabio.research.reliability.sessions import bars as calendar_bars
from fabio.research.reliability.sessions import exchange_hours


def quiet(line: str) -> None:
    pass


def test_h28_minutes_of_fourteen_months_agree_with_an_independent_reading() -> None:
    minutes, clocks = calendar_bars.session_minutes(120_000, quiet)
    assert minutes.holds, minutes.note
    assert clocks.holds, clocks.note
    assert minutes.n > 110_000


@pytest.mark.slow
def test_h28_every_minute_agrees() -> None:
    everything = exchange_hours.MINUTES * len(exchange_hours.groups())
    minutes, _ = calendar_bars.session_minutes(everything, quiet)
    assert minutes.holds, minutes.note
    assert minutes.n > everything - 3000  # the open questions


def test_the_independent_reading_has_as_many_minutes_as_there_are() -> None:
    assert exchange_hours.MINUTES == 426 * 1440 + 60  # the autumns of 2026 and 2027 outweigh one spring by an hour


def test_a_wrong_hour_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exchange_hours.EARLY["cme_equity"], "2026-11-26", "13:00")
    wrong, _ = calendar_bars.session_minutes(exchange_hours.MINUTES // 4, quiet)
    assert not wrong.holds
    assert "2026-11-26" in wrong.note


def test_i41_sessions_have_no_overlap_and_do_not_depend_on_the_span_asked_for() -> None:
    bar = calendar_bars.session_years(1800, quiet)
    assert bar.holds, bar.note


def test_h17_days_are_traded_to_the_end_and_flat_in_time() -> None:
    before, at_end = calendar_bars.flat_days(3, quiet)
    assert (before.n, at_end.n) == (3, 3)
    assert before.holds, before.note
    assert at_end.holds, at_end.note
    assert not before.note.startswith("0 days held")


def test_without_the_closing_half_of_the_gate_days_are_not_flat_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turn, "closing_ns", lambda turn, index: None)
    before, at_end = calendar_bars.flat_days(3, quiet)
    assert not before.holds
    assert not at_end.holds
