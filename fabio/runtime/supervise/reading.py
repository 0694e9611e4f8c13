"""Read `ecosystem/*.toml`, strictly: what stands there is meant, or it is an error that says how to mend it."""

import re
import shutil
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import msgspec

from fabio.adapters.data.toml_file import read_toml
from fabio.model.errors import ConfigError, nearest
from fabio.runtime.supervise.definition import Definition, Heartbeat, Output, Restart, Schedule

_SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    "heartbeat": Heartbeat, "restart": Restart, "output": Output, "schedule": Schedule,
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PLACE = re.compile(r"^(?P<words>.*?)(?: - at `\$\.?(?P<place>[^`]*)`)?$", re.DOTALL)
_WIDE = re.compile(r"[^\x20-\x7e]")


def read_ecosystem(folder: Path) -> dict[str, Definition]:
    """Give the processes of a folder by name, in the order of their start.

    Raises
    ------
    ConfigError
        With file, key and cure.
    """
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "there is no such folder"
        raise ConfigError(what, where=f"--ecosystem {folder}", expected="a folder with a file NAME.toml a process")
    found = {path.stem: _read(path) for path in sorted(folder.glob("*.toml"))}
    if not found:
        raise ConfigError("it holds no *.toml: there is nothing to keep alive", where=f"--ecosystem {folder}",
                          expected="a file NAME.toml a process (docs/operations.md)")
    return {name: found[name] for name in _order(folder, found)}


def argv_of(definition: Definition) -> list[str]:
    """Give the words to run; `fabio` is this installation, whatever stands in PATH."""
    first, *rest = definition.command
    return [sys.executable, "-m", "fabio", *rest] if first == "fabio" else [first, *rest]


def environment_of(definition: Definition, inherited: Mapping[str, str]) -> dict[str, str]:
    """Give the environment: the supervisor's own, and over it what the file says.

    Raises
    ------
    ConfigError
        If the file is not there or not what it should be.
    """
    if not definition.environment_file:
        return dict(inherited)
    import io

    from dotenv.parser import parse_stream

    path = Path(definition.environment_file)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), expected="lines NAME=value") from None
    found = dict(inherited)
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise ConfigError("cannot be read", where=f"{path}:{binding.original.line}", expected="NAME=value, with "
                              "quotes round blanks")
        if binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found


def _read(path: Path) -> Definition:
    if not _NAME.fullmatch(path.stem):
        raise ConfigError("the file's name is the process's", where=str(path), value=path.stem,
                          expected="small letters, digits, - and _, 40 at most")
    tree = read_toml(path)
    _check_names(path, tree)
    try:
        definition = msgspec.convert(tree, Definition)
    except msgspec.ValidationError as error:
        raise _told(path, str(error)) from None
    _check_places(path, definition)
    return definition


def _check_names(path: Path, tree: dict[str, Any]) -> None:
    structs: dict[str, type[msgspec.Struct]] = {"": Definition, **_SECTIONS}
    for section, struct in structs.items():
        inner = tree.get(section) if section else tree
        if not isinstance(inner, dict):
            continue
        for key in inner:
            if key not in struct.__struct_fields__:
                raise ConfigError("no process has such a key", where=str(path), key=f"{section}.{key}".lstrip("."),
                                  suggestion=nearest(key, struct.__struct_fields__),
                                  expected=f"one of {', '.join(struct.__struct_fields__)}")


def _told(path: Path, text: str) -> ConfigError:
    """Turn what msgspec says into our words."""
    match = _PLACE.match(text)
    words, place = (match["words"], match["place"] or "") if match else (text, "")
    if "missing required field" in words:
        key = words.split("`")[1]
        cure = '["fabio", "run", "--mode", "test"]' if key == "command" else "logs/status.json"
        return ConfigError("it is missing", where=str(path), key=f"{place}.{key}".lstrip("."),
                           expected=f"a line like {key} = {cure}")
    return ConfigError(_WIDE.sub("?", words), where=str(path), key=place)


def _check_places(path: Path, definition: Definition) -> None:
    """Check that what is named is there."""
    directory = Path(definition.directory)
    if not directory.is_dir():
        raise ConfigError("there is no such folder", where=str(path), key="directory", value=definition.directory)
    program = definition.command[0]
    if program != "fabio" and shutil.which(program) is None and not (
            "/" in program and shutil.which(directory / program)):
        raise ConfigError("there is no such program, or it may not be run", where=str(path), key="command",
                          value=program, expected="a program in PATH, a path from `directory`, or fabio")
    if definition.environment_file and not Path(definition.environment_file).is_file():
        raise ConfigError("there is no such file", where=str(path), key="environment_file",
                          value=definition.environment_file, expected="a file with lines NAME=value, or no such key")
    for place, each in enumerate(definition.watch):
        if not Path(each).exists():
            raise ConfigError("there is no such file or folder", where=str(path), key=f"watch[{place}]", value=each)
    environment_of(definition, {})


def _order(folder: Path, found: Mapping[str, Definition]) -> list[str]:
    for name, definition in found.items():
        where = str(folder / f"{name}.toml")
        for other in definition.after:
            if other not in found:
                raise ConfigError("there is no such process", where=where, key="after", value=other,
                                  expected=f"some of {', '.join(each for each in found if each != name) or 'none'}",
                                  suggestion=nearest(other, found))
            if found[other].schedule is not None:
                raise ConfigError("a process with a schedule is never ready", where=where, key="after", value=other,
                                  expected="processes that stay")
    try:
        return list(TopologicalSorter({name: found[name].after for name in found}).static_order())
    except CycleError as error:
        circle = " after ".join(error.args[1][::-1])
        raise ConfigError(f"nobody can be first: {circle}", where=str(folder / f"{error.args[1][0]}.toml"), key="after",
                          expected="take one of them out") from None
