"""A sink in any SQL database that knows `INSERT .. ON CONFLICT`: the statements, once for all of them.

Rows and the place behind them are written in one transaction, so a stream goes on exactly where its last row is. What
differs between databases (types, connection, which failure means what) is a `Database`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from fabio.adapters.sinks.port import Batch, Column, Kind, Pace, Place, SinkAway, Table, Value

PLACES = Table("fabio_places", (Column("stream", "text"), Column("place", "text")), key="stream", partition_by="")
"""How far each stream of each agent was taken."""


class Transaction(Protocol):
    """What can be said within a transaction."""

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows."""

    def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run a statement once for each row."""

    def columns(self, table: str) -> set[str]:
        """Name a table's columns; empty where it is not there."""


class Database(Protocol):
    """One kind of database; its failures come out as the port's."""

    types: Mapping[Kind, str]
    placeholder: str

    def connect(self) -> None:
        """Connect, or connect again."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin; commit at the end of the block, or undo everything where it raises."""

    def close(self) -> None:
        """Let go; never raises."""


class SqlSink:
    """Matches `port.Sink` over a database."""

    pace = Pace()

    def __init__(self, database: Database) -> None:
        self._database = database
        self._inserts: dict[str, tuple[str, list[str]]] = {}  # table -> statement, columns

    def open(self, tables: Sequence[Table]) -> None:
        """Connect; make what tables and columns are missing."""
        self._inserts.clear()
        self._database.connect()
        with self._database.transaction() as transaction:
            for table in (*tables, PLACES):
                for statement in self._makes(table, transaction.columns(table.name)):
                    transaction.execute(statement)
        for table in (*tables, PLACES):
            self._inserts[table.name] = self._insert(table)

    def put(self, batch: Batch) -> None:
        """Put the rows and the place behind them in one transaction."""
        if not self._inserts:
            raise SinkAway("it was not opened")
        insert, names = self._inserts[batch.table]
        with self._database.transaction() as transaction:
            if batch.rows:
                transaction.execute_many(insert, [[row.get(name) for name in names] for row in batch.rows])
            if batch.place is not None:
                text = msgspec.json.encode(batch.place).decode()
                transaction.execute_many(self._inserts[PLACES.name][0], [[batch.place.stream, text]])

    def places(self) -> dict[str, Place]:
        """Give the last place of each stream."""
        with self._database.transaction() as transaction:
            rows = transaction.execute(f"SELECT place FROM {PLACES.name}")
        found = [msgspec.json.decode(row[0], type=Place) for row in rows]
        return {place.stream: place for place in found}

    def close(self) -> None:
        """Let go of the connection."""
        self._inserts.clear()
        self._database.close()

    def _makes(self, table: Table, there: set[str]) -> Iterator[str]:
        types = self._database.types
        if not there:
            columns = ", ".join(
                f"{quoted(each.name)} {types[each.kind]}{' PRIMARY KEY' if each.name == table.key else ''}"
                for each in table.columns)
            yield f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} ({columns})"
            if table.partition_by:
                name = quoted(f"{table.name}_{table.partition_by}")
                yield f"CREATE INDEX IF NOT EXISTS {name} ON {quoted(table.name)} ({quoted(table.partition_by)})"
            return
        for each in table.columns:
            if each.name not in there:
                yield f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(each.name)} {types[each.kind]}"

    def _insert(self, table: Table) -> tuple[str, list[str]]:
        names = [each.name for each in table.columns]
        changes = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in names if name != table.key)
        values = ", ".join([self._database.placeholder] * len(names))
        return (f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, names))}) VALUES ({values}) "
                f"ON CONFLICT ({quoted(table.key)}) DO UPDATE SET {changes}"), names


def quoted(name: str) -> str:
    """Write a name as SQL has it, also where it is a word of SQL's.

    >>> quoted("before")
    '"before"'
    """
    return '"' + name.replace('"', '""') + '"'
