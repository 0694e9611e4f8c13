"""Reading the four layers: each gives its values with the place they stand at.

Command line, environment and `.env` give text, which is turned into values by the type of the
setting; TOML gives values. Nothing is guessed: `yes`, `1` and `treu` are no booleans.
"""

import io
import json
import math
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec
import orjson
from dotenv.parser import parse_stream
from pydantic import SecretStr

from fabio.adapters.redact import KNOWN
from fabio.model.errors import ConfigError, nearest
from fabio.settings.catalog import (
    PREFIX,
    VARIABLES,
    Entry,
    by_variable,
    catalogue,
    expected_words,
    plain_types,
    tables,
)
from fabio.settings.parts import GUARDS, part_names
from fabio.settings.places import read_text

INT64 = 2**63
COMMAND_LINE = "command line"
"""How every origin of that layer begins."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_KEY = re.compile(r"""\s*([A-Za-z0-9_\-."' ]+?)\s*=""")
LONGEST_LINE = 1000
"""Characters of a line whose place is told; the patterns above take the square of it."""
OURS = ("TOPSTEP", "LLM_DECISION_")
"""How names begin that no other program has; OPENAI_ is everybody's."""
LONGEST_VALUE = 10_000
"""Of a variable, in characters."""
MOST_LINES = 2000
"""Of `.env`."""
PASSWORD = "TOPSTEP_PASSWORD"
PASSWORD_WORDS = (
    "the venue takes no password here but an API key: make one at topstepx.com (Settings, API) and set "
    "TOPSTEP_API_KEY; TOPSTEP_PASSWORD is not read"
)


class Given(msgspec.Struct, frozen=True):
    """One value of one layer; `value` has its type already."""

    path: str
    value: Any
    where: str


def from_command_line(overrides: Sequence[str], without: Sequence[str]) -> Iterator[Given]:
    """Read `--set section.key=value` and `--without GUARD`."""
    for override in overrides:
        path, equals, text = override.partition("=")
        where = f"{COMMAND_LINE}, --set {path.strip()}" if equals else COMMAND_LINE
        if not equals:
            raise ConfigError(f"--set {override} has no value", where=where,
                              expected="--set section.key=value")
        entry = known(path.strip(), where)
        if entry.secret:
            KNOWN.keep_secret(text)
            raise ConfigError("a secret on the command line is seen by every program", where=where,
                              key=entry.path, expected=f"the variable {entry.variable}, or a line in .env")
        yield Given(entry.path, from_text(entry, text, where), where)
    guards = part_names(GUARDS)
    for name in without:
        where = f"{COMMAND_LINE}, --without {name}"
        if name not in guards:
            raise ConfigError("there is no such guard", where=where, suggestion=nearest(name, guards),
                              expected="one of " + ", ".join(guards))
        yield Given(f"guards.{name}.enabled", False, where)


def from_environment(environment: Mapping[str, str], warnings: list[str]) -> Iterator[Given]:
    """Read the environment; an empty variable counts as not set."""
    for variable, text in sorted(environment.items()):
        yield from _variable(variable, text, f"environment variable {variable}", warnings)


def from_dotenv(path: Path, warnings: list[str]) -> Iterator[Given]:
    """Read `.env`; nothing where there is none."""
    content = read_text(path)
    if content is None:
        return
    lines = [line.rstrip() for line in content.split("\n")]  # the library takes the square of blanks at an end
    if len(lines) > MOST_LINES:
        raise ConfigError(f"it has {len(lines)} lines", where=str(path), expected=f"at most {MOST_LINES}")
    seen: dict[str, int] = {}  # variable -> its line
    for binding in parse_stream(io.StringIO("\n".join(lines))):
        line = binding.original.line
        line += len(binding.original.string) - len(binding.original.string.lstrip("\n"))
        where = f"{path.name}:{line}"
        if binding.error:
            raise ConfigError("cannot be read", where=where, expected="NAME=value, with quotes round blanks")
        if binding.key is None or not binding.value:
            continue
        if binding.key in seen:
            raise ConfigError(f"{binding.key} stands twice, first in line {seen[binding.key]}", where=where)
        seen[binding.key] = line
        yield from _variable(binding.key, binding.value, where, warnings)
    if seen and path.stat().st_mode & 0o077 and any("KEY" in name for name in seen):
        warnings.append(f"{path} holds keys and others can read it: chmod 600 {path}")


def _variable(variable: str, text: str, where: str, warnings: list[str]) -> Iterator[Given]:
    if variable == PASSWORD and text:
        KNOWN.keep_secret(text)
        warnings.append(f"{where}: {PASSWORD_WORDS}")
    path = VARIABLES.get(variable)
    if path is None and not variable.upper().startswith(PREFIX):
        meant = nearest(variable, VARIABLES) if variable.startswith(OURS) and variable != PASSWORD else ""
        if meant:
            warnings.append(f"{where}: there is no setting {variable}, and it is not read; did you mean {meant}?")
        return
    if path is None:
        variables = by_variable()
        path = variables.get(variable)
        if path is None:
            kept = nearest(variable.removeprefix(PREFIX).split("__")[-1].upper(), VARIABLES)
            upper = variable.upper()
            meant = upper if upper in variables else nearest(variable, variables) or kept
            raise ConfigError(f"there is no setting {variable}", where=where, suggestion=meant,
                              expected="FABIO_<SECTION>__<KEY>; `fabio config show` lists them all")
    if text:
        entry = catalogue()[path]
        if len(text) > LONGEST_VALUE:
            raise ConfigError(f"it has {len(text)} characters", where=where, key=path,
                              expected=f"at most {LONGEST_VALUE}")
        if entry.secret:
            KNOWN.keep_secret(text)
        yield Given(path, from_text(entry, text, where), where)


def from_toml(path: Path, shown_as: str) -> Iterator[Given]:
    """Read `fabio.toml`; nothing where there is none."""
    content = read_text(path)
    if content is None:
        return
    try:
        tables = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_toml_words(content, str(error)), where=shown_as, expected="valid TOML") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(error).split(";")[0], where=shown_as,
                          expected="numbers a machine can hold") from None
    lines = toml_lines(content)
    yield from _flattened(tables, "", lines, shown_as)


