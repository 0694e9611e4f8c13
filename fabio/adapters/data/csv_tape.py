"""CSV tapes: the dialect is read from the first lines, every cell stays text until it is cast in SQL."""

import csv
import gzip
import shutil
import tempfile
import weakref
import zlib
from dataclasses import dataclass
from pathlib import Path

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tape_columns import DATABENTO_MARKS, TapeColumns, column_names, resolve
from fabio.adapters.data.tape_source import TapeSource, connect, duckdb_name, literal, run, unused_side_note

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
DELIMITERS = ",;\t|"
HEAD_BYTES = 65_536
SAMPLE_LINES = 200

_MISSING = "\x01"
"""Stands in no cell, so that NULL means only: the line was too short."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one CSV file is written.

    `names` as in its header, `skip` lines up to and with the header, `quote` empty where
    quotes mean nothing.
    """

    names: tuple[str, ...]
    delimiter: str
    quote: str
    skip: int
    compression: str
    first_row: tuple[str, ...]


def open_csv(path: Path, named: Path | None = None) -> TapeSource:
    """Convert a CSV tape into a temporary Parquet file and open that.

    Parameters
    ----------
    path
        The file; what it is compressed with is seen from its content, not its name.
    named
        The file the person named, where `path` was made from it.

    Raises
    ------
    TapeError
        If it has no header, no rows, lacks a column, or cannot be read as text.
    """
    shown = named or path
    dialect = read_dialect(path, shown)
    places = {
        role: dialect.names.index(name) for role, name in column_names(shown, list(dialect.names)).items()
    }
    sample = {role: (*dialect.first_row, *[""] * len(dialect.names))[place] for role, place in places.items()}
    _refuse_decimal_comma(shown, dialect, sample)
    of_databento = bool(DATABENTO_MARKS & {name.lower() for name in dialect.names})
    fixed_point = of_databento and sample["price"].lstrip("-").isdigit() and len(sample["price"]) > 9
    columns = resolve(shown, dict.fromkeys(places, "VARCHAR"), fixed_point)
    workspace = Path(tempfile.mkdtemp(prefix="fabio-tape-"))
    source = TapeSource(
        path=shown,
        parquet=workspace / "tape.parquet",
        columns=columns,
        connection=connect(),
        notes=unused_side_note(list(dialect.names)),
        sample=sample,
        first_line=dialect.skip + 1,
    )
    weakref.finalize(source, shutil.rmtree, workspace, ignore_errors=True)
    converted = _convert(source, path, dialect, places)
    source.columns = resolve(shown, converted)
    return source


def _convert(source: TapeSource, path: Path, dialect: Dialect, places: dict[str, int]) -> dict[str, str]:
    """Write the trade's columns to `source.parquet` and count the lines DuckDB threw out; give the types."""
    last = len(dialect.names) - 1
    # a line too short has no last cell, one too long has a cell beyond it: its columns may be shifted
    whole = f"cell_{last} is not null and coalesce(cell_beyond, '') = ''"
    columns: TapeColumns = source.columns
    chosen = {
        "ts_event": (f"case when {whole} then {columns.ts_event} end", "BIGINT"),
        "price": (columns.price, "DOUBLE"),
        "size": (columns.size, "DOUBLE"),
        "side": (columns.side if columns.has_side else None, "VARCHAR"),
        "ts_recv": (columns.ts_recv, "BIGINT"),
        "symbol": (columns.symbol, "VARCHAR"),
        "action": (columns.action, "VARCHAR"),
    }
    kept = {name: (sql, kind) for name, (sql, kind) in chosen.items() if sql is not None}
    roles = ", ".join(f"cell_{place} as {role}" for role, place in places.items())
    cells = ", ".join(
        [f"'cell_{place}': 'VARCHAR'" for place in range(last + 1)] + ["'cell_beyond': 'VARCHAR'"]
    )
    reader = (
        f"read_csv(?, auto_detect = false, header = false, skip = {dialect.skip}, "
        f"delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, "
        f"escape = {literal(dialect.quote)}, nullstr = {literal(_MISSING)}, "
        f"compression = '{dialect.compression}', null_padding = true, strict_mode = false, "
        f"store_rejects = true, "
        f"columns = {{{cells}}})"
    )
    query = (
        f"copy (select {', '.join(f'{sql} as {name}' for name, (sql, _) in kept.items())} "
        f"from (select {roles}, cell_{last}, cell_beyond from {reader})) "
        f"to {literal(str(source.parquet))} (format parquet, compression lz4)"
    )
    run(source.connection, source.path, query, [duckdb_name(path)])
    rejected = source.connection.execute("select count(distinct line) from reject_errors").fetchone()
    source.rejected_rows = int(rejected[0]) if rejected is not None else 0
    return {name: kind for name, (_, kind) in kept.items()}


def read_dialect(path: Path, shown: Path) -> Dialect:
    """Read delimiter, quoting and header from the first lines.

    Raises
    ------
    TapeError
        If the file is empty, no text, or has no header or no rows.
    """
    head, compression = _head(path, shown)
    if not head:
        raise TapeError(f"{shown}: is empty")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TapeError(f"{shown}: is UTF-16; save it as UTF-8")
    lines = head.decode("utf-8-sig", errors="replace").splitlines()
    content = (place for place, line in enumerate(lines) if line.strip() and not line.startswith("#"))
    skip = next(content, None)
    if skip is None or not lines[skip].replace("\t", " ").isprintable():
        raise TapeError(
            f"{shown}: line 1 is no CSV header; a tape begins with the names ts_event,price,size,side"
        )
    header = lines[skip]
    delimiter = max(DELIMITERS, key=header.count)
    names = tuple(name.strip() for name in next(csv.reader([header], delimiter=delimiter)))
    if any(_is_number(name) for name in names):
        raise TapeError(
            f"{shown}: line {skip + 1} is data, not a header; put the names first: ts_event,price,size,side"
        )
    column_names(shown, list(names))
    rows = [line for line in lines[skip + 1 : skip + SAMPLE_LINES] if line.strip()]
    if not rows:
        raise TapeError(f"{shown}: has a header and no rows")
    # one stray quote would swallow the rest of the file: quotes count only where every line closes its own
    whole = rows[:-1] or rows
    quotes_close = any('"' in line for line in whole) and all(line.count('"') % 2 == 0 for line in whole)
    first = next(csv.reader(rows[:1], delimiter=delimiter)) if quotes_close else rows[0].split(delimiter)
    return Dialect(
        names,
        delimiter,
        '"' if quotes_close else "",
        skip + 1,
        compression,
        tuple(cell.strip() for cell in first),
    )


def _head(path: Path, shown: Path) -> tuple[bytes, str]:
    with path.open("rb") as file:
        start = file.read(HEAD_BYTES)
    if start[:4] == ZSTD_MAGIC:
        raise TapeError(
            f"{shown}: is compressed with zstd; CSV is read plain or gzipped: unpack it (zstd -d)"
        )
    if start[:2] != GZIP_MAGIC:
        return start, "none"
    try:
        with gzip.open(path) as packed:
            return packed.read(HEAD_BYTES), "gzip"
    except (EOFError, OSError, zlib.error) as error:
        raise TapeError(f"{shown}: the gzip stream is damaged or cut ({error}); copy it again") from None


def _refuse_decimal_comma(shown: Path, dialect: Dialect, sample: dict[str, str]) -> None:
    for role in ("price", "size"):
        if "," in sample[role]:
            raise TapeError(
                f"{shown}: line {dialect.skip + 1}, column {role}: {sample[role]!r} is written with a comma; "
                "write a decimal point and no thousands separators"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
