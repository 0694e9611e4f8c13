"""What sinks without types of their own on the way check before they send: a value is what its column's kind says."""

import datetime as dt
import math
import re
from collections.abc import Mapping

import orjson

from fabio.adapters.sinks.port import Column, Kind, Row, RowsRefused, Table, Value

_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_INT64 = 1 << 63
_EXPECTED: Mapping[Kind, str] = {
    "text": "text", "int": "a whole number of 64 bits", "float": "a finite number", "bool": "true or false",
    "decimal": "plain digits", "time": "a time in ISO 8601 with its zone", "json": "JSON",
}


def checked(table: Table, row: Row, column: Column) -> Value:
    """Give a row's value; None where it has none.

    Raises
    ------
    RowsRefused
        If it is not of its column's kind, or if the key is missing.
    """
    value = row.get(column.name)
    if value is None and column.name != table.key:
        return None
    if not _fits(column.kind, value) or (value == "" and column.name == table.key):
        raise RowsRefused(f"{table.name}.{column.name} of {shown(row.get(table.key))} is {shown(value)}, expected "
                          f"{_EXPECTED[column.kind]}")
    return value


def time_of(value: Value) -> dt.datetime | None:
    """Read a time; None where it is none, or has no zone.

    >>> time_of("2026-11-20T14:30:00.123456Z"), time_of("2026-11-20T14:30:00")
    (datetime.datetime(2026, 11, 20, 14, 30, 0, 123456, tzinfo=datetime.timezone.utc), None)
    """
    try:
        time = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return None if time.tzinfo is None else time.astimezone(dt.UTC)


def shown(value: Value) -> str:
    """Write a value for a person, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fits(kind: Kind, value: Value) -> bool:
    match kind:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case "bool":
            return isinstance(value, bool)
        case "decimal":
            return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None
        case "time":
            return time_of(value) is not None
        case "json":
            return isinstance(value, str) and _is_json(value)
        case _:
            return isinstance(value, str)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
