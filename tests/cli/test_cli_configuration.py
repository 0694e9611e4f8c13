"""`fabio config` and `fabio doctor`."""

from pathlib import Path

import orjson
import pytest
from recorded_days import Cli

KEY = "sk-this-is-never-shown-0123456789"


def test_every_setting_is_shown_with_its_origin(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACCOUNT_BALANCE", "60000")
    assert cli("config", "init").code == 0
    toml = tmp_path / "config" / "fabio.toml"
    toml.write_text("[account]\nstart_balance = 40000\nsize_limit = 3\n", encoding="utf-8")
    said = cli("config", "show", "--json", "--set", "agent.symbol=ES")
    shown = {each["path"]: each for each in said.json["settings"]}
    assert shown["account.start_balance"]["value"] == 60000
    assert shown["account.start_balance"]["origin"] == "environment variable ACCOUNT_BALANCE"
    assert shown["account.start_balance"]["overruled"] == ["config/fabio.toml:2"]
    assert shown["agent.symbol"]["origin"].startswith("command line")
    assert shown["account.loss_limit"]["origin"] == "default"
    changed = cli("config", "show", "--changed").out
    assert "account.size_limit" in changed
    assert "account.loss_limit" not in changed


def test_secrets_are_masked_everywhere(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("TOPSTEP_API_KEY", KEY)
    for arguments in (("config", "show"), ("config", "show", "--json"), ("config", "check"), ("doctor", "--json")):
        said = cli(*arguments)
        assert KEY not in said.out + said.err
    assert "OPENAI_API_KEY is set" in cli("doctor").out


def test_a_good_configuration_is_checked_and_a_bad_one_named_with_its_line(cli: Cli, tmp_path: Path) -> None:
    assert cli("config", "check").code == 0
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "fabio.toml").write_text("[account]\nstart_balanec = 1\n", encoding="utf-8")
    said = cli("config", "check")
    assert said.code == 3
    assert "config/fabio.toml:2" in said.err
    assert "did you mean account.start_balance?" in said.err
    answer = cli("config", "check", "--json").json
    assert answer["ok"] is False


def test_a_broken_table_of_contracts_is_found_too(cli: Cli, tmp_path: Path) -> None:
    assert cli("config", "init").code == 0
    (tmp_path / "config" / "instruments.toml").write_text("[NQ]\ntick_size = 0.25\n", encoding="utf-8")
    said = cli("config", "check")
    assert said.code == 3
    assert "instruments.toml" in said.err


def test_the_schema_is_one_of_the_whole_file(cli: Cli) -> None:
    schema = cli("config", "schema").json
    assert schema["properties"]["account"]["properties"]["start_balance"]


def test_init_copies_the_shipped_files_once(cli: Cli, tmp_path: Path) -> None:
    said = cli("config", "init", "mine", "--json")
    assert {Path(each).name for each in said.json} >= {"fabio.toml", "instruments.toml", "sessions.toml"}
    (tmp_path / "mine" / "fabio.toml").write_text("# mine\n", encoding="utf-8")
    assert cli("config", "init", "mine").code == 3
    assert (tmp_path / "mine" / "fabio.toml").read_text(encoding="utf-8") == "# mine\n"


def test_init_into_a_file_is_refused_in_words(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    said = cli("config", "init", "taken")
    assert said.code == 3
    assert "taken" in said.err


# -- doctor


def test_the_doctor_finds_nothing_wrong_here(cli: Cli) -> None:
    said = cli("doctor", "--json")
    checks = {each["name"]: each for each in said.json["checks"]}
    assert [name for name, each in checks.items() if not each["ok"]] == []
    assert said.code == 0
    assert set(checks) == {
        "python", "packages", "kernels", "configuration", "instruments", "sessions", "time_zones", "logs", "disk",
        "terminal", "clock", "model", "venue",
    }


def test_what_is_wrong_has_a_cure_and_the_code_is_1(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "fabio.toml").write_text("[agent]\nmode = \"lvie\"\n", encoding="utf-8")
    (tmp_path / "taken").write_text("a file")
    said = cli("doctor", "--json", "--logs", "taken/logs")
    failed = {each["name"]: each for each in said.json["checks"] if not each["ok"]}
    assert said.code == 1
    assert set(failed) >= {"configuration", "logs"}
    assert all(each["cure"] for each in failed.values())
    assert "cure:" in cli("doctor").out


def test_live_mode_without_keys_is_a_failure(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "live")
    monkeypatch.setenv("TOPSTEP_PASSWORD", KEY)
    said = cli("doctor", "--json")
    venue = next(each for each in said.json["checks"] if each["name"] == "venue")
    assert venue["ok"] is False
    assert "API key" in venue["found"]
    assert KEY not in said.out


def test_a_config_folder_that_is_not_there_is_one_failed_check(cli: Cli) -> None:
    answer = orjson.loads(cli("doctor", "--json", "--config", "nowhere").out)
    assert [each["name"] for each in answer["checks"] if not each["ok"]] == ["configuration"]
