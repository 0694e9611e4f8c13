"""What `run` and the verbs about a running agent refuse, with which exit code."""

from pathlib import Path

import pytest
from recorded_days import Cli

from fabio.cli.logs import Tail
from fabio.cli.status import liveness


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "--mode", "live"], 2, "--feed topstepx"),
        (["run", "--mode", "live", "--feed", "topstepx"], 3, "TOPSTEP_USERNAME"),
        (["run", "--mode", "real"], 2, "neither test (paper) nor live"),
        (["run", "--feed", "topstepx"], 3, "TOPSTEP_USERNAME in the environment or in .env"),
        (["run", "--feed", "demmo"], 3, "did you mean demo?"),
        (["run", "--feed", "nothing.csv"], 3, "nor a file"),
        (["run", "--feed", "/dev/null"], 3, "/dev/null"),
        (["run", "--feed", "."], 3, "directory"),
        (["run", "--model", "openai"], 3, "OPENAI_API_KEY"),
        (["run", "--model", "gpt"], 2, "neither rules nor openai"),
        (["run", "--speed", "fast"], 2, "neither a number above 0 nor max"),
        (["run", "--speed", "-1"], 2, "neither a number above 0 nor max"),
        (["run", "--speed", "nan"], 2, "neither a number above 0 nor max"),
        (["run", "--until", "soon"], 2, "HH:MM"),
        (["run", "--seed", "-1"], 2, "seed"),
        (["run", "--symbol", "MNQQ"], 3, "did you mean MNQ?"),
        (["run", "--set", "guards.cooldwn.after_exit_s=1"], 3, "did you mean"),
        (["run", "--without", "cooldwn"], 3, "cooldown"),
        (["run", "--logs", "/dev/null/x"], 1, "--logs"),
        (["status"], 4, "none ever did"),
        (["stop"], 4, "no agent runs"),
        (["flatten"], 4, "no agent runs"),
        (["halt"], 4, "nothing to halt"),
        (["arm", "PRAC-1"], 4, "no agent runs"),
        (["disarm"], 4, "no agent runs"),
        (["logs"], 4, "is not there"),
        (["logs", "tradse"], 2, "did you mean trades?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_gets_a_sentence_and_its_exit_code(cli: Cli, arguments: list[str], code: int, words: str) -> None:
    said = cli(*arguments)
    assert (said.code, words in said.err) == (code, True), said.err


def test_nothing_is_left_behind_by_a_refused_run(cli: Cli, tmp_path: Path) -> None:
    cli("run", "--symbol", "MNQQ")
    assert list(tmp_path.iterdir()) == []


def test_a_halt_without_an_agent_still_stands_as_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    said = cli("halt", "--reason", "storm")
    assert said.code == 4
    assert (tmp_path / "logs" / "HALT").read_text() == "storm\n"
    cli("halt", "--off")
    assert not (tmp_path / "logs" / "HALT").exists()


def test_a_silent_heartbeat_is_late_and_never_taken_for_running() -> None:
    assert liveness({"ts_ns": 0}, True, 1_000_000_000)["state"] == "running"
    assert liveness({"ts_ns": 0}, True, 60_000_000_000)["state"] == "late"
    assert liveness({"ts_ns": 0}, False, 1_000_000_000)["state"] == "stopped"


def test_a_tail_follows_growth_replacement_and_truncation(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    tail = Tail(path)
    assert list(tail.more()) == []
    path.write_text("one\ntwo\nthr")
    assert tail.last(1) == ["two\n"]
    with path.open("a") as file:
        file.write("ee\n")
    assert list(tail.more()) == ["three\n"]
    path.unlink()
    path.write_text("anew\n")
    assert list(tail.more()) == ["anew\n"]
    path.write_text("x\n")
    assert list(tail.more()) == ["x\n"]
