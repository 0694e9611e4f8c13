"""Reliability, section 10, "Settings": a clear message with file, key, value and what would be right."""

import os

import pytest

from fabio.model.errors import ConfigError
from fabio.settings.load import load

COOLDOWN = "[guards.cooldown]\nafter_exit_s = {}\n"
ENABLED = "[guards.cooldown]\nenabled = {}\n"
COOLDOWN_VARIABLE = "FABIO_GUARDS__COOLDOWN__AFTER_EXIT_S"


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing\n", "\ufeff[agent]\nsymbol = 'ES'\n",
                                     "[agent]\n\tsymbol\t=\t'ES'\n", "[agent]\r\nsymbol = 'ES'\r\n"])
def test_what_is_odd_but_right_is_read(place, content):
    assert place.load(content).agent.symbol in ("MNQ", "ES")


@pytest.mark.parametrize(("content", "words"), [
    (b"\xff\xfe[\x00a\x00", "not UTF-8: byte 0xff at place 0"),
    ("[agent]\nsymbol = 'É'\n".encode("latin-1"), "not UTF-8: byte 0xc9"),
    ("[agent]\nmode = 'test'\nmode = 'live'\n", "agent.mode stands twice, in lines 2 and 3"),
    ("[agent]\n[zones]\n[agent]\n", "agent stands twice, in lines 1 and 3"),
    ("[agent\n", "expected valid TOML"),
    ("agent: test\n", "expected valid TOML"),
    ("[agent]\nsymbol = 'M\x00NQ'\n", "expected valid TOML"),
    ("x = " + "9" * 5000, "numbers a machine can hold"),
    ("x = " + "[" * 20_000, "fabio.toml"),
])
def test_a_file_that_cannot_be_read_is_named(place, content, words):
    error = place.fails(content)
    assert words in str(error)
    assert "fabio.toml" in error.where


@pytest.mark.parametrize(("content", "key", "suggestion"), [
    ("[guards.cooldwn]\nafter_exit_s = 1\n", "guards.cooldwn", "guards.cooldown"),
    ("[guards.cooldown]\nafter_exit = 1\n", "guards.cooldown.after_exit", "guards.cooldown.after_exit_s"),
    ("[guards.cooldown]\nAfter_Exit_S = 1\n", "guards.cooldown.After_Exit_S", "guards.cooldown.after_exit_s"),
    ("[Guards.cooldown]\nafter_exit_s = 1\n", "Guards", "guards"),
    ("symbol = 'ES'\n", "symbol", "agent.symbol"),
    ("[agent]\nsymbl = 'ES'\n", "agent.symbl", "agent.symbol"),
    ("[regime.rules]\nwindow = 20\n", "regime.rules.window", "regime.rules.window_bars"),
])
def test_an_unknown_key_is_an_error_with_a_suggestion(place, content, key, suggestion):
    error = place.fails(content)
    assert (error.key, error.suggestion) == (key, suggestion)
    assert "did you mean" in str(error)
    assert "fabio.toml:" in error.where


def test_an_unknown_key_is_named_with_its_line(place):
    assert place.fails("# a\n\n[agent]\nmode = 'test'\nfoo_bar = 1\n").where.endswith("fabio.toml:5")


@pytest.mark.parametrize(("variable", "suggestion"), [
    ("FABIO_GUARDS__COOLDOWN__AFTER_EXIT", COOLDOWN_VARIABLE),
    ("FABIO_GUARD__COOLDOWN__AFTER_EXIT_S", COOLDOWN_VARIABLE),
    ("fabio_guards__cooldown__after_exit_s", COOLDOWN_VARIABLE),
    ("FABIO_AGENT__MODE", "MODE"),
    ("FABIO_SYMBOL", "SYMBOL"),
])
def test_an_unknown_variable_is_an_error_with_a_suggestion(place, variable, suggestion):
    error = place.fails(**{variable: "1"})
    assert (error.where, error.suggestion) == (f"environment variable {variable}", suggestion)
    place.dotenv.write_text(f"{variable}=1\n")
    assert place.fails().where == ".env:1"


@pytest.mark.parametrize("text", ["yes", "treu", "1", "0", "on", "'true'", "2", "nan"])
def test_only_true_and_false_are_booleans(place, text):
    toml = place.fails(ENABLED.format(text if text in ("1", "0", "2", "nan", "'true'") else f"'{text}'"))
    variable = place.fails(FABIO_GUARDS__COOLDOWN__ENABLED=text)
    for error in (toml, variable):
        assert error.key == "guards.cooldown.enabled"
    assert "true or false" in str(variable)
    assert "treu" not in text or variable.suggestion == "true"


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "'1,000'", "'0x10'", "true", "'ten'", "[1]",
                                  "1979-05-27", "12:00:00", "9" * 400])
