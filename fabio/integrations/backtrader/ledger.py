"""What a run has recorded and not yet written: rows, notes, events; and the writing, in batches."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from fabio.integrations.backtrader.events import Event, event_lines
from fabio.integrations.backtrader.reading import Row
from fabio.integrations.backtrader.records import Notes, Records
from fabio.integrations.backtrader.storage import DECISIONS, EVENTS

BATCH = 256
"""Decisions that are encoded and written at once: with more, the memory for their text costs more than it saves."""
WAITING_AT_MOST = 65_536
"""Decisions and events in memory; a run writes when it has so many, and while writing fails the oldest go."""
_PAUSE_AT_MOST = 64
"""While writing fails, so many decisions pass at most before it is tried again."""


class Storage(Protocol):
    """What a place for records must have; `FMELStorage` is the usual one."""

    stream_realtime: bool

    def append(self, table: str, ids: Sequence[str], lines: Sequence[bytes]) -> int:
        """Write records whose id is new; all of them or, with an error, none."""

    def read(self, table: str) -> list[dict[str, Any]]:
        """Return the records of a table."""


class Ledger:
    """Keeps decisions and events until they are written.

    Attributes
    ----------
    total, written, dropped
        Decisions: recorded; handed to the storage; lost because it failed for too long.
    """

    def __init__(self) -> None:
        self.total = self.written = self.dropped = self.events_dropped = 0
        self._flat: list[Any] = []  # the rows of decisions, one after the other: no container for each, so the
        self._width = 1             # garbage collector has nothing to look through
        self._notes: dict[int, Notes] = {}  # decision's number -> what not every decision has
        self._events: list[Event] = []
        self._failures = self._pause = 0

    @property
    def waiting(self) -> int:
        """How many decisions are not yet written."""
        return self.total - self.written - self.dropped

    def add(self, row: Row) -> bool:
        """Add a decision; its number is `total`. All rows of a run are equally long.

        Returns
        -------
        bool
            It is time to write, streaming or not.
        """
        self._flat += row
        self._width = width = len(row)
        self.total += 1
        return len(self._flat) >= WAITING_AT_MOST * width

    def notes(self, number: int) -> Notes | None:
        """Return the notes of a decision, to add to; None where it is written already."""
        if not self.written + self.dropped < number <= self.total:
            return None
        return self._notes.setdefault(number, Notes())

    def add_event(self, event: Event) -> None:
        """Add what became of an order or a trade."""
        self._events.append(event)

    def flush(self, records: Records | None, storage: Storage, prefix: str, identity: dict[str, str]) -> None:
        """Write everything; what cannot be written stays, up to a limit.

        Parameters
        ----------
        records
            None before the first decision.
        prefix
            What the ids of events begin with.
        identity
            The fields that all records of the run share.

        Raises
        ------
        Exception
            What the storage raised. For some calls after it nothing is tried.
        """
        if self._pause:
            self._pause -= 1
            self._forget()
            return
        try:
            while self.waiting and records is not None:
                first, count = self.total - self.waiting + 1, min(self.waiting, BATCH)
                columns = [self._flat[place:count * self._width:self._width] for place in range(self._width)]
                now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
                storage.append(DECISIONS, *records.lines(first, columns, self._notes, {**identity, "recorded_at": now}))
                records.settle()
                self.written += count
                self._drop(count)
            if self._events:
                storage.append(EVENTS, *event_lines(self._events, prefix, identity))
                self._events.clear()
            self._failures = 0
        except Exception:
            self._failures += 1
            self._pause = min(_PAUSE_AT_MOST, 2 ** min(self._failures, 10)) - 1
            self._forget()
            raise

    def hurry(self) -> None:
        """Let the next `flush` try at once, whatever failed before."""
        self._pause = 0

    def _forget(self) -> None:
        beyond = max(0, self.waiting - WAITING_AT_MOST)
        self.dropped += beyond
        self._drop(beyond)
        events_beyond = max(0, len(self._events) - WAITING_AT_MOST)
        self.events_dropped += events_beyond
        del self._events[:events_beyond]

    def _drop(self, count: int) -> None:
        """Let go of the oldest decisions, which are counted already."""
        del self._flat[:count * self._width]
        for number in [number for number in self._notes if number <= self.total - self.waiting]:
            del self._notes[number]
