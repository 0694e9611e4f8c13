"""Bad input at the command line: a message that names the fix, the right exit code, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recorded_days import Cli, Said

TAPE = "ts_event,price,size,side\n" + "".join(
    f"{1_746_396_000_000_000_000 + i * 100_000_000},20000.25,1,B\n" for i in range(20_000)
)


def _process(*arguments: str, cwd: Path, **environment: str) -> Said:
    """Run the command line in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "fabio", *arguments], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, **environment}, check=False, stdin=subprocess.DEVNULL)
    assert "Traceback" not in done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def test_without_arguments_the_help_is_shown(cli: Cli) -> None:
    for arguments in ((), ("journal",), ("strategy",), ("data",), ("config",)):
        said = cli(*arguments)
        assert said.code == 2
        assert "Commands:" in said.out + said.err


@pytest.mark.parametrize(("arguments", "hint"), [
    (("replya",), "replay"), (("journal", "verfy"), "verify"), (("config", "shwo"), "show"), (("Doctor",), "doctor"),
    (("strategy", "lsit"), "list"),
])
def test_an_unknown_command_names_the_one_that_was_meant(cli: Cli, arguments: tuple[str, ...], hint: str) -> None:
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert f"Did you mean '{hint}'" in said.err


@pytest.mark.parametrize(("arguments", "hint"), [
    (("replay", "--jsn", "x"), "--json"), (("doctor", "--logz", "x"), "--logs"),
    (("explain", "1", "--confg"), "--config"),
])
def test_an_unknown_flag_names_the_one_that_was_meant(cli: Cli, arguments: tuple[str, ...], hint: str) -> None:
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err


@pytest.mark.parametrize("arguments", [
    ("explain",), ("journal", "query"), ("strategy", "show"), ("data", "import"), ("features",),
    ("replay", "x", "--batch"), ("doctor", "--logs"), ("replay", "x", "--set"), ("bench", "--ticks"),
])
def test_a_missing_value_is_named(cli: Cli, arguments: tuple[str, ...]) -> None:
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "Missing argument" in said.err or "requires an argument" in said.err


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "one", "", "٣", "１", "9" * 5000, "1e3", "0x10"])
def test_a_number_that_is_none_is_named_with_its_option(cli: Cli, number: str) -> None:
    said = cli("replay", "tape.csv", f"--batch={number}")
    assert (said.code, said.out) == (2, "")
    assert "--batch" in said.err


