"""Given: what came from outside on a recorded day, brought again at its places on the tape.

The model's answers are held fixed by time. Each takes effect at the place on the tape where it did,
as an answer to the question that is then in flight:

- where the changed run asks at the very place at which the record asked, its question takes the
  recorded answer;
- where the record asked and the changed run does not, the recorded question is folded in, so that
  its answer finds it;
- where the changed run asks and the record did not, the question fails at once, at no cost: the rules'
  label stands, and it is counted as missing.

Ask ids are those of the changed run. An answer can still come to nothing, as it could then: where
trading was halted meanwhile, or the session is another.
"""

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fabio.engine.entries import day_tag
from fabio.model.command import AskRegime
from fabio.model.event import JournaledEvent, ModelConnected, RegimeAnswered, RegimeFailed
from fabio.model.fact import ModelAnswered, ModelAsked
from fabio.model.step import Question, Step
from fabio.regime.authority import ModelSettings
from fabio.runtime.drive import Driver

NEVER = (1 << 63) - 1
MISSING = "missing: nothing was answered here in the record"


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that came from outside, or a question that left: one of `event` and `asked`."""

    tape_pos: int
    ts_ns: int
    event: JournaledEvent | None = None
    asked: ModelAsked | None = None


class Answers(msgspec.Struct, kw_only=True):
    """How many of the model's answers were held, and what became of the others.

    Parameters
    ----------
    recomputed
        Answers of the rules, worked out anew.
    held
        Recorded answers that took effect at their place.
    missing
        Questions of this run to which nothing was answered in the record: the rules stood.
    superseded
        Recorded answers that came to their place and had no effect, because what was asked about was over.
    failed
        Recorded failures of the model, held as well.
    unplaced
        Recorded answers and failures that found no question in flight.
    """

    recomputed: int = 0
    held: int = 0
    missing: int = 0
    superseded: int = 0
    failed: int = 0
    unplaced: int = 0


class Hands:
    """Bring what is given to a driver, and answer its questions for the model.

    Parameters
    ----------
    given
        In the order of the record.
    model
        Settings of the run: an authority that is set there goes before the recorded one.
    """

    def __init__(self, driver: Driver, given: Sequence[Given], model: ModelSettings) -> None:
        self.answers = Answers()
        self._driver = driver
        self._given = given
        self._model = model
        self._next = 0
        self._asked: dict[int, deque[int]] = {}  # market -> places in `given` of its questions, not yet put
        self._put: set[int] = set()  # places of the questions that the run put by itself
        for place, each in enumerate(given):
            if each.asked is not None:
                self._asked.setdefault(each.asked.market, deque()).append(place)

    @property
    def next_pos(self) -> int:
        """Where on the tape the next thing is given; a very large number for nowhere."""
        return self._given[self._next].tape_pos if self._next < len(self._given) else NEVER

    def reach(self, position: int) -> None:
        """Bring everything up to a place on the tape, whose ticks have been lived through."""
        while self.next_pos <= position:
            place = self._next
            self._next += 1
            each = self._given[place]
            if each.asked is not None:
                self._ask(place, each, each.asked)
            elif isinstance(each.event, RegimeAnswered | RegimeFailed):
                self._answer(each.event)
            elif each.event is not None:
                self._driver.pass_time(each.ts_ns)
                self._driver.happen(self._termed(each.event))

    def ask(self, question: Question, command: AskRegime) -> None:
        """Take a question of the run: it waits for the recorded answer, or fails at once."""
        waiting, state = self._asked.get(question.market), self._driver.engine.state
        if waiting and self._given[waiting[0]].tape_pos == state.tape_pos:
            self._put.add(waiting.popleft())
            return
        self.answers.missing += 1
        self._driver.happen(RegimeFailed(
            ts_ns=state.now_ns, market=question.market, ask_id=question.ask_id, source="", reason=MISSING,
            cost=Decimal(0),
        ))

    def _ask(self, place: int, each: Given, asked: ModelAsked) -> None:
        """Put a recorded question, where the run has not put it by itself."""
        if place in self._put:
            return
        self._asked[asked.market].remove(place)
        engine = self._driver.engine
        state = engine.state
        if state.model is None or state.ledger.in_flight or state.markets[asked.market].asking is not None:
            return
        ask_id = f"M{day_tag(state.account.trade_date)}-{state.model_asks + 1}"
        step = Step(
            seq=state.seq + 1, ts_ns=max(state.now_ns, each.ts_ns), tape_pos=state.tape_pos, consumed=0, event=None,
            wake=0, facts=(msgspec.structs.replace(asked, ask_id=ask_id),), commands=(),
        )
        engine.recall(step)
        self._driver.recalled(step)

    def _answer(self, event: RegimeAnswered | RegimeFailed) -> None:
        self._driver.pass_time(event.ts_ns)
        asking = self._driver.engine.state.markets[event.market].asking
        if asking is None:
            self.answers.unplaced += 1
            return
        step = self._driver.happen(msgspec.structs.replace(event, ask_id=asking.ask_id))
        if isinstance(event, RegimeFailed):
            self.answers.failed += 1
        elif any(isinstance(fact, ModelAnswered) for fact in step.facts):
            self.answers.held += 1
        else:
            self.answers.superseded += 1

    def _termed(self, event: JournaledEvent) -> JournaledEvent:
        """Put the authority of the run's settings in place of the recorded one."""
        authority = self._model.authority
        if not isinstance(event, ModelConnected) or event.terms is None or authority is None:
            return event
        return msgspec.structs.replace(event, terms=msgspec.structs.replace(event.terms, authority=authority))
