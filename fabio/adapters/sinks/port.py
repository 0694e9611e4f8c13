"""What a sink is: tables in, batches of rows in, exactly once by the key of each row.

Delivery is at least once, and a put of what is there already changes nothing: together, exactly once. A batch is
sent again with the same `id` and rows while the process lives; after a kill its lines may be cut into other batches,
so a sink that remembers batch ids still needs the rows' keys.

Places say how far a stream was read. A sink that can keep them in the transaction of the rows does, and gives them
back; for the others the process keeps them in a file, after the put.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Kind = Literal["text", "int", "float", "bool", "decimal", "time", "json"]
"""What a column holds, and how a row brings it: text, int and bool as they are, float finite, `decimal` as a str in
plain digits (`"-12.50"`), `time` as ISO 8601 UTC with microseconds (`"2026-11-20T14:30:00.123456Z"`), `json` as a
str of JSON."""
Value = str | int | float | bool | None
Row = Mapping[str, Value]

KEY = "record_id"
"""The column that every table has, and that names each row once."""


class Column(msgspec.Struct, frozen=True):
    """One column; all but the key may be null."""

    name: str
    kind: Kind


class Table(msgspec.Struct, frozen=True):
    """One table; a later version may have more columns, never others.

    Parameters
    ----------
    columns
        The key first. A row may lack some: they are null.
    key
        Column whose value names a row; a row that is there already is replaced by the same, or a corrected, one.
    partition_by
        Column of kind `time` by whose UTC day a sink that has partitions cuts; every row has it.
    cluster_by
        Columns that questions name most, the most important first.
    """

    name: str
    columns: tuple[Column, ...]
    key: str = KEY
    partition_by: str = "ts"
    cluster_by: tuple[str, ...] = ("agent_id", "user_id", "session")


class Place(msgspec.Struct, frozen=True):
    """How far a stream was read: behind the last line that was taken.

    Parameters
    ----------
    stream
        `journal`, `decisions`, ...; with the agent's name before it, so that many agents share one database.
    file
        Name of the file within the stream; empty before the first.
    offset, line
        Byte behind the last line taken, and its number from 1.
    length, crc
        Bytes and CRC-32 of that line: a file that was changed under our feet is noticed.
    seq, nth
        The line's step, and which line of that step it is, from 1.
    damaged
        Lines passed over so far because they are no records.
    """

    stream: str
    file: str = ""
    offset: int = 0
    line: int = 0
    length: int = 0
    crc: int = 0
    seq: int = 0
    nth: int = 0
    damaged: int = 0


class Batch(msgspec.Struct, frozen=True):
    """Rows of one table, put together or not at all.

    Parameters
    ----------
    id
        A pure function of the stream, the places between which its lines stand, and the table. Letters, digits and
        `-_.:/` only, at most 200.
    table
        Name of the table.
    rows
        At most some thousand, one per key. May be empty: then only the place moves.
    place
        Where the stream stands once this batch is in; None where more batches of the same lines follow.
    """

    id: str
    table: str
    rows: Sequence[Row]
    place: Place | None = None


class Pace(msgspec.Struct, frozen=True):
    """How often a sink wants to be called, and with how much.

    Parameters
    ----------
    wait_s
        Seconds between two looks for new records, once all that were there are in.
    lines
        Records that are taken at once, at most.
    """

    wait_s: float = 0.25
    lines: int = 250


class SinkAway(Exception):
    """The other side cannot be reached or is busy: the same batch will be put again later."""


class RowsRefused(Exception):
    """The other side is there and does not take these rows for what they hold; nothing of the batch was put."""


class SinkUnusable(Exception):
    """Trying again does not help: no rights, no such database, a package that is missing. A person has to act."""


class Sink(Protocol):
    """The other side of one target; called by one thread at a time, not always the same.

    Every call ends within its own time limit, and raises `SinkAway` then. After `SinkAway` and `SinkUnusable` the next
    call is `open`; after `RowsRefused` it is `put`, with fewer of the rows.
    """

    @property
    def pace(self) -> Pace:
        """How often it wants to be called."""

    def open(self, tables: Sequence[Table]) -> None:
        """Connect, make what tables are missing and add what columns are missing; called again after `SinkAway`.

        Raises
        ------
        SinkAway, SinkUnusable
        """

    def put(self, batch: Batch) -> None:
        """Put a whole batch or nothing; a row whose key is there is replaced.

        Raises
        ------
        SinkAway, RowsRefused, SinkUnusable
        """

    def places(self) -> dict[str, Place] | None:
        """Give the last place of each stream; None where this sink cannot keep them with the rows.

        Raises
        ------
        SinkAway, SinkUnusable
        """

    def close(self) -> None:
        """Let go; never raises."""
