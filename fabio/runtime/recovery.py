"""Recovery: the one way into a folder, for a first start as for one after a kill.

The journal's steps are folded, the tape runs through the loop between them, and the paper
exchange gets its commands and ticks again; what it reports stands in the journal already
and is only compared. Nothing is decided a second time. Then what the last run could not
write is made up: reports behind the journal's last line, and the ticks that are on the
tape but not yet lived through. A question to somebody outside that was never answered has
failed. A run that was killed at any moment thus ends
with the same facts as one that was not.

A lost power line may have taken ticks that the journal's last lines were decided on: the drive
had been asked for the lines, not yet for the ticks. The lines still count, as they are what
became of the money; the loop stands still in that hole, and the statistics lack its ticks as
they lack those of a lost feed. Only the paper exchange cannot come through: it begins anew,
which needs that nothing is held or working there. The journal and the tape name the hole.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from fabio.engine.questions import RULES
from fabio.exchange.venue import Exchange
from fabio.journal.reader import read_steps
from fabio.journal.snapshots import Snapshot
from fabio.journal.tape import Hole, TapeReader
from fabio.model.event import (
    FeedLost,
    FeedRestored,
    HistoryLoaded,
    LessonArrived,
    OperatorAsked,
    OrderFilled,
    RegimeFailed,
    SettingsChanged,
    VenueEvent,
)
from fabio.model.fact import RegimeInferred
from fabio.model.order import DONE_STATES
from fabio.model.step import Step
from fabio.runtime.drive import Driver, exchange_of
from fabio.runtime.folder import FolderSink, ask_number
from fabio.runtime.history import read_history
from fabio.runtime.reloading import config_with
from fabio.runtime.snapshots import restore, usable
from fabio.settings.load import Settings


class RecoveryFailed(Exception):
    """What the journal says cannot be brought back; a person has to look (exit code 7)."""


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Parameters
    ----------
    steps
        Steps in the journal.
    ticks
        Ticks on the tape.
    acted
        Ids of the inbox's requests that have acted.
    lived_again
        Ticks on the tape behind the journal's last line, decided now.
    lost
        Ticks before the journal's last line that a lost power line has taken, found now.
    from_seq
        The step at which a snapshot stood; 0 where all was folded.
    """

    steps: int
    ticks: int
    acted: frozenset[str]
    lived_again: int
    lost: int = 0
    from_seq: int = 0


def recover(
    driver: Driver, sink: FolderSink, folder: Path, settings: Settings,
    witness: Callable[[Step], None] = lambda step: None,
) -> Recovered:
    """Bring a machine, its exchange and its records to where the folder's last run left them.

    Parameters
    ----------
    driver
        In empty state, with the configuration that the folder began with.
    sink
        One of the driver's sinks, opened on the folder.
    settings
        In force now; what may change in place is taken from the journal.
    witness
        Is shown every step of the journal, in order.

    Raises
    ------
    RecoveryFailed
        If something is held that the exchange, under today's build and settings or without ticks that
        were lost, would not hold.
    JournalDamaged, TapeDamaged, HistoryMissing
        If the record is not whole.
    """
    sink.journal.flush()
    tape = TapeReader(folder)
    snapshot = usable(sink, settings)
    fold = _Fold(driver, sink, folder, settings, tape)
    if snapshot is not None:
        fold.begin_at(snapshot)
    for step in read_steps(folder):
        fold.step(step)
        witness(step)
    fold.end()
    position = driver.engine.state.tape_pos
    lived_again = max(tape.total - position, 0)
    sink.hold(lived_again)
    for ticks in tape.read(position):
        driver.feed(ticks)
    _fail_questions(driver)
    return Recovered(steps=fold.steps, ticks=position + lived_again, acted=frozenset(fold.acted),
                     lived_again=lived_again, lost=fold.lost, from_seq=0 if snapshot is None else snapshot.head.seq)


