"""What the help promises: every documented verb, an example that parses, and a quick start."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from fabio.cli.app import app

DOCUMENTED = {
    "run", "replay", "features", "explain", "strategy list", "strategy show", "strategy enable", "strategy disable",
    "status", "stop", "flatten", "halt", "logs", "journal verify", "journal query", "journal rebuild", "journal export",
    "data import", "data list", "doctor", "config show", "config check", "config schema", "config init",
    "bench reliability",
    "learn log", "learn undo", "notes", "shadow", "guards", "whatif", "sink", "supervise",
}
HEAVY = {"numba", "pandas", "duckdb", "pydantic", "pydantic_settings", "numpy", "openai", "httpx", "msgspec", "orjson",
         "rich", "asyncio", "pandas_market_calendars"}


def _verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    for name, child in children.items():
        yield from _verbs(child, (*path, name))
    if not children:
        yield " ".join(path), command


VERBS = dict(_verbs(get_command(app)))


def test_every_documented_verb_is_there() -> None:
    assert set(VERBS) >= DOCUMENTED


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_help_of_a_verb_ends_with_an_example_that_parses(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = VERBS[verb]
    with pytest.raises(SystemExit) as ended:
        get_command(app).main([*verb.split(), "--help"], prog_name="fabio")
    assert ended.value.code == 0
    shown = capsys.readouterr().out.split("Example:")
    assert len(shown) == 2
    words = shlex.split(" ".join(shown[1].split()).split(" > ")[0])
    assert words[0] == "fabio"
    assert " ".join(words[1 : 1 + len(verb.split())]) == verb
    command.make_context(verb, words[1 + len(verb.split()) :])  # a usage error would be raised here


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_what_a_verb_does_and_every_option_is_told(verb: str) -> None:
    command = VERBS[verb]
    assert command.help
    assert command.help.strip().split("\n")[0].endswith((".", ":")) or "\n" in command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{verb}: {parameter.name} has no help"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([*verb.split(), "--help"] for verb in VERBS)])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """Of a single verb Typer itself imports pydantic, to read its options; 30 ms."""
    program = (
        "import sys\nsys.argv = ['fabio', *sys.argv[1:]]\nfrom fabio.cli.app import run\ncode = run()\n"
        "print(code, *sorted(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    code, *modules = done.stderr.split()
    assert code == "0"
    allowed = {"pydantic"} if len(arguments) > 1 else set()
    assert sorted(HEAVY.intersection(modules) - allowed) == []


def test_help_works_beside_a_broken_configuration(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "fabio.toml").write_bytes(b"\xff\xfe = [[[")
    (tmp_path / ".env").write_bytes(b"\xff")
    for verb in ("", *sorted(VERBS)):
        done = subprocess.run([sys.executable, "-m", "fabio", *verb.split(), "--help"], cwd=tmp_path,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert done.stderr == ""
