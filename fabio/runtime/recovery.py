"""Recovery: the one way into a folder, for a first start as for one after a kill.

The journal's steps are folded, the tape runs through the loop between them, and the paper
exchange gets its commands and ticks again; what it reports stands in the journal already
and is only compared. Nothing is decided a second time. Then what the last run could not
write is made up: reports behind the journal's last line, and the ticks that are on the
tape but not yet lived through. A question to somebody outside that was never answered has
failed. A run that was killed at any moment thus ends
with the same facts as one that was not.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from fabio.engine.questions import RULES
from fabio.exchange.venue import Exchange
from fabio.journal.reader import read_steps
from fabio.journal.tape import TapeReader
from fabio.model.event import HistoryLoaded, OperatorAsked, RegimeFailed, VenueEvent
from fabio.model.fact import RegimeInferred
from fabio.model.order import DONE_STATES
from fabio.model.step import Step
from fabio.runtime.drive import Driver, exchange_of
from fabio.runtime.folder import FolderSink, ask_number
from fabio.runtime.history import read_history


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
    """

    steps: int
    ticks: int
    acted: frozenset[str]
    lived_again: int


def recover(
    driver: Driver, sink: FolderSink, folder: Path, witness: Callable[[Step], None] = lambda step: None,
) -> Recovered:
    """Bring a machine, its exchange and its records to where the folder's last run left them.

    Parameters
    ----------
    driver
        In empty state, with the configuration in force now.
    sink
        One of the driver's sinks, opened on the folder.
    witness
        Is shown every step of the journal, in order.

    Raises
    ------
    RecoveryFailed
        If something is held that the exchange, under today's build and settings, would not hold.
    JournalDamaged, TapeDamaged, HistoryMissing
        If the record is not whole.
    """
    sink.journal.flush()
    tape = TapeReader(folder)
    fold = _Fold(driver, sink, folder, tape)
    for step in read_steps(folder):
        fold.step(step)
        witness(step)
    fold.end()
    position = driver.engine.state.tape_pos
    sink.hold(tape.total - position)
    for ticks in tape.read(position):
        driver.feed(ticks)
    _fail_questions(driver)
    return Recovered(steps=fold.steps, ticks=tape.total, acted=frozenset(fold.acted),
                     lived_again=tape.total - position)


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

    def __init__(self, driver: Driver, sink: FolderSink, folder: Path, tape: TapeReader) -> None:
        self.steps = 0
        self.acted: list[str] = []
        self._driver = driver
        self._sink = sink
        self._folder = folder
        self._tape = tape
        self._reports: deque[VenueEvent] = deque()  # said by the exchange, not yet seen in the journal
        self._strange = ""  # the first report that is not the journal's

    def step(self, step: Step) -> None:
        """Fold one step, with the ticks before it."""
        engine = self._driver.engine
        if step.tape_pos > self._tape.total:
            raise RecoveryFailed(
                f"step {step.seq} was decided at tick {step.tape_pos}, the tape of {self._folder} ends at "
                f"{self._tape.total}: part of it was lost; begin again with another --logs"
            )
        self._live_until(step.tape_pos)
        self._compare(step)
        if isinstance(step.event, HistoryLoaded):
            history = read_history(self._folder, step.event.content_hash)
            engine.markets[step.event.market].load_history(history)
        elif isinstance(step.event, OperatorAsked):
            self.acted.append(step.event.id)
        question = engine.recall(step, rebuild=self._lacks_exchange(step))
        if question is not None:
            self._sink.exchange(exchange_of(question, step))
        self._driver.recalled(step)
        self._sink.records.write(step)
        for command in step.commands:
            self._driver.send(command, step.ts_ns)  # there is no broker yet: what went to the venue is not sent again
        self.steps += 1

    def end(self) -> None:
        """Make up what the last run decided and could not write."""
        driver = self._driver
        if self._strange:
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
        if not isinstance(event, VenueEvent) or self._driver.engine.state.venue.has_orders:
            return  # what the venue says is not the exchange's
        if not self._reports:  # it came by time alone, between two ticks
            self._reports.extend(self._driver.exchange.on_time(event.ts_ns))
        said = self._reports.popleft() if self._reports else None
        if said != event and not self._strange:
            self._strange = f"step {step.seq} has {event}, the exchange now says {said}"

    def _lacks_exchange(self, step: Step) -> bool:
        """Tell whether the record of a question that the rules answered was swallowed by a kill."""
        return any(
            isinstance(fact, RegimeInferred) and fact.regime.source == RULES
            and ask_number(fact.regime.ask_id) > self._sink.last_ask
            for fact in step.facts
        )

    def _take_new_exchange(self) -> None:
        """Go on with an empty exchange where nothing is at stake: build or settings have changed."""
        driver, state = self._driver, self._driver.engine.state
        working = any(record.state not in DONE_STATES for record in state.orders.values())
        if working or any(market.position is not None for market in state.markets):
            raise RecoveryFailed(
                f"the paper exchange does not come out as the journal of {self._folder} says ({self._strange}): "
                "another build or other settings wrote it. Use those again, or another --logs"
            )
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
