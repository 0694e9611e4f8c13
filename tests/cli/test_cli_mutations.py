"""Mutated arguments: an exit code of the table, words on stderr, never a traceback."""

import io
import random
import sys
from pathlib import Path

import pytest
from recorded_days import Cli

from fabio.cli.app import run
from fabio.research.reliability.inputs.mutators import Mutator

GOOD = [
    "status --json", "stop --logs logs", "flatten --reason lunch", "halt --reason news", "arm PRAC-V2-50K-1234",
    "disarm --reason enough", "logs decisions", "replay tape.parquet --symbol ES --json", "replay logs --set a.b=1",
    "features tape.csv.gz --symbol NQ --every 60", "explain 14:30 --logs logs", "shadow --hours 24 --logs logs",
    "guards --hours 24 --logs logs", "report --hours 24 --html report.html", "notes --all --logs logs",
    "whatif --without volatility --logs logs", "strategy list --json", "strategy show mean_reversion",
    "journal verify --logs logs", "journal query select", "journal export --logs logs",
    "data import tape.csv --symbol NQ", "config show --json", "config check --config config", "config schema",
    "config show --set agent.symbol=NQ",
    "learn show --logs logs", "--version", "--help", "journal --help",
]
LONG = ["run --feed demo --speed max --until 10:00", "run --mode live --feed topstepx", "gateway --port 0 --speed 60",
        "stub --port 0 --failure fenced", "bench --quick", "eval regime --json"]
"""They would go on for long: something that no verb takes always stands behind them."""
NEVER = "--no-such-option"


def mutate_arguments(count: int, seed: int) -> dict[int, int]:
    """Run commands with mutated arguments; give how often each exit code came."""
    draw = random.Random(seed)
    quick = Mutator([line.encode() for line in GOOD], draw)
    long = Mutator([line.encode() for line in LONG], draw)
    codes: dict[int, int] = {}
    for number in range(count):
        text = (long if number % 4 == 0 else quick).mutated()[:400].decode("utf-8", "surrogateescape")
        arguments = [word for word in text.replace("\0", "").split(" ") if word]
        if number % 4 == 0 or (arguments and arguments[0] in ("run", "gateway", "stub", "bench", "eval", "supervise")):
            arguments += [NEVER, NEVER]
        if "-f" in arguments or "--follow" in arguments:
            continue  # follows for ever
        sys.argv = ["fabio", *arguments]
        sys.stdout, sys.stderr = out, err = io.StringIO(), io.StringIO()
        try:
            code = run()
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        said = out.getvalue() + err.getvalue()
        assert "Traceback" not in said, (arguments, said[-2000:])
        assert 0 <= code <= 7, arguments
        assert code == 0 or said.strip(), arguments
        codes[code] = codes.get(code, 0) + 1
    return codes


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (tmp_path / "logs").mkdir()


@pytest.mark.usefixtures("place")
def test_mutated_arguments_end_with_a_known_exit_code_and_words() -> None:
    codes = mutate_arguments(300, seed=1)
    assert {0, 2} <= codes.keys()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("place")
def test_a_hundred_thousand_mutated_arguments(seed: int) -> None:
    mutate_arguments(25_000, seed=10 + seed)


def test_a_bug_of_ours_shows_its_traceback_without_keys(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from fabio.cli import app

    def broken(**_: object) -> None:
        raise RuntimeError("sent with sk-proj-abcdefgh12345678")

    monkeypatch.setattr(app, "app", broken)
    with pytest.raises(AssertionError, match="Traceback"):  # of the fixture, which allows none
        cli("status")
