"""BigQuery's side of a batch, without a connection: types, checked rows, the statement that puts them, its job's name.

Rows travel as one text, a query parameter of JSON, all values in it as strings, and BigQuery's casts read them: exact
for decimals, and no client guesses a type. The statement names the days of its rows as constants, so that only those
partitions are read, and paid for.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

import orjson

from fabio.adapters.sinks.checks import checked, shown, time_of
from fabio.adapters.sinks.port import Column, Kind, Row, RowsRefused, Table

TYPES: Mapping[Kind, str] = {
    "text": "STRING", "int": "INT64", "float": "FLOAT64", "bool": "BOOL", "decimal": "BIGNUMERIC",
    "time": "TIMESTAMP", "json": "JSON",
}
"""BIGNUMERIC has 38 digits on each side of the point; NUMERIC has 9 behind it, what a question costs may have more."""
TEXT_BYTES = 3_000_000
"""Of rows in one statement: a request may have 10 MB, and JSON within JSON within JSON writes a quote as 4 bytes."""
_BIGNUMERIC = re.compile(r"-?\d{1,38}(\.\d{1,38})?")


def parts_of(table: Table, address: str, rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Cut rows into what one statement may carry; nearly always one part.

    Parameters
    ----------
    address
        `PROJECT.DATASET.TABLE`.

    Returns
    -------
    sql, text
        A statement, and its parameter `@rows`.

    Raises
    ------
    RowsRefused
        If a value is not what its column's kind says: BigQuery would not take it.
    """
    written = [(_day(table, row), orjson.dumps(_strings(table, row))) for row in rows]  # all, before any is put
    part: list[tuple[dt.date, bytes]] = []
    size = 0
    for day, text in written:
        if part and size + len(text) > TEXT_BYTES:
            yield _part(table, address, part)
            part, size = [], 0
        part.append((day, text))
        size += len(text)
    if part:
        yield _part(table, address, part)


def job_name(table: str, batch_id: str, text: str) -> str:
    """Name a job by what it does: the same name is the same statement with the same rows.

    >>> job_name("p.d.trades", "w/trades/:0-a:9/trades", "[]")[:14]
    'fabio_8e90b048'
    """
    return "fabio_" + hashlib.sha256("\n".join((table, batch_id, text)).encode()).hexdigest()[:40]


def merge(table: Table, address: str, first: dt.date, last: dt.date) -> str:
    """Write the statement: a row whose key is there is replaced, any other is added, all at once."""
    names = [f"`{column.name}`" for column in table.columns]
    key, when = f"`{table.key}`", f"T.`{table.partition_by}`"
    read = ",\n    ".join(f"{_read(column)} AS `{column.name}`" for column in table.columns)
    changes = ", ".join(f"{name} = S.{name}" for name in names if name != key)
    return (
        f"MERGE `{address}` AS T USING (\n  SELECT\n    {read}\n"
        "  FROM UNNEST(JSON_QUERY_ARRAY(@rows)) AS r\n"
        f") AS S ON T.{key} = S.{key} AND {when} >= TIMESTAMP '{first} 00:00:00+00' "
        f"AND {when} < TIMESTAMP '{last + dt.timedelta(1)} 00:00:00+00'\n"
        f"WHEN MATCHED THEN UPDATE SET {changes}\n"
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) VALUES ({', '.join(f'S.{name}' for name in names)})"
    )


def _part(table: Table, address: str, part: list[tuple[dt.date, bytes]]) -> tuple[str, str]:
    days = [day for day, _ in part]
    return merge(table, address, min(days), max(days)), (b"[" + b",".join(text for _, text in part) + b"]").decode()


def _read(column: Column) -> str:
    said = f"JSON_VALUE(r, '$.{column.name}')"
    if column.kind == "text":
        return said
    if column.kind == "json":  # round: JSON of others may have more digits than a float
        return f"PARSE_JSON({said}, wide_number_mode => 'round')"
    return f"CAST({said} AS {TYPES[column.kind]})"


def _strings(table: Table, row: Row) -> dict[str, str]:
    return {column.name: text for column in table.columns if (text := _string(table, row, column)) is not None}


def _string(table: Table, row: Row, column: Column) -> str | None:
    value = checked(table, row, column)
    if column.kind == "decimal" and value is not None and not _BIGNUMERIC.fullmatch(str(value)):
        raise RowsRefused(f"{table.name}.{column.name} of {row[table.key]} is {shown(value)}, expected at "
                          "most 38 digits on each side of the point")
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _day(table: Table, row: Row) -> dt.date:
    time = time_of(row.get(table.partition_by))
    if time is None:
        raise RowsRefused(f"{table.name}.{table.partition_by} of {shown(row.get(table.key))} is "
                          f"{shown(row.get(table.partition_by))}, expected a time: it says in which day it belongs")
    return time.date()