def _fail_questions(driver: Driver) -> None:
    """End the questions whose answer nobody brings any more; what they cost is not known."""
    for index, record in enumerate(driver.engine.state.markets):
        if record.asking is not None:
            driver.happen(RegimeFailed(
                ts_ns=driver.engine.state.now_ns, market=index, ask_id=record.asking.ask_id, source="",
                reason="restarted: the agent ended before the answer came",
            ))


class _Fold:
    """Journal and tape, walked side by side."""

    def __init__(
        self, driver: Driver, sink: FolderSink, folder: Path, settings: Settings, tape: TapeReader,
    ) -> None:
        self.steps = 0
        self.lost = 0
        self.acted: list[str] = []
        self._driver = driver
        self._sink = sink
        self._folder = folder
        self._settings = settings
        self._tape = tape
        self._from_seq = 0
        self._reports: deque[VenueEvent] = deque()  # said by the exchange, not yet seen in the journal
        self._strange = ""  # the first report that is not the journal's
        self._holes = deque(tape.holes)  # ticks that are known to be lost

    def begin_at(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot; of the steps before it only what is told of them counts."""
        restore(self._driver, snapshot, self._settings)
        self._from_seq = snapshot.head.seq
        while self._holes and self._holes[0].after_seq < self._from_seq:
            self._holes.popleft()

    def step(self, step: Step) -> None:
        """Fold one step, with the ticks before it."""
        if step.seq > self._from_seq:
            self._live(step)
        if isinstance(step.event, OperatorAsked | LessonArrived):
            self.acted.append(step.event.id)
        self._driver.recalled(step)
        self._sink.records.write(step)
        self.steps += 1

    def _live(self, step: Step) -> None:
        engine = self._driver.engine
        if self._holes and step.seq > self._holes[0].after_seq:
            self._holes.popleft()
            self._take_new_exchange()
        ends = self._holes[0].first_pos if self._holes else self._tape.total
        self._live_until(min(step.tape_pos, ends))
        is_in_hole = step.tape_pos > ends
        if is_in_hole:
            engine.state.tape_pos = step.tape_pos
        else:
            self._compare(step)
        if isinstance(step.event, HistoryLoaded):
            history = read_history(self._folder, step.event.content_hash)
            engine.markets[step.event.market].load_history(history)
        elif isinstance(step.event, SettingsChanged):
            engine.reconfigure(config_with(step.event.values, self._settings, engine))
        question = engine.recall(step, rebuild=not is_in_hole and self._lacks_exchange(step))
        if question is not None:
            self._sink.exchange(exchange_of(question, step))
        for command in step.commands:
            self._driver.send(command, step.ts_ns)  # there is no broker yet: what went to the venue is not sent again

    def end(self) -> None:
        """Make up what the last run decided and could not write."""
        driver = self._driver
        if driver.engine.state.tape_pos > self._tape.total:
            self._note_hole()
        elif self._strange:
            self._check_nothing_at_stake(
                f"the paper exchange does not come out as the journal of {self._folder} says ({self._strange}): "
                "another build or other settings wrote it. Use those again, or another --logs"
            )
            self._take_new_exchange()
        self._check_held()
        driver.reported(list(self._reports))
        _fail_questions(driver)

    def _live_until(self, position: int) -> None:
        engine = self._driver.engine
        for ticks in self._tape.read(engine.state.tape_pos, position):
            start = 0
            for bad in [*engine.warm(ticks), len(ticks)]:
                self._reports.extend(self._driver.exchange.on_ticks(ticks.slice(start, bad)))
                start = bad + 1

    def _compare(self, step: Step) -> None:
        event = step.event
        if not isinstance(event, VenueEvent) or self._is_of_venue(event):
            return
        if not self._reports:  # it came by time alone, between two ticks
            self._reports.extend(self._driver.exchange.on_time(event.ts_ns))
        said = self._reports.popleft() if self._reports else None
        if said != event and not self._strange:
            self._strange = f"step {step.seq} has {event}, the exchange now says {said}"

    def _is_of_venue(self, event: VenueEvent) -> bool:
        """Tell what the venue said from the paper exchange's reports; it may speak late, when we observe again."""
        state = self._driver.engine.state
        if state.venue.has_orders or not state.venue.is_known:
            return state.venue.has_orders
        if isinstance(event, OrderFilled):  # the exchange numbers the executions of its orders
            return not event.fill.order_id or not event.fill.id.startswith(f"{event.fill.order_id}-F")
        record = state.orders.get(event.order_id)
        return record is None or record.at_venue

    def _lacks_exchange(self, step: Step) -> bool:
        """Tell whether the record of a question that the rules answered was swallowed by a kill."""
        return any(
            isinstance(fact, RegimeInferred) and fact.regime.source == RULES
            and ask_number(fact.regime.ask_id) > self._sink.last_ask
            for fact in step.facts
        )

    def _note_hole(self) -> None:
        """Tell of ticks that were lived through and are lost, and go on behind them."""
        driver, state = self._driver, self._driver.engine.state
        hole = Hole(self._tape.total, state.tape_pos, state.seq)
        self.lost = hole.end_pos - hole.first_pos
        words = f"{self.lost} ticks, {hole.first_pos} to {hole.end_pos} of the tape, went with the power"
        if not state.venue.has_orders:
            self._check_nothing_at_stake(
                f"{words}, and something was held or working on paper in {self._folder}: nobody can say what became "
                "of it; another --logs begins anew"
            )
        self._take_new_exchange()
        self._sink.tape.lose(hole.end_pos, hole.after_seq)
        self._sink.journal.remark("hole", state.now_ns, {
            "from_tick": hole.first_pos, "to_tick": hole.end_pos, "after_step": hole.after_seq,
        })
        for index, market in enumerate(driver.engine.markets):
            if market.has_session:
                from_ns = min(market.latest_ns(), state.now_ns)
                driver.happen(FeedLost(ts_ns=state.now_ns, market=index, from_ns=from_ns, reason=words))
                driver.happen(FeedRestored(ts_ns=state.now_ns, market=index, from_ns=from_ns, to_ns=state.now_ns))

    def _check_nothing_at_stake(self, words: str) -> None:
        state = self._driver.engine.state
        working = any(record.state not in DONE_STATES for record in state.orders.values())
        if working or any(market.position is not None for market in state.markets):
            raise RecoveryFailed(words)

    def _take_new_exchange(self) -> None:
        """Go on with an empty exchange: build or settings have changed, or ticks are lost."""
        driver = self._driver
        self._strange = ""
        instruments = [market.instrument for market in driver.engine.markets]
        driver.exchange = Exchange(instruments, driver.engine.config.assumptions)
        self._reports.clear()
        for market in range(len(instruments)):
            self._seed_price(market)

    def _seed_price(self, market: int) -> None:
        """Let the new exchange know the last price."""
        engine = self._driver.engine
        for ticks in self._tape.read(max(engine.state.tape_pos - 1, 0), engine.state.tape_pos):
            if len(ticks) and int(ticks.market[0]) == market:
                self._driver.exchange.on_ticks(ticks)

    def _check_held(self) -> None:
        driver = self._driver
        if self._reports or driver.engine.state.venue.has_orders:
            return  # fills that the machine has not heard of yet; or the venue holds it, and will be asked
        for index, market in enumerate(driver.engine.state.markets):
            held = 0 if market.position is None else market.position.size_steps
            there = driver.exchange.held_steps(index)
            if held != there:
                symbol = driver.engine.markets[index].instrument.symbol
                raise RecoveryFailed(
                    f"the journal of {self._folder} holds {held} steps of {symbol}, the paper exchange {there}: "
                    "a person has to look; another --logs begins anew"
                )
