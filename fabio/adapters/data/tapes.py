"""Tapes: a file of trades as column arrays, in row ranges, with what was left out counted by kind."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabio.adapters.data.contract_choice import choose
from fabio.adapters.data.csv_tape import ZSTD_MAGIC, open_csv
from fabio.adapters.data.dbn_tape import DBN_MAGIC, open_dbn
from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tape_rows import BAD_KINDS, rows_sql, side_note
from fabio.adapters.data.tape_source import TapeSource, open_parquet
from fabio.adapters.data.tape_survey import refuse_unreadable, survey
from fabio.model.instrument import Instrument
from fabio.model.tick import Ticks

Columns = dict[str, NDArray[Any]]

PARQUET_MAGIC = b"PAR1"
JUMP_NS = 60_000_000_000
"""A trade further ahead of the next one has a wrong time."""

TIME_JUMP = "time_jump"
UNREADABLE_ROW = "unreadable_row"


@dataclass(eq=False)
class Tape:
    """One instrument's trades in a file.

    Parameters
    ----------
    instrument, contract
        What is read; the contract is None where neither the tape nor the person names one.
    rows
        Rows of that contract, bad ones included.
    left_out
        Rows of the file that are something else: other contracts and spreads, records that are no trades.
    first_ns, last_ns
        Span of the times, for building sessions; single times far off it are not counted in.
    notes
        What a person should know about how the file is read.
    bad_rows
        Rows refused by the latest `batches`, by kind; complete when it has ended.
    """

    source: TapeSource
    instrument: Instrument
    contract: str | None
    label: str | None
    rows: int
    left_out: dict[str, int]
    first_ns: int
    last_ns: int
    notes: tuple[str, ...]
    bad_rows: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    def batches(self, rows: int = 250_000, start: int = 0) -> Iterator[Ticks]:
        """Read the good rows in the file's order.

        Parameters
        ----------
        rows
            How many rows of the file are read at once: at most that many ticks come in one batch.
        start
            Number of good ticks to pass over, to go on where an earlier reading stopped.

        Raises
        ------
        TapeError
            If the file turns out to be damaged on the way.
        """
        bad: Counter[str] = Counter()
        if self.source.rejected_rows:
            bad[UNREADABLE_ROW] += self.source.rejected_rows
        self.bad_rows = bad  # filled while reading
        with_recv = self.source.columns.ts_recv is not None
        cleaned = self._good_rows(rows, bad)
        if not with_recv:
            cleaned = _without_time_jumps(cleaned, bad)
        latest = np.iinfo(np.int64).min
        for columns in cleaned:
            if not len(columns["ts_event"]):
                continue
            # the runtime clock never falls; without one the latest exchange time stands in for it
            recv = np.maximum.accumulate(np.maximum(columns["ts_recv"], latest))
            latest = recv[-1]
            ticks = Ticks(
                columns["ts_event"],
                recv,
                columns["price_ticks"],
                columns["size_steps"],
                columns["side"],
                np.zeros(len(recv), dtype=np.int8),
            )
            skipped = min(start, len(ticks))
            start -= skipped
            if skipped < len(ticks):
                yield ticks.slice(skipped, len(ticks))

    def ticks(self) -> Ticks:
        """Read everything at once; for tapes known to fit into memory."""
        parts = list(self.batches())
        names = ("ts_event_ns", "ts_recv_ns", "price_ticks", "size_steps", "side", "market")
        if not parts:
            return Ticks.of([])
        return Ticks(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def describe(self) -> str:
        """Tell a person what was found, what is left out and, after reading, what was refused."""
        lines = [f"{self.path}: {self.contract or self.instrument.symbol}, {self.rows:,} rows"]
        lines += [f"left out: {count:,} rows of {name}" for name, count in sorted(self.left_out.items())]
        lines += self.notes
        lines += [f"refused: {count:,} rows, {kind}" for kind, count in sorted(self.bad_rows.items())]
        return "\n".join(lines)

    def _good_rows(self, rows: int, bad: Counter[str]) -> Iterator[Columns]:
        total = self.rows - self.source.rejected_rows + sum(self.left_out.values())  # as the survey counted them
        for first in range(0, total, rows):
            limits = f"file_row_number >= {first} and file_row_number < {first + rows}"
            query = rows_sql(self.source.columns, self.instrument, self.label, limits)
            columns = self.source.ask(query).fetchnumpy()
            kinds = columns.pop("bad")
            if kinds.any():
                for number, name in BAD_KINDS.items():
                    count = int(np.count_nonzero(kinds == number))
                    if count:
                        bad[name] += count
                columns = {name: column[kinds == 0] for name, column in columns.items()}
            yield columns


def open_tape(path: Path, instruments: dict[str, Instrument], symbol: str | None = None) -> Tape:
    """Open a tape: Parquet, CSV (plain or gzip) or Databento DBN, by content.

    Parameters
    ----------
    symbol
        An instrument (`NQ`) or a contract (`NQM5`). None takes what the tape, else the file's name, says.

    Raises
    ------
    ConfigError
        If the instrument is not in the table.
    TapeError
        If the file cannot be read, or not as a tape; names file, line or column, and the cure.
    """
    source = open_source(path)
    groups = survey(source)
    trades: Counter[str | None] = Counter()
    for group in groups:
        if group.is_trades:
            trades[group.label] += group.rows
    choice = choose(path, trades, instruments, symbol)
    chosen = [group for group in groups if group.is_trades and group.label in (choice.label, None)]
    refuse_unreadable(source, chosen)
    left_out: Counter[str] = Counter()
    for group in groups:
        if not group.is_trades:
            left_out[f"action {group.action}"] += group.rows
        elif group not in chosen:
            left_out[str(group.label)] += group.rows
    strange_sides = sum(group.strange_sides for group in chosen)
    return Tape(
        source=source,
        instrument=choice.instrument,
        contract=choice.contract,
        label=choice.label,
        rows=sum(group.rows for group in chosen) + source.rejected_rows,
        left_out=dict(left_out),
        first_ns=min(group.first_ns for group in chosen if group.first_ns is not None),
        last_ns=max(group.last_ns for group in chosen if group.last_ns is not None),
        notes=(*source.notes, *choice.notes, *side_note(source.columns, strange_sides)),
    )


def open_source(path: Path) -> TapeSource:
    """Open a file by what it holds, whatever its name says."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise TapeError(f"{str(path)!a}: the name is not UTF-8; rename the file") from None
    try:
        if path.is_dir():
            raise TapeError(f"{path}: is a directory; name one tape in it")
        if not path.is_file():
            raise TapeError(f"{path}: no such file")
        with path.open("rb") as file:
            start = file.read(4)
    except (OSError, ValueError) as error:
        raise TapeError(f"{path}: cannot be opened: {error}") from None
    if start == PARQUET_MAGIC or path.suffix.lower() == ".parquet":
        return open_parquet(path)
    if (
        start[:3] == DBN_MAGIC
        or (start == ZSTD_MAGIC and ".dbn" in path.suffixes)
        or path.suffix.lower() == ".dbn"
    ):
        return open_dbn(path)
    return open_csv(path)


def _without_time_jumps(parts: Iterator[Columns], bad: Counter[str]) -> Iterator[Columns]:
    """Drop trades more than `JUMP_NS` ahead of the next; equal times are one print and share their fate.

    The last print of each part waits for the first one of the next.
    """
    held: Columns | None = None
    for part in parts:
        columns = part if held is None else {name: np.concatenate([held[name], part[name]]) for name in part}
        times = columns["ts_event"]
        if not len(times):
            continue
        starts = np.concatenate([[0], np.flatnonzero(times[1:] != times[:-1]) + 1])
        values = times[starts]
        last = starts[-1]
        held = {name: column[last:] for name, column in columns.items()}
        wrong = values[:-1] - values[1:] > JUMP_NS
        if not wrong.any():
            yield {name: column[:last] for name, column in columns.items()}
            continue
        jumps = np.repeat(wrong, np.diff(starts))
        bad[TIME_JUMP] += int(np.count_nonzero(jumps))
        yield {name: column[:last][~jumps] for name, column in columns.items()}
    if held is not None:
        yield held
