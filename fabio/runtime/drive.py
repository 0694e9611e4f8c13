"""Driver: the loop around the machine, without asyncio. Replay, backtest and paper runs are this.

Ticks go to the machine, the same slice to the exchange, commands to the exchange, its reports
back as events. What happens depends on the tape alone, not on how it is cut.
"""

import hashlib
from typing import Any, Protocol

from fabio.engine.machine import Engine
from fabio.engine.questions import RULES
from fabio.exchange.venue import Exchange
from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.journal.lines import step_digest_bytes
from fabio.model.command import ORDER_COMMANDS, AskRegime, Command, VenueCommand
from fabio.model.event import Event, TicksArrived, TimerFired
from fabio.model.step import Question, Step
from fabio.model.tick import Ticks
from fabio.model.view import Wake

REJECTED = int(Wake.REJECTED)


class Sink(Protocol):
    """Where steps go."""

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Keep the ticks `[start, stop)` of a batch, which the machine consumed."""

    def step(self, step: Step, body: bytes) -> None:
        """Keep a step; `body` is what `step_digest_bytes` gave."""

    def exchange(self, exchange: ModelExchange) -> None:
        """Keep an exchange with the model."""


class Broker(Protocol):
    """The venue's side of a live run; what comes of a command is an event, later."""

    def submit(self, command: VenueCommand) -> None:
        """Take a command, and return at once."""


class Asks(Protocol):
    """The model outside; what comes of a question is an event, later."""

    def ask(self, question: Question, command: AskRegime) -> None:
        """Take a question, and return at once."""


class Driver:
    """Machine and exchange, wired in one thread.

    Parameters
    ----------
    sinks
        Take every kept step, in order.

    Attributes
    ----------
    broker
        Where there is a venue beside the paper exchange; None on paper alone.
    model
        Where somebody outside is asked; None where the rules answer alone.
    """

    def __init__(self, engine: Engine, exchange: Exchange, sinks: tuple[Sink, ...] = ()) -> None:
        self.engine = engine
        self.exchange = exchange
        self.sinks = sinks
        self.broker: Broker | None = None
        self.model: Asks | None = None
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 over all facts and commands so far."""
        return self._digest.hexdigest()

    def continue_digest(self, other: "Driver") -> None:
        """Go on with another driver's digest, whose machine this one's was restored from."""
        self._digest = other._digest.copy()

    def feed(self, ticks: Ticks) -> None:
        """Let the machine and the exchange live through ticks."""
        engine, exchange = self.engine, self.exchange
        start, count = 0, len(ticks)
        while start < count:
            next_ns = ticks.ts_recv_ns.item(start)
            timer_ns, due_ns = engine.next_timer_ns(), exchange.next_due_ns()
            if due_ns <= next_ns and due_ns <= timer_ns:
                self.reported(exchange.on_time(due_ns))
                continue
            if timer_ns <= next_ns:
                self.happen(TimerFired(ts_ns=timer_ns))
                continue
            step = engine.handle(TicksArrived(ticks, start), min(due_ns, timer_ns) - 1)
            stop = start + step.consumed
            for sink in self.sinks:
                sink.ticks(ticks, start, stop)
            reports = exchange.on_ticks(ticks, start, stop - 1 if step.wake & REJECTED else stop)
            self._keep(step)
            for report in reports:
                self.happen(report)
            start = stop

    def happen(self, event: Event) -> Step:
        """Let one event other than ticks happen, with all that follows from it."""
        step = self.engine.handle(event)
        self._keep(step)
        return step

    def pass_time(self, now_ns: int) -> None:
        """Live through what is due by `now_ns` where no tick comes."""
        while True:
            timer_ns, due_ns = self.engine.next_timer_ns(), self.exchange.next_due_ns()
            if min(timer_ns, due_ns) > now_ns:
                return
            if due_ns <= timer_ns:
                self.reported(self.exchange.on_time(due_ns))
            else:
                self.happen(TimerFired(ts_ns=timer_ns))

    def reported(self, reports: list[Any]) -> None:
        """Let what the exchange says happen."""
        for report in reports:
            self.happen(report)

    def send(self, command: Command, ts_ns: int) -> None:
        """Hand a command to whoever has the orders now: the paper exchange, or the venue's broker."""
        if isinstance(command, AskRegime):
            return  # its question is handed on with the step
        at_venue = self.engine.state.venue.has_orders
        if isinstance(command, ORDER_COMMANDS) and not at_venue:
            self.exchange.submit(command, ts_ns)
        elif self.broker is not None:
            self.broker.submit(command)

    def recalled(self, step: Step) -> None:
        """Take a step of the journal into the digest: it was kept before."""
        self._digest.update(step_digest_bytes(step))

    def _keep(self, step: Step) -> None:
        if not step.seq:
            return
        body = step_digest_bytes(step)
        if body:
            self._digest.update(body)
        for sink in self.sinks:
            sink.step(step, body)
        for command in step.commands:
            self.send(command, step.ts_ns)
        for question in step.questions:
            if question.response is not None:
                exchange = exchange_of(question, step)
                for sink in self.sinks:
                    sink.exchange(exchange)
            elif self.model is not None:
                self.model.ask(question, _command_of(question, step))


def _command_of(question: Question, step: Step) -> AskRegime:
    return next(
        command for command in step.commands
        if isinstance(command, AskRegime) and command.ask_id == question.ask_id
    )


def exchange_of(question: Question, step: Step) -> ModelExchange:
    """Put a question that its step answered into the shape of its record."""
    return ModelExchange(
        ask_id=question.ask_id,
        symbol=question.symbol,
        ts_ns=step.ts_ns,
        source=RULES,
        request=question.body,
        response=question.response,
        request_hash=question.request_hash,
    )
