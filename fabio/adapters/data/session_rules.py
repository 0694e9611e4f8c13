"""The rules of `config/sessions.toml`, read and checked; no calendar is asked here."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fabio.adapters.data.toml_file import read_toml
from fabio.model.errors import ConfigError, did_you_mean

TOPSTEPX = "topstepx"
"""The table that holds what the account demands, whatever the product."""

_GROUP_KEYS = {"description", "time_zone", "calendars", "regular", "hours", "corrections", "always_open"}
_HOURS_KEYS = {"from", "open", "close", "breaks", "source"}
_CORRECTION_KEYS = {"dates", "closed", "close", "breaks", "source"}
_DEMAND_KEYS = {"flat_by", "time_zone"}

Span = tuple[dt.time, dt.time]


@dataclass(frozen=True, slots=True)
class Hours:
    """Usual hours from the session named `since` on, in the group's wall time."""

    since: dt.date
    open: dt.time
    close: dt.time
    breaks: tuple[Span, ...]

    @property
    def opens_the_evening_before(self) -> bool:
        """True where the session starts on the day before the one that names it."""
        return self.open > self.close


@dataclass(frozen=True, slots=True)
class Correction:
    """What one date really was; overrides every calendar. `close` None leaves the usual close."""

    closed: bool
    close: dt.time | None
    breaks: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class GroupRules:
    """One product group. `hours` oldest first; empty for a group that is always open."""

    name: str
    always_open: bool
    time_zone: ZoneInfo
    calendars: tuple[str, ...]
    regular: Span | None
    hours: tuple[Hours, ...]
    corrections: dict[dt.date, Correction]
    flat_by: dt.time
    flat_by_zone: ZoneInfo


def read_rules(path: Path, product_group: str) -> GroupRules:
    """Read one group's rules.

    Raises
    ------
    ConfigError
        Names the file, the table and the key, and what would be right.
    """
    tables = read_toml(path)
    groups = [name for name in tables if name != TOPSTEPX]
    if product_group not in groups:
        raise ConfigError(
            f"{path}: no product group {product_group!r}{did_you_mean(product_group, groups)}; "
            f"it has {', '.join(groups)}"
        )
    demand = _table(f"{path}, [{TOPSTEPX}]", tables.get(TOPSTEPX), _DEMAND_KEYS)
    where = f"{path}, [{product_group}]"
    table = _table(where, tables[product_group], _GROUP_KEYS)
    always_open = table.get("always_open", False) is True
    needed = set() if always_open else {"time_zone", "calendars", "hours"}
    _require(where, table, needed)
    calendars = _list(f"{where}, calendars", table.get("calendars", []))
    if not all(isinstance(name, str) for name in calendars) or (not always_open and not calendars):
        raise ConfigError(f"{where}, calendars: a list of at least one calendar name is expected")
    return GroupRules(
        name=product_group,
        always_open=always_open,
        time_zone=_zone(where, table.get("time_zone", "UTC")),
        calendars=tuple(calendars),
        regular=_span(f"{where}, regular", table["regular"]) if "regular" in table else None,
        hours=_hours(where, _list(f"{where}, hours", table.get("hours", []))),
        corrections=_corrections(where, _list(f"{where}, corrections", table.get("corrections", []))),
        flat_by=_time(f"{path}, [{TOPSTEPX}], flat_by", demand.get("flat_by")),
        flat_by_zone=_zone(f"{path}, [{TOPSTEPX}]", demand.get("time_zone")),
    )


def _hours(where: str, rows: list[Any]) -> tuple[Hours, ...]:
    eras = []
    for number, row in enumerate(rows, start=1):
        place = f"{where}, hours {number}"
        era = _table(place, row, _HOURS_KEYS)
        _require(place, era, {"from", "open", "close"})
        eras.append(
            Hours(
                _date(f"{place}, from", era["from"]),
                _time(f"{place}, open", era["open"]),
                _time(f"{place}, close", era["close"]),
                _spans(f"{place}, breaks", era.get("breaks", [])),
            )
        )
    if [era.since for era in eras] != sorted({era.since for era in eras}):
        raise ConfigError(f"{where}, hours: the `from` dates have to rise")
    return tuple(eras)


def _corrections(where: str, rows: list[Any]) -> dict[dt.date, Correction]:
    corrections: dict[dt.date, Correction] = {}
    for number, row in enumerate(rows, start=1):
        place = f"{where}, corrections {number}"
        table = _table(place, row, _CORRECTION_KEYS)
        _require(place, table, {"dates", "source"})
        correction = Correction(
            table.get("closed", False) is True,
            _time(f"{place}, close", table["close"]) if "close" in table else None,
            _spans(f"{place}, breaks", table.get("breaks", [])),
        )
        if not correction.closed and correction.close is None and not correction.breaks:
            raise ConfigError(f"{place}: one of closed = true, close, breaks is expected")
        for raw in _list(f"{place}, dates", table["dates"]):
            date = _date(f"{place}, dates", raw)
            if date in corrections:
                raise ConfigError(f"{place}: {date} is corrected twice")
            corrections[date] = correction
    return corrections


def _table(where: str, value: Any, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: a table is expected")
    for key in value:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}{did_you_mean(key, known)}")
    return value


def _require(where: str, table: dict[str, Any], keys: set[str]) -> None:
    missing = sorted(keys - table.keys())
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} missing")


def _list(where: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{where}: a list is expected, not {value!r}")
    return value


def _spans(where: str, value: Any) -> tuple[Span, ...]:
    return tuple(_span(where, pair) for pair in _list(where, value))


def _span(where: str, value: Any) -> Span:
    pair = _list(where, value)
    if len(pair) != 2:
        raise ConfigError(f'{where}: two times are expected, as in ["15:15", "15:30"]')
    return _time(where, pair[0]), _time(where, pair[1])


def _time(where: str, value: Any) -> dt.time:
    try:
        return dt.datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 (a wall time has no zone)
    except (TypeError, ValueError):
        raise ConfigError(f'{where}: {value!r} is no time of day; write "00:00" to "23:59"') from None


def _date(where: str, value: Any) -> dt.date:
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise ConfigError(f"{where}: {value!r} is not a date; write 2026-11-20, without quotes")
    return value


def _zone(where: str, value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, TypeError, ValueError, OSError):
        raise ConfigError(f"{where}: unknown time zone {value!r}; America/Chicago is one") from None
