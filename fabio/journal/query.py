"""SQL over all records, by DuckDB, while the agent writes.

Each file is a view with fixed columns, taken from `schemas.py` where a record has a schema there: DuckDB's own guess
changes from day to day, and an empty file would have no columns. What is nested is JSON. A line that is no record of
this version (torn, damaged, foreign) reads as a row without a `v`, so every view asks for `v = 1`; all but a torn last
line are counted. Only questions are answered: one SELECT, and no file but the records is opened.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from fabio.journal.files import day_files, raw_lines
from fabio.journal.schemas import SCHEMAS
from fabio.journal.writer import SUFFIX

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_T = TypeVar("_T")
_PLAIN = {int: "BIGINT", float: "DOUBLE", str: "VARCHAR", bool: "BOOLEAN"}
_LONGEST_LINES = (1 << 24, 1 << 27, 1 << 30)
"""Bytes that DuckDB makes room for; the next where a line is longer."""


def _sql_type(name: str, kind: Any) -> str:
    if name == "v":
        return "INTEGER"
    if name == "ts" or name.endswith("_ts"):
        return "TIMESTAMP"
    some = [each for each in get_args(kind) if each is not NoneType]
    if get_origin(kind) is Literal:
        return "VARCHAR"
    if get_origin(kind) is list:
        return _sql_type("", some[0]) + "[]"
    if NoneType in get_args(kind):
        return _sql_type("", some[0])
    return _PLAIN.get(kind, "JSON")


_IDENTITY = {"v": "INTEGER", "ts_ns": "BIGINT", "ts": "TIMESTAMP"}
COLUMNS: dict[str, dict[str, str]] = {
    "journal": {
        **_IDENTITY, "seq": "BIGINT", "tape_pos": "BIGINT", "wake": "INTEGER", "event": "JSON",
        "facts": "JSON[]", "commands": "JSON[]", "kind": "VARCHAR", "data": "JSON",
    },
    **{
        name: {field.name: _sql_type(field.name, field.type) for field in msgspec.structs.fields(schema)}
        for name, schema in SCHEMAS.items()
    },
    "llm_exchanges": {
        **_IDENTITY, "id": "VARCHAR", "symbol": "VARCHAR", "source": "VARCHAR", "outcome": "VARCHAR",
        "reason": "VARCHAR", "latency_ms": "DOUBLE", "usage": "JSON", "cost_usd": "DOUBLE",
        "response": "JSON", "request": "JSON", "request_hash": "VARCHAR", "model": "VARCHAR",
        "call_hash": "VARCHAR", "attempts": "BIGINT", "clamped": "JSON", "parsed": "JSON", "raw": "VARCHAR",
    },
}
"""The records' own columns, by the name of the file."""

_STEP = "SELECT seq, ts_ns, ts, tape_pos"
_MADE_OF_JOURNAL = {
    "events": f"{_STEP}, event->>'type' AS type, event AS data FROM journal WHERE event IS NOT NULL",
    "facts": f"{_STEP}, fact->>'type' AS type, fact AS data FROM "
             f"({_STEP}, unnest(facts) AS fact FROM journal WHERE seq IS NOT NULL)",
    "commands": f"{_STEP}, command->>'type' AS type, command AS data FROM "
                f"({_STEP}, unnest(commands) AS command FROM journal WHERE seq IS NOT NULL)",
}
VIEWS = (*COLUMNS, *_MADE_OF_JOURNAL)
"""What can be asked; the last three have one row per event, fact and command of the journal."""


class QueryFailed(ValueError):
    """The SQL is wrong, or is no question; the message is DuckDB's, or says what may be asked."""


class Skipped(msgspec.Struct, frozen=True):
    """Lines of a file that are no records of this version; a torn last line is not among them.

    Parameters
    ----------
    first
        Number of the first such line, counted from 1.
    """

    path: str
    lines: int
    first: int


