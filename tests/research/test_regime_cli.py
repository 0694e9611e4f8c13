"""`fabio eval regime`: its answer's shape, and what it refuses."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fabio.cli.eval import app, seed_range
from fabio.cli.failures import BadUsage, NotFound

KEYS = {"macro_f1", "per_class_recall", "confusion", "median_lag_min", "flips_per_session"}


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["regime", *words], env={"COLUMNS": "200"})


def test_the_json_has_the_documented_keys() -> None:
    result = call("--seeds", "0-1", "--train", "5", "--classifier", "rules", "--classifier", "hmm", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert set(answer["suites"]) == {"easy", "medium", "hard"}
    assert answer["n_sessions"] == 2
    assert answer["seeds"] == [0, 1]
    for suite in answer["suites"].values():
        assert set(suite["classifiers"]) == {"rules", "hmm"}
        for record in suite["classifiers"].values():
            assert set(record) >= KEYS
            assert set(record["per_class_recall"]) == {"up", "down", "range", "volatile", "chop"}
            assert sum(sum(row.values()) for row in record["confusion"].values()) == 2 * 375
    assert "medium: hmm" in result.stderr


def test_the_same_seeds_give_the_same_bytes() -> None:
    words = ("--seeds", "3", "--train", "5", "--classifier", "hmm", "--classifier", "playbook", "--json")
    assert call(*words).stdout == call(*words).stdout


def test_thresholds_in_force_are_the_ones_that_are_measured() -> None:
    words = ("--seeds", "0", "--train", "5", "--classifier", "rules", "--json")
    usual, other = (json.loads(call(*words, *more).stdout) for more in ((), ("--set", "regime.rules.window_bars=16")))
    assert other["settings"]["rules"]["window_bars"] == 16
    assert usual["suites"]["easy"]["classifiers"]["rules"] != other["suites"]["easy"]["classifiers"]["rules"]


def test_the_table_has_a_row_for_each_classifier_of_each_suite() -> None:
    result = call("--seeds", "0", "--train", "5", "--classifier", "majority", "--classifier", "rules")
    assert len(re.findall(r"^(easy|medium|hard) +(majority|rules) ", result.stdout, re.MULTILINE)) == 6


def test_without_scikit_learn_the_row_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    result = call("--seeds", "0", "--train", "5", "--classifier", "boosting", "--classifier", "rules")
    assert result.exit_code == 0
    assert result.stdout.count("pip install 'fabio[research]'") == 3
    assert "medium  rules" in result.stdout


@pytest.mark.parametrize("text", ["", "-", "5-", "-5", "9-3", "0-1000", "a-b", "1.5", "0-1-2", "-1-5"])
def test_seeds_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadUsage, match="seed"):
        seed_range(text)


@pytest.mark.parametrize(("words", "message"), [
    (["--suite", "moon"], "none of synthetic, real, recorded"),
    (["--classifier", "rulez"], "did you mean rules"),
    (["--suite", "real"], "needs --data FOLDER"),
])
def test_wrong_usage_names_what_would_be_right(words: list[str], message: str) -> None:
    error = call(*words).exception
    assert isinstance(error, BadUsage)
    assert message in str(error)


def test_folders_without_anything_to_measure_are_not_found(tmp_path: Path) -> None:
    for words in (["--suite", "recorded", "--logs", str(tmp_path)], ["--suite", "real", "--data", str(tmp_path)],
                  ["--suite", "real", "--data", str(tmp_path / "none")]):
        assert isinstance(call(*words).exception, NotFound)
