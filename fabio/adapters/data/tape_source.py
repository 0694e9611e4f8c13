"""One tape as a Parquet file that DuckDB reads in row ranges, whatever the format was.

Parquet is read where it lies; CSV is first converted, column by column, into a
temporary Parquet file, DBN into CSV. Memory stays flat in the size of the file.
"""

import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tape_columns import TapeColumns, column_names, quoted, resolve

THREADS = 2
"""More threads hold more row groups in memory at once."""
_broken: list[str] = []
"""Databases of this process that a damaged file has broken."""


@dataclass(eq=False)
class TapeSource:
    """A Parquet file with the columns of a trade.

    Parameters
    ----------
    path
        The file the person named; messages speak of it.
    parquet
        What is read: the same file or a temporary one, which goes when this object does.
    rejected_rows
        Lines that were already unreadable on the way into `parquet`.
    notes
        What a person should know about how the file was read.
    sample
        The first data row as text, by column; for messages.
    first_line
        Line of the first data row in the person's file; 1 where it has no lines.
    """

    path: Path
    parquet: Path
    columns: TapeColumns
    connection: duckdb.DuckDBPyConnection
    rejected_rows: int = 0
    notes: list[str] = field(default_factory=list)
    sample: dict[str, str] = field(default_factory=dict)
    first_line: int = 1

    @property
    def relation(self) -> str:
        """SQL of the rows with their number; takes the file's name as a parameter."""
        return "read_parquet(?, file_row_number = true)"

    def ask(self, query: str) -> duckdb.DuckDBPyConnection:
        """Run a query over `relation`."""
        return run(self.connection, self.path, query, [duckdb_name(self.parquet)])


def connect() -> duckdb.DuckDBPyConnection:
    """Connect to the database in memory that reads times as UTC and fetches nothing from the network.

    All tapes that are open at a time share one, as making one takes 20 ms. It goes with the last of
    them; a process that was forked has one of its own. One that a damaged file has broken answers nobody
    any more: who comes after that gets another.
    """
    while True:
        name = f":memory:fabio-tapes-{os.getpid()}-{len(_broken)}"
        connection = duckdb.connect(name, config={
            "autoinstall_known_extensions": False, "threads": THREADS, "enable_external_file_cache": False,
        })
        try:
            connection.execute("set timezone = 'UTC'")
        except duckdb.FatalException:
            connection.close()
            _broken.append(name)
        else:
            return connection


def run(
    connection: duckdb.DuckDBPyConnection, path: Path, query: str, parameters: list[Any]
) -> duckdb.DuckDBPyConnection:
    """Run a query about `path`; what goes wrong inside DuckDB is the file's fault and is said so."""
    try:
        return connection.execute(query, parameters)
    except (duckdb.Error, UnicodeEncodeError) as error:
        reason = str(error).strip().splitlines()[0][:300]
        raise TapeError(
            f"{path}: cannot be read ({reason}). Is it complete, and what its name says? "
            "Export or copy it again"
        ) from None


def duckdb_name(path: Path) -> str:
    """Write a path so that DuckDB does not take `*`, `?` and `[` in it for a pattern."""
    return glob.escape(str(path))


def literal(text: str) -> str:
    """Quote a text for SQL.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def open_parquet(path: Path) -> TapeSource:
    """Open a Parquet tape where it lies.

    Raises
    ------
    TapeError
        If it is not Parquet, is cut, has no rows, or lacks a column.
    """
    connection = connect()
    described = run(
        connection, path, "describe select * from read_parquet(?)", [duckdb_name(path)]
    ).fetchall()
    types = {name: kind for name, kind, *_ in described}
    columns = resolve(path, types)
    source = TapeSource(path, path, columns, connection)
    shown = ", ".join(f"{quoted(name)}::varchar" for name in column_names(path, list(types)).values())
    first = source.ask(f"select {shown} from {source.relation} limit 1").fetchone()
    if first is None:
        raise TapeError(f"{path}: holds no rows")
    source.sample = {
        role: "" if value is None else value
        for role, value in zip(column_names(path, list(types)), first, strict=True)
    }
    source.notes.extend(unused_side_note(list(types)))
    return source


def unused_side_note(names: list[str]) -> list[str]:
    """Say which columns look like an aggressor and are not taken for one."""
    words = ("side", "lado", "aggressor")
    others = [name for name in names if name.strip().lower() != "side"]
    lookalikes = [name for name in others if any(word in name.lower() for word in words)]
    return [f"column {name} is not taken as the aggressor, only one named side is" for name in lookalikes]