class Answer(msgspec.Struct, frozen=True):
    """Columns and rows, and what was left out of the files that the SQL names."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    skipped: list[Skipped]


def query(folder: Path, sql: str) -> Answer:
    """Run one SELECT over the records of `folder` (`logs`), also while they are written.

    Parameters
    ----------
    sql
        Over `VIEWS`; a file that is not there is an empty view.

    Raises
    ------
    QueryFailed
        With what is wrong in the SQL.
    OSError
        If a file of records cannot be read.
    """
    def ask(connection: "DuckDBPyConnection", paths: Mapping[str, list[Path]], longest: int) -> Answer:
        result = connection.execute(only_question(connection, sql))
        columns, rows = [column[0] for column in result.description or ()], result.fetchall()
        return Answer(columns, rows, skipped_lines(connection, named_in(sql, paths), longest))

    return with_records(folder, ask)


def with_records(
    folder: Path, ask: "Callable[[DuckDBPyConnection, Mapping[str, list[Path]], int], _T]", writes: Path | None = None,
) -> _T:
    """Call `ask` with the views ready, and again where a line is longer than was made room for.

    Parameters
    ----------
    ask
        Takes the connection, the files of each view, and the bytes that the longest line may have.
    writes
        The one file that may be written besides; None for none.
    """
    import duckdb  # 60 MB: only for those who ask

    for longest in _LONGEST_LINES:
        try:
            with _views(folder, longest, writes) as (connection, paths):
                return ask(connection, paths, longest)
        except duckdb.Error as error:
            if "maximum_object_size" not in str(error) or longest == _LONGEST_LINES[-1]:
                raise QueryFailed(str(error)) from None
    raise AssertionError("the last size returns or raises")


def only_question(connection: "DuckDBPyConnection", sql: str) -> str:
    """Give the SQL back if it is one SELECT.

    Raises
    ------
    QueryFailed
        If it is something else, several, or nothing.
    """
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        count = "several statements" if statements else "no statement"
        raise QueryFailed(f"it holds {count}: ask one question at a time")
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT:
        what = kind.name
        cure = "give PIVOT its values: PIVOT ... ON column IN (...)" if what == "MULTI" else "only SELECT is answered"
        raise QueryFailed(f"{what} is no question, and nothing may be changed here: {cure}")
    return sql


def named_in(sql: str, paths: Mapping[str, list[Path]]) -> list[Path]:
    """Give the files of the views whose names occur in the SQL."""
    low = sql.lower()
    of_journal = any(name in low for name in _MADE_OF_JOURNAL)
    return [path for name, of_view in paths.items() if name in low or (name == "journal" and of_journal)
            for path in of_view]


def skipped_lines(connection: "DuckDBPyConnection", paths: list[Path], longest: int) -> list[Skipped]:
    """Count the lines of files that are no records of this version, and find the first of each file.

    DuckDB counts, fast; only a file that has some is read line by line.
    """
    if not paths:
        return []
    suspects = connection.execute(
        f"SELECT filename, count(*) FROM {_read(paths, {'v': 'INTEGER'}, longest, 'true')} "
        "WHERE v IS DISTINCT FROM 1 GROUP BY 1 ORDER BY 1"
    ).fetchall()
    found = []
    for name, count in suspects:
        path = Path(name)
        if count == 1 and _is_torn(path):
            continue
        bad = [number for number, _, line in raw_lines(path) if not _is_record(line)]
        if bad:
            found.append(Skipped(name, len(bad), bad[0]))
    return found


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def _is_record(line: bytes) -> bool:
    """Tell whether a line is a record of this version, blank, or a last line that is still being written."""
    import orjson

    if not line.endswith(b"\n") or not line.strip():
        return True
    try:
        read = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(read, dict) and read.get("v") == 1


@contextmanager
def _views(folder: Path, longest: int,
           writes: Path | None) -> Iterator[tuple["DuckDBPyConnection", dict[str, list[Path]]]]:
    """Open a database in memory that has the views, and reaches no other file, network or Python variable."""
    import duckdb

    paths = {name: _paths(folder.absolute(), name) for name in COLUMNS}
    records = [str(path) for of_view in paths.values() for path in of_view]
    open_to = {*records, *map(_literally, records), *([] if writes is None else [str(writes)])}
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET temp_directory = ''")  # nothing is written, not even what memory does not hold
        connection.execute(f"SET allowed_paths = [{', '.join(map(sql_text, sorted(open_to)))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        for name, columns in COLUMNS.items():
            connection.execute(_view(name, columns, paths[name], longest))
        for name, select in _MADE_OF_JOURNAL.items():
            connection.execute(f"CREATE VIEW {name} AS {select}")
        yield connection, paths


def _paths(folder: Path, name: str) -> list[Path]:
    paths = day_files(folder / "journal", SUFFIX) if name == "journal" else [folder / f"{name}.jsonl"]
    there = [path for path in paths if path.exists() and path.stat().st_size > 0]
    for path in there:
        path.open("rb").close()  # whoever may not read it hears it from the system, with the path
    return there


def _view(name: str, columns: dict[str, str], paths: list[Path], longest: int) -> str:
    if not paths:
        nulls = ", ".join(f"NULL::{kind} AS {_quoted(column)}" for column, kind in columns.items())
        return f"CREATE VIEW {name} AS SELECT {nulls} WHERE false"
    return f"CREATE VIEW {name} AS SELECT * FROM {_read(paths, columns, longest)} WHERE v = 1"


def _read(paths: list[Path], columns: dict[str, str], longest: int, filename: str = "false") -> str:
    files = ", ".join(sql_text(_literally(str(path))) for path in paths)
    types = ", ".join(f"{sql_text(column)}: {sql_text(kind)}" for column, kind in columns.items())
    return (
        f"read_json([{files}], format='newline_delimited', ignore_errors=true, hive_partitioning=false, "
        f"filename={filename}, maximum_object_size={longest}, columns={{{types}}})"
    )


def _literally(path: str) -> str:
    """Write a path so that DuckDB takes none of its characters for a pattern.

    >>> _literally("logs[1]/trades.jsonl")
    'logs[[]1]/trades.jsonl'
    """
    return "".join(f"[{each}]" if each in "*?[" else each for each in path)


def sql_text(value: str) -> str:
    """Write a text as SQL has it.

    >>> sql_text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
