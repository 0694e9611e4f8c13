"""From lines of a stream to batches: one a table, each with an id that is a function of where its lines stand."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from fabio.adapters.sinks.port import KEY, Batch, Place, Row
from fabio.journal.files import day_and_number
from fabio.journal.lines import LineUnknown
from fabio.runtime.sinking.lines import JOURNAL, Damaged, Line, RecordStream
from fabio.runtime.sinking.rows import RowMaker
from fabio.runtime.sinking.tables import TABLES

_ORDER = [table.name for table in TABLES]


def batches_of(
    stream: RecordStream, maker: RowMaker, lines: Sequence[Line], begin: Place, end: Place,
) -> tuple[list[Batch], list[Damaged]]:
    """Make the batches of lines that stand together; the last one carries the place behind them.

    Returns
    -------
    batches
        At least one: without rows only the place moves.
    damaged
        Lines that have no row, because they are not what their stream holds.
    """
    rows: dict[str, dict[str, Row]] = {}  # table -> key -> row
    damaged = []
    for line in lines:
        place = line.place
        try:
            made = list(maker.rows(stream.name, line.data, f"{place.seq}-{place.nth}", _day(stream, place)))
        except (LineUnknown, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            damaged.append(Damaged(stream.shown(place.file), place.line, f"{type(error).__name__}: {error}"))
            continue
        for table, row in made:
            rows.setdefault(table, {})[str(row[KEY])] = row
    end = msgspec.structs.replace(end, damaged=end.damaged + len(damaged))
    id_ = f"{begin.stream}/{begin.file}:{begin.offset}-{end.file}:{end.offset}"
    named = [(name, list(rows[name].values())) for name in _ORDER if name in rows] or [(_ORDER[0], [])]
    last = len(named) - 1
    return [
        Batch(f"{id_}/{name}", name, table_rows, end if index == last else None)
        for index, (name, table_rows) in enumerate(named)
    ], damaged


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Cut a batch in two; the place goes with the second."""
    middle = len(batch.rows) // 2
    return (
        Batch(f"{batch.id}/0", batch.table, batch.rows[:middle]),
        Batch(f"{batch.id}/1", batch.table, batch.rows[middle:], batch.place),
    )


def _day(stream: RecordStream, place: Place) -> str:
    return day_and_number(Path(place.file))[0] if stream.name == JOURNAL else ""
