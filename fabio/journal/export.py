"""Records as one file for other programs: Parquet, CSV or JSON lines, written whole or not at all."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fabio.journal.query import (
    VIEWS,
    Skipped,
    named_in,
    only_question,
    skipped_lines,
    sql_text,
    with_records,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TIMES = "TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'"
_FORMATS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
    ".csv": f"FORMAT csv, HEADER, {_TIMES}",
    ".jsonl": f"FORMAT json, ARRAY false, {_TIMES}",
}


class ExportImpossible(ValueError):
    """There is no such table or format, or no file can be written there."""


class ExportRefused(ValueError):
    """The file would take the place of another, or lie among the records."""


class Exported(msgspec.Struct, frozen=True):
    """What was written: the file, the records in it, and what was left out of those read."""

    file: str
    table: str
    records: int
    skipped: list[Skipped]


def export(folder: Path, to: Path, table: str, where: str | None = None, overwrite: bool = False) -> Exported:
    """Write the records of a view into a file of its own.

    Columns and types are those of `fabio journal query`. Times are UTC; in CSV and JSON lines they are written as in
    the records, in CSV lists are JSON.

    Parameters
    ----------
    to
        Ends in `.parquet`, `.csv` or `.jsonl`; not inside `folder`.
    where
        SQL condition; None takes all.
    overwrite
        Replace a file that is there.

    Raises
    ------
    ExportImpossible
        If there is no such table or format, or `to` is a folder or cannot be written.
    ExportRefused
        If the file is there already, or would lie among the records.
    QueryFailed
        If the condition is wrong.
    OSError
        If a file of records cannot be read.
    """
    _check(folder, to, table, overwrite)
    part = to.absolute().with_name(f".{to.name}.{os.getpid()}.part")
    try:
        part.open("wb").close()
    except OSError as error:
        raise ExportImpossible(f"{to} cannot be written: {error.strerror}; check its folder") from None

    def write(connection: "DuckDBPyConnection", paths: Mapping[str, list[Path]], longest: int) -> Exported:
        select = f"SELECT * FROM {table}" + ("" if where is None else f" WHERE (\n{where}\n)")
        only_question(connection, select)
        shown = select if to.suffix != ".csv" else _with_lists_as_json(connection, select)
        count = connection.execute(
            f"COPY ({shown}) TO {sql_text(str(part))} ({_FORMATS[to.suffix]}, USE_TMP_FILE false)"
        ).fetchall()[0][0]
        return Exported(str(to), table, count, skipped_lines(connection, named_in(select, paths), longest))

    try:
        done = with_records(folder, write, writes=part)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return done


def _with_lists_as_json(connection: "DuckDBPyConnection", select: str) -> str:
    kinds: list[tuple[Any, ...]] = connection.execute(f"DESCRIBE {select}").fetchall()
    lists = [name for name, kind, *_ in kinds if kind.endswith("[]")]
    if not lists:
        return select
    replaced = ", ".join(f'to_json("{name}") AS "{name}"' for name in lists)
    return f"SELECT * REPLACE ({replaced}) FROM ({select}\n)"


def _check(folder: Path, to: Path, table: str, overwrite: bool) -> None:
    if table not in VIEWS:
        near = get_close_matches(table, VIEWS, 1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ExportImpossible(f"there is no table {table!r}; there are {', '.join(VIEWS)}.{hint}")
    if to.suffix not in _FORMATS:
        raise ExportImpossible(f"{to} ends in {to.suffix or 'nothing'}, and the ending is the format: "
                               f"{', '.join(_FORMATS)}")
    if to.resolve().is_relative_to(folder.resolve()):
        raise ExportRefused(f"{to} lies among the records of {folder}, where only the agent writes: "
                            "choose another place")
    if to.is_dir():
        raise ExportImpossible(f"{to} is a folder: name a file")
    if to.exists() and not overwrite:
        raise ExportRefused(f"{to} is there already: --overwrite replaces it")
