"""Settings: all layers merged, checked by the structs that own them, each value with its origin."""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr, ValidationError

from fabio.adapters.redact import KNOWN
from fabio.adapters.sinks.targets import SinkSettings
from fabio.engine.seams import NamedGuard, NamedStrategy, OrderPolicy
from fabio.exchange.assumptions import Assumptions
from fabio.model.errors import ConfigError, nearest
from fabio.model.strategy import StrategyState
from fabio.portfolio.account import AccountSettings
from fabio.portfolio.order_policy import MICROS_PER_MINI, tier_minis
from fabio.regime.authority import ModelSettings
from fabio.regime.bounds import AnswerBounds
from fabio.regime.budget import BudgetSettings
from fabio.regime.cadence import CadenceSettings
from fabio.regime.evidence import LearningSettings
from fabio.regime.material import MaterialSettings
from fabio.regime.notes import NoteSettings
from fabio.regime.reading import RegimeSettings
from fabio.regime.zones import ZoneSettings
from fabio.settings.basics import Agent, Basics, Notify, OpenAI, TopstepX
from fabio.settings.catalog import catalogue, expected_words, plain_types
from fabio.settings.parts import (
    GUARDS,
    SECTIONS,
    STATE_FIELDS,
    STRATEGIES,
    InitialState,
    build_part,
    part_names,
    section_struct,
    settings_struct,
)
from fabio.settings.places import MAIN_FILE, config_folder
from fabio.settings.sources import (
    COMMAND_LINE,
    PASSWORD_WORDS,
    Given,
    from_command_line,
    from_dotenv,
    from_environment,
    from_text,
    from_toml,
    to_text,
)

DEFAULT = "default"
RECORD = "the record"
_AT = re.compile(r"^(?P<words>.*?)(?: - at `\$(?P<place>[^`]*)`)?$", re.DOTALL)
_ABOVE_ZERO = (
    "account.start_balance", "account.loss_limit", "account.daily_loss", "account.size_limit",
    "account.mini_limit", "orders.limit_good_for_s",
)
_MOST = 1_000_000_000
_SWITCH = frozenset({"enabled"})


class Origin(msgspec.Struct, frozen=True):
    """Where a value came from, and which places it overrules, strongest first."""

    where: str
    overruled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """Everything configured, checked; plain values for whoever needs them.

    Parameters
    ----------
    folder
        The configuration folder in force.
    values
        Every setting by its path.
    origins
        Where each came from.
    guards
        Those that are enabled, in the order of the alphabet.
    warnings
        What a person should know and nothing stops for.
    """

    folder: Path
    agent: Agent
    openai: OpenAI
    topstepx: TopstepX
    notify: Notify
    account: AccountSettings
    cadence: CadenceSettings
    model: ModelSettings
    bounds: AnswerBounds
    budget: BudgetSettings
    material: MaterialSettings
    learning: LearningSettings
    notes: NoteSettings
    exchange: Assumptions
    orders: OrderPolicy
    regime: RegimeSettings
    zones: ZoneSettings
    sinks: SinkSettings
    guards: tuple[NamedGuard, ...]
    strategies: tuple[NamedStrategy, ...]
    values: Mapping[str, Any]
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...]

    def require_topstepx(self) -> tuple[str, str]:
        """Give user name and API key of the venue.

        Raises
        ------
        ConfigError
            If one is missing.
        """
        username, key = self.topstepx.username, self.topstepx.api_key
        for path, value in (("topstepx.username", username), ("topstepx.api_key", key)):
            if value is None:
                variable = catalogue()[path].variable
                hint = f"; {PASSWORD_WORDS}" if "PASSWORD" in " ".join(self.warnings) else ""
                raise ConfigError(f"it is not set{hint}", where=f"variable {variable}", key=path,
                                  expected=f"{variable} in the environment or in .env")
        return str(username), key.get_secret_value() if key is not None else ""


    def with_values(
        self, values: Mapping[str, str], sections: Collection[str] | None = None, *, over_command_line: bool = True,
    ) -> "Settings":
        """Give these settings with others' values: what a journal says was in force.

        Parameters
        ----------
        values
            As `show.texts` wrote them. Those of settings that this version does not have are left out.
        sections
            Taken over, None for all.
        over_command_line
            Whether also what was given on the command line now is taken from there.

        Raises
        ------
        ConfigError
            If a value is none any more.
        """
        merged = {path: (Given(path, value, self.origins[path].where), self.origins[path])
                  for path, value in self.values.items() if self.origins[path].where != DEFAULT}
        for path, entry in catalogue().items():
            wanted = sections is None or path.partition(".")[0] in sections
            given = path in merged and merged[path][1].where.startswith(COMMAND_LINE)
            if not wanted or entry.secret or (given and not over_command_line):
                continue
            merged.pop(path, None)
            if path in values and values[path] != to_text(entry.default):
                merged[path] = Given(path, from_text(entry, values[path], RECORD), RECORD), Origin(RECORD)
        return _checked(self.folder, merged, list(self.warnings))


