"""Scripts of faults: a TOML file, or a mix that a seed draws."""

from pathlib import Path
from random import Random
from typing import Any

import msgspec

from fabio.adapters.data.toml_file import read_toml
from fabio.adapters.gateway.faults.catalogue import FAULTS, GROUPS, HUB_SURFACES, REST_SURFACES, Known
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.model.errors import ConfigError, did_you_mean

CHAOS_FAULTS = 3
CHAOS_LENGTH_S = 900.0
_FIELDS = ("name", "surface", "rate", "from_s", "until_s", "most")


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """Faults, and the seed of their randomness."""

    seed: int = 0
    faults: tuple[FaultSpec, ...] = ()


def read_script(path: Path) -> Script:
    """Read a file of faults.

    Raises
    ------
    ConfigError
        Names the file, the fault and the key, and what would be right.
    """
    tables = read_toml(path)
    for key in tables:
        if key not in ("seed", "fault"):
            raise ConfigError(f"{path}: unknown key {key!r}{did_you_mean(key, ('seed', 'fault'))}; "
                              "write seed = 7 and [[fault]] tables")
    seed, rows = tables.get("seed", 0), tables.get("fault", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{path}: write each fault as a [[fault]] table")
    return Script(seed=_whole(f"{path}, seed", seed),
                  faults=tuple(_fault(f"{path}, fault {number}", row) for number, row in enumerate(rows, start=1)))


def chaos(seed: int, length_s: float = CHAOS_LENGTH_S) -> Script:
    """Draw three faults with their rates and windows; the same seed draws the same."""
    dice = Random(f"chaos {seed}")
    faults = []
    for name in dice.sample(sorted(FAULTS), CHAOS_FAULTS):
        from_s = dice.uniform(0, length_s * 0.7)
        faults.append(FaultSpec(
            name=name, rate=dice.choice((0.05, 0.2, 0.5)), from_s=from_s,
            until_s=from_s + dice.uniform(5, length_s * 0.3)))
    return Script(seed=seed, faults=tuple(faults))


def surfaces_of(spec: FaultSpec) -> frozenset[str]:
    """Give what a fault strikes."""
    name = spec.surface or FAULTS[spec.name].surface
    return frozenset(GROUPS.get(name, (name,)))


def options_of(spec: FaultSpec) -> dict[str, Any]:
    """Give a fault's options, the defaults where the script says nothing."""
    return {**FAULTS[spec.name].options, **spec.options}


def _fault(where: str, row: dict[str, Any]) -> FaultSpec:
    name = row.get("name")
    if not isinstance(name, str) or name not in FAULTS:
        known = did_you_mean(str(name), FAULTS)
        raise ConfigError(f"{where}: {name!r} is no fault{known}; there are {', '.join(FAULTS)}")
    known_fault = FAULTS[name]
    options = {key: value for key, value in row.items() if key not in _FIELDS}
    for key in options:
        if key not in known_fault.options:
            wanted = (*_FIELDS, *known_fault.options)
            raise ConfigError(f"{where} ({name}): unknown key {key!r}{did_you_mean(key, wanted)}; "
                              f"it takes {', '.join(wanted)}")
    try:
        spec = msgspec.convert({**{key: row[key] for key in _FIELDS if key in row}, "options": options}, FaultSpec)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where} ({name}): {error}") from None
    _check(f"{where} ({name})", spec, known_fault)
    return spec


def _check(where: str, spec: FaultSpec, known: Known) -> None:
    allowed = _surfaces_for(known)
    if spec.surface and spec.surface not in allowed:
        raise ConfigError(f"{where}: surface {spec.surface!r}{did_you_mean(spec.surface, allowed)} is none of "
                          f"{', '.join(allowed)}")
    if not 0 <= spec.rate <= 1:
        raise ConfigError(f"{where}: rate {spec.rate} has to be between 0 and 1")
    if spec.from_s < 0 or (spec.until_s is not None and spec.until_s <= spec.from_s):
        raise ConfigError(f"{where}: the window from {spec.from_s} s until {spec.until_s} s is empty")
    if spec.most is not None and spec.most < 1:
        raise ConfigError(f"{where}: most {spec.most} has to be 1 or more")
    for key, value in spec.options.items():
        if not _fits(value, known.options[key]):
            raise ConfigError(f"{where}: {key} = {value!r} does not fit; an example is {_example(known.options[key])}")


def _surfaces_for(known: Known) -> tuple[str, ...]:
    if known.rest is not None:
        return (*REST_SURFACES, "rest", "mutation")
    if known.act is not None:
        return (known.surface,)
    return (*HUB_SURFACES, "hubs")


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):
        numbers = isinstance(value, list) and value and all(_is_number(each) for each in value)
        return bool(numbers) and (not isinstance(default[0], float) or (len(value) == 2 and 0 <= value[0] <= value[1]))
    if isinstance(default, str):
        return isinstance(value, str)
    if default is None:
        return isinstance(value, str) or _is_number(value)
    return _is_number(value) and (isinstance(default, float) or isinstance(value, int))


def _example(default: Any) -> str:
    return str(list(default)) if isinstance(default, tuple) else repr(60 if default is None else default)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _whole(where: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(f"{where} = {value!r} is no whole number")
    return value
