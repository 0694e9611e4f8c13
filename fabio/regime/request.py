"""The question: what a model is told, in the shape that `llm_exchanges.jsonl` keeps.

JSON without spaces, keys in the order of the alphabet on every level, lists oldest to newest;
missing is null, prices are in price units, distances in ticks, money in USD, times in seconds
or minutes as the name says. What most zones or strategies have alike is told once, as defaults.
The same content always gives the same bytes, and so the same hash.

It is written in three parts: the opening, which stands until the account, the zones or the notes
change; the last answers; and the market's numbers, a template that a kernel fills.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from fabio.features.compiled import kernel
from fabio.features.read import FLOATS
from fabio.model.account import Account, Recent
from fabio.model.instrument import Instrument
from fabio.model.order import Position
from fabio.model.regime import Regime
from fabio.model.session import Session
from fabio.model.stats import Nodes
from fabio.model.strategy import Note, StrategyPerformance, StrategyState
from fabio.model.zone import Zone
from fabio.regime import numbers
from fabio.regime.evidence import Lesson
from fabio.regime.layout import market_layout
from fabio.regime.reading import Readings
from fabio.regime.rule_model import Brief
from fabio.regime.telling import most_common, short, tell_account, tell_note, tell_performance, tell_states
from fabio.regime.template import Parts, Template, fill

Arrays = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]
NS = 1_000_000_000
MIN_NS = 60 * NS
ANSWERS_SHOWN = 3
ANSWERS_KEPT = 16
NOT_TOLD = ("classifier", "reasoning")
"""Of the rules' reading: its words repeat numbers that stand elsewhere, at the price of a hundred tokens."""


class OwnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent knows of itself; no tick changes it.

    Parameters
    ----------
    configured
        The strategies' states as they were configured.
    notes
        Those that are shown.
    lessons
        What the record teaches: not told, the rules answer with it.
    """

    states: Mapping[str, StrategyState]
    configured: Mapping[str, StrategyState]
    performance: Mapping[str, StrategyPerformance]
    notes: Sequence[Note]
    lessons: tuple[Lesson, ...] = ()


class AccountRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent knows of its account and holds of one instrument; every tick changes it while something is held.

    Parameters
    ----------
    positions
        The open positions of this instrument.
    theses
        Why each open position was entered.  # decision id -> reason
    """

    positions: Sequence[Position]
    theses: Mapping[str, str]
    account: Account
    recent: Recent


class MarketPicture(msgspec.Struct, frozen=True, kw_only=True):
    """What a question tells of one market beside its numbers; the nodes are up to five minutes old."""

    session: Session
    zones: Sequence[Zone]
    nodes: Nodes
    readings: Readings


