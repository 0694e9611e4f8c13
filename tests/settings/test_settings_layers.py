import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from fabio.model.errors import ConfigError
from fabio.settings import parts, show
from fabio.settings.catalog import VARIABLES, catalogue, forget
from fabio.settings.load import load
from fabio.settings.places import config_file, config_folder, shipped_folder

COOLDOWN = "guards.cooldown.after_exit_s"
COOLDOWN_VARIABLE = "FABIO_GUARDS__COOLDOWN__AFTER_EXIT_S"


def _guard(settings, name):
    (found,) = [each.part for each in settings.guards if each.name == name]
    return found


def test_nothing_configured_gives_the_defaults(place):
    settings = place.load()
    assert (settings.agent.mode, settings.agent.symbol) == ("test", "MNQ")
    assert settings.account.start_balance == 50_000
    assert [settings.cadence.interval_default_s, settings.cadence.interval_outer_band_s,
            settings.cadence.interval_inner_band_s] == [30, 15, 5]
    assert {origin.where for origin in settings.origins.values()} == {"default"}
    assert [guard.name for guard in settings.guards] == parts.part_names(parts.GUARDS)
    assert settings.warnings == ()


def test_each_layer_overrules_the_ones_below_it_and_says_so(place):
    toml, dotenv = "[guards.cooldown]\nafter_exit_s = 10\n", f"\n{COOLDOWN_VARIABLE}=20\n"
    expected = [
        ({"toml": toml}, 10, "fabio.toml:2"),
        ({"toml": toml, "dotenv": dotenv}, 20, ".env:2"),
        ({"toml": toml, "dotenv": dotenv, COOLDOWN_VARIABLE: "30"}, 30,
         f"environment variable {COOLDOWN_VARIABLE}"),
        ({"toml": toml, "dotenv": dotenv, COOLDOWN_VARIABLE: "30", "overrides": (f"{COOLDOWN}=40",)}, 40,
         f"command line, --set {COOLDOWN}"),
    ]
    for layers, value, where in expected:
        settings = place.load(**layers)
        assert _guard(settings, "cooldown").settings.after_exit_s == value
        assert settings.origins[COOLDOWN].where.endswith(where)
    assert [each.rpartition("/")[2] for each in settings.origins[COOLDOWN].overruled] == [
        f"environment variable {COOLDOWN_VARIABLE}", ".env:2", "fabio.toml:2"]


@pytest.mark.parametrize(("variable", "path"), VARIABLES.items())
def test_the_variables_kept_by_name_are_read(place, variable, path):
    texts = {"MODE": "live", "SYMBOL": "NQ", "ACCOUNT_BALANCE": "150000", "TOPSTEP_ACCOUNT_ID": "77",
             "LLM_DECISION_INTERVAL_DEFAULT": "60", "LLM_DECISION_INTERVAL_OUTER_BAND": "20",
             "LLM_DECISION_INTERVAL_INNER_BAND": "2"}
    text = texts.get(variable, "https://example.com/x" if variable.endswith("URL") else "sk-abc")
    settings = place.load(**{variable: text})
    assert settings.origins[path].where == f"environment variable {variable}"
    assert str(settings.values[path]).removesuffix(".0") == text


@pytest.mark.parametrize("text", ["paper", "PAPER", "test", "Test"])
def test_paper_means_test(place, text):
    assert place.load(MODE=text).agent.mode == "test"
    assert place.load(overrides=(f"agent.mode={text}",)).agent.mode == "test"


def test_an_empty_variable_counts_as_not_set(place):
    settings = place.load(dotenv="OPENAI_API_KEY=\n", MODE="", FABIO_ZONES__LVN_MOST="")
    assert (settings.openai.api_key, settings.agent.mode, settings.zones.lvn_most) == (None, "test", 5)


def test_money_stays_exact(place):
    assert place.load(ACCOUNT_BALANCE="50000.1").account.start_balance == Decimal("50000.1")
    assert place.load(toml="[account]\nstart_balance = 50000.1\n").account.start_balance == Decimal("50000.1")


