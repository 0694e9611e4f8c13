"""One target, kept up with the records: read, put, remember the place; wait and come back when it is away."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from fabio.adapters.backoff import Backoff
from fabio.adapters.sinks.port import Batch, Place, RowsRefused, Sink, SinkAway, SinkUnusable
from fabio.runtime.sinking.batches import batches_of, halves
from fabio.runtime.sinking.lines import STREAMS, Damaged, RecordStream
from fabio.runtime.sinking.rows import RowMaker
from fabio.runtime.sinking.status import NAMED_MOST, State, Status, StatusFile
from fabio.runtime.sinking.tables import TABLES

POLL_S = 0.25
"""Between two looks at a folder that no agent wrote yet."""
NOWHERE = Place("")


class Follower:
    """Brings the records of one folder to one sink; only `turn` and `close` are called, by one thread at a time.

    Parameters
    ----------
    target
        The sink's address as it may be shown.
    maker_of
        Gives who makes rows of the records, asked at every turn: another world may live here. None where no agent ran.
    file
        Where the status goes, and the places where the sink keeps none.
    """

    def __init__(
        self, folder: Path, sink: Sink, target: str, maker_of: Callable[[], RowMaker | None], file: StatusFile, *,
        backoff: Backoff, now_ns: Callable[[], int],
    ) -> None:
        self._streams = [RecordStream(folder, name) for name in STREAMS]
        self._sink = sink
        self._maker_of = maker_of
        self._file = file
        self._backoff = backoff
        self._now_ns = now_ns
        self._world = ""
        self._places: dict[str, Place] = {}  # name of a stream -> how far it is in
        self._keeps_places = True
        self._doubts: dict[str, list[Damaged]] = {}  # name of a stream -> bad lines at its end
        self._pending: deque[Batch] = deque()
        self._pending_from = NOWHERE
        self._is_open = False
        self.is_caught_up = False
        self.status = Status(target=target)

    def turn(self) -> float:
        """Put what is new, a part of each stream; give the seconds until the next turn, 0 where there is more.

        Caught up is who put all that there was when it looked: an agent that never rests does not keep a sink with a
        slow pace from its pause.

        Raises
        ------
        OSError
            If the records cannot be read, or the drive refused the status.
        """
        self.is_caught_up = False
        try:
            maker = self._known_maker()
            if maker is None:
                return POLL_S
            if not self._is_open:
                self._open(maker.whose.world)
            self._put_pending()
            ended = [self._advance(stream, maker) for stream in self._streams]
        except (SinkAway, RowsRefused) as error:
            self._lose("away", error)
            return self._backoff.next_s()
        except SinkUnusable as error:
            self._lose("unusable", error)
            return self._backoff.cap_s
        self.is_caught_up = all(ended)
        self._tell("following")
        return self._sink.pace.wait_s if self.is_caught_up else 0.0

    def close(self) -> None:
        """Let go of the sink, and leave the last word in the status."""
        self._sink.close()
        self._is_open = False
        self.status.state = "stopped"
        self._file.write(self.status, self._now_ns(), at_once=True)

    def _known_maker(self) -> RowMaker | None:
        """See whose records the folder holds now; None while it holds none."""
        maker = self._maker_of()
        if maker is not None and maker.whose.world != self._world:
            self._world, self._is_open = maker.whose.world, False  # its places are others
            self._pending.clear()
        return maker

    def _open(self, world: str) -> None:
        """Reach for the sink and find the places."""
        self._sink.open(TABLES)
        kept = self._sink.places()
        self._keeps_places = kept is not None
        if kept is None:
            kept = {**self._file.read_places(), **self.status.places}
        for stream in self._streams:
            full = f"{world}/{stream.name}"
            self._places[stream.name] = self.status.places[full] = kept.get(full, Place(full))
        if self._pending and self._pending_from not in self._places.values():
            self._pending.clear()  # the other side is elsewhere than we thought: it has them, or lost more
        self._is_open = True

    def _advance(self, stream: RecordStream, maker: RowMaker) -> bool:
        """Put the next part of a stream; True where no more stood behind it."""
        begin = self._places[stream.name]
        try:
            part = stream.read(begin, self._sink.pace.lines)
        except FileNotFoundError:  # it was replaced between our look at the folder and at the file
            return False
        self.status.began_anew += part.began_anew
        self._doubts[stream.name] = part.doubtful
        if part.end == begin:
            return part.is_last
        batches, foreign = batches_of(stream, maker, part.lines, begin, part.end)
        self._pending.extend(batches)
        self._pending_from = begin
        self.status.damaged = [*self.status.damaged, *part.damaged, *foreign][-NAMED_MOST:]
        self._put_pending()
        return part.is_last

    def _put_pending(self) -> None:
        while self._pending:
            batch = self._pending[0]
            self._put(batch)
            self._pending.popleft()
            self._backoff.reset()
            if batch.place is not None:
                self._remember(batch.place)

    def _put(self, batch: Batch) -> None:
        """Put a batch; rows that are refused are found by halving, kept aside, and hold nothing up."""
        try:
            self._sink.put(batch)
            self.status.rows[batch.table] = self.status.rows.get(batch.table, 0) + len(batch.rows)
        except RowsRefused as error:
            if len(batch.rows) > 1:
                for half in halves(batch):
                    self._put(half)
                return
            self._file.quarantine(batch, str(error))
            self.status.refused_rows += len(batch.rows)
            if batch.place is not None:
                self._sink.put(Batch(f"{batch.id}/place", batch.table, (), batch.place))

    def _remember(self, place: Place) -> None:
        self._places[place.stream.rpartition("/")[2]] = place
        self.status.places[place.stream] = place
        if not self._keeps_places:
            self._file.write(self.status, self._now_ns(), at_once=True)

    def _lose(self, state: State, error: Exception) -> None:
        self._is_open = False
        self._tell(state, str(error))

    def _tell(self, state: State, reason: str = "") -> None:
        status = self.status
        changed = (status.state, status.reason) != (state, reason)
        status.state, status.reason = state, reason
        status.damaged_lines = sum(place.damaged for place in self._places.values())
        status.doubtful = [each for doubts in self._doubts.values() for each in doubts][:NAMED_MOST]
        status.behind_bytes = sum(
            stream.behind_bytes(self._places.get(stream.name, NOWHERE)) for stream in self._streams)
        self._file.write(status, self._now_ns(), at_once=changed)