def load(*, config: Path | None = None, overrides: Sequence[str] = (), without: Sequence[str] = (),
         environment: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Read all configuration.

    Parameters
    ----------
    config
        `--config DIR`; None takes `./config`, else the shipped copy.
    overrides
        `section.key=value`, as given to `--set`.
    without
        Guards to leave out, as given to `--without`.
    environment
        None takes the process's own.
    directory
        Where `.env` and `config` are looked for; None is the current folder.

    Raises
    ------
    ConfigError
        At the first thing that is wrong.
    """
    folder = config_folder(config, directory)
    warnings: list[str] = []
    layers = [
        list(from_command_line(overrides, without)),
        list(from_environment(os.environ if environment is None else environment, warnings)),
        list(from_dotenv((directory or Path()) / ".env", warnings)),
        list(from_toml(folder / MAIN_FILE, str(folder / MAIN_FILE))),
    ]
    return _checked(folder, _merged(layers), warnings)


def _merged(layers: list[list[Given]]) -> dict[str, tuple[Given, Origin]]:
    merged: dict[str, tuple[Given, Origin]] = {}
    for layer in layers:
        for given in reversed(layer):  # of two --set of one key the last one stands
            if given.path in merged:
                winner, origin = merged[given.path]
                merged[given.path] = winner, Origin(origin.where, (*origin.overruled, given.where))
            else:
                merged[given.path] = given, Origin(given.where)
    return merged


def _checked(folder: Path, merged: dict[str, tuple[Given, Origin]], warnings: list[str]) -> Settings:
    given = {path: _with_decimal(path, value) for path, (value, _) in merged.items()}
    _check_positive(given)
    basics = _basics(given)
    sections: dict[str, Any] = {name: _section(name, section_struct(name), given) for name in SECTIONS}
    _check_tier(sections["account"], given)
    guards = tuple(guard for name in part_names(GUARDS) if (guard := _guard(name, given)) is not None)
    strategies = tuple(_strategy(name, given) for name in part_names(STRATEGIES))
    values = {path: entry.default for path, entry in catalogue().items()}
    values.update({path: each.value for path, each in given.items()})
    values.update({"agent.mode": basics.agent.mode})
    origins = {path: merged[path][1] if path in merged else Origin(DEFAULT) for path in values}
    return Settings(
        folder=folder, agent=basics.agent, openai=basics.openai, topstepx=basics.topstepx, notify=basics.notify,
        guards=guards, strategies=strategies, values=values, origins=origins, warnings=tuple(warnings), **sections,
    )


def _with_decimal(path: str, given: Given) -> Given:
    """Read an amount that a file has as text; NaN and the infinities are none."""
    entry = catalogue().get(path)
    if entry is None or not isinstance(given.value, str) or Decimal not in plain_types(entry.type):
        return given
    try:
        amount = Decimal(given.value)
    except InvalidOperation:
        return given  # the struct says what it wants
    if not amount.is_finite():
        raise ConfigError("it is no finite number", where=given.where, key=path, value=given.value, expected="a number")
    return msgspec.structs.replace(given, value=amount)


def _guard(name: str, given: Mapping[str, Given]) -> NamedGuard | None:
    """Build a guard, None where it is switched off; its settings are checked all the same."""
    settings = _section(f"guards.{name}", settings_struct(GUARDS, name), given, skip=_SWITCH)
    path = f"guards.{name}.enabled"
    enabled = given[path].value if path in given else True
    if not isinstance(enabled, bool):
        raise ConfigError("it is no boolean", where=given[path].where, key=path, value=enabled,
                          expected="true or false")
    return NamedGuard(name=name, part=build_part(GUARDS, name, settings)) if enabled else None


def _strategy(name: str, given: Mapping[str, Given]) -> NamedStrategy:
    prefix = f"strategies.{name}"
    state = _section(prefix, InitialState, given, only=STATE_FIELDS)
    settings = _section(prefix, settings_struct(STRATEGIES, name), given, skip=STATE_FIELDS)
    return NamedStrategy(name=name, part=build_part(STRATEGIES, name, settings),
                         state=StrategyState(**msgspec.structs.asdict(state)))


def _section(prefix: str, struct: type[msgspec.Struct], given: Mapping[str, Given], *,
             only: frozenset[str] | None = None, skip: frozenset[str] = frozenset()) -> Any:
    """Build one struct from what was given below `prefix`."""
    tree: dict[str, Any] = {}
    started: set[str] = set()
    start = f"{prefix}."
    for path in given:
        if not path.startswith(start):
            continue
        rest = path[len(start):]
        name = rest.split(".")[0]
        if not rest or name in skip or (only is not None and name not in only):
            continue
        if "." in rest and path in catalogue() and name not in started:
            started.add(name)  # the others of a nested struct keep the part's own defaults
            for other, entry in catalogue().items():
                if other.startswith(f"{prefix}.{name}."):
                    _put(tree, other[len(prefix) + 1:], entry.default)
        _put(tree, rest, given[path].value)
    try:
        return msgspec.convert(tree, struct)
    except msgspec.ValidationError as error:
        raise _explained(prefix, str(error), given) from None


def _put(tree: dict[str, Any], rest: str, value: Any) -> None:
    *tables, last = rest.split(".")
    for table in tables:
        tree = tree.setdefault(table, {})
    tree[last] = value


def _explained(prefix: str, error: str, given: Mapping[str, Given]) -> ConfigError:
    """Say whose fault it is: msgspec names a place, a struct's own check names its field."""
    match = _AT.match(error)
    words, place = (match["words"], match["place"] or "") if match else (error, "")
    inside = re.sub(r"\[.*", "", place).strip(".")
    path = f"{prefix}.{inside}" if inside else prefix
    entry = catalogue().get(path)
    if entry is not None and path in given:
        value = given[path].value
        literals = [str(each) for kind in plain_types(entry.type) for each in getattr(kind, "__args__", ())]
        meant = nearest(value, literals) if isinstance(value, str) else ""
        words = f"{words[:1].lower()}{words[1:]}".replace("`", "")
        return ConfigError(words, where=given[path].where, key=path, value=value, suggestion=meant,
                           expected=expected_words(entry.type))
    named = [each for each in given if each.startswith(path + ".") and
             re.search(rf"\b{re.escape(each.rpartition('.')[2])}\b", words)]
    if not named:
        return ConfigError(words, key=path)
    culprit = given[named[0]]
    return ConfigError(words, where=culprit.where, key=culprit.path, value=culprit.value)


def _check_positive(given: Mapping[str, Given]) -> None:
    for path in _ABOVE_ZERO:
        value = given[path].value if path in given else None
        if isinstance(value, int | float | Decimal) and not 0 < value <= _MOST:
            raise ConfigError("it is out of range", where=given[path].where, key=path, value=value,
                              expected=f"above 0 to {_MOST}")


def _check_tier(account: AccountSettings, given: Mapping[str, Given]) -> None:
    """Hold the account's size limits to what TopstepX lets an account of its tier hold."""
    minis = tier_minis(account)
    for path, value, most in (("account.mini_limit", account.mini_limit, minis),
                              ("account.size_limit", account.size_limit, minis * MICROS_PER_MINI)):
        if value > most and path in given:
            raise ConfigError("it is beyond the account's tier", where=given[path].where, key=path,
                              value=given[path].value, expected=f"above 0 to {most} at this start balance")


def _basics(given: Mapping[str, Given]) -> Basics:
    tree: dict[str, Any] = {}
    for path, each in given.items():
        if path.split(".")[0] in Basics.model_fields:
            value = SecretStr(each.value) if catalogue()[path].secret else each.value
            _put(tree, path, value)
    try:
        return Basics(**tree)
    except ValidationError as errors:
        error = errors.errors()[0]
        path = ".".join(str(part) for part in error["loc"])
        entry, culprit = catalogue()[path], given[path]
        words = error["msg"].removeprefix("Value error, ")
        meant = "live" if path == "agent.mode" and str(culprit.value).lower().startswith("l") else ""
        raise ConfigError(words, where=culprit.where, key=path, suggestion=meant,
                          value=None if entry.secret else _without_login(culprit.value)) from None


def _without_login(value: Any) -> Any:
    """Mask keys before a message cuts a long value: half an address shows a login that nobody recognises."""
    return KNOWN.hide_keys(value) if isinstance(value, str) else value
