"""Cuts frames into records: several in one frame, one over several frames, and what went wrong.

A frame is whatever the socket hands over; only the separator ends a record. Where a record
fails that began in an earlier frame, the sender may have lost a separator: the part from a
frame's start on is tried alone, so that one broken frame does not take the next one with it.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import TypeAlias

from fabio.adapters.topstepx.signalr.protocol import (
    SAMPLE_BYTES,
    SEPARATOR,
    BadKind,
    BadRecord,
    Handshake,
    Record,
    Unused,
    bad,
    parse,
)

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A longer record is thrown away while it arrives; the first depth snapshot is below 2 MiB."""

KEPT_SAMPLES = 16
_TRIED_BORDERS = 5

Received: TypeAlias = Record | Handshake | BadRecord


class RecordReader:
    """Turns frames into records; keeps the beginning of a record whose end is still to come.

    Parameters
    ----------
    first
        Reads the first record of a connection, the handshake; None where there is none.
    max_record_bytes
        A record longer than this is counted as `too_long` and not kept.

    Attributes
    ----------
    bad
        Records that could not be read, by kind.
    unused
        Records of types nothing is done with, by type.
    samples
        The latest bad records.
    """

    def __init__(
        self,
        first: Callable[[bytes], Handshake | BadRecord] | None = None,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self.bad: Counter[BadKind] = Counter()
        self.unused: Counter[int] = Counter()
        self.samples: deque[BadRecord] = deque(maxlen=KEPT_SAMPLES)
        self._first = first
        self._max_record_bytes = max_record_bytes
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._overlong = b""  # the start of a record that is thrown away while it arrives

    def feed(self, frame: bytes | str) -> list[Received]:
        """Take a frame; give the records it completes, in their order.

        Examples
        --------
        >>> RecordReader().feed(b'{"type":6}\\x1e{"type":6}\\x1e{"ty')
        [Ping(), Ping()]
        """
        data = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
        *ended, rest = data.split(SEPARATOR)
        records: list[Received] = []
        for piece in ended:
            if self._held_bytes + len(piece) > self._max_record_bytes:
                self._hold(piece)
                records.append(self._counted(BadRecord(BadKind.TOO_LONG, self._overlong, self._held_bytes)))
                self._overlong, self._held_bytes = b"", 0
            elif self._parts:
                records.extend(self._joined(piece))
            else:
                records.append(self._counted(self._read(piece)))
        if rest:
            self._hold(rest)
        return records

    @property
    def held_bytes(self) -> int:
        """Bytes so far of a record whose end has not arrived."""
        return self._held_bytes

    def _hold(self, piece: bytes) -> None:
        self._held_bytes += len(piece)
        if self._overlong:
            return
        self._parts.append(piece)
        if self._held_bytes > self._max_record_bytes:
            self._overlong = b"".join(self._parts)[:SAMPLE_BYTES]
            self._parts = []

    def _joined(self, piece: bytes) -> list[Received]:
        parts, self._parts, self._held_bytes = [*self._parts, piece], [], 0
        whole = b"".join(parts)
        record = self._read(whole)
        if not isinstance(record, BadRecord):
            return [self._counted(record)]
        # oldest border first: of two records without a separator between them both are wanted
        borders = range(max(1, len(parts) - _TRIED_BORDERS), len(parts))
        for border in borders:
            tail = parse(b"".join(parts[border:]))
            if isinstance(tail, BadRecord):
                continue
            head = self._read(b"".join(parts[:border]))
            if isinstance(head, BadRecord):
                head = bad(BadKind.UNTERMINATED, b"".join(parts[:border]))
            return [self._counted(head), self._counted(tail)]
        return [self._counted(record)]

    def _read(self, data: bytes) -> Received:
        if self._first is None:
            return parse(data)
        return self._first(data)

    def _counted(self, record: Received) -> Received:
        self._first = None
        if isinstance(record, BadRecord):
            self.bad[record.kind] += 1
            self.samples.append(record)
        elif isinstance(record, Unused):
            self.unused[record.type] += 1
        return record
