"""Recorded: a folder of records, lived through again from its own tape and journal.

The machine gets what it got then: the ticks of the tape, and every other event of the journal
at its place on the tape. Nobody else is asked, neither a model nor a venue, so what comes out
differs only where the machine, its configuration or the record has changed.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from fabio.adapters.data.instruments import find_instrument
from fabio.engine.machine import Engine, EngineConfig
from fabio.engine.seams import MarketConfig
from fabio.journal.reader import read_remarks, read_steps
from fabio.journal.tape import TapeReader
from fabio.model.errors import ConfigError
from fabio.model.event import HistoryLoaded, SettingsChanged, TicksArrived
from fabio.model.instrument import Instrument
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.runtime.differences import Beyond, Difference, compare
from fabio.runtime.drive import Driver
from fabio.runtime.history import HistoryMissing, read_history
from fabio.runtime.reloading import IN_PLACE, OUTSIDE, STARTED, first_values, settings_hash
from fabio.runtime.wiring import engine_config, instruments_of, sessions_between
from fabio.settings.load import Settings
from fabio.settings.show import texts

READ_TICKS = 262_144
SHOWN = 4
"""Settings that are named one by one."""


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
        self._settings = settings
        self.tape = TapeReader(folder)
        if self.tape.total == self.tape.first_pos:
            raise NothingRecorded(f"{folder} holds no recorded ticks: `fabio run --logs {folder}` makes some")
        if self.tape.holes:
            lost = sum(hole.end_pos - hole.first_pos for hole in self.tape.holes)
            raise NothingRecorded(f"{lost} ticks of {folder} went with the power, the first at tick "
                                  f"{self.tape.holes[0].first_pos}: it cannot be lived through again")
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

    def began_with(self) -> Settings:
        """Give the settings with which the folder began; what was given on the command line now stays.

        Those of now where the folder does not say.
        """
        values = first_values(self.folder)
        return self._settings if values is None else self._settings.with_values(values, over_command_line=False)

    def config_after(self, event: SettingsChanged, engine: Engine) -> EngineConfig:
        """Build the machine's configuration after an event; what was given on the command line now stays."""
        then = self._settings.with_values(event.values, IN_PLACE, over_command_line=False)
        return engine_config(then, engine.config.markets)

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

    def circumstances(self, version: str, settings: Settings, brought: Collection[str] = ()) -> list[str]:
        """Say in which runs another build or other settings were in force than those given.

        Parameters
        ----------
        brought
            Sections whose later changes come again with the journal's events.
        """
        found: list[str] = []
        now = texts(settings)
        for remark in read_remarks(self.folder):
            if remark.kind != STARTED:
                continue
            at = f"from tick {remark.data.get('resumed_at', 0):,} on"
            theirs = str(remark.data.get("version", "?"))
            if theirs != version:
                found.append(f"{at} fabio {theirs} recorded, this is {version}")
            values = remark.data.get("values")
            if not isinstance(values, dict):
                if remark.data.get("settings") != settings_hash(settings):
                    found.append(f"{at} other settings were in force than now")
                continue
            skipped = brought if remark.data.get("resumed_at", 0) else ()
            others = [
                f"{path} was {values.get(path, 'not set')} and is {now.get(path, 'not set')}"
                for path in sorted(values.keys() | now.keys())
                if values.get(path) != now.get(path) and path.partition(".")[0] not in {*skipped, *OUTSIDE}
            ]
            if others:
                more = f", and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
                found.append(f"{at}: {'; '.join(others[:SHOWN])}{more}")
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


def empty_machine(recorded: Recorded) -> Engine:
    """Build a machine in empty state for a folder's markets, with the settings it began with."""
    return Engine(engine_config(recorded.began_with(), recorded.markets))


class Again:
    """A machine that lives through a folder's record.

    Parameters
    ----------
    engine
        In empty state, built for the folder's markets.
    wrap
        Is shown each configuration that comes into force later, and may put its own parts around it.

    Attributes
    ----------
    steps, facts
        How many were compared.
    """

    def __init__(
        self, engine: Engine, recorded: Recorded, wrap: Callable[[EngineConfig], EngineConfig] = lambda config: config,
    ) -> None:
        self.engine = engine
        self._wrap = wrap
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

    def run_through(self) -> tuple[Difference | None, Beyond]:
        """Go on to the end of the journal; give the first difference, and what surrounds it."""
        living = self._live(None)
        first = next((each for each in living if each is not None), None)
        before, alike, differ = self.steps, 0, 0
        try:
            for each in living:
                alike, differ = alike + (each is None), differ + (each is not None)
        except (ArithmeticError, LookupError, ValueError) as error:
            return first, Beyond(before=before, alike=alike, differ=differ, stuck=f"{type(error).__name__}: {error}")
        return first, Beyond(before=before, alike=alike, differ=differ)

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
                elif isinstance(kept.event, SettingsChanged):
                    self.engine.reconfigure(self._wrap(self._recorded.config_after(kept.event, self.engine)))
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
