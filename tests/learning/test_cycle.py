"""The learning cycle: what it tells of a record, and what it refuses to learn from."""

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from made_records import MIN_NS, MadeRecords, change
from views import NOW_NS
from whatif_lab import BASE, ROOT, record, settings

from fabio.cli.app import run
from fabio.journal.writer import Journal
from fabio.learning.cycle import learn
from fabio.model.fact import FillBooked, OrderBooked, SessionRolled
from fabio.model.order import Fill, Order
from fabio.model.step import Step

Verb = Callable[..., tuple[int, str, str]]
DAYS = tuple(f"2025-06-{day:02d}" for day in range(2, 11))
HELD_BACK = DAYS[6:]


@pytest.fixture
def made(tmp_path: Path) -> MadeRecords:
    return MadeRecords(tmp_path / "logs")


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Verb:
    """Run `fabio learn ARGUMENTS` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fabio", "learn", *map(str, arguments)])
        capsys.readouterr()
        code = run()
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return command


def learned(folder: Path, hours: float = 100_000.0) -> dict[str, Any]:
    return learn(BASE, lambda changes: settings((), *changes), folder, hours)


def journal(folder: Path, sessions: tuple[str, ...], at_min: int = 100_000, *more: Step) -> None:
    """Write a journal that knows sessions, orders and fills, and ends at a minute."""
    written = Journal(folder)
    written.append(step(1, 0, *(SessionRolled(market=0, session=each) for each in sessions)))
    for each in more:
        written.append(each)
    written.append(step(2 + len(more), at_min))
    written.close()


def step(seq: int, at_min: int, *facts: Any, late_ns: int = 0) -> Step:
    return Step(seq=seq, ts_ns=NOW_NS + at_min * MIN_NS + late_ns, tape_pos=seq, consumed=1, event=None, wake=1,
                facts=facts, commands=())


def a_losing_strategy(made: MadeRecords, held_back_net: str = "-50") -> None:
    """Four taken signals in each of nine sessions; those of the last three end as is said."""
    for session in DAYS:
        for _ in range(4):
            made.signal(held_back_net if session in HELD_BACK else "-50", session=session)
    journal(made.write(), DAYS)


# -- the record -------------------------------------------------------------------------


def test_what_blocking_cost_and_saved_is_told_once_for_each_signal(made: MadeRecords) -> None:
    made.signal("100", refused_by=["volatility", "cooldown"])
    made.signal("-30", refused_by=["volatility"])
    made.signal("77")
    cost = learned(made.write())["blocked_opportunity_cost"]
    assert (cost["missed_profit"], cost["avoided_loss"], cost["net"]) == (100, 30, -70)
    assert (cost["blocked"], cost["outcomes"], cost["judgement"]) == (2, 2, "too few to tell")


def test_signals_that_expired_are_counted_and_have_no_result(made: MadeRecords) -> None:
    made.signal("0", leg="never_filled")
    made.signal("0", leg="never_filled", refused_by=["volatility"], strategy="trend_continuation")
    missed = learned(made.write())["missed_opportunities"]
    assert (missed["expired"], missed["of_approved"], missed["of_blocked"]) == (2, 1, 1)
    assert missed["by_strategy"] == {"mean_reversion": 1, "trend_continuation": 1}


def test_decay_is_the_time_from_decision_to_first_fill_in_the_journal(made: MadeRecords) -> None:
    steps = []
    for number, waited_ms in enumerate((50, 60, 200), 1):
        id_ = made.signal("10", at_min=number * 10)
        steps.append(step(2 * number, number * 10, OrderBooked(order=order(id_))))
        steps.append(step(2 * number + 1, number * 10, fill(id_, 1), fill(id_, 2), late_ns=waited_ms * 1_000_000))
    journal(made.write(), DAYS[:1], 100_000, *steps)
    decay = learned(made.folder)["signal_decay"]
    assert (decay["fills"], decay["median_ms"]) == (3, 60)
    assert decay["mean_ms"] == pytest.approx(310 / 3)
    assert decay["p90_ms"] == pytest.approx(172)
    assert decay["by_kind"]["market"]["fills"] == 3


def order(decision_id: str) -> Order:
    return Order(id=f"O{decision_id}", decision_id=decision_id, strategy="mean_reversion", market=0, symbol="NQ",
                 side=1, kind="market", size_steps=2, limit_ticks=None, stop_offset_ticks=-20, target_offset_ticks=40,
                 ts_ns=NOW_NS)


def fill(decision_id: str, number: int) -> FillBooked:
    return FillBooked(position=None, fill=Fill(
        id=f"{decision_id}-{number}", order_id=f"O{decision_id}", leg="entry", market=0, side=1, size_steps=1,
        price_ticks=100, fees=Decimal(0), ts_ns=NOW_NS,
    ))


def test_strategies_are_ranked_by_what_their_trades_made(made: MadeRecords) -> None:
    made.signal("-20", strategy="mean_reversion", trade_r=-1.0)
    made.signal("50", strategy="trend_continuation", trade_r=2.0)
    made.signal("40", strategy="trend_continuation", refused_by=["volatility"])
    rows = learned(made.write())["leaderboard"]
    assert [(row["strategy"], row["trade_r"], row["trades"], row["shadows"]) for row in rows] == [
        ("trend_continuation", 2.0, 1, 2), ("mean_reversion", -1.0, 1, 1)]


def test_success_is_told_by_label_and_by_who_said_it(made: MadeRecords) -> None:
    made.signal("-20", regime="trend")
    made.signal("50", regime="trend")
    made.signal("50", regime="trend")
    folder = made.write()
    lines = [orjson.loads(line) for line in (folder / "decisions.jsonl").read_bytes().splitlines()]
    change(folder / "decisions.jsonl", 3, regime=lines[2]["regime"] | {"source": "gpt-test"})
    rows = learned(folder)["success_by_regime"]
    assert [(row["regime"], row["source"], row["shadows"], row["shadow_pnl"]) for row in rows] == [
        ("trend", "rules", 2, 30.0), ("trend", "gpt-test", 1, 50.0)]


def test_only_the_hours_that_were_asked_for_are_reported(made: MadeRecords) -> None:
    made.signal("-20", at_min=0)
    made.signal("50", at_min=600, hold_min=5)
    report = learned(made.write(), hours=1.0)
    assert report["signals"] == 1
    assert report["leaderboard"][0]["shadow_pnl"] == 50


# -- never peeking ----------------------------------------------------------------------


def test_a_shadow_and_a_trade_from_the_future_are_refused_and_named(made: MadeRecords) -> None:
    made.signal("10", at_min=0, trade_r=1.0)
    made.signal("999", at_min=500, trade_r=9.0)
    made.write()
    journal(made.folder, DAYS[:1], at_min=60)
    report = learned(made.folder)
    assert report["leaderboard"][0]["trade_r"] == 1.0
    assert report["leaderboard"][0]["shadow_pnl"] == 10
    kinds = {(each["file"], each["kind"]) for each in report["problems"]["lines"]}
    assert ("trades.jsonl", "from_the_future") in kinds
    assert ("decisions.jsonl", "from_the_future") in kinds


def test_a_trade_from_the_future_is_refused_though_its_decision_is_not(made: MadeRecords) -> None:
    made.signal("10", at_min=0, trade_r=9.0)
    folder = made.write()
    change(folder / "trades.jsonl", 1, ts_ns=NOW_NS + 500 * MIN_NS)
    journal(folder, DAYS[:1], at_min=60)
    report = learned(folder)
    assert report["leaderboard"][0]["trades"] == 0
    assert [each["kind"] for each in report["problems"]["lines"]] == ["from_the_future"]


def test_what_the_held_back_sessions_made_changes_no_proposal(tmp_path: Path) -> None:
    found = []
    for name, net in (("losing", "-50"), ("winning", "5000")):
        made = MadeRecords(tmp_path / name)
        a_losing_strategy(made, held_back_net=net)
        found.append(learned(made.folder)["feedback"])
    for feedback in found:
        assert feedback["held_back"] == list(HELD_BACK)
        assert [(each["set"], each["evidence"]["net"], each["evidence"]["outcomes"])
                for each in feedback["proposals"]] == [("strategies.mean_reversion.enabled=false", -1200, 24)]


# -- proposals --------------------------------------------------------------------------


def test_a_proposal_without_a_tape_is_shown_untried_and_unconfirmed(made: MadeRecords) -> None:
    a_losing_strategy(made)
    feedback = learned(made.folder)["feedback"]
    assert "no recorded ticks" in feedback["not_tried_because"]
    proposal = feedback["proposals"][0]
    assert (proposal["trial"], proposal["confirmed"]) == (None, False)
    assert proposal["apply"] == f"fabio strategy disable mean_reversion --logs {made.folder}"


def test_fewer_than_three_sessions_make_no_proposal(made: MadeRecords) -> None:
    for session in DAYS[:2]:
        for _ in range(30):
            made.signal("-50", session=session)
    journal(made.write(), DAYS[:2])
    feedback = learned(made.folder)["feedback"]
    assert feedback["proposals"] == []
    assert "2 sessions recorded, and at least 3 are needed" in feedback["none_because"]


def test_a_damaged_journal_makes_no_proposal_and_the_rest_is_told(made: MadeRecords) -> None:
    a_losing_strategy(made)
    for path in (made.folder / "journal").glob("*.jsonl"):
        path.write_bytes(b"{broken\n" + path.read_bytes())
    report = learned(made.folder)
    assert report["feedback"]["proposals"] == []
    assert report["journal"] == report["feedback"]["none_because"] != "whole"
    assert report["leaderboard"][0]["shadows"] == 36


# -- the verb ---------------------------------------------------------------------------


def test_an_empty_folder_a_day_of_blocked_signals_and_one_trade_are_told_in_plain_words(
    verb: Verb, made: MadeRecords,
) -> None:
    made.folder.mkdir(exist_ok=True)
    code, out, _ = verb("--logs", made.folder)
    assert (code, "nothing is recorded" in out) == (0, True)
    made.signal("10", refused_by=["volatility"])
    code, out, _ = verb("--logs", made.write())
    assert (code, "every signal was blocked" in out) == (0, True)
    made.signal("10", trade_r=1.0)
    code, out, _ = verb("--logs", made.write(), "--hours", "10000")
    assert (code, "Decay     nothing was filled" in out) == (0, True)
    assert max(map(len, out.splitlines())) <= 100


def test_damaged_lines_are_counted_on_stderr_and_the_rest_is_reported(verb: Verb, made: MadeRecords) -> None:
    made.signal("10")
    with (made.write() / "decisions.jsonl").open("ab") as file:
        file.write(b'{"v":1,"id":\n')
    code, out, said = verb("--logs", made.folder, "--json")
    assert code == 0
    assert "1 line was left out" in said
    assert "decisions.jsonl, line 2" in said
    report = orjson.loads(out)
    assert (report["signals"], report["problems"]["left_out"]) == (1, 1)


def test_a_proposal_is_shown_with_the_lines_that_apply_it(verb: Verb, made: MadeRecords) -> None:
    a_losing_strategy(made)
    code, out, _ = verb("--logs", made.folder, "--config", ROOT / "config")
    words = " ".join(out.split())
    assert code == 0
    assert "strategies.mean_reversion.enabled: on -> off [not confirmed]" in words
    assert "--set strategies.mean_reversion.enabled=false" in words
    assert "[strategies.mean_reversion] enabled = false" in words
    assert "nothing is applied by itself" in words


def test_what_a_trial_confirmed_is_said_with_its_interval(
    verb: Verb, made: MadeRecords, monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_losing_strategy(made)
    tried: list[tuple[bool, tuple[str, ...]]] = []

    def trial(base: Any, changed: Any, folder: Path, held_back: tuple[str, ...], progress: Any) -> list[dict[str, Any]]:
        tried.extend((each.strategies[0].state.enabled, tuple(held_back)) for each in changed)
        return [{"sessions": 3, "baseline_pnl": -600.0, "exact_pnl": 0.0, "difference": 600.0, "low": 400.0,
                 "high": 800.0, "interval_over": "trades", "changed": 12, "given_answers": 0, "confirmed": True}]

    monkeypatch.setattr("fabio.learning.cycle.try_out", trial)
    code, out, _ = verb("--logs", made.folder, "--config", ROOT / "config")
    words = " ".join(out.split())
    assert code == 0
    assert tried == [(False, HELD_BACK)]
    assert "strategies.mean_reversion.enabled: on -> off [confirmed]" in words
    assert "+600.00 USD (+400 to +800 over single trades, too narrow), 12 results differ in 3 sessions" in words


def test_options_before_a_command_of_learn_are_not_passed_over_in_silence(verb: Verb, made: MadeRecords) -> None:
    code, _, said = verb("--logs", made.folder, "log")
    assert code == 2
    assert "fabio learn log --logs" in said


def test_hours_that_are_none_are_refused(verb: Verb, made: MadeRecords) -> None:
    code, _, said = verb("--logs", made.folder, "--hours", "0")
    assert code == 2
    assert "--hours 0" in said


def test_a_real_session_is_told_whole_with_its_decay(verb: Verb, tmp_path: Path) -> None:
    record(tmp_path / "real", seed=82, mean_ticks=15_000)
    code, out, _ = verb("--logs", tmp_path / "real", "--config", ROOT / "config", "--json")
    report = orjson.loads(out)
    assert (code, report["journal"]) == (0, "whole")
    assert "1 session recorded" in report["feedback"]["none_because"]
    filled, trades = report["signal_decay"]["fills"], sum(row["trades"] for row in report["leaderboard"])
    assert filled >= trades > 0
    assert report["signal_decay"]["mean_ms"] >= 50  # the paper exchange's latency
