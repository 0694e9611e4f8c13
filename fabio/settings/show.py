"""What a person sees of the configuration: values with their origins, the schema, the examples."""

import json
import re
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from fabio.adapters.redact import KNOWN
from fabio.model.errors import ConfigError
from fabio.settings.basics import Basics
from fabio.settings.catalog import Entry, catalogue, expected_words
from fabio.settings.load import Settings
from fabio.settings.parts import GUARDS, SECTIONS, STRATEGIES, InitialState, part_names, section_struct
from fabio.settings.parts import settings_struct as part_struct
from fabio.settings.places import shipped_folder
from fabio.settings.sources import to_text

MASK = "********"
_SENTENCE = re.compile(r"(?<=[^.])[.;] ")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as `fabio config show` prints it; a secret's value is masked."""

    path: str
    variable: str
    value: str
    origin: str
    overruled: tuple[str, ...]
    words: str


def rows(settings: Settings) -> list[Row]:
    """Give every setting with its value and where it came from."""
    found = []
    for path, entry in catalogue().items():
        value, origin = settings.values[path], settings.origins[path]
        text = MASK if entry.secret and value is not None else KNOWN.hide_keys(toml_text(value))
        found.append(Row(path=path, variable=entry.variable, value=text, origin=origin.where,
                         overruled=origin.overruled, words=entry.words))
    return found


def texts(settings: Settings) -> dict[str, str]:
    """Write every setting that is no secret as text that an environment variable could hold."""
    return {
        path: to_text(settings.values[path]) for path, entry in catalogue().items()
        if not entry.secret and (settings.values[path], entry.default) != (None, None)
        and KNOWN.hide_keys(text := to_text(settings.values[path])) == text  # an address may hold a login
    }


def toml_text(value: Any) -> str:
    """Write a value as TOML does; `none` where it is None (TOML has no word for it).

    >>> toml_text(True), toml_text("MNQ"), toml_text(None), toml_text(("a", "b"))
    ('true', '"MNQ"', 'none', '["a", "b"]')
    """
    if value is None:
        return "none"
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_text(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def schema() -> dict[str, Any]:
    """Give the JSON Schema of the whole of `fabio.toml`."""
    basics = Basics.model_json_schema(ref_template="#/$defs/{model}")
    structs: dict[str, type[msgspec.Struct]] = {name: section_struct(name) for name in SECTIONS}
    structs.update({f"guards.{name}": part_struct(GUARDS, name) for name in part_names(GUARDS)})
    structs.update({f"strategies.{name}": part_struct(STRATEGIES, name) for name in part_names(STRATEGIES)})
    definitions: dict[str, Any] = dict(basics["$defs"])
    properties: dict[str, Any] = dict(basics["properties"])
    for path, struct in structs.items():
        room, _, name = path.partition(".")
        section = _struct_schema(struct, definitions)
        if name and room == "guards":
            section["properties"] = {"enabled": {"type": "boolean", "default": True}, **section["properties"]}
        if name and room == "strategies":
            state = _struct_schema(InitialState, definitions)
            section["properties"] = {**state["properties"], **section["properties"]}
        if name:
            table = properties.setdefault(
                room, {"type": "object", "properties": {}, "additionalProperties": False})
            table["properties"][name] = section
        else:
            properties[path] = section
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "fabio.toml", "type": "object",
        "properties": properties, "additionalProperties": False, "$defs": definitions,
    }


def _struct_schema(struct: type[msgspec.Struct], definitions: dict[str, Any]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    own = components.pop(struct.__name__)
    definitions.update(components)
    return {**own, "additionalProperties": False}


def init_config(target: Path) -> list[Path]:
    """Copy the shipped configuration for editing; give the files written.

    Raises
    ------
    ConfigError
        If the target holds a file of the same name: nothing is overwritten.
    """
    source = shipped_folder()
    files = [each for each in sorted(source.rglob("*")) if each.is_file()]
    pairs = [(each, target / each.relative_to(source)) for each in files]
    for _, goal in pairs:
        if goal.exists():
            raise ConfigError("it is there already, and nothing is overwritten", where=str(goal),
                              expected="a folder without it: move yours away first")
    for each, goal in pairs:
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each, goal)
    return [goal for _, goal in pairs]


def env_example() -> str:
    """Write `.env.example`: every variable, one line each, its default commented out."""
    lines = [
        "# Every variable of fabio; copy the lines you need into .env. An empty value counts as not set.",
        "# The same settings stand in config/fabio.toml; --set section.key=value overrules both.",
        "# TOPSTEP_PASSWORD=  the venue takes no password but an API key: TOPSTEP_API_KEY",
    ]
    for entries in _by_section().values():
        lines.append("")
        for entry in entries:
            default = "" if entry.default is None else _variable_text(entry.default)
            lines.append(f"# {entry.variable}={default}  # {_one_line(entry)}")
    return "\n".join(lines) + "\n"


def _variable_text(value: Any) -> str:
    return f"'{to_text(value)}'" if isinstance(value, list | tuple | dict) else to_text(value)


def toml_example() -> str:
    """Write the shipped `fabio.toml`: every setting but secrets, its default commented out."""
    lines = [
        "# fabio's settings. Every line shows a default: take the # away and change it.",
        "# Stronger than this file, in this order: --set section.key=value, environment variables, .env.",
        "# Keys and passwords do not belong here but into .env. `fabio config show` tells what is in force.",
    ]
    for section, entries in _by_section().items():
        lines += ["", f"[{section}]"]
        for entry in entries:
            name = entry.path.rpartition(".")[2]
            if entry.secret:
                continue
            if entry.default is None:
                lines.append(f"# {name} is not set  # {_one_line(entry)}")
            else:
                lines.append(f"# {name} = {toml_text(entry.default)}  # {_one_line(entry)}")
    return "\n".join(lines) + "\n"


def _by_section() -> dict[str, list[Entry]]:
    sections: dict[str, list[Entry]] = {}
    for path, entry in catalogue().items():
        sections.setdefault(path.rpartition(".")[0], []).append(entry)
    return sections


def _one_line(entry: Entry) -> str:
    """Give what a setting means, its first sentence, and what it takes.

    >>> _one_line(catalogue()["guards.cooldown.enabled"])
    'Whether the guard speaks at all (true or false)'
    """
    sentence = _SENTENCE.split(entry.words, maxsplit=1)[0].rstrip(".")
    return f"{sentence or entry.path.rpartition('.')[2].replace('_', ' ')} ({expected_words(entry.type)})"
