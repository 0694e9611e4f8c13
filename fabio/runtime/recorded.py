"""Recorded: a folder of records, lived through again from its own tape and journal.

The machine gets what it got then: the ticks of the tape, and every other event of the journal
at its place on the tape. Nobody else is asked, neither a model nor a venue, so what comes out
differs only where the machine, its configuration or the record has changed.
"""

from collections.abc import Iterator
from pathlib import Path

from fabio.adapters.data.instruments import find_instrument
from fabio.engine.machine import Engine
from fabio.engine.seams import MarketConfig
from fabio.journal.reader import read_remarks, read_steps
from fabio.journal.tape import TapeReader
from fabio.model.errors import ConfigError
from fabio.model.event import HistoryLoaded, TicksArrived
from fabio.model.instrument import Instrument
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.runtime.differences import Difference, compare
from fabio.runtime.drive import Driver
from fabio.runtime.history import HistoryMissing, read_history
from fabio.runtime.wiring import engine_config, instruments_of, sessions_between
from fabio.settings.load import Settings

READ_TICKS = 262_144


class NothingRecorded(LookupError):
    """The folder holds no tape (or no journal) to go by."""


class OtherUnits(ConfigError):
    """The tape's integers mean something else in the table of instruments now in force."""


class Recorded:
    """A folder's tape with the instruments it was made of.

    Raises
    ------
    NothingRecorded
        If there is no tick.
    OtherUnits
        If an instrument's tick or size step is not what it was.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        self.tape = TapeReader(folder)
        if self.tape.total == self.tape.first_pos:
            raise NothingRecorded(f"{folder} holds no recorded ticks: `fabio run --logs {folder}` makes some")
        if self.tape.first_pos:
            raise NothingRecorded(f"the tape of {folder} begins at tick {self.tape.first_pos}: its first files "
                                  "were moved away, and from empty state nothing else can be replayed")
        self.instruments = _instruments(settings, self.tape)
        first_ns = int(self._one(0).ts_event_ns[0])
        last_ns = int(self._one(self.tape.total - 1).ts_event_ns[0])
        self.markets = [
            MarketConfig(instrument=each, table=sessions_between(settings, each, first_ns, last_ns))
            for each in self.instruments
        ]

    def batches(self, rows: int = READ_TICKS) -> Iterator[Ticks]:
        """Read the tape from its beginning."""
        return self.tape.read(batch=rows)

    def begin(self, driver: Driver) -> None:
        """Put the earlier sessions behind a machine's markets that stood behind the first tick."""
        for step in read_steps(self.folder):
            if step.tape_pos > 0:
                break
            if isinstance(step.event, HistoryLoaded):
                self.load_history(step.event, driver.engine)
                driver.happen(step.event)

    def load_history(self, event: HistoryLoaded, engine: Engine) -> None:
        """Put the sessions that an event names behind its market.

        Raises
        ------
        NothingRecorded
            If they are not kept here.
        """
        try:
            engine.markets[event.market].load_history(read_history(self.folder, event.content_hash))
        except HistoryMissing as error:
            raise NothingRecorded(str(error)) from None

    def position_after(self, ts_ns: int) -> int:
        """Count the ticks that had arrived by a time on the runtime clock."""
        position = 0
        for ticks in self.batches():
            found = int(ticks.ts_recv_ns.searchsorted(ts_ns, side="right"))
            position += found
            if found < len(ticks):
                break
        return position

    def describe(self) -> str:
        """Say what is replayed."""
        names = " and ".join(each.symbol for each in self.instruments)
        return f"{self.folder}: {names}, {self.tape.total:,} recorded ticks"

    def circumstances(self, version: str, settings_hash: str) -> list[str]:
        """Say in which runs another build or other settings were in force than now."""
        found = []
        for remark in read_remarks(self.folder):
            if remark.kind != "run":
                continue
            theirs = str(remark.data.get("version", "?"))
            if theirs != version:
                found.append(f"fabio {theirs} recorded from tick {remark.data.get('resumed_at', 0):,} on, "
                             f"this is {version}")
            if remark.data.get("settings") != settings_hash:
                changes = ", ".join(remark.data.get("changes", ())) or "not from the command line"
                found.append(f"from tick {remark.data.get('resumed_at', 0):,} on other settings were in force than "
                             f"now ({changes})")
        return found

    def _one(self, position: int) -> Ticks:
        return next(self.tape.read(position, position + 1))


def _instruments(settings: Settings, tape: TapeReader) -> list[Instrument]:
    known = instruments_of(settings)
    found = []
    for market in tape.markets:
        instrument = find_instrument(known, market.symbol)[0]
        if (market.tick_size, market.size_step) != (str(instrument.tick_size), str(instrument.size_step)):
            raise OtherUnits(
                f"the tape counts {market.symbol} in ticks of {market.tick_size} and sizes of {market.size_step}, "
                f"instruments.toml says {instrument.tick_size} and {instrument.size_step}: use the table it was "
                "recorded with (--config)"
            )
        found.append(instrument)
    return found


def empty_machine(settings: Settings, recorded: Recorded) -> Engine:
    """Build a machine in empty state for a folder's markets."""
    return Engine(engine_config(settings, recorded.markets))


class Again:
    """A machine that lives through a folder's record.

    Parameters
    ----------
    engine
        In empty state, built for the folder's markets.

    Attributes
    ----------
    steps, facts
        How many were compared.
    """

    def __init__(self, engine: Engine, recorded: Recorded) -> None:
        self.engine = engine
        self.steps = 0
        self.facts = 0
        self._recorded = recorded
        self._batches = recorded.batches()
        self._held = Ticks.of([])
        self._at = 0  # in the batch that is held
        self._position = 0

    def run(self, until_pos: int | None = None) -> Difference | None:
        """Go on to the end of the journal, or to a place on the tape; stop at the first difference.

        Raises
        ------
        JournalDamaged, TapeDamaged
            If the record is not whole.
        """
        for difference in self._live(until_pos):
            if difference is not None:
                return difference
        return None

    def run_on(self, until_pos: int | None = None) -> Difference | None:
        """Go on as `run` does, through differences; give the first."""
        first = None
        for difference in self._live(until_pos):
            first = first or difference
        return first

    def _live(self, until_pos: int | None) -> Iterator[Difference | None]:
        for kept in read_steps(self._recorded.folder):
            if until_pos is not None and kept.tape_pos > until_pos:
                break
            came = self._reach(kept.tape_pos)
            while came is not None and came.tape_pos < kept.tape_pos:
                yield compare(kept, came)
                came = self._reach(kept.tape_pos)
            if kept.event is not None:
                if came is not None:
                    yield compare(kept, came)
                if isinstance(kept.event, HistoryLoaded):
                    self._recorded.load_history(kept.event, self.engine)
                came = self.engine.handle(kept.event)
            yield compare(kept, came)
            self.steps += 1
            self.facts += len(kept.facts)
        while until_pos is not None and self._reach(until_pos) is not None:
            pass  # steps behind the end of the journal: there is nothing to compare them with

    def _reach(self, position: int) -> Step | None:
        """Take ticks up to a place on the tape; give the step that came of it, None where none did."""
        while self._position < position:
            if self._at == len(self._held):
                self._held, self._at = next(self._batches), 0
            stop = min(len(self._held), self._at + position - self._position)
            step = self.engine.handle(TicksArrived(self._held.slice(self._at, stop)))
            self._at += step.consumed
            self._position += step.consumed
            if step.seq:
                return step
        return None