class QuestionWriter:
    """Writes the questions about one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._tick_over, self._tick_under = instrument.tick_size.as_integer_ratio()
        self._template = Template(market_layout(instrument), opening=b",")
        self._integers = np.zeros(numbers.COUNT, dtype=np.int64)
        self._reals = np.zeros(FLOATS, dtype=np.float64)
        self._brief = self._integers[numbers.BRIEF]
        self._head: dict[str, bytes] = {}
        self._slots: dict[str, bytes] = {}
        self._opening = b""
        self._is_put = False  # whether all this stands in the template and the opening
        self._nodes: Nodes | None = None  # those in the slots
        self._rules: Mapping[str, Any] = {}
        self._states: dict[str, dict[str, Any]] = {}
        self._lessons: tuple[Lesson, ...] = ()
        # label, direction, confidence, source -> an answer's text but for two numbers: until the next bar one
        # answer is as the other
        self._answers: dict[tuple[str, str, float, str], bytes] = {}

    def put_market(self, market: MarketPicture) -> None:
        """Take in what was read when the last bar closed."""
        self._rules = market.readings.told
        slots = self._slots
        zones, usual = self._zones(shown_zones(market.zones))
        self._head["importance_zones"], slots["zone_defaults"] = orjson.dumps(zones), orjson.dumps(usual)
        if market.nodes is not self._nodes:
            self._nodes = market.nodes
            slots["hvn"] = orjson.dumps([self._price(node.price_ticks) for node in market.nodes.high])
            slots["lvn"] = orjson.dumps([self._price(node.price_ticks) for node in market.nodes.low])
        slots["rules"] = orjson.dumps({name: told for name, told in self._rules.items() if name not in NOT_TOLD})
        slots["session"] = orjson.dumps(market.session.date)
        self._is_put = False

    def put_agent(self, record: OwnRecord) -> None:
        """Take in what the agent knows of itself."""
        self._states, usual = tell_states(record.states, record.configured)
        self._lessons = record.lessons
        self._head["historical_notes_snippet"] = orjson.dumps([tell_note(note) for note in record.notes])
        slots = self._slots
        slots["strategy_defaults"] = orjson.dumps(usual)
        slots["strategy_performance"] = orjson.dumps(tell_performance(record.performance))
        slots["strategy_state"] = orjson.dumps(self._states)
        self._is_put = False

    def put_account(self, record: AccountRecord, now_ns: int, last_ticks: int) -> None:
        """Take in the account and what is held; ages are in whole minutes of the clock."""
        minute = now_ns // MIN_NS
        self._head["account"] = orjson.dumps(tell_account(record.account, record.recent))
        self._slots["open_positions"] = orjson.dumps([
            self._position(held, record, minute, last_ticks) for held in record.positions
        ])
        self._is_put = False

    def write(
        self, arrays: Arrays, band: int, now_ns: int, answers: Sequence[Regime],
    ) -> tuple[bytes, Brief]:
        """Write a question as of the last trade, and its brief for the rules; after all three `put_...`.

        Parameters
        ----------
        arrays
            The market's `s`, `trades` and `history`, and the hours of its session (`numbers.measure`).
        band
            Number of the band price stands in.
        answers
            Oldest first; the newest few are shown.
        """
        if not self._is_put:
            self._template.put(self._slots)
            self._opening = b'{"account":%b,"historical_notes_snippet":%b,"importance_zones":%b,"last_answers":[' % (
                self._head["account"], self._head["historical_notes_snippet"], self._head["importance_zones"],
            )
            self._is_put = True
        length = _measure_and_fill(
            arrays, (now_ns, band), self._integers, self._reals, self._template.parts, self._template.out,
        )
        brief = self._brief.tolist()
        shown = answers[-ANSWERS_SHOWN:]
        told = [self._answer(regime, now_ns, brief[0]) for regime in shown]
        body = b"".join((self._opening, b",".join(told), b"]", self._template.written(length)))
        side, to_vah, to_val = brief[1:]
        return body, Brief(self._rules, self._states, side, to_vah, to_val, self._lessons)

    def _price(self, ticks: int) -> float:
        return ticks * self._tick_over / self._tick_under

    def _answer(self, regime: Regime, now_ns: int, last_ticks: int) -> bytes:
        said = (regime.label, regime.direction, regime.confidence, regime.source)
        text = self._answers.get(said)
        if text is None:
            if len(self._answers) >= ANSWERS_KEPT:
                self._answers.clear()
            text = self._answers[said] = _but_for_numbers(regime)
        then_ticks = regime.last_ticks
        moved = b"null" if then_ticks is None else b"%d" % (last_ticks - then_ticks)
        return text % ((now_ns - regime.answered_at_ns) // NS, moved)

    def _zones(self, zones: Sequence[Zone]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Write zones without what most of them have alike, and that."""
        if not zones:
            return [], {}
        inner = most_common([zone.inner_ticks for zone in zones])
        outer = most_common([zone.outer_ticks for zone in zones])
        priority = most_common([zone.priority for zone in zones])
        told = []
        for zone in zones:  # keys in the order of the alphabet
            row: dict[str, Any] = {}
            if zone.inner_ticks != inner:
                row["inner_ticks"] = zone.inner_ticks
            row["name"] = zone.name
            if zone.outer_ticks != outer:
                row["outer_ticks"] = zone.outer_ticks
            row["price"] = self._price(zone.centre_ticks)
            if zone.priority != priority:
                row["priority"] = zone.priority
            told.append(row)
        return told, {"inner_ticks": inner, "outer_ticks": outer, "priority": priority}

    def _position(self, position: Position, record: AccountRecord, minute: int, last_ticks: int) -> dict[str, Any]:
        entry, stop, target = position.entry_ticks, position.stop_ticks, position.target_ticks
        return {
            "age_min": minute - position.opened_ns // MIN_NS,
            "entry_price": short(entry * self._tick_over / self._tick_under, 6),
            "entry_thesis": record.theses.get(position.decision_id),
            "open_ticks": short((last_ticks - entry) * position.side, 1),
            "side": "long" if position.side > 0 else "short",
            "size": short(float(abs(position.size_steps) * self._instrument.size_step), 8),
            "stop_price": None if stop is None else self._price(stop),
            "strategy": position.strategy,
            "target_price": None if target is None else self._price(target),
        }


@kernel
def _measure_and_fill(
    arrays: Arrays, moment: tuple[int, int], integers: NDArray[np.int64], reals: NDArray[np.float64],
    parts: Parts, out: NDArray[np.uint8],
) -> int:
    """Measure as of `moment` (runtime clock, band) and write the template; one call of a kernel costs as much as it."""
    s, trades, history, hours = arrays
    now_ns, band = moment
    numbers.measure(s, trades, history, hours, now_ns, band, integers, reals)
    text, ends, holes, factors, joined, joined_ends = parts
    return fill(text, ends, holes, factors, joined, joined_ends, integers, reals, out)


def request_hash(body: bytes) -> str:
    """Give the SHA-256 of a question, in hex.

    >>> request_hash(b"{}")[:16]
    '44136fa355b3678a'
    """
    return hashlib.sha256(body).hexdigest()


def shown_zones(zones: Sequence[Zone]) -> list[Zone]:
    """Leave out the profile's low-priority zones: the profile and the previous session tell them already."""
    return [zone for zone in zones if zone.priority == "high" or zone.source != "profile"]


def _but_for_numbers(regime: Regime) -> bytes:
    """Write an earlier answer, with places for its age and for what price did since."""
    said = orjson.dumps({"confidence": round(regime.confidence, 2), "direction": regime.direction})
    by = orjson.dumps({"regime": regime.label, "source": regime.source})
    parts = [part.replace(b"%", b"%%") for part in (said[1:-1], by[1:])]
    return b'{"age_s":%%d,%b,"moved_ticks_since":%%b,%b' % tuple(parts)
