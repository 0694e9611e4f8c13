"""Which columns of a file are the trade, and the SQL that makes them canonical.

All casts are written out: DuckDB's own guesses cut nanoseconds to microseconds and
read the Databento action `T` as true.
"""

from dataclasses import dataclass
from pathlib import Path

from fabio.adapters.data.errors import TapeError
from fabio.model.errors import did_you_mean

REQUIRED = ("ts_event", "price", "size")
CONTRACT_ROLES = ("symbol", "raw_symbol", "contract", "instrument_id")
"""Columns that name the contract, the best first."""

OPTIONAL = ("side", "ts_recv", "action", *CONTRACT_ROLES)
DATABENTO_MARKS = {"rtype", "publisher_id"}
"""Columns only Databento writes: their integer prices are in units of 1e-9."""

UNDEFINED_PRICE = 9223372036854775807
EARLIEST_NS = 631_152_000_000_000_000
"""1990-01-01: a time before it is not in nanoseconds, or not a time."""

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"}
_LONG_INTEGERS = {"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"}
_FLOATS = {"FLOAT", "DOUBLE"}


@dataclass(frozen=True, slots=True)
class TapeColumns:
    """SQL expressions over one source; each gives NULL where the cell cannot be read.

    `ts_recv`, `symbol` and `action` are None where the file has no such column.
    """

    ts_event: str
    ts_recv: str | None
    price: str
    size: str
    side: str
    symbol: str | None
    action: str | None
    has_side: bool


def quoted(name: str) -> str:
    """Quote an identifier for SQL.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def resolve(path: Path, types: dict[str, str], databento_integers: bool = False) -> TapeColumns:
    """Match a file's columns to the trade's.

    Parameters
    ----------
    types
        DuckDB type by column name, as the file has them.
    databento_integers
        True where text prices are known to be integers of 1e-9.

    Raises
    ------
    TapeError
        If a column is missing, stands there twice, or has a type that cannot hold the value.
    """
    names = column_names(path, list(types))
    kinds = {role: types[name] for role, name in names.items()}
    of_databento = bool(DATABENTO_MARKS & {name.lower() for name in types})
    fixed = databento_integers or (of_databento and kinds["price"] in _LONG_INTEGERS)
    symbol = next((role for role in CONTRACT_ROLES if role in names), None)
    symbol_sql = None
    if symbol is not None:
        text = f"nullif(trim({quoted(names[symbol])}::varchar), '')"
        symbol_sql = f"'id ' || {text}" if symbol == "instrument_id" else text
    recv = time_sql(path, names["ts_recv"], kinds["ts_recv"]) if "ts_recv" in names else None
    return TapeColumns(
        ts_event=time_sql(path, names["ts_event"], kinds["ts_event"]),
        ts_recv=recv,
        price=_number_sql(path, names["price"], kinds["price"], fixed),
        size=_number_sql(path, names["size"], kinds["size"], False),
        side=f"coalesce(upper(trim({quoted(names['side'])}::varchar)), '')" if "side" in names else "''",
        symbol=symbol_sql,
        action=f"trim({quoted(names['action'])}::varchar)" if "action" in names else None,
        has_side="side" in names,
    )


def column_names(path: Path, found: list[str]) -> dict[str, str]:
    """Give the file's own name of each column that matters.

    Raises
    ------
    TapeError
        If a required one is missing, or one of them stands there twice.
    """
    names: dict[str, str] = {}
    for name in found:
        role = name.strip().lower()
        if role not in REQUIRED + OPTIONAL:
            continue
        if role in names:
            raise TapeError(f"{path}: column {role!r} stands there twice; keep one")
        names[role] = name
    missing = [role for role in REQUIRED if role not in names]
    if missing:
        hints = "".join(did_you_mean(role, found) for role in missing)
        raise TapeError(
            f"{path}: column {', '.join(missing)} missing{hints}; the file has {_listed(found)}. "
            "A tape has ts_event, price, size, and if known side and ts_recv: rename the columns"
        )
    return names


def time_sql(path: Path, name: str, kind: str) -> str:
    """Write the SQL for int64 ns UTC of one column.

    Raises
    ------
    TapeError
        If the type cannot hold a time to the nanosecond.
    """
    column = quoted(name)
    if kind in _LONG_INTEGERS:
        return f"try_cast({column} as bigint)"
    if kind.startswith("TIMESTAMP"):
        if kind in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
            return f"case when isfinite({column}) then epoch_ns({column}) end"
        return f"try(epoch_ns({column}))"  # the other widths know no isfinite
    if kind == "VARCHAR":
        return text_time_sql(column)
    raise TapeError(
        f"{path}: column {name} is {kind}, which does not hold a time to the nanosecond; "
        "write int64 nanoseconds UTC or a timestamp"
    )


def text_time_sql(column: str) -> str:
    """Write the SQL that reads a text as int64 ns UTC: ISO 8601 with up to 9 digits, or an integer.

    Without an offset it is UTC.
    """
    pattern = (
        r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9})\d*)?"
        r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?$"
    )
    part = f"regexp_extract(trim({column}), '{pattern}', ['day', 'time', 'fraction', 'zone'])"
    whole = f"epoch_ns(try_cast({part}.day || ' ' || {part}.time || {part}.zone as timestamptz))"
    return (
        f"case when regexp_full_match(trim({column}), '-?\\d+') then try_cast(trim({column}) as bigint) "
        f"else {whole} + rpad({part}.fraction, 9, '0')::bigint end"
    )


def _number_sql(path: Path, name: str, kind: str, fixed_point: bool) -> str:
    column = quoted(name)
    plain = kind in _INTEGERS | _LONG_INTEGERS | _FLOATS or (
        kind.startswith("DECIMAL") and kind.endswith(")")
    )
    if not plain and kind != "VARCHAR":
        raise TapeError(f"{path}: column {name} is {kind}; a number is expected")
    number = f"try_cast({column} as double)"
    if not plain:
        number = f"case when not contains({column}, '_') then {number} end"  # DuckDB reads 1_000
    if not fixed_point:
        return number
    return (
        f"case when try_cast({column} as hugeint) = {UNDEFINED_PRICE} then 'nan'::double "
        f"else {number} / 1e9 end"
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown or "no columns"