def _flattened(table: dict[str, Any], prefix: str, lines: dict[str, int], file: str) -> Iterator[Given]:
    for name, value in table.items():
        path = f"{prefix}.{name}" if prefix else name
        where = f"{file}:{line}" if (line := _line_of(path, lines)) else file
        if isinstance(value, dict) and path not in catalogue() and path in tables():
            yield from _flattened(value, path, lines, file)
            continue
        entry = known(path, where)
        if entry.secret:
            KNOWN.keep_secret(str(value))
            raise ConfigError("a secret in a configuration file is copied along with it", where=where,
                              key=path, expected=f"the variable {entry.variable}, or a line in .env")
        _finite(value, path, where)
        yield Given(path, value, where)


def toml_lines(content: str) -> dict[str, int]:
    """Find the line of each key and table of a TOML text; tomllib does not tell.

    >>> toml_lines("[agent]\\nmode = 'test'\\n")
    {'agent': 1, 'agent.mode': 2}
    """
    found: dict[str, int] = {}
    table = ""
    for number, line in _short_lines(content):
        if match := _TABLE.match(line):
            table = _bare(match[1])
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            found.setdefault(f"{table}.{_bare(match[1])}" if table else _bare(match[1]), number)
    return found


def _short_lines(content: str) -> Iterator[tuple[int, str]]:
    """Give the lines that a person can have meant, with their numbers."""
    return ((number, line) for number, line in enumerate(content.splitlines(), 1) if len(line) <= LONGEST_LINE)


