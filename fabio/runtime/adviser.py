"""Adviser: carries questions to the model outside, and what comes of them to the machine.

One root task. It never touches the tick path: a question is put in line and the machine goes on;
the answer is an event like any other, at the time it came.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from fabio.adapters.llm.asking import Ask, Model, Reply
from fabio.journal.exchanges import Exchange, Outcome
from fabio.model.command import AskRegime
from fabio.model.event import RegimeAnswered, RegimeFailed
from fabio.model.fact import ModelAnswered, ModelFailed
from fabio.model.step import Question, Step
from fabio.regime.answer import AnswerContext, AnswerReading, read_answer
from fabio.regime.bounds import AnswerBounds
from fabio.regime.prompt import PROMPT_VERSION, answer_schema, user_text
from fabio.regime.wording import mask_keys
from fabio.runtime.drive import Driver

logger = logging.getLogger("fabio.model")
_OUTCOMES: dict[str, Outcome] = {"timeout": "timeout", "refused": "refused", "filtered": "refused",
                                 "over_budget": "budget"}
_ESCAPED = re.compile(r"\\u00([2-7][0-9A-Fa-f])")
RAW_MOST = 20_000
"""Characters of an answer's text that the record keeps."""


class Doubts(Protocol):
    """A breaker, told of a text that came and could not be used."""

    def reject_last(self, why: str) -> None:
        """Count the last answer as a failure."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How every question of a run is asked: what stands before it, and within which bounds it is answered."""

    name: str
    system: str
    strategies: tuple[str, ...]
    bounds: AnswerBounds
    answer_timeout_s: float


class Adviser:
    """The model outside, as the machine's shell sees it.

    Parameters
    ----------
    model
        Asked one question at a time.
    doubts
        Hears of unusable texts.
    now_ns
        The runtime clock.
    """

    def __init__(
        self, driver: Driver, model: Model, doubts: Doubts, manner: Manner, now_ns: Callable[[], int],
    ) -> None:
        self._driver = driver
        self._model = model
        self._doubts = doubts
        self._manner = manner
        self._now_ns = now_ns
        self._line: list[tuple[Question, AskRegime, int]] = []  # at most one a market
        self._arrived = asyncio.Event()

    def ask(self, question: Question, command: AskRegime) -> None:
        """Put a question in line."""
        self._line.append((question, command, self._now_ns()))
        self._arrived.set()

    async def run(self) -> None:
        """Ask what is in line, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._line:
                question, command, asked_ns = self._line.pop(0)
                try:
                    reply = await self._model.ask(self._ask_of(question, command))
                except asyncio.CancelledError:
                    self._leave(question, asked_ns)
                    raise
                self._take(question, reply, asked_ns)

    def _ask_of(self, question: Question, command: AskRegime) -> Ask:
        manner = self._manner
        return Ask(
            system=manner.system, user=user_text(question.body, question.request_hash),
            schema=answer_schema(manner.strategies), schema_name="assessment", request_hash=question.request_hash,
            prompt_version=PROMPT_VERSION, allowance_usd=command.reserved if command.reserved else None,
            deadline_s=manner.answer_timeout_s,
        )

    def _take(self, question: Question, reply: Reply, asked_ns: int) -> None:
        """Read what came, let it happen, and record the exchange."""
        event, reading = self._event_of(question, reply)
        step = self._driver.happen(event)
        record = self._record(question, reply, reading, _effect_of(step, event), asked_ns)
        for sink in self._driver.sinks:
            sink.exchange(record)

    def _leave(self, question: Question, asked_ns: int) -> None:
        """Record that nobody waits for the answer any more; what it costs is not known."""
        reason, now_ns = "stopped: the agent ends", max(self._now_ns(), self._driver.engine.state.now_ns)
        self._driver.happen(RegimeFailed(
            ts_ns=now_ns, market=question.market, ask_id=question.ask_id, source=self._manner.name, reason=reason,
        ))
        for sink in self._driver.sinks:
            sink.exchange(Exchange(
                ask_id=question.ask_id, symbol=question.symbol, ts_ns=now_ns, source=self._manner.name,
                request=question.body, request_hash=question.request_hash, response=None, outcome="failed",
                reason=reason, latency_ms=round((now_ns - asked_ns) / 1e6, 1),
            ))

    def _event_of(self, question: Question, reply: Reply) -> tuple[RegimeAnswered | RegimeFailed, AnswerReading]:
        about: dict[str, Any] = {
            "ts_ns": max(self._now_ns(), self._driver.engine.state.now_ns), "market": question.market,
            "ask_id": question.ask_id, "source": self._manner.name, "cost": reply.cost_usd,
        }
        if reply.failure is not None or reply.text is None:
            failure = reply.failure
            reason = "empty: no text" if failure is None else f"{failure.reason}: {failure.detail}"
            return RegimeFailed(reason=reason, **about), AnswerReading(reason=reason)
        reading = read_answer(reply.text, self._context(question))
        if reading.assessment is None:
            self._doubts.reject_last(reading.reason)
            return RegimeFailed(reason=reading.reason, **about), reading
        return RegimeAnswered(assessment=reading.assessment, **about), reading

    def _context(self, question: Question) -> AnswerContext:
        engine = self._driver.engine
        market, record = engine.markets[question.market], engine.state.markets[question.market]
        return AnswerContext(
            instrument=market.instrument, last_ticks=market.last_ticks(), states=engine.state.strategies,
            request_hash=question.request_hash, body=question.body, bounds=self._manner.bounds,
            positions=() if record.position is None else (record.position,), source=self._manner.name,
        )

    def _record(
        self, question: Question, reply: Reply, reading: AnswerReading, reason: str, asked_ns: int,
    ) -> Exchange:
        usage = reply.usage
        return Exchange(
            ask_id=question.ask_id, symbol=question.symbol, ts_ns=self._driver.engine.state.now_ns,
            source=self._manner.name, request=question.body, request_hash=question.request_hash,
            response=reading.response, outcome=_outcome(reply, reading, reason), reason=reason,
            latency_ms=round(reply.latency_s * 1000, 1),
            usage=None if usage is None else msgspec.structs.asdict(usage), cost_usd=float(reply.cost_usd),
            model=reply.model, call_hash=reply.call_hash, attempts=reply.attempts,
            raw=None if reply.text is None else _masked(reply.text[:RAW_MOST]), parsed=reading.parsed,
            clamped=[list(change) for change in reading.clamped],
        )


def _effect_of(step: Step, event: RegimeAnswered | RegimeFailed) -> str:
    """Say why an answer had no effect; empty where it had one."""
    for fact in step.facts:
        if isinstance(fact, ModelFailed):
            return fact.reason
        if isinstance(fact, ModelAnswered):
            return ""
    return event.reason if isinstance(event, RegimeFailed) else "superseded: the question was over"


def _outcome(reply: Reply, reading: AnswerReading, reason: str) -> Outcome:
    if reply.failure is not None:
        return _OUTCOMES.get(reply.failure.reason, "failed")
    if reading.assessment is None:
        return "invalid"
    return "superseded" if reason else "ok"


def _masked(text: str) -> str:
    """Mask what looks like a key, also where it is written in JSON's escapes."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    masked = mask_keys(plain)
    return masked if masked != plain else text


def reserve_for(most_of_one: Decimal) -> Decimal:
    """Give what one question may cost at most: an ask makes two requests that cost, and no more."""
    return 2 * most_of_one
