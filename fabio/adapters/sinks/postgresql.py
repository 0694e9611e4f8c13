"""PostgreSQL, by SQLAlchemy and psycopg (extra `sql`): money is NUMERIC, times are TIMESTAMPTZ, JSON is JSONB."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy
from psycopg.errors import DataError, IntegrityError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from fabio.adapters.redact import KNOWN
from fabio.adapters.sinks.port import Kind, RowsRefused, Sink, SinkAway, SinkUnusable, Value
from fabio.adapters.sinks.sql import SqlSink
from fabio.adapters.sinks.targets import Target

_CONNECT_S, _STATEMENT_S, _SILENCE_S = 5, 30, 20
_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_NO_RIGHT = re.compile(r"authentication failed|no password supplied|no pg_hba\.conf|does not exist|permission denied")


def make(target: Target) -> Sink:
    """Make the sink of `postgresql://USER@HOST/DATABASE`; `PGPASSWORD` and `~/.pgpass` hold as everywhere."""
    return SqlSink(PostgresDatabase(target))


class PostgresDatabase:
    """Matches `sql.Database`; every wait has an end, also for a server that has gone silent."""

    types: Mapping[Kind, str] = {
        "text": "TEXT", "int": "BIGINT", "float": "DOUBLE PRECISION", "bool": "BOOLEAN", "decimal": "NUMERIC",
        "time": "TIMESTAMPTZ", "json": "JSONB",
    }
    placeholder = "%s"

    def __init__(self, target: Target) -> None:
        url = sqlalchemy.make_url(target.url).set(drivername="postgresql+psycopg")
        self._engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args={
            "connect_timeout": _CONNECT_S, "application_name": "fabio sink", "keepalives_idle": _SILENCE_S // 2,
            "tcp_user_timeout": _SILENCE_S * 1000,
            "options": f"-c statement_timeout={_STATEMENT_S}s -c lock_timeout={_STATEMENT_S}s -c timezone=UTC",
        })
        self._connection: sqlalchemy.Connection | None = None

    def connect(self) -> None:
        """Connect."""
        self.close()
        with self._told():
            self._connection = self._engine.connect()

    @contextmanager
    def transaction(self) -> "Iterator[PostgresTransaction]":
        """Begin; nothing is kept of a block that does not end well."""
        connection = self._connection
        if connection is None:
            raise SinkAway("it is not connected")
        with self._told(), connection.begin():
            yield PostgresTransaction(connection)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn failures into the port's."""
        try:
            yield
        except DBAPIError as error:
            cause = error.orig
            words = KNOWN.hide_keys(" ".join(str(cause).split()))
            state = getattr(cause, "sqlstate", None) or ""
            if isinstance(cause, DataError | IntegrityError):
                raise RowsRefused(words) from None
            if state[:2] in ("42", "28", "3D") or (not state and _NO_RIGHT.search(words)):
                raise SinkUnusable(words) from None
            raise SinkAway(words) from None
        except SQLAlchemyError as error:
            raise SinkAway(KNOWN.hide_keys(str(error))) from None


class PostgresTransaction:
    """Matches `sql.Transaction`."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows."""
        result = self._connection.exec_driver_sql(sql)
        return [tuple(row) for row in result] if result.returns_rows else []

    def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run a statement once for each row, in one go."""
        self._connection.exec_driver_sql(sql, [tuple(map(_without_nul, row)) for row in rows])

    def columns(self, table: str) -> set[str]:
        """Name a table's columns, in the schema where new ones would be made."""
        found = self._connection.exec_driver_sql(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_name = %s AND table_schema = current_schema()", (table,))
        return {row[0] for row in found}


def _without_nul(value: Value) -> Value:
    """Put U+FFFD for the one character that PostgreSQL's text does not have.

    >>> _without_nul("a\\x00b"), _without_nul('["\\\\u0000"]')
    ('a\\ufffdb', '["\\\\ufffd"]')
    """
    if not isinstance(value, str):
        return value
    if value[:1] in ("{", "[", '"'):
        value = _NUL_IN_JSON.sub(r"\1\\ufffd", value)
    return value.replace("\x00", "\ufffd")
