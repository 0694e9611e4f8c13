"""What every signal would have made; and what is left out of it, by name."""

import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from made_records import MIN_NS, MadeRecords, change
from views import NOW_NS

from fabio.cli.app import run
from fabio.learning.shadows import shadow_report
from fabio.learning.window import read_window

ALL = 100_000.0


def report(folder: Path, hours: float = ALL) -> dict[str, Any]:
    return shadow_report(read_window(folder, hours))


def left_out(folder: Path) -> list[tuple[str, int, str]]:
    """What is not used: file, line, kind."""
    return [(each.file, each.line, each.kind) for each in read_window(folder, ALL).left_out]


@pytest.fixture
def made(tmp_path: Path) -> MadeRecords:
    return MadeRecords(tmp_path / "logs")


def three_signals(made: MadeRecords) -> Path:
    made.signal("100", refused_by=["volatility"])
    made.signal("-40", refused_by=["volatility", "cooldown"])
    made.signal("10")
    return made.write()


def test_signals_are_counted_by_decision_strategy_guard_and_regime(made: MadeRecords) -> None:
    made.signal("0.1", refused_by=["volatility"])
    made.signal("0.2", refused_by=["volatility", "cooldown"], regime="trend")
    made.signal("-40", strategy="trend_continuation", regime="trend")
    made.signal("0", strategy="trend_continuation")
    answer = report(made.write())
    assert (answer["signals"], answer["total_trades"], answer["win_rate"]) == (4, 4, 0.5)
    assert answer["total_pnl"] == -39.7  # and not -39.699999999999996
    assert (answer["wins"], answer["losses"], answer["scratches"]) == (2, 1, 1)
    assert {name: row["total_pnl"] for name, row in answer["by_decision"].items()} == {"blocked": 0.3, "taken": -40}
    assert {name: row["trades"] for name, row in answer["by_guard"].items()} == {"cooldown": 1, "volatility": 2}
    assert {name: row["win_rate"] for name, row in answer["by_strategy"].items()} == {
        "mean_reversion": 1, "trend_continuation": 0}
    assert {name: row["signals"] for name, row in answer["by_regime"].items()} == {"range": 2, "trend": 2}
    assert answer["problems"]["left_out"] == 0


def test_a_signal_that_expired_is_no_trade(made: MadeRecords) -> None:
    made.signal("0", leg="never_filled")
    made.signal("5")
    answer = report(made.write())
    assert (answer["signals"], answer["expired"], answer["total_trades"], answer["win_rate"]) == (2, 1, 1, 1)


def test_hours_count_back_from_the_last_shadows_exit(made: MadeRecords) -> None:
    made.signal("1", at_min=0, hold_min=5)
    made.signal("2", at_min=60, hold_min=60)  # ends two hours after the first was decided
    folder = made.write()
    assert report(folder, 2.0)["total_pnl"] == 3
    assert report(folder, 2.0)["whole_record"] is True
    assert report(folder, 1.99)["total_pnl"] == 2
    assert report(folder, 1.99)["whole_record"] is False
    assert report(folder, 0.5)["remarks"] == ["no signal in these hours"]


def test_a_signal_without_outcome_says_why(made: MadeRecords) -> None:
    made.signal(None, setup="earlier", at_min=0)  # another of its setup came later: this one's record is lost
    made.signal("1", setup="earlier", at_min=10, hold_min=30)
    made.signal(None, setup="earlier", at_min=20)  # while that was open
    made.signal(None, setup="late", at_min=50)
    made.signal(None, setup="late", at_min=55)
    made.signal(None, risk_ticks=0, at_min=60)
    answer = report(made.write())
    assert answer["without_outcome"] == {"lost": 1, "behind_another": 2, "open": 1, "no_bracket": 1}
    assert answer["no_outcome"] == 5


def test_nothing_is_still_open_of_a_session_that_is_over(made: MadeRecords) -> None:
    made.signal(None, session="2025-06-05")
    made.signal("1", session="2025-06-06")
    assert report(made.write())["without_outcome"] == {"lost": 1}


def test_what_stop_management_did_is_measured_on_the_signals_that_were_taken(made: MadeRecords) -> None:
    made.signal("200", trade_r=1.5)
    made.signal("-100", trade_r=-0.25)
    made.signal("50")
    made.signal("50", refused_by=["cooldown"])
    assert report(made.write())["against_trades"] == {"pairs": 2, "shadow_r": 1.0, "trade_r": 1.25}


# -- what is left out


@pytest.mark.parametrize(("line", "kind"), [
    (b"hello\n", "damaged"), (b"\x80\xff\n", "damaged"), (b"\n", "damaged"), (b"[1]\n", "foreign"),
    (b'{"user":"somebody"}\n', "foreign"), (b'{"v":1,"ts_ns":1}\n', "malformed"),
    (b'{"v":1,"ts_ns":17', "half_written"),
])
@pytest.mark.parametrize("file", ["decisions.jsonl", "shadow.jsonl", "trades.jsonl"])
def test_a_line_that_is_no_record_is_named_and_the_rest_counts(
    made: MadeRecords, file: str, line: bytes, kind: str
) -> None:
    folder = three_signals(made)
    before = report(folder)
    path = folder / file
    number = path.read_bytes().count(b"\n") + 1
    path.write_bytes(path.read_bytes() + line)
    after = report(folder)
    assert left_out(folder) == [(file, number, kind)]
    assert after["problems"]["lines"][0]["line"] == number
    assert {**after, "problems": None} == {**before, "problems": None}