def test_what_is_no_number_is_refused(place, text):
    error = place.fails(COOLDOWN.format(text))
    assert error.key == "guards.cooldown.after_exit_s"
    assert error.where.endswith("fabio.toml:2")


@pytest.mark.parametrize("text", ["nan", "Infinity", "1e400", "1,000", "0x10", "1_000", "９", "ten", "true",
                                  "1 2", "9" * 5000])
def test_text_that_is_no_number_is_refused(place, text):
    for error in (place.fails(**{COOLDOWN_VARIABLE: text}),
                  place.fails(overrides=(f"guards.cooldown.after_exit_s={text}",))):
        assert error.key == "guards.cooldown.after_exit_s"
        assert "a number" in str(error)
        assert len(str(error)) < 400


@pytest.mark.parametrize(("content", "key", "words"), [
    (COOLDOWN.format("-5"), "guards.cooldown.after_exit_s", "0 to 86400"),
    (COOLDOWN.format("1e9"), "guards.cooldown.after_exit_s", "0 to 86400"),
    ("[strategies.mean_reversion]\nrisk_fraction = 50\n", "strategies.mean_reversion.risk_fraction",
     "0.005 is half a percent"),
    ("[strategies.mean_reversion]\nrisk_fraction = -0.0\n", "strategies.mean_reversion.risk_fraction",
     "above 0"),
    ("[strategies.mean_reversion]\nstop_ticks = 0\n", "strategies.mean_reversion.stop_ticks", "1 to 100000"),
    ("[strategies.mean_reversion]\nstop_ticks = 2.5\n", "strategies.mean_reversion.stop_ticks",
     "whole number"),
    ("[account]\nstart_balance = -1\n", "account.start_balance", "above 0"),
    ("[account]\nstart_balance = '-1'\n", "account.start_balance", "above 0"),
    ("[account]\nloss_limit = 'NaN'\n", "account.loss_limit", "no finite number"),
    ("[account]\nloss_limit = 'sNaN'\n", "account.loss_limit", "no finite number"),
    ("[account]\nmini_limit = '-Infinity'\n", "account.mini_limit", "no finite number"),
    ("[account]\nsize_limit = 0\n", "account.size_limit", "above 0"),
    ("[zones]\ninner_floor_ticks = 9\n", "zones.inner_floor_ticks", "inner <= outer"),
    ("[regime.rules]\nquiet_below = 2.0\n", "regime.rules.quiet_below", "quiet_below < volatile_above"),
    ("[guards.session_hours]\nentries = 'regulr'\n", "guards.session_hours.entries", "regular or all"),
    ("[exchange]\nmarket_slippage_ticks = -1\n", "exchange.market_slippage_ticks", "at least 0"),
    ("[topstepx]\naccount_id = 77.0\n", "topstepx.account_id", "integer"),
    ("[topstepx]\naccount_id = 0\n", "topstepx.account_id", "greater than"),
    (f"[topstepx]\naccount_id = {2**63}\n", "topstepx.account_id", "too large"),
    ("[topstepx]\napi_url = 'http://api.topstepx.com'\n", "topstepx.api_url", "https"),
    ("[topstepx]\napi_url = 'api.topstepx.com'\n", "topstepx.api_url", "no address"),
    ("[agent]\nsymbol = 'mnq'\n", "agent.symbol", "capital letters"),
    ("[agent]\nsymbol = '../NQ'\n", "agent.symbol", "capital letters"),
    ("[agent]\nmode = 'liv'\n", "agent.mode", "'test' or 'live'"),
    ("[agent]\nmode = 1\n", "agent.mode", "'test' or 'live'"),
    ("agent = 'test'\n", "agent", "section"),
])
def test_a_value_out_of_range_names_key_value_and_range(place, content, key, words):
    error = place.fails(content)
    assert error.key == key
    assert words in str(error)
    assert "fabio.toml:" in error.where


def test_bands_that_contradict_each_other_are_refused_whatever_layer_they_come_from(place):
    error = place.fails("[zones]\ninner_floor_ticks = 9\n", FABIO_ZONES__OUTER_FLOOR_TICKS="5")
    assert "inner <= outer" in str(error)
    zones = place.load("[zones]\ninner_floor_ticks = 9\n", FABIO_ZONES__OUTER_FLOOR_TICKS="9").zones
    assert (zones.inner_floor_ticks, zones.outer_floor_ticks) == (9, 9)
    assert "inner <= outer <= default" in str(place.fails(LLM_DECISION_INTERVAL_INNER_BAND="20"))


