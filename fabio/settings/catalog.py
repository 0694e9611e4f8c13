"""The catalogue: every setting there is, with its variable, type, default and meaning.

It is read off the structs themselves, so that a new guard's settings are known to the loader,
to `config show` and to `.env.example` without another line anywhere.
"""

import re
import typing
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any

import msgspec
from pydantic import BaseModel

from fabio.settings.basics import Basics
from fabio.settings.parts import (
    GUARDS,
    SECTIONS,
    STRATEGIES,
    InitialState,
    part_names,
    section_struct,
    settings_struct,
)

VARIABLES = {
    "MODE": "agent.mode", "SYMBOL": "agent.symbol", "ACCOUNT_BALANCE": "account.start_balance",
    "OPENAI_API_KEY": "openai.api_key", "OPENAI_MODEL": "openai.model", "OPENAI_BASE_URL": "openai.base_url",
    "TOPSTEP_USERNAME": "topstepx.username", "TOPSTEP_API_KEY": "topstepx.api_key",
    "TOPSTEP_ACCOUNT_ID": "topstepx.account_id", "TOPSTEPX_API_URL": "topstepx.api_url",
    "TOPSTEPX_USER_HUB_URL": "topstepx.user_hub_url", "TOPSTEPX_MARKET_HUB_URL": "topstepx.market_hub_url",
    "LLM_DECISION_INTERVAL_DEFAULT": "cadence.interval_default_s",
    "LLM_DECISION_INTERVAL_OUTER_BAND": "cadence.interval_outer_band_s",
    "LLM_DECISION_INTERVAL_INNER_BAND": "cadence.interval_inner_band_s",
}
"""Variables kept by name; all others are `FABIO_<SECTION>__<KEY>[__<KEY>]`."""
PREFIX = "FABIO_"
_PARAMETER = re.compile(r"^ {4}(\w[\w, ]*)\n((?: {8}.*\n|[ ]*\n(?= {8}))+)", re.MULTILINE)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    Parameters
    ----------
    path
        `guards.cooldown.after_exit_s`.
    variable
        Its environment variable.
    type
        The annotation, without what pydantic and msgspec hang on it.
    secret
        Whether its value is never shown, and never stands in a configuration file.
    words
        What it means, from its struct's docstring.
    """

    path: str
    variable: str
    type: Any
    default: Any
    secret: bool = False
    words: str = ""


def variable_of(path: str) -> str:
    """Give a setting's environment variable.

    >>> variable_of("guards.cooldown.after_exit_s"), variable_of("agent.mode")
    ('FABIO_GUARDS__COOLDOWN__AFTER_EXIT_S', 'MODE')
    """
    for variable, kept in VARIABLES.items():
        if kept == path:
            return variable
    return PREFIX + path.upper().replace(".", "__")


def parameter_words(docstring: str | None) -> dict[str, str]:
    """Read a numpydoc "Parameters" section: name -> one line of text.

    >>> parameter_words(InitialState.__doc__)["min_rr"]
    'Least reward-to-risk ratio of a signal, 0 to 100.'
    """
    words: dict[str, str] = {}
    _, _, section = (docstring or "").partition("Parameters\n")
    for names, text in _PARAMETER.findall(section + "\n"):
        for name in names.split(","):
            words[name.strip()] = " ".join(text.split())
    return words


def _struct_of(annotation: Any) -> type[msgspec.Struct] | None:
    """Give the struct behind an annotation (or its optional form), None for a plain value."""
    for each in typing.get_args(annotation) or (annotation,):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            return each
    return None


def _struct_entries(prefix: str, struct: type[msgspec.Struct], defaults: Any = None) -> list[Entry]:
    words = parameter_words(struct.__doc__)
    entries = []
    for field in msgspec.structs.fields(struct):
        path = f"{prefix}.{field.name}"
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if isinstance(defaults, struct):
            default = getattr(defaults, field.name)  # a part may have its own default of a shared struct
        inner = _struct_of(field.type)
        if inner is not None:
            entries += _struct_entries(path, inner, default)
        else:
            entries.append(Entry(path=path, variable=variable_of(path), type=field.type, default=default,
                                 words=words.get(field.name, "")))
    return entries


def _basic_entries() -> list[Entry]:
    entries = []
    for section, holder in Basics.model_fields.items():
        model = holder.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{section} is no section")
        for name, field in model.model_fields.items():
            path = f"{section}.{name}"
            entries.append(Entry(path=path, variable=variable_of(path), type=field.annotation,
                                 default=field.default, secret="SecretStr" in str(field.annotation),
                                 words=field.description or ""))
    return entries


@cache
def catalogue() -> dict[str, Entry]:
    """Give every setting by its path, in the order of the shipped file."""
    entries = _basic_entries()
    for section in SECTIONS:
        entries += _struct_entries(section, section_struct(section))
    for name in part_names(GUARDS):
        path = f"guards.{name}.enabled"
        entries.append(Entry(path=path, variable=variable_of(path), type=bool, default=True,
                             words="Whether the guard speaks at all."))
        entries += _struct_entries(f"guards.{name}", settings_struct(GUARDS, name))
    for name in part_names(STRATEGIES):
        entries += _struct_entries(f"strategies.{name}", InitialState)
        entries += _struct_entries(f"strategies.{name}", settings_struct(STRATEGIES, name))
    known: dict[str, Entry] = {}
    for entry in entries:
        if entry.path in known:
            raise TypeError(f"{entry.path} stands twice: the part gets a field of that name anyway")
        known[entry.path] = entry
    return known


@cache
def by_variable() -> dict[str, str]:
    """Give the path of every setting by its variable."""
    return {entry.variable: entry.path for entry in catalogue().values()}


@cache
def tables() -> frozenset[str]:
    """Give the path of every table that holds settings, `guards` and `guards.cooldown` among them."""
    heads = (path.split(".")[:-1] for path in catalogue())
    return frozenset(".".join(head[:count]) for head in heads for count in range(1, len(head) + 1))


def forget() -> None:
    """Read the catalogue off the structs again when it is asked for next."""
    for each in (catalogue, by_variable, tables):
        each.cache_clear()


def plain_types(annotation: Any) -> tuple[Any, ...]:
    """Take an annotation apart into its alternatives, without metadata.

    >>> plain_types(float | None)
    (<class 'float'>, <class 'NoneType'>)
    """
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return plain_types(typing.get_args(annotation)[0])
    if origin in (typing.Union, UnionType):
        return tuple(plain for each in typing.get_args(annotation) for plain in plain_types(each))
    return (annotation,)


def expected_words(annotation: Any) -> str:
    """Say in words what a setting takes.

    >>> expected_words(float | None), expected_words(bool)
    ('a number or none', 'true or false')
    """
    words = []
    for plain in plain_types(annotation):
        if typing.get_origin(plain) is typing.Literal:
            words.append(" or ".join(str(each) for each in typing.get_args(plain)))
        else:
            words.append(_WORDS.get(plain, "text" if isinstance(plain, type) else "a list"))
    return " or ".join(words)


_WORDS: dict[Any, str] = {
    bool: "true or false", int: "a whole number", float: "a number", Decimal: "a number", NoneType: "none",
}
