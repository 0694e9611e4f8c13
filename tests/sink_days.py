"""Days of records for sinks, what must become of them, and a sink that fails when told to."""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from fabio.adapters.backoff import Backoff
from fabio.adapters.sinks.port import KEY, Batch, Pace, Place, Row, RowsRefused, SinkAway, Table
from fabio.journal.exchanges import Exchange
from fabio.journal.records import Records
from fabio.journal.world import World, claim
from fabio.journal.writer import Journal
from fabio.model import fact
from fabio.runtime.sinking.follower import Follower
from fabio.runtime.sinking.lines import STREAMS, RecordStream
from fabio.runtime.sinking.rows import RowMaker, whose_records
from fabio.runtime.sinking.status import StatusFile

sys.path.append(str(Path(__file__).parent / "journal"))  # as pytest does for the tests of that room
stories = importlib.import_module("journal_stories")
INSTRUMENTS = {"ES": stories.ES}
Tables = dict[str, dict[str, Row]]
"""Table -> key -> row."""


class Day:
    """A folder that an agent writes, round by round."""

    def __init__(self, folder: Path, feed: str = "demo") -> None:
        self.folder = folder
        self._round = 0
        self._seq = 0
        world = World(mode="test", feed=feed, account="paper", instruments=("ES",))
        claim(folder, world, stories.START_NS).release()
        self._open()

    def _open(self) -> None:
        self.journal = Journal(self.folder)
        self.records = Records(self.folder, INSTRUMENTS, last_seq=self.journal.last_seq)

    def restart(self) -> None:
        """Let go and open again."""
        self.close()
        self._open()

    def write(self, rounds: int = 1, roll: str = "") -> None:
        """Write some rounds: a regime, a trade, a blocked signal with its shadow, something learned, an exchange."""
        for _ in range(rounds):
            self._round += 1
            if roll:
                self.journal.roll(roll)
            for facts in _round(self._round):
                self._seq += 1
                step = stories.step(self._seq, *facts)
                self.journal.append(step)
                self.records.write(step)
            self.records.exchange(_exchange(self._round))
        self.journal.flush()
        self.records.flush()

    def close(self) -> None:
        """Let go."""
        self.journal.close()
        self.records.close()


def _round(number: int) -> list[tuple[fact.Fact, ...]]:
    base = stories.StrategyState()
    off = msgspec.structs.replace(base, enabled=False)
    taken, blocked, order = f"D{number}", f"B{number}", f"O{number}"
    shadow = msgspec.structs.replace(next(
        each.shadow for step in stories.day() for each in step.facts if isinstance(each, fact.ShadowClosed)),
        id=f"S{number}", decision_id=blocked)
    fill = next(each.fill for step in stories.day() for each in step.facts if isinstance(each, fact.FillBooked))
    return [
        (fact.RegimeInferred(market=0, regime=msgspec.structs.replace(stories.REGIME, ask_id=f"A{number}")),),
        (fact.SignalApproved(decision=stories.decision(taken)), fact.OrderBooked(order=stories.order(order, taken))),
        (fact.FillBooked(fill=msgspec.structs.replace(fill, id=f"F{number}", order_id=order), position=None),
         fact.OrderMoved(order_id=order, market=0, state="filled")),
        (fact.TradeClosed(market=0, trade=stories.trade(f"T{number}", taken, order),
                          balance=stories.Decimal("50591.64")),),
        (fact.SignalBlocked(decision=stories.decision(blocked, approved=False)),),
        (fact.ShadowClosed(market=0, shadow=shadow),
         fact.StrategyChanged(id=f"C{number}", name="mean_reversion", before=base, after=off, source="rules",
                              reason="trend"),
         fact.NoteMade(note=stories.Note(id=f"N{number}", ts_ns=stories.START_NS, source="rules",
                                         claim=stories.Claim(text="POC held twice")))),
    ]


def _exchange(number: int) -> Exchange:
    return Exchange(
        ask_id=f"A{number}", symbol="ES", ts_ns=stories.START_NS + number, source="rules", request_hash="00" * 32,
        request={"v": 2, "session": "2013-09-03", "last_price": 1646.75, "market_stats": {"vwap": 1645.35},
                 "profile": {"poc": 1645.0}, "rules": {"label": "trend", "confidence": 0.7}},
        response={"market_assessment": {"regime": "trend", "direction": "up", "confidence": 0.7}},
        usage={"input": 900, "output": 40, "cached": 0, "reasoning": 0}, cost_usd=0.0001, latency_ms=12.2,
    )


def maker_of(folder: Path) -> RowMaker | None:
    """Give who makes rows of a folder."""
    whose = whose_records(folder)
    return None if whose is None else RowMaker(whose, INSTRUMENTS)


def expected(folder: Path) -> Tables:
    """Tell what must stand in the tables: every line of every file, read at once."""
    maker = maker_of(folder)
    assert maker is not None
    tables: Tables = {}
    for name in STREAMS:
        stream, place = RecordStream(folder, name), Place(f"{maker.whose.world}/{name}")
        while (part := stream.read(place)).end != place:
            place = part.end
            for line in part.lines:
                number = f"{line.place.seq}-{line.place.nth}"
                day = line.place.file[:10] if name == "journal" else ""
                for table, row in maker.rows(name, line.data, number, day):
                    tables.setdefault(table, {})[str(row[KEY])] = row
    return tables


class MemorySink:
    """Matches `port.Sink`; `fault(what)` is called before and after each put, and may raise."""

    def __init__(self, *, keeps_places: bool = True, fault: Callable[[str], None] = lambda what: None) -> None:
        self.tables: Tables = {}
        self.kept: dict[str, Place] = {}
        self.fault = fault
        self.refuses: set[str] = set()
        self.batches: list[Batch] = []
        self.opened = 0
        self.pace = Pace()
        self._keeps_places = keeps_places
        self._is_open = False

    def open(self, tables: Sequence[Table]) -> None:
        self.fault("open")
        self.opened += 1
        self._is_open = True

    def put(self, batch: Batch) -> None:
        assert self._is_open, "after SinkAway comes open"
        keys = [str(row[KEY]) for row in batch.rows]
        assert len(keys) == len(set(keys))
        try:
            self.fault("before")
            if self.refuses & set(keys):
                raise RowsRefused("no such row here")
            self.batches.append(batch)
            self.tables.setdefault(batch.table, {}).update(zip(keys, batch.rows, strict=True))
            if self._keeps_places and batch.place is not None:
                self.kept[batch.place.stream] = batch.place
            self.fault("after")
        except SinkAway:
            self._is_open = False
            raise

    def places(self) -> dict[str, Place] | None:
        return dict(self.kept) if self._keeps_places else None

    def close(self) -> None:
        self._is_open = False

    def full(self) -> Tables:
        """Give the tables that have rows."""
        return {name: rows for name, rows in self.tables.items() if rows}


def follower(folder: Path, sink: object, name: str = "memory") -> Follower:
    """Put a follower together whose time stands still."""
    return Follower(folder, sink, "memory://", lambda: maker_of(folder), StatusFile(folder, name),
                    backoff=Backoff(0.5, 30.0, lambda: 0.0), now_ns=lambda: stories.START_NS)


def run_dry(follower: Follower, turns: int = 2_000) -> None:
    """Take turns, without waiting, until nothing is new."""
    for _ in range(turns):
        follower.turn()
        if follower.is_caught_up:
            return
    raise AssertionError(f"not caught up after {turns} turns: {follower.status}")