@pytest.mark.parametrize(("values", "said"), [
    ({"net_pnl": "lots"}, "net_pnl"), ({"net_pnl": 1e300}, "net_pnl"), ({"strategy": None}, "strategy"),
    ({"refused_by": "volatility"}, "refused_by"), ({"exit_leg": "sideways"}, "exit_leg"),
    ({"exit_ts_ns": 1.5}, "exit_ts_ns"), ({"exit_ts_ns": -5}, "exit_ts_ns"),
])
def test_a_wrong_type_or_a_missing_key_is_named_with_file_line_and_key(
    made: MadeRecords, values: dict[str, Any], said: str
) -> None:
    folder = three_signals(made)
    change(folder / "shadow.jsonl", 2, **values)
    assert left_out(folder) == [("shadow.jsonl", 2, "malformed")]
    words = str(read_window(folder, ALL).left_out[0])
    assert words.startswith("shadow.jsonl, line 2: ")
    assert said in words
    assert report(folder)["total_pnl"] == 110
    assert report(folder)["without_outcome"] != {}


def test_a_shadow_that_ends_before_it_begins_is_refused(made: MadeRecords) -> None:
    folder = three_signals(made)
    change(folder / "shadow.jsonl", 2, exit_ts_ns=NOW_NS + 30 * MIN_NS)  # decided then, entered 50 ms later
    assert left_out(folder) == [("shadow.jsonl", 2, "peeking")]
    assert report(folder)["total_pnl"] == 110
    assert report(folder)["without_outcome"] == {"lost": 1}


def test_a_shadow_that_begins_before_its_decision_is_refused(made: MadeRecords) -> None:
    folder = three_signals(made)
    change(folder / "shadow.jsonl", 1, entry_ts_ns=NOW_NS + 15 * MIN_NS - 1)
    assert left_out(folder) == [("shadow.jsonl", 1, "peeking")]
    assert report(folder)["total_pnl"] == -30


def test_records_later_than_the_journal_are_refused_and_move_no_hours(made: MadeRecords) -> None:
    folder = three_signals(made)
    made.journal_until(at_min=60)
    before = report(folder, 1.0)
    assert before["problems"]["left_out"] == 0
    made.signal("1000000", at_min=90)
    folder = made.write()
    assert left_out(folder) == [("decisions.jsonl", 4, "from_the_future"), ("shadow.jsonl", 4, "unjoined")]
    assert {**report(folder, 1.0), "problems": None} == {**before, "problems": None}
    change(folder / "shadow.jsonl", 3, exit_ts_ns=NOW_NS + 61 * MIN_NS)
    assert left_out(folder)[1] == ("shadow.jsonl", 3, "from_the_future")


def test_a_torn_journal_still_tells_where_it_ends(made: MadeRecords) -> None:
    folder = three_signals(made)
    made.journal_until(at_min=60)
    path = next((folder / "journal").glob("*.jsonl"))
    path.write_bytes(path.read_bytes() + b'{"v":1,"seq":2,"ts_ns":99999999')
    made.signal("1", at_min=90)
    assert ("decisions.jsonl", 4, "from_the_future") in left_out(made.write())


def test_a_record_counts_once(made: MadeRecords) -> None:
    folder = three_signals(made)
    for name in ("decisions", "shadow"):
        path = folder / f"{name}.jsonl"
        path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[0])
    assert left_out(folder) == [("decisions.jsonl", 4, "duplicate"), ("shadow.jsonl", 4, "duplicate")]
    assert report(folder)["total_pnl"] == 70


def test_a_shadow_that_disagrees_with_its_decision_or_has_none_is_refused(made: MadeRecords) -> None:
    folder = three_signals(made)
    change(folder / "shadow.jsonl", 1, refused_by=["cooldown"])
    change(folder / "shadow.jsonl", 3, decision_id="D99")
    assert left_out(folder) == [("shadow.jsonl", 1, "contradicts"), ("shadow.jsonl", 3, "unjoined")]
    assert report(folder)["total_pnl"] == -40


# -- days on which there is little to say, and the verb


def test_an_empty_folder_a_single_trade_and_a_blocked_day_say_so(made: MadeRecords) -> None:
    nothing = report(made.folder)
    assert (nothing["total_trades"], nothing["win_rate"], nothing["total_pnl"]) == (0, None, 0)
    assert nothing["remarks"] == ["nothing is recorded: no decision can be read"]
    made.signal("5", refused_by=["volatility"])
    words = " ".join(report(made.write())["remarks"])
    assert "one shadow trade" in words
    assert "every signal was blocked" in words
    made.signal("5")
    assert report(made.write())["remarks"] == []


def test_shadow_answers_programs_and_people(
    made: MadeRecords, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = three_signals(made)
    (folder / "shadow.jsonl").write_bytes((folder / "shadow.jsonl").read_bytes() + b"torn")
    monkeypatch.setattr(sys, "argv", ["fabio", "shadow", "--logs", str(folder), "--json"])
    assert run() == 0
    said = capsys.readouterr()
    answer = orjson.loads(said.out)
    assert {"total_trades", "win_rate", "total_pnl", "by_strategy", "by_guard", "by_regime", "bias"} <= set(answer)
    assert answer["total_pnl"] == 70
    assert "shadow.jsonl, line 4" in said.err
    monkeypatch.setattr(sys, "argv", ["fabio", "shadow", "--logs", str(folder)])
    assert run() == 0
    people = capsys.readouterr().out
    assert "+70.00 USD" in people
    assert "stop management" in people
    assert "\x1b" not in people


@pytest.mark.parametrize(("arguments", "code"), [
    (["--logs", "nowhere"], 4), (["--hours", "0"], 2), (["--hours", "nan"], 2), (["--hours", "inf"], 2),
])
@pytest.mark.parametrize("verb", ["shadow", "guards"])
def test_what_cannot_be_asked_has_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str,
    arguments: list[str], code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fabio", verb, *arguments])
    assert run() == code
    assert "Traceback" not in capsys.readouterr().err
