"""Runs: a recorded day as it was, and the same tape lived through again under given settings."""

import hashlib
import time
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fabio.journal.exchanges import Exchange
from fabio.journal.lines import step_digest_bytes
from fabio.journal.reader import read_steps
from fabio.learning.estimate import Missed, MissedSink
from fabio.learning.whatif_given import Answers, Given, Hands
from fabio.model.event import (
    ArmAsked,
    FeedLost,
    FeedRestored,
    HistoryLoaded,
    LessonArrived,
    ModelConnected,
    OperatorAsked,
    RegimeAnswered,
    RegimeFailed,
    SettingsChanged,
)
from fabio.model.fact import ModelAsked, SignalApproved, SignalBlocked, TradeClosed
from fabio.model.instrument import Instrument
from fabio.model.signal import Decision
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.runtime.recorded import Recorded
from fabio.runtime.summary import Summary
from fabio.runtime.wiring import build_driver, engine_config
from fabio.settings.load import Settings

_OF_MODEL = (ModelConnected, RegimeAnswered, RegimeFailed)
_OF_OTHERS = (OperatorAsked, LessonArrived, FeedLost, FeedRestored)


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision in brief.

    Parameters
    ----------
    size
        In contracts or coins, 0 where refused.
    why
        What the guards that refused it said; empty where it was approved.
    """

    id: str
    ts_ns: int
    tape_pos: int
    symbol: str
    strategy: str
    setup: str
    side: int
    approved: bool
    refused_by: tuple[str, ...]
    size: float
    levels: tuple[int, int, int]
    why: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a day.

    Parameters
    ----------
    pnl
        By the id of the decision whose trade closed.
    by_guard
        Signals that each guard refused.
    missed
        Refused signals with their shadows; none for the record.
    seconds
        From the first tick to the last.
    """

    net_pnl: Decimal
    trades: int
    digest: str
    decisions: tuple[Decided, ...]
    pnl: dict[str, Decimal]
    by_guard: dict[str, int]
    missed: tuple[Missed, ...] = ()
    answers: Answers = msgspec.field(default_factory=Answers)
    seconds: float = 0.0


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is.

    Parameters
    ----------
    given
        The model's answers with the questions they belong to; people's requests and the feed's gaps too, where
        they are wanted.
    left_out
        What else came from outside, counted in words.
    """

    outcome: Outcome
    given: tuple[Given, ...]
    left_out: tuple[str, ...]


class _Decisions:
    """A sink that keeps decisions in brief, and what their trades made."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.decisions: list[Decided] = []
        self.pnl: dict[str, Decimal] = {}  # decision id -> net P&L
        self._instruments = instruments

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to keep."""

    def exchange(self, exchange: Exchange) -> None:
        """Nothing to keep."""

    def step(self, step: Step, body: bytes) -> None:
        """Keep what a step decided and closed."""
        for fact in step.facts:
            if isinstance(fact, SignalApproved | SignalBlocked):
                self.decisions.append(_brief(fact.decision, self._instruments[fact.decision.market]))
            elif isinstance(fact, TradeClosed):
                before = self.pnl.get(fact.trade.decision_id, Decimal(0))
                self.pnl[fact.trade.decision_id] = before + fact.trade.net_pnl


def _brief(decision: Decision, instrument: Instrument) -> Decided:
    signal = decision.signal
    reasons = [f"{each.guard}: {each.reason}" for each in decision.verdicts if not each.passed]
    if "sizing" in decision.refused_by:
        reasons.append(f"sizing: {decision.size_reason}")
    return Decided(
        id=decision.id, ts_ns=decision.ts_ns, tape_pos=decision.tape_pos, symbol=decision.symbol,
        strategy=signal.strategy, setup=signal.setup, side=signal.side, approved=decision.approved,
        refused_by=decision.refused_by, size=float(instrument.size(decision.size_steps)),
        levels=(signal.entry_ticks, signal.stop_ticks, signal.target_ticks), why="; ".join(reasons),
    )


def read_happened(recorded: Recorded, with_requests: bool = False) -> Happened:
    """Read a folder's journal: what came of the day, and what came from outside.

    Parameters
    ----------
    with_requests
        Whether people's requests and the feed's gaps are given again, and not left out.

    Raises
    ------
    JournalDamaged
        If it is not whole.
    """
    summary, decisions = Summary(), _Decisions(recorded.instruments)
    digest = hashlib.sha256()
    given: list[Given] = []
    left_out: dict[str, int] = {}  # words -> times
    kinds = (*_OF_MODEL, *_OF_OTHERS) if with_requests else _OF_MODEL
    for step in read_steps(recorded.folder):
        body = step_digest_bytes(step)
        digest.update(body)
        summary.step(step, body)
        decisions.step(step, body)
        if isinstance(step.event, kinds):
            given.append(Given(tape_pos=step.tape_pos, ts_ns=step.ts_ns, event=step.event))
        else:
            words = _outside(step)
            if words:
                left_out[words] = left_out.get(words, 0) + 1
        given.extend(
            Given(tape_pos=step.tape_pos, ts_ns=step.ts_ns, asked=fact)
            for fact in step.facts if isinstance(fact, ModelAsked)
        )
    outcome = Outcome(
        net_pnl=summary.net_pnl, trades=len(summary.trades), digest=digest.hexdigest(),
        decisions=tuple(decisions.decisions), pnl=decisions.pnl, by_guard=dict(summary.by_guard),
    )
    return Happened(outcome=outcome, given=tuple(given),
                    left_out=tuple(f"{count} x {words}" for words, count in left_out.items()))


def _outside(step: Step) -> str:
    """Name what came from outside and is not given again; empty for what the run makes by itself."""
    event = step.event
    if isinstance(event, OperatorAsked):
        return f"{event.verb} {event.name}".strip() + " asked by a person or by the agent's end"
    if isinstance(event, LessonArrived):
        return f"lesson on {event.update.name} sent by the learning cycle"
    if isinstance(event, SettingsChanged) and step.tape_pos > 0:
        return f"change of {len(event.changed)} settings while the day ran"
    if isinstance(event, FeedLost):
        return "a gap of the feed"
    if isinstance(event, ArmAsked):
        return "arming for the venue (its fills were the venue's, here they are the paper exchange's)"
    if isinstance(event, HistoryLoaded) and step.tape_pos > 0:
        return "history loaded while the day ran"
    return ""


class Simulator:
    """Lives through a folder's tape, which it reads once.

    Parameters
    ----------
    recorded
        Opened with the settings of the unchanged day: instruments and sessions stay as they are there.
    given
        From `read_happened`.
    """

    def __init__(self, recorded: Recorded, given: Sequence[Given]) -> None:
        self.recorded = recorded
        self._batches = list(self.recorded.batches())
        self._given = given

    def run(self, settings: Settings) -> Outcome:
        """Live through the tape from empty state under these settings."""
        recorded = self.recorded
        summary, decisions = Summary(), _Decisions(recorded.instruments)
        driver = build_driver(engine_config(settings, recorded.markets))
        missed = MissedSink(driver.engine)
        driver.sinks = (summary, decisions, missed)
        recorded.begin(driver)
        hands = Hands(driver, self._given, settings.model)
        driver.model = hands
        since = time.perf_counter()
        hands.reach(0)
        position = 0
        for ticks in self._batches:
            start = 0
            while start < len(ticks):
                stop = min(len(ticks), hands.next_pos - position)
                driver.feed(ticks.slice(start, stop))
                hands.reach(position + stop)
                start = stop
            position += len(ticks)
        answers = hands.answers
        answers.recomputed = summary.model_calls
        return Outcome(
            net_pnl=summary.net_pnl, trades=len(summary.trades), digest=driver.digest,
            decisions=tuple(decisions.decisions), pnl=decisions.pnl, by_guard=dict(summary.by_guard),
            missed=missed.missed, answers=answers, seconds=time.perf_counter() - since,
        )
