"""Step: what one event did."""

from typing import Any

import msgspec

from fabio.model.command import Command
from fabio.model.event import JournaledEvent
from fabio.model.fact import Fact


class Question(msgspec.Struct, frozen=True, gc=False):
    """The content behind a `RegimeAsked` or a `ModelAsked`: data for the shell, neither fact nor command.

    `body` is the request's canonical JSON, `request_hash` its SHA-256. The journal keeps the
    hash alone; the content stands in `llm_exchanges.jsonl`. `response` is the answer's JSON where
    the rules answered within the step, None where the model outside is asked.
    """

    ask_id: str
    market: int
    symbol: str
    body: bytes
    request_hash: str
    response: bytes | None = None

    @property
    def request(self) -> dict[str, Any]:
        """The request as plain JSON values."""
        request: dict[str, Any] = msgspec.json.decode(self.body)
        return request


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the machine to one event.

    Parameters
    ----------
    seq
        Counts the steps that the journal keeps (any event but ticks, any fact, any
        command), from 1; 0 for the others.
    ts_ns
        Runtime clock of the event, or of the last tick consumed.
    tape_pos
        Ticks consumed before this step ended, since the tape began.
    consumed
        Ticks of the batch that were consumed; 0 for other events.
    event
        The event; None when it was ticks (the tape has them).
    wake
        Why the loop stopped, as an integer of `Wake`; 0 when the batch ran out.
    """

    seq: int
    ts_ns: int
    tape_pos: int
    consumed: int
    event: JournaledEvent | None
    wake: int
    facts: tuple[Fact, ...]
    commands: tuple[Command, ...]
    questions: tuple[Question, ...] = ()