def test_strategies_take_their_own_settings_and_their_initial_state(place):
    settings = place.load("[strategies.mean_reversion]\nenabled = false\nrisk_fraction = 0.002\n"
                          "attempt_bars = 8\n")
    (found,) = [each for each in settings.strategies if each.name == "mean_reversion"]
    assert (found.state.enabled, found.state.risk_fraction, found.state.min_rr) == (False, 0.002, 1.5)
    assert settings.values["strategies.mean_reversion.attempt_bars"] == 8


def test_a_nested_table_keeps_the_parts_own_defaults_for_the_rest(place):
    path = "strategies.mean_reversion.flow.slope_least"
    settings = place.load("[strategies.mean_reversion.flow]\nshare = 0.75\n")
    assert settings.values[path] == catalogue()[path].default
    assert place.load("[regime.playbook]\nbalance_share = 0.55\n").regime.playbook.balance_share == 0.55
    assert place.load().regime.playbook is None


def test_without_leaves_a_guard_out(place):
    names = [guard.name for guard in place.load(without=("cooldown",)).guards]
    assert "cooldown" not in names
    assert len(names) == len(parts.part_names(parts.GUARDS)) - 1
    settings = place.load("[guards.cooldown]\nenabled = false\n")
    assert "cooldown" not in [guard.name for guard in settings.guards]
    assert settings.origins["guards.cooldown.enabled"].where.endswith("fabio.toml:2")
    assert "max_position" in place.fails(without=("max_positoin",)).suggestion


def test_lists_are_read_from_text(place):
    settings = place.load(overrides=('guards.regime_mismatch.trend=["trend_continuation", "breakout"]',))
    assert _guard(settings, "regime_mismatch").settings.trend == ("trend_continuation", "breakout")


def test_none_unsets_an_optional_setting(place):
    settings = place.load("[strategies.mean_reversion]\nstop_ticks = 12\n",
                          overrides=("strategies.mean_reversion.stop_ticks=none",))
    assert [each.state.stop_ticks for each in settings.strategies if each.name == "mean_reversion"] == [None]


def test_the_shipped_configuration_is_taken_where_config_is_another_programs(tmp_path):
    (tmp_path / "config").mkdir()
    assert config_folder(None, tmp_path) == shipped_folder()
    assert load(environment={}, directory=tmp_path).folder == shipped_folder()
    (tmp_path / "config" / "fabio.toml").write_text("")
    assert config_folder(None, tmp_path) == tmp_path / "config"
    assert config_file(tmp_path / "config", "instruments.toml") == shipped_folder() / "instruments.toml"


@pytest.mark.parametrize("name", ["with blanks and ünïcödé", "a/../b"])
def test_a_folder_may_have_any_name(tmp_path, name):
    (tmp_path / "a").mkdir()
    folder = tmp_path / name
    folder.mkdir()
    (folder / "fabio.toml").write_text("[agent]\nsymbol = 'ES'\n")
    assert load(config=folder, environment={}, directory=tmp_path).agent.symbol == "ES"


def test_a_new_guard_file_is_found_and_configured_without_touching_anything(tmp_path, monkeypatch, place):
    room = tmp_path / "more_guards"
    room.mkdir()
    (room / "full_moon.py").write_text(
        "import msgspec\n\n\n"
        "class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):\n"
        "    hours: float = 2.0\n\n\n"
        "class Guard:\n    def __init__(self, settings):\n        self.settings = settings\n")
    import fabio.guards

    monkeypatch.setattr(fabio.guards, "__path__", [*fabio.guards.__path__, str(room)])
    forget()
    try:
        settings = place.load(FABIO_GUARDS__FULL_MOON__HOURS="3")
        assert _guard(settings, "full_moon").settings.hours == 3.0
    finally:
        forget()
        sys.modules.pop("fabio.guards.full_moon", None)


