"""What an answer is read against, and what reading it gives."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from fabio.model.assessment import Assessment
from fabio.model.instrument import Instrument
from fabio.model.order import Position
from fabio.model.strategy import StrategyState
from fabio.regime.bounds import DEFAULT_BOUNDS, AnswerBounds
from fabio.regime.wording import clean_text

Why = Literal[
    "empty", "too_long", "not_json", "wrong_shape", "wrong_id", "unknown_statistic", "contradiction", "out_of_bounds"]
Scalar = str | float | bool | None
LEFT_OUT = "left out"
ID_DIGITS = 8


def question_id(request_hash: str) -> str:
    """Give the id that a question carries and its answer repeats.

    >>> question_id("44136fa355b3678a")
    '44136fa3'
    """
    return request_hash[:ID_DIGITS]


class AnswerContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer's reader has to know.

    Parameters
    ----------
    last_ticks
        The last price as the answer is read.
    states
        States of the strategies at hand; no other strategy may be named.
    request_hash, body
        The question's hash and bytes.
    positions
        Open positions of this instrument.
    source
        Who answered: becomes the zones' source.
    """

    instrument: Instrument
    last_ticks: int
    states: Mapping[str, StrategyState]
    request_hash: str
    body: bytes
    bounds: AnswerBounds = DEFAULT_BOUNDS
    positions: Sequence[Position] = ()
    source: str = "model"


class AnswerReading(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an answer.

    Parameters
    ----------
    assessment
        None where the answer was refused, always as a whole.
    reason
        Empty when it is good; else a word of `Why`, a colon and what was wrong.
    parsed
        The JSON object as it was written, keys masked; None where there was none.
    response
        The answer as accepted, in the shape of `llm_exchanges.jsonl`; prices in price units.
    clamped
        What was changed: path of the field, what was said, what was taken (`left out` for a thing that
        has no effect).
    """

    assessment: Assessment | None = None
    reason: str = ""
    parsed: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    clamped: tuple[tuple[str, Scalar, Scalar], ...] = ()


class Refused(Exception):
    """The answer cannot be used, and why."""

    def __init__(self, why: Why, words: str) -> None:
        super().__init__(f"{why}: {clean_text(words, 300)}")


class Taking:
    """Keeps what was changed while an answer is taken, and holds numbers to their bounds."""

    def __init__(self) -> None:
        self._changed: list[tuple[str, Scalar, Scalar]] = []

    @property
    def changed(self) -> tuple[tuple[str, Scalar, Scalar], ...]:
        """What was changed so far."""
        return tuple(self._changed)

    def say(self, path: str, said: Scalar, taken: Scalar) -> None:
        """Note one change; texts are cleaned, since they go into the record."""
        self._changed.append((path, clean_text(said, 160) if isinstance(said, str) else said, taken))

    def text(self, path: str, said: str, most: int) -> str:
        """Clean a text and cut it to its length."""
        taken = clean_text(said, most)
        if taken != said:
            self.say(path, said, taken)
        return taken

    def hold(self, path: str, said: float, least: float, most: float) -> float:
        """Clamp a number that is a little beyond its bounds; beyond twice a bound refuse.

        Raises
        ------
        Refused
            `out_of_bounds`.
        """
        if least <= said <= most:
            return said
        if not least / 2 <= said <= 2 * most:
            raise Refused("out_of_bounds", f"{path} is {said:g}; expected {least:g} to {most:g}")
        taken = least if said < least else most
        self.say(path, said, taken)
        return taken

    def whole(self, path: str, said: int, least: int, most: int) -> int:
        """Do the same for a whole number."""
        return int(self.hold(path, said, least, most))

    def first(self, path: str, count: int, most: int) -> int:
        """Give how many of a list are taken.

        Raises
        ------
        Refused
            `out_of_bounds` when there are more than twice as many as may be.
        """
        if count > 2 * most:
            raise Refused("out_of_bounds", f"{path} has {count} entries; at most {most} are taken")
        for place in range(most, count):
            self.say(f"{path}[{place}]", f"more than {most}", LEFT_OUT)
        return min(count, most)
