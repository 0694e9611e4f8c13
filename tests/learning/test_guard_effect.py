"""What each guard alone saved or cost, and what it shared."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from made_records import MadeRecords

from fabio.cli.app import run
from fabio.learning.bootstrap import interval_by_session, interval_of_sum
from fabio.learning.guard_effect import LEAST_OUTCOMES, guard_report
from fabio.learning.window import read_window


def report(made: MadeRecords) -> dict[str, Any]:
    return guard_report(read_window(made.write(), 100_000.0))


@pytest.fixture
def made(tmp_path: Path) -> MadeRecords:
    return MadeRecords(tmp_path / "logs")


def test_losses_avoided_are_saved_and_profits_missed_are_cost(made: MadeRecords) -> None:
    for net in ("100", "-30", "-20.5", "0"):
        made.signal(net, refused_by=["volatility"])
    made.signal("77")  # taken: no guard's doing
    row = report(made)["guards"]["volatility"]
    assert (row["blocked"], row["outcomes"], row["would_have_won"], row["would_have_lost"]) == (4, 4, 1, 2)
    assert (row["saved"], row["cost"], row["net"], row["net_r"]) == (50.5, 100, -49.5, pytest.approx(-0.495))
    assert row["low"] <= row["net"] <= row["high"]


def test_a_signal_that_several_refused_counts_once_for_the_set_of_them(made: MadeRecords) -> None:
    made.signal("-10", refused_by=["volatility"])
    made.signal("-20", refused_by=["volatility", "cooldown"])
    made.signal("50", refused_by=["cooldown", "volatility"])
    made.signal("7", refused_by=["cooldown", "min_confidence"])
    answer = report(made)
    alone = {name: (row["blocked"], row["net"]) for name, row in answer["guards"].items()}
    assert alone == {"volatility": (1, 10), "cooldown": (0, 0), "min_confidence": (0, 0)}
    assert {name: row["refused"] for name, row in answer["guards"].items()} == {
        "volatility": 3, "cooldown": 3, "min_confidence": 1}
    assert answer["guards"]["volatility"]["shared"]["net"] == -30
    assert [(each["guards"], each["blocked"], each["net"]) for each in answer["overlap"]] == [
        (["cooldown", "volatility"], 2, -30), (["cooldown", "min_confidence"], 1, -7)]
    every = [*answer["guards"].values(), *answer["overlap"]]
    assert sum(each["blocked"] for each in every) == answer["blocked"] == answer["total"]["blocked"] == 4
    assert sum(each["net"] for each in every) == answer["total"]["net"] == -27


@pytest.mark.parametrize("missing", [0, 1])
def test_a_guard_is_judged_from_twenty_results_of_its_own_on(made: MadeRecords, missing: int) -> None:
    for _ in range(LEAST_OUTCOMES - missing):
        made.signal("-10", refused_by=["volatility"])
    made.signal("-10", refused_by=["volatility", "cooldown"])
    made.signal("0", refused_by=["volatility"], leg="never_filled")
    made.signal(None, refused_by=["volatility"])
    row = report(made)["guards"]["volatility"]
    assert row["enough"] is (missing == 0)
    assert row["judgement"] == ("too few to tell" if missing else "saves")
    assert (row["outcomes"], row["expired"], row["blocked"]) == (20 - missing, 1, 22 - missing)


def test_the_judgement_follows_the_interval(made: MadeRecords) -> None:
    for place in range(40):
        made.signal("10", refused_by=["cooldown"])
        made.signal("10" if place % 2 else "-10", refused_by=["volatility"])
    rows = report(made)["guards"]
    assert (rows["cooldown"]["judgement"], rows["cooldown"]["high"]) == ("costs", -400)
    assert rows["volatility"]["judgement"] == "no clear difference"


@pytest.mark.parametrize(("sessions", "over"), [(4, "trades"), (5, "sessions")])
def test_the_interval_is_over_sessions_where_they_are_five(made: MadeRecords, sessions: int, over: str) -> None:
    for place in range(20):
        session = place % sessions
        made.signal("-10" if session else "30", refused_by=["volatility"], session=f"2025-06-0{session + 1}")
    row = report(made)["guards"]["volatility"]
    assert (row["interval_over"], row["sessions"]) == (over, sessions)


def test_a_guard_that_let_all_pass_is_listed_with_nothing_to_its_name(made: MadeRecords) -> None:
    made.signal("5", refused_by=["volatility"])
    row = report(made)["guards"]["cooldown"]
    assert (row["refused"], row["blocked"], row["net"], row["low"], row["enough"]) == (0, 0, 0, None, False)


def test_an_interval_of_fewer_than_two_values_says_nothing() -> None:
    assert interval_of_sum([]) is None
    assert interval_of_sum([3.0]) is None


def test_the_interval_is_that_of_the_sum() -> None:
    # 100 draws of -1 or +1: the sum has a standard deviation of 10
    low, high = interval_of_sum([-1.0, 1.0] * 50) or (0.0, 0.0)
    assert low == pytest.approx(-19.6, abs=1.0)
    assert high == pytest.approx(19.6, abs=1.0)
    assert interval_of_sum([-1.0, 1.0] * 50) == (low, high)


def test_whole_sessions_are_drawn_together() -> None:
    sessions = [f"day {place // 20}" for place in range(120)]
    values = list(np.repeat([-1.0, 1.0], 20)) * 3
    by_session, over = interval_by_session(sessions, values)
    single = interval_of_sum(values)
    assert over == "sessions"
    assert by_session is not None
    assert single is not None
    assert by_session[1] - by_session[0] > 3 * (single[1] - single[0])


def test_days_on_which_nothing_is_to_be_judged_say_so(made: MadeRecords) -> None:
    assert report(made)["remarks"] == ["nothing is recorded: no decision can be read"]
    made.signal("5")
    made.signal("6")
    answer = report(made)
    assert answer["remarks"] == ["no signal was blocked: there is nothing to judge a guard by"]
    assert answer["total"]["judgement"] == "too few to tell"


def test_guards_answers_programs_and_people(
    made: MadeRecords, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        made.signal("-10", refused_by=["volatility"])
    made.signal("44", refused_by=["volatility", "cooldown"])
    folder = made.write()
    monkeypatch.setattr(sys, "argv", ["fabio", "guards", "--hours", "1000", "--logs", str(folder), "--json"])
    assert run() == 0
    row = orjson.loads(capsys.readouterr().out)["guards"]["volatility"]
    assert {"blocked", "would_have_won", "saved", "cost", "net", "low", "high", "enough"} <= set(row)
    monkeypatch.setattr(sys, "argv", ["fabio", "guards", "--hours", "1000", "--logs", str(folder)])
    assert run() == 0
    people = capsys.readouterr().out
    assert "volatility: saves money" in people
    assert "too few to tell: cooldown (0)" in people
    assert "cooldown + volatility" in people
