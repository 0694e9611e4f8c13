"""The questions of a folder's `llm_exchanges.jsonl`, each as it was put, thinned evenly."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import orjson

from fabio.model.instrument import Instrument
from fabio.model.order import Position
from fabio.model.strategy import StrategyState
from fabio.regime.request import request_hash
from fabio.research.exchanges.lines import read_lines

RULES = "rules"
_STATE_FIELDS = frozenset(StrategyState.__struct_fields__)


class RecordedQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question with what its answer is read against.

    Parameters
    ----------
    body
        Its very bytes; `request_hash` is theirs.
    rules_label
        What the rules said, with the direction of a trend.
    """

    ask_id: str
    body: bytes
    request_hash: str
    instrument: Instrument
    last_ticks: int
    states: dict[str, StrategyState]
    positions: tuple[Position, ...]
    rules_label: str


class QuestionsUnreadable(Exception):
    """A record that is none, or whose question is not the one that was put; the message names file and line."""


class _Line(msgspec.Struct):
    id: str
    symbol: str
    source: str
    request: msgspec.Raw
    request_hash: str


def read_questions(path: Path, instrument_of: Callable[[str], Instrument], most: int) -> list[RecordedQuestion]:
    """Read the questions that differ, oldest first, at most so many, evenly over the record.

    Where a model was asked only its questions count: the rules' are those of every few seconds.

    Raises
    ------
    QuestionsUnreadable
        At a line that is no record, or whose question does not have the hash it was recorded with.
    """
    places = _places(path)
    chosen = {places[place] for place in thinned(len(places), most)}
    found = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number in chosen:
                try:
                    found.append(_question(msgspec.json.decode(line, type=_Line), instrument_of))
                except (msgspec.MsgspecError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
                    raise QuestionsUnreadable(f"{path}, line {number} holds no question: {error}") from None
    return found


def thinned(count: int, most: int) -> list[int]:
    """Give at most so many places below `count`, evenly spread, the first and the last among them.

    >>> thinned(9, 3), thinned(2, 5), thinned(9, 1), thinned(0, 3)
    ([0, 4, 8], [0, 1], [0], [])
    """
    if count <= most:
        return list(range(count))
    return [place * (count - 1) // max(most - 1, 1) for place in range(most)]


class _Place(msgspec.Struct):
    source: str
    request_hash: str


def _places(path: Path) -> list[int]:
    """Give the numbers of the lines whose questions differ; a torn last line is passed over."""
    of_rules: dict[str, int] = {}
    of_models: dict[str, int] = {}
    for number, record in read_lines(path, _Place, QuestionsUnreadable):
        (of_rules if record.source == RULES else of_models).setdefault(record.request_hash, number)
    return list((of_models or of_rules).values())


def _question(line: _Line, instrument_of: Callable[[str], Instrument]) -> RecordedQuestion:
    body = bytes(line.request)
    if request_hash(body) != line.request_hash:
        raise ValueError(f"its hash is {request_hash(body)[:12]}, recorded was {line.request_hash[:12]}")
    asked, instrument = orjson.loads(body), instrument_of(line.symbol)
    rules = asked["rules"]
    return RecordedQuestion(
        ask_id=line.id, body=body, request_hash=line.request_hash, instrument=instrument,
        last_ticks=_ticks(asked["last_price"], instrument), states=_states(asked),
        positions=tuple(_position(held, instrument) for held in asked.get("open_positions", ())),
        rules_label=rules["label"] if rules["direction"] == "none" else f"{rules['label']} {rules['direction']}",
    )


def _states(asked: Mapping[str, Any]) -> dict[str, StrategyState]:
    usual = asked.get("strategy_defaults") or {}
    return {
        name: StrategyState(**{field: value for field, value in {**usual, **told}.items() if field in _STATE_FIELDS})
        for name, told in asked["strategy_state"].items()
    }


def _position(held: Mapping[str, Any], instrument: Instrument) -> Position:
    """Make of a position what the reader of answers looks at: side, stop, target and whose it is."""
    side = 1 if held["side"] == "long" else -1
    size_steps = int(Decimal(str(held["size"])) / instrument.size_step)
    entry = _ticks(held["entry_price"], instrument)
    stop = None if held["stop_price"] is None else _ticks(held["stop_price"], instrument)
    target = None if held["target_price"] is None else _ticks(held["target_price"], instrument)
    return Position(
        market=0, symbol=instrument.symbol, strategy=held["strategy"], decision_id="", order_id="",
        size_steps=side * size_steps, entry_steps=size_steps, entry_tick_steps=entry * size_steps, exit_steps=0,
        exit_tick_steps=0, fees=Decimal(0), opened_ns=0, planned_stop_ticks=entry if stop is None else stop,
        stop_ticks=stop, target_ticks=target,
    )


def _ticks(price: float, instrument: Instrument) -> int:
    return round(Decimal(str(price)) / instrument.tick_size)


def span(questions: Sequence[RecordedQuestion]) -> str:
    """Name the first and the last question."""
    return f"{questions[0].ask_id} to {questions[-1].ask_id}" if questions else "none"
