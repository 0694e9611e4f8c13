"""`fabio whatif` on the command line: its keys, its tables, its refusals."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from whatif_lab import ROOT, record

from fabio.cli.app import run

Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verb") / "logs"
    record(folder, seed=82, mean_ticks=15_000)
    return folder


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Verb:
    """Run `fabio ARGUMENTS` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fabio", *map(str, arguments), "--config", str(ROOT / "config")])
        capsys.readouterr()
        code = run()
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return command


def _json(verb: Verb, *arguments: object) -> Any:
    code, out, _ = verb(*arguments, "--json")
    assert code == 0
    return orjson.loads(out)


def test_one_variant_has_the_promised_keys_and_is_the_replay(verb: Verb, logs: Path) -> None:
    answer = _json(verb, "whatif", "--logs", logs, "--without", "session_hours")
    replayed = _json(verb, "replay", logs, "--without", "session_hours")
    for part in ("recorded", "baseline", "estimate", "exact"):
        assert {"net_pnl", "trades", "digest"} <= answer[part].keys()
    assert {"recomputed", "held", "missing"} <= answer["exact"]["model"].keys()
    assert answer["exact"]["digest"] == replayed["digest"]
    assert answer["exact"]["net_pnl"] == replayed["net_pnl"]
    assert answer["difference"]["net_pnl"] == pytest.approx(answer["exact"]["net_pnl"] - answer["baseline"]["net_pnl"])
    assert answer["changed_decisions"]
    assert answer["given_these_answers"] is False


def test_several_variants_stand_in_a_list_in_the_order_they_were_given(verb: Verb, logs: Path) -> None:
    answer = _json(verb, "whatif", "--logs", logs, "--set", "guards.min_confidence.minimum=0.9",
                   "--without", "cooldown",
                   "--variant", "without=volatility; set=strategies.trend_continuation.stop_ticks=24")
    assert [(each["without"], each["set"]) for each in answer["variants"]] == [
        (["cooldown"], ["guards.min_confidence.minimum=0.9"]),
        (["volatility"], ["strategies.trend_continuation.stop_ticks=24"]),
    ]


def test_a_person_reads_what_changed_and_why(verb: Verb, logs: Path) -> None:
    code, out, err = verb("whatif", "--logs", logs, "--without", "session_hours")
    assert code == 0
    assert "as recorded" in out
    assert "session_hours refused it" in out
    assert err == ""


def test_the_table_of_guards_names_those_that_refused_and_those_that_did_not(verb: Verb, logs: Path) -> None:
    code, out, _ = verb("whatif", "--logs", logs, "--guards", "--jobs", 1)
    assert code == 0
    rows, _, idle = out.partition("refused nothing")
    assert "session_hours" in rows
    assert "kill_switch" in idle


@pytest.mark.parametrize(("arguments", "code", "words"), [
    ((), 2, "say what to change"),
    (("--without", "volatilty"), 3, "did you mean volatility?"),
    (("--variant", "without=volatilty"), 3, "did you mean volatility?"),
    (("--set", "guards.min_confidence.minmum=0.5"), 3, "did you mean guards.min_confidence.minimum?"),
    (("--variant", "witout=volatility"), 2, "did you mean without?"),
    (("--variant", "without="), 2, "neither without=GUARD nor"),
    (("--variant", " ; "), 2, "changes nothing"),
    (("--without", "cooldown", "--jobs", "0"), 2, "jobs"),
])
def test_a_mistake_is_named_with_what_would_be_right(
    verb: Verb, logs: Path, arguments: tuple[str, ...], code: int, words: str,
) -> None:
    came, out, err = verb("whatif", "--logs", logs, *arguments)
    assert came == code
    assert words in err
    assert out == ""


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_a_day_is_not_found(verb: Verb, tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = verb("whatif", "--logs", folder, "--without", "cooldown")
    assert code == 4
    assert folder in err
