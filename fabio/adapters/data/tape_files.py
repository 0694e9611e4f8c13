"""Tapes as files: one written in the canonical form, a folder listed."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tape_rows import rows_sql
from fabio.adapters.data.tape_source import duckdb_name, literal, run
from fabio.adapters.data.tapes import Tape, open_tape
from fabio.model.errors import ConfigError
from fabio.model.instrument import Instrument

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".dbn", ".dbn.zst")


@dataclass(frozen=True, slots=True)
class TapeInfo:
    """One line of a listing; `problem` says why the file is no tape, the rest is None then."""

    path: Path
    symbol: str | None = None
    contract: str | None = None
    rows: int | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote, and the tape it came from, with what was left out."""

    tape: Tape
    target: Path
    rows: int


def list_tapes(folder: Path, instruments: dict[str, Instrument]) -> list[TapeInfo]:
    """List the tapes in a folder by name; a file that is none is listed with the reason.

    Raises
    ------
    ConfigError
        If it is no folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder")
    return [
        _info(path, instruments) for path in sorted(folder.iterdir()) if path.name.lower().endswith(SUFFIXES)
    ]


def _info(path: Path, instruments: dict[str, Instrument]) -> TapeInfo:
    try:
        tape = open_tape(path, instruments)
    except ConfigError as error:
        return TapeInfo(path, problem=str(error))
    return TapeInfo(path, tape.instrument.symbol, tape.contract, tape.rows, tape.first_ns, tape.last_ns)


def import_tape(
    source: Path,
    target: Path,
    instruments: dict[str, Instrument],
    symbol: str | None = None,
    overwrite: bool = False,
) -> Imported:
    """Write the good rows of a tape as canonical Parquet: ts_event, ts_recv, price, size, side.

    `ts_recv` is written only where the source has it, so that a wrong time far ahead is
    still found when the tape is read. The target appears whole or not at all.

    Raises
    ------
    ConfigError
        If the instrument is unknown, or the target exists and `overwrite` is not set.
    TapeError
        If the source cannot be read or the target not written.
    """
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} exists; name another file or ask to overwrite it")
    if target.suffix != ".parquet":
        raise ConfigError(f"{target}: the canonical form is Parquet; let the name end in .parquet")
    tape = open_tape(source, instruments, symbol)
    instrument = tape.instrument
    recv = "ts_recv, " if tape.source.columns.ts_recv is not None else ""
    rows = rows_sql(tape.source.columns, instrument, tape.label)
    draft = target.with_name(f".{target.name}.tmp")
    query = f"""
        copy (select ts_event, {recv}(price_ticks * {instrument.tick_size}::decimal(38, 12))::double as price,
                (size_steps * {instrument.size_step}::decimal(38, 12))::double as size,
                case side when 1 then 'B' when -1 then 'A' else 'N' end as side
            from ({rows}) where bad = 0)
        to {literal(str(draft))} (format parquet, compression zstd)
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        written = run(tape.source.connection, source, query, [duckdb_name(tape.source.parquet)]).fetchone()
        os.replace(draft, target)
    except OSError as error:
        raise TapeError(f"{target}: cannot be written: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return Imported(tape, target, int(written[0]) if written is not None else 0)
