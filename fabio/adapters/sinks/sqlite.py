"""SQLite: one file, no server, nothing to install.

It has no decimals: money keeps 15 digits. Times and JSON are text, as in the records.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fabio.adapters.sinks.port import Kind, RowsRefused, Sink, SinkAway, SinkUnusable, Value
from fabio.adapters.sinks.sql import SqlSink
from fabio.adapters.sinks.targets import Target

_BUSY_S = 5.0
_UNUSABLE = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM,
                       sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH})


def make(target: Target) -> Sink:
    """Make the sink of `sqlite:///FILE`; a file that starts with `/` is written with four slashes."""
    return SqlSink(SqliteDatabase(Path(target.path)))


class SqliteDatabase:
    """Matches `sql.Database`; other programs may read while it writes."""

    types: Mapping[Kind, str] = {
        "text": "TEXT", "int": "INTEGER", "float": "REAL", "bool": "BOOLEAN", "decimal": "NUMERIC", "time": "TEXT",
        "json": "TEXT",
    }
    placeholder = "?"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def connect(self) -> None:
        """Open the file, made where it is not there."""
        self.close()
        with _told(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def transaction(self) -> "Iterator[SqliteTransaction]":
        """Write alone until the end of the block."""
        connection = self._connection
        if connection is None:
            raise SinkAway("it is not open")
        with _told(self._path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield SqliteTransaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


class SqliteTransaction:
    """Matches `sql.Transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows."""
        return self._connection.execute(sql).fetchall()

    def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run a statement once for each row."""
        self._connection.executemany(sql, rows)

    def columns(self, table: str) -> set[str]:
        """Name a table's columns."""
        return {row[0] for row in self._connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn SQLite's failures into the port's."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
        raise RowsRefused(str(error)) from None
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _UNUSABLE:
            raise SinkUnusable(f"{path}: {error}; is it a SQLite file that you may write?") from None
        raise SinkAway(str(error)) from None
    except OSError as error:
        raise SinkUnusable(f"{path}: {error.strerror}; check its folder") from None
