"""`fabio replay` on a folder of records: its tape again, and its decisions compared."""

from pathlib import Path

import pytest
from recorded_days import Cli, lines

from fabio.journal.tape import TapeReader


def test_a_folder_is_replayed_from_its_own_tape(cli: Cli, logs: Path) -> None:
    said = cli("replay", logs, "--json")
    answer = said.json
    assert answer["model_calls"] == len(lines(logs / "llm_exchanges.jsonl"))
    assert answer["ticks"] == TapeReader(logs).total > 0
    assert answer["signals"] > 0
    assert "MNQ" in said.err


@pytest.mark.parametrize("batch", [1000, 7])
def test_the_digest_of_a_folder_does_not_depend_on_the_batch(cli: Cli, logs: Path, batch: int) -> None:
    whole = cli("replay", logs, "--json").json
    assert cli("replay", logs, "--json", "--batch", batch).json["digest"] == whole["digest"]


def test_a_recorded_day_comes_out_as_it_was_recorded(cli: Cli, logs: Path) -> None:
    said = cli("replay", "--against", logs, "--json")
    assert said.code == 0
    assert said.json["identical"] is True
    assert said.json["first_difference"] is None
    assert said.json["facts"] > 1000


def test_one_changed_setting_is_found_at_its_first_fact(cli: Cli, logs: Path) -> None:
    first = lines(logs / "decisions.jsonl")[0]
    said = cli("replay", "--against", logs, "--json", "--set", "guards.min_confidence.minimum=0.01")
    found = said.json["first_difference"]
    assert said.code == 1
    assert found["seq"] == first["seq"]
    assert found["fact"] in ("SignalBlocked", "SignalApproved")
    assert found["place"].endswith(".threshold")
    assert (found["recorded"], found["replayed"]) == (0.5, 0.01)


def test_a_guard_left_out_is_found_and_told_to_people_too(cli: Cli, logs: Path) -> None:
    said = cli("replay", "--against", logs, "--without", "cooldown")
    assert said.code == 1
    assert "verdicts[0].guard" in said.out


def test_a_record_lives_again_under_its_own_settings_and_others_are_said_first(cli: Cli, tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    assert cli("run", "--speed", "max", "--logs", demo, "--set", "guards.min_confidence.minimum=0.4").code == 0
    same = cli("replay", "--against", demo)
    assert same.code == 0
    assert "min_confidence" not in same.err
    said = cli("replay", "--against", demo, "--set", "guards.min_confidence.minimum=0.9")
    assert said.code == 1
    assert "guards.min_confidence.minimum was 0.4 and is 0.9" in said.err


def test_a_folder_without_a_tape_is_not_found(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (("replay", "empty"), ("replay", "--against", "empty"), ("replay", "--against", "nowhere")):
        assert cli(*arguments).code == 4


def test_a_damaged_tape_names_the_record(cli: Cli, logs: Path) -> None:
    tape = sorted((logs / "tape").glob("*.tape"))[0]
    data = bytearray(tape.read_bytes())
    data[-30] ^= 0xFF
    tape.write_bytes(data)
    said = cli("replay", logs)
    assert said.code == 1
    assert tape.name in said.err


def test_other_units_in_the_table_are_refused_with_what_they_were(cli: Cli, logs: Path, tmp_path: Path) -> None:
    assert cli("config", "init", tmp_path / "config").code == 0
    table = tmp_path / "config" / "instruments.toml"
    text = table.read_text(encoding="utf-8")
    start = text.index("[MNQ]")
    other = text[start:].replace('tick_size = "0.25"', 'tick_size = "0.5"', 1)
    table.write_text(text[:start] + other, encoding="utf-8")
    said = cli("replay", logs)
    assert said.code == 3
    assert "0.25" in said.err


@pytest.mark.parametrize("arguments", [
    ("replay",), ("replay", "a.parquet", "--against", "logs"), ("replay", "a.csv", "b.csv", "--symbol", "NQ"),
])
def test_what_does_not_go_together_is_a_usage_error(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).code == 2