def test_a_flag_given_twice_takes_the_last(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    assert cli("journal", "verify", "--logs", "nowhere", "--logs", "logs").err == cli("journal", "verify").err


@pytest.mark.parametrize("verb", ["replay", "features", "data import"])
def test_a_tape_that_is_missing_a_folder_or_a_device_is_said(cli: Cli, tmp_path: Path, verb: str) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("missing.csv", os.devnull, *(() if verb == "replay" else ("folder",))):
        said = cli(*verb.split(), name)
        assert (said.code, said.out) == (3, "")
        assert name in said.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_said_with_its_path(cli: Cli, logs: Path) -> None:
    journal = sorted((logs / "journal").glob("*.jsonl"))[0]
    journal.chmod(0)
    for arguments in (("explain", "15:00Z"), ("journal", "verify"), ("replay", "--against", logs)):
        said = cli(*arguments)
        assert said.code in (1, 2)
        assert journal.name in said.err


@pytest.mark.parametrize("verb", ["explain 14:30", "journal query 'select 1'", "journal rebuild", "replay --against"])
def test_a_folder_of_records_that_is_not_there_is_not_found(cli: Cli, tmp_path: Path, verb: str) -> None:
    import shlex

    (tmp_path / "a_file").write_text("no folder")
    for name in ("nowhere", "a_file", "naïve ordner"):
        words = shlex.split(verb)
        said = cli(*words, *(() if words[-1] == "--against" else ("--logs",)), name)
        assert (said.code, said.out) == (4, "")
        assert name in said.err
        assert "--logs" in said.err


def test_an_output_that_is_closed_early_ends_it_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "NQ.csv").write_text(TAPE)
    for arguments in (["features", "NQ.csv", "--symbol", "NQ", "--every", "1"], ["config", "schema"]):
        process = subprocess.Popen([sys.executable, "-m", "fabio", *arguments], cwd=tmp_path,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read().decode()
        process.stderr.close()
        assert process.wait() in (0, 1)
        assert "Traceback" not in said
        assert "Exception ignored" not in said
        assert "Broken pipe" not in said


def test_a_second_writer_in_a_folder_is_refused(cli: Cli, logs: Path) -> None:
    from fabio.journal.world import World, claim

    with claim(logs, World(mode="test", feed="demo", account="paper", instruments=("MNQ",)), 0):
        said = cli("journal", "rebuild", "--logs", logs)
        assert said.code == 6
        assert cli("journal", "verify", "--logs", logs).code == 0  # readers are never in the way


def test_a_home_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, so that nothing can be made in it")
    home = str(tmp_path / "home")
    environment = {"HOME": home, "XDG_CACHE_HOME": home, "NUMBA_CACHE_DIR": "", "TMPDIR": str(tmp_path)}
    said = _process("doctor", cwd=tmp_path, **environment)
    assert said.code == 0
    assert str(tmp_path / "fabio-") in said.out  # the kernels go beside temporary files


@pytest.mark.parametrize("environment", [
    {"LC_ALL": "C", "LANG": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"},
])
def test_a_locale_without_umlauts_stops_nothing(logs: Path, environment: dict[str, str]) -> None:
    said = _process("journal", "query", "select 'Müller … ─' as name", "--logs", str(logs), cwd=logs.parent,
                    **environment)
    assert said.code == 0
    assert "ller" in said.out


def test_sql_that_the_locale_cannot_read_is_refused_in_words(logs: Path) -> None:
    said = _process("journal", "query", "select 'Müller' as name", "--logs", str(logs), cwd=logs.parent,
                    PYTHONUTF8="0", LC_ALL="C")
    assert (said.code, said.out) == (2, "")
    assert "PYTHONUTF8=1" in said.err


@pytest.mark.parametrize("columns", ["1", "20", "40", "400"])
def test_a_narrow_terminal_loses_no_row(logs: Path, columns: str) -> None:
    said = _process("journal", "query", "select strategy from decisions", "--logs", str(logs), cwd=logs.parent,
                    COLUMNS=columns)
    whole = _process("journal", "query", "select strategy from decisions", "--logs", str(logs), cwd=logs.parent)
    assert said.code == 0
    assert "".join(said.out.split()) == "".join(whole.out.split())


def test_no_color_and_a_pipe_get_plain_text(logs: Path) -> None:
    for arguments in (("explain", "15:00Z"), ("strategy", "list"), ("config", "show", "--changed")):
        assert "\x1b" not in _process(*arguments, cwd=logs.parent).out


def test_a_configuration_of_a_newer_version_names_the_key_it_does_not_know(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "fabio.toml").write_text("[telepathy]\nrange_km = 3\n", encoding="utf-8")
    for arguments in (("config", "show"), ("config", "check", "--json"), ("replay", "x.csv"), ("strategy", "list")):
        said = cli(*arguments)
        assert said.code == 3
        assert "fabio.toml:1" in said.err
        assert "telepathy" in said.err


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("config", "show", "--set", "account.start_balanec=1"), 3, "did you mean account.start_balance?"),
    (("config", "show", "--set", "account.start_balance"), 3, "section.key=value"),
    (("config", "show", "--set", "openai.api_key=sk-1"), 3, "OPENAI_API_KEY"),
    (("replay", "x.csv", "--without", "cooldwn"), 3, "did you mean cooldown?"),
    (("config", "show", "--config", "nowhere"), 3, "fabio config init"),
    (("data", "list", "--config", "nowhere"), 4, "data import"),
])
def test_a_wrong_setting_names_the_right_one(cli: Cli, arguments: tuple[str, ...], code: int, words: str) -> None:
    said = cli(*arguments)
    assert (said.code, said.out) == (code, "")
    assert words in said.err


def test_an_unknown_variable_of_ours_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABIO_GUARDS__COOLDOWN__AFTER_EXIT", "5")
    said = cli("config", "show")
    assert said.code == 3
    assert "FABIO_GUARDS__COOLDOWN__AFTER_EXIT_S" in said.err