def test_show_masks_secrets_and_names_every_origin(place):
    rows = {row.path: row for row in show.rows(place.load(OPENAI_API_KEY="sk-canary-123"))}
    assert set(rows) == set(catalogue())
    assert rows["openai.api_key"].value == show.MASK
    assert "canary" not in str(rows)
    assert rows["openai.api_key"].origin == "environment variable OPENAI_API_KEY"
    assert rows["topstepx.api_key"].value == "none"


def test_no_settings_object_shows_its_secrets(place):
    settings = place.load(OPENAI_API_KEY="sk-canary-123", TOPSTEP_API_KEY="canary-456")
    assert "canary" not in repr(settings.openai) + repr(settings.topstepx)
    assert settings.openai.api_key.get_secret_value() == "sk-canary-123"


def test_live_needs_a_name_and_a_key_and_says_so_to_who_has_a_password(place):
    settings = place.load(TOPSTEP_USERNAME="me", TOPSTEP_PASSWORD="canary", MODE="live")
    assert "no password" in settings.warnings[0]
    assert "canary" not in settings.warnings[0]
    with pytest.raises(ConfigError, match=r"TOPSTEP_API_KEY.*no password"):
        settings.require_topstepx()
    assert place.load(TOPSTEP_USERNAME="me", TOPSTEP_API_KEY="k" * 12).require_topstepx() == ("me", "k" * 12)


def test_the_schema_knows_every_setting_and_refuses_others():
    schema = show.schema()
    for path in catalogue():
        node = schema
        for part in path.split("."):
            while "$ref" in node or "anyOf" in node:
                node = next((each for each in node.get("anyOf", ()) if "$ref" in each), node)
                node = schema["$defs"][node["$ref"].rpartition("/")[2]]
            assert part in node["properties"], path
            node = node["properties"][part]


def test_env_example_lists_every_variable_once(repository_root):
    lines = (repository_root / ".env.example").read_text().splitlines()
    named = [line[2:].partition("=")[0] for line in lines if line.startswith("# ") and "=" in line]
    wanted = sorted([entry.variable for entry in catalogue().values()] + ["TOPSTEP_PASSWORD"])
    assert sorted(name for name in named if name.isupper()) == wanted


def _is_same(value: object, default: object) -> bool:
    if isinstance(default, Decimal):
        return Decimal(str(value)) == default
    return value == default or (isinstance(default, tuple) and value == list(default))


def test_the_shipped_file_with_every_line_taken_in_gives_the_defaults(place, repository_root):
    shipped = (repository_root / "config" / "fabio.toml").read_text()
    lines = [line.removeprefix("# ") if " = " in line.split("  #")[0] else line
             for line in shipped.splitlines()]
    taken, default = place.load("\n".join(lines)), place.load()
    assert {path: value for path, value in taken.values.items() if not _is_same(value, default.values[path])} == {}
    plain = [path for path, entry in catalogue().items() if not entry.secret and entry.default is not None]
    assert all("fabio.toml:" in taken.origins[path].where for path in plain)


def test_init_copies_the_shipped_files_and_overwrites_nothing(tmp_path):
    written = show.init_config(tmp_path / "config")
    assert tmp_path / "config" / "fabio.toml" in written
    assert load(environment={}, directory=tmp_path).folder == tmp_path / "config"
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        show.init_config(tmp_path / "config")


@pytest.mark.parametrize("module", ["fabio.journal.writer", "fabio.journal.records", "fabio.journal.inbox",
                                    "fabio.journal.world", "fabio.journal.query", "fabio.model.errors"])
def test_light_rooms_import_nothing_heavy(module):
    heavy = "{'pydantic', 'duckdb', 'numba', 'pandas'}"
    script = f"import sys, {module}; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_shipped_examples_are_what_the_catalogue_writes() -> None:
    root = Path(__file__).parents[2]
    assert (root / "config" / "fabio.toml").read_text("utf-8") == show.toml_example()
    assert (root / ".env.example").read_text("utf-8") == show.env_example()
