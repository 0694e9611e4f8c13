"""The verb alone; `fabio eval` itself is tested with the command line."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from fabio.cli.eval_learning import learning
from fabio.cli.failures import BadUsage

TINY = ("--seeds", "2", "--sessions", "2", "--signals", "2", "--jobs", "1")


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def call(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(learning)
    return CliRunner().invoke(app, list(arguments))


def test_the_answer_is_one_json_document_and_progress_is_told_beside_it() -> None:
    said = call(*TINY, "--json")
    assert said.exit_code == 0
    answer = json.loads(said.stdout)
    assert (answer["seeds"], answer["sessions"], answer["signals_per_session"]) == (2, 2, 2)
    assert "(2 of 2)" in said.stderr


def test_people_get_tables_with_the_goals() -> None:
    said = call(*TINY, "--first-seed", "5")
    assert said.exit_code == 0
    assert "learning gains" in said.stdout
    assert "MISSED" in said.stdout  # two sessions teach nothing
    assert "seed 5:" in said.stderr


def test_the_rule_is_that_of_the_settings() -> None:
    said = call(*TINY[2:], "--seeds", "1", "--set", "learning.enabled=false", "--json")
    assert json.loads(said.stdout)["paired_gain"] == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_an_odd_number_of_sessions_is_refused() -> None:
    said = call("--sessions", "3")
    assert isinstance(said.exception, BadUsage)
    assert "3" in str(said.exception)