@pytest.mark.parametrize("secret", ["  ", " canary", "canary\n", "canary\ncanary", "canary\u00ff",
                                    "canary canary"])
def test_a_secret_that_cannot_be_one_is_refused_and_not_shown(place, secret):
    error = place.fails(OPENAI_API_KEY=secret)
    assert error.where == "environment variable OPENAI_API_KEY"
    assert error.value is None
    assert "canary" not in str(error)


@pytest.mark.parametrize("layers", [
    {"toml": "[openai]\napi_key = 'sk-canary'\n"},
    {"overrides": ("topstepx.api_key=sk-canary",)},
])
def test_a_secret_in_a_file_or_on_the_command_line_is_refused(place, layers):
    error = place.fails(**layers)
    assert ".env" in str(error)
    assert "sk-canary" not in str(error)


def test_keys_that_others_can_read_are_warned_of(place):
    place.dotenv.write_text("OPENAI_API_KEY=sk-abc\n")
    place.dotenv.chmod(0o644)
    assert "chmod 600" in place.load().warnings[0]
    place.dotenv.chmod(0o600)
    assert place.load().warnings == ()


@pytest.mark.parametrize(("variable", "meant"), [
    ("TOPSTEP_APIKEY", "TOPSTEP_API_KEY"), ("TOPSTEP_USER_NAME", "TOPSTEP_USERNAME"),
    ("LLM_DECISION_INTERVAL_DEFUALT", "LLM_DECISION_INTERVAL_DEFAULT"),
])
def test_a_misspelled_variable_without_our_prefix_is_warned_of_and_its_value_not_shown(place, variable, meant):
    warning, = place.load(**{variable: "kanari-1234567"}).warnings
    assert f"no setting {variable}" in warning
    assert warning.endswith(f"did you mean {meant}?")
    assert "kanari" not in warning


def test_a_dotenv_of_endless_lines_or_blanks_is_read_or_refused_at_once(place):
    assert "3001 lines" in str(place.fails(dotenv="A\n" * 3000))
    assert place.load(dotenv="SYMBOL=NQ" + " " * 100_000).agent.symbol == "NQ"


@pytest.mark.parametrize(("content", "where", "words"), [
    ("MODE=test\nMODE=live\n", ".env:2", "MODE stands twice, first in line 1"),
    ("MODE=test\n\nthis is no line\n", ".env:3", "NAME=value"),
    ("MODE='test\n", ".env:1", "NAME=value"),
    ("\n\nMODE=lvie\n", ".env:3", "'test' or 'live'"),
])
def test_a_bad_line_of_dotenv_is_named(place, content, where, words):
    error = place.fails(dotenv=content)
    assert error.where == where
    assert words in str(error)


@pytest.mark.parametrize("override", ["agent.mode", "", "=", "agent=test", "agent.mod=test",
                                      "AGENT.MODE=test"])
def test_a_bad_override_is_named(place, override):
    assert place.fails(overrides=(override,)).where.startswith("command line")


def test_of_two_overrides_of_one_key_the_last_stands(place):
    assert place.load(overrides=("agent.symbol=NQ", "agent.symbol=ES")).agent.symbol == "ES"


def test_a_folder_in_the_place_of_a_file_is_said(place):
    place.toml.unlink()
    place.toml.mkdir()
    with pytest.raises(ConfigError, match="it is a folder"):
        load(environment={}, directory=place.folder)


def test_a_loop_of_links_is_said(place):
    place.dotenv.symlink_to(place.folder / "other")
    (place.folder / "other").symlink_to(place.dotenv)
    with pytest.raises(ConfigError, match=r"\.env.*cannot be read"):
        load(environment={}, directory=place.folder)


def test_a_huge_file_is_refused_without_reading_it(place):
    with place.toml.open("wb") as file:
        os.truncate(file.fileno(), 100 * 1024 * 1024)
    with pytest.raises(ConfigError, match="104857600 bytes"):
        load(environment={}, directory=place.folder)


def test_a_pipe_in_the_place_of_a_file_is_said(place):
    os.mkfifo(place.dotenv)
    with pytest.raises(ConfigError, match="no plain file"):
        load(environment={}, directory=place.folder)


@pytest.mark.parametrize(("name", "words"), [("nowhere", "no such folder"), ("a_file", "it is a file")])
def test_a_config_folder_that_is_none_is_said(tmp_path, name, words):
    (tmp_path / "a_file").touch()
    with pytest.raises(ConfigError, match=words):
        load(config=tmp_path / name, environment={}, directory=tmp_path)