def _bare(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _line_of(path: str, lines: dict[str, int]) -> int | None:
    if path not in lines:
        inside = (line for key, line in lines.items() if key.startswith(path + "."))
        if (first := next(inside, None)) is not None:
            return first  # a table that only its subtables name
    while path not in lines and "." in path:
        path = path.rpartition(".")[0]
    return lines.get(path)


def _toml_words(content: str, words: str) -> str:
    """Say which key stands twice: tomllib names the end of the file."""
    if "overwrite" in words or "twice" in words:
        seen: dict[str, int] = {}
        table = ""
        for number, line in _short_lines(content):
            match = _TABLE.match(line)
            if match:
                table = path = _bare(match[1])
            elif match := _KEY.match(line):
                path = f"{table}.{_bare(match[1])}" if table else _bare(match[1])
            else:
                continue
            if path in seen:
                return f"{path} stands twice, in lines {seen[path]} and {number}"
            seen[path] = number
    return words


def known(path: str, where: str) -> Entry:
    """Give the setting of this path.

    Raises
    ------
    ConfigError
        If there is none, with the name that was probably meant.
    """
    entries = catalogue()
    if path in entries:
        return entries[path]
    head, _, last = path.rpartition(".")
    siblings = {each[len(head) + 1 if head else 0:].split(".")[0] for each in entries
                if not head or each.startswith(head + ".")}
    if siblings and not head and last in siblings:
        raise ConfigError("it is a section, not a setting", where=where, key=path,
                          expected=f"a table [{path}]")
    meant = nearest(last, sorted(siblings))
    if meant:
        meant = f"{head}.{meant}" if head else meant
    else:
        ends = [each for each in entries if each.endswith("." + last)]
        meant = ends[0] if len(ends) == 1 else nearest(path, entries)
    raise ConfigError("there is no such setting", where=where, key=path, suggestion=meant)


def from_text(entry: Entry, text: str, where: str) -> Any:
    """Turn text into the value of a setting.

    Raises
    ------
    ConfigError
        If it is none, with what it has to be.
    """
    kinds = plain_types(entry.type)
    plain = text.strip()
    if NoneType in kinds and plain.lower() == "none" and not entry.secret:
        return None
    for kind in kinds:
        origin = typing.get_origin(kind)
        if kind in (str, SecretStr) or origin is typing.Literal:
            return text if kind is SecretStr else plain
        if kind is bool and plain.lower() in ("true", "false"):
            return plain.lower() == "true"
        if kind is int and _WHOLE.fullmatch(plain):
            return _finite(int(plain), entry.path, where)
        if kind is Decimal and _NUMBER.fullmatch(plain):
            return Decimal(plain)
        if kind is float and _NUMBER.fullmatch(plain):
            return _finite(float(plain), entry.path, where)
        if origin in (list, tuple, dict) and plain[:1] in ("[", "{"):
            try:
                return _finite(orjson.loads(plain), entry.path, where)
            except orjson.JSONDecodeError:
                continue
    suggestion = nearest(plain, ("true", "false")) if bool in kinds else ""
    raise ConfigError("it cannot be read", where=where, key=entry.path, value=text,
                      expected=expected_words(entry.type), suggestion=suggestion)


def to_text(value: Any) -> str:
    """Write a value so that `from_text` reads it.

    >>> to_text(("a", "b")), to_text(None), to_text(Decimal("0.10")), to_text(True), to_text("MNQ")
    ('["a", "b"]', 'none', '0.10', 'true', 'MNQ')
    """
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, Decimal) else "none" if value is None else json.dumps(value)


def _finite(value: Any, path: str, where: str) -> Any:
    """Refuse numbers that are none: NaN, infinities (1e400 is one), and integers beyond 64 bits."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError("it is no finite number", where=where, key=path, value=value, expected="a number")
    if isinstance(value, int) and not -INT64 <= value < INT64:
        raise ConfigError("it is too large", where=where, key=path, value=value,
                          expected="a whole number of at most 18 digits")
    if isinstance(value, list | tuple):
        for each in value:
            _finite(each, path, where)
    if isinstance(value, dict):
        for name, each in value.items():
            _finite(each, f"{path}.{name}", where)
    return value


__all__ = [
    "Given", "from_command_line", "from_dotenv", "from_environment", "from_toml", "known", "toml_lines",
]
