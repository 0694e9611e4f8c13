"""`fabio bench reliability`: a table for people, JSON for programs, and a run that can be told again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_days import Cli

from fabio.research.reliability import bars
from fabio.research.reliability.bar import Bar, at_most
from fabio.research.reliability.bars import Measurement
from fabio.research.reliability.chaos import bars as chaos
from fabio.research.reliability.chaos.judge import Judged
from fabio.research.reliability.chaos.plot import Plot, read_plot, write_plot
from fabio.research.reliability.chaos.watch import Breach


def kept(n: int, say: Callable[[str], None]) -> list[Bar]:
    say("half of it")
    return [at_most("losses", 0, 0, n), at_most("seconds", 1.5, 2, n, "a note")]


def missed(n: int, say: Callable[[str], None]) -> Bar:
    return at_most("duplicates", 1, 0, n, "repeat with --seed 7")


@pytest.fixture(autouse=True)
def _two_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(bars, "MEASUREMENTS", tuple(
        Measurement(name=part.__name__, where=f"bars:{part.__name__}", ci=10, full=1000, beside=False)
        for part in (kept, missed)
    ))
    monkeypatch.setattr(bars, "kept", kept, raising=False)
    monkeypatch.setattr(bars, "missed", missed, raising=False)


def test_bars_that_hold_end_well(cli: Cli) -> None:
    said = cli("bench", "reliability", "--only", "kept")
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[1] == ["losses", "0", "0", "10", "holds", "0"]
    assert rows[2] == ["seconds", "1.5", "2", "10", "holds", "0", "a", "note"]
    assert rows[3] == ["2", "bars:", "all", "hold"]


def test_a_missed_bar_is_exit_code_1_and_says_so(cli: Cli) -> None:
    said = cli("bench", "reliability", "--full")
    assert said.code == 1
    assert "MISSED" in said.out
    assert "repeat with --seed 7" in said.out
    assert said.out.splitlines()[-1] == "3 bars: 1 MISSED"
    answer = cli("bench", "reliability", "--full", "--json").json
    assert answer["holds"] is False
    assert [(bar["name"], bar["n"], bar["holds"]) for bar in answer["bars"]] == [
        ("losses", 1000, True), ("seconds", 1000, True), ("duplicates", 1000, False)]


def test_n_overrules_the_sizes(cli: Cli) -> None:
    answer = cli("bench", "reliability", "--only", "kept", "--n", 3, "--json").json
    assert {bar["n"] for bar in answer["bars"]} == {3}


def test_an_unknown_measurement_is_a_usage_error_that_names_the_known(cli: Cli) -> None:
    said = cli("bench", "reliability", "--only", "keptt")
    assert said.code == 2
    assert "known: kept, missed" in said.err


def test_a_kept_run_is_told_again(cli: Cli, tmp_path: Path) -> None:
    write_plot(tmp_path / "plot.json", Plot(seed=5, length_s=25))
    said = cli("bench", "reliability", "--plot", tmp_path / "plot.json")
    assert said.code == 0
    assert "ready: 0 steps" in said.out
    assert "everything held" in said.out.splitlines()[-1]


def test_a_seed_can_be_kept_and_what_did_not_hold_ends_badly(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(plot: Plot, say: Callable[[str], None]) -> Judged:
        return Judged(plot=plot, breaches=(Breach(rule="I01", at_s=1, words="twice"),), counts={}, kills=(),
                      apart_s=(), bare_s=(), orphans_s=(), flat_s=())

    monkeypatch.setattr(chaos, "tell", broken)
    said = cli("bench", "reliability", "--seed", 7, "--save", tmp_path / "plot.json", "--json")
    assert said.code == 1
    assert said.json["breaches"] == [{"rule": "I01", "at_s": 1.0, "words": "twice"}]
    assert read_plot(tmp_path / "plot.json").seed == 7
