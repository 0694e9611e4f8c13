"""Story: a folder's journal read once and sorted by what belongs together.

Records come in the shape that people tail (`journal.records`); what has no record of its own
(fills, the moves of an order, regimes) is kept beside them.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fabio.journal.reader import read_steps
from fabio.journal.records import RecordFold, in_order
from fabio.journal.times import iso
from fabio.journal.units import Units, dollars
from fabio.model.fact import (
    FillBooked,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    NoteMade,
    OrderBooked,
    OrderMoved,
    RegimeAsked,
    RegimeInferred,
    SessionRolled,
    StrategyChanged,
    TradeClosed,
)
from fabio.model.instrument import Instrument
from fabio.model.order import Fill
from fabio.model.step import Step
from fabio.model.strategy import StrategyPerformance, StrategyState
from fabio.portfolio.performance import book_trade
from fabio.runtime.in_force import InForce

Record = dict[str, Any]


class Story:
    """What happened in a folder, by decision.

    Parameters
    ----------
    folder
        The folder `logs`.
    instruments
        By symbol.

    Raises
    ------
    JournalDamaged
        If the journal is not whole.
    """

    def __init__(self, folder: Path, instruments: Mapping[str, Instrument]) -> None:
        self.decisions: dict[str, Record] = {}  # decision id -> its record, in order of time
        self.trades: dict[str, Record] = {}  # decision id -> record
        self.shadows: dict[str, Record] = {}  # decision id -> record
        self.moves: dict[str, list[Record]] = defaultdict(list)  # decision id -> states of its order
        self.fills: dict[str, list[Record]] = defaultdict(list)  # decision id -> executions
        self.asks: dict[str, Record] = {}  # ask id -> question and answer
        self.notes: dict[str, Record] = {}  # note id -> record
        self.sessions: list[tuple[int, int, str]] = []  # when, market, date
        self.changes: list[Record] = []
        self.states: dict[str, StrategyState] = {}  # strategy -> state, where it ever changed
        self.performance: dict[str, StrategyPerformance] = {}
        self.first_ns = self.last_ns = 0
        self.steps = 0
        self._regimes: dict[int, list[tuple[int, str]]] = defaultdict(list)  # market -> when, ask id
        self._in_force = InForce()
        self._decision_of: dict[str, str] = {}  # order id -> decision id
        self._open: dict[int, str] = {}  # market -> decision id of what is held
        self._instruments = instruments
        fold = RecordFold(in_order(folder, instruments))
        for step in read_steps(folder):
            self.steps += 1
            self.first_ns = self.first_ns or step.ts_ns
            self.last_ns = step.ts_ns
            for name, record in fold.records(step):
                self._take_record(name, record)
            for fact in step.facts:
                self._take_fact(fact, step)

    def regime_at(self, ts_ns: int, market: int = 0) -> Record | None:
        """Give the latest answer by a time; None before the first."""
        answers = self._regimes[market]
        place = bisect_right(answers, (ts_ns, "\U0010ffff"))
        return self.asks[answers[place - 1][1]] if place else None

    def held_at(self, ts_ns: int) -> Record | None:
        """Give the trade that was open at a time, None where none was (or it never closed)."""
        for trade in self.trades.values():
            if trade["entry_ts_ns"] <= ts_ns < trade["exit_ts_ns"]:
                return trade
        return None

    def _take_record(self, name: str, record: Record) -> None:
        if name == "decisions":
            self.decisions[record["id"]] = record
        elif name == "trades":
            self.trades[record["decision_id"]] = record
        elif name == "shadow":
            self.shadows[record["decision_id"]] = record
        elif record["kind"] == "note":
            self.notes[record["id"]] = record
        else:
            self.changes.append(record)

    def _take_fact(self, fact: Any, step: Step) -> None:
        when = {"ts_ns": step.ts_ns, "ts": iso(step.ts_ns)}
        in_force = self._in_force.take(fact)
        if in_force is not None:
            self._regimes[in_force[0]].append((step.ts_ns, in_force[1].ask_id))
        match fact:
            case RegimeAsked(ask_id=ask_id, market=market, band=band):
                self.asks[ask_id] = {**when, "id": ask_id, "market": market, "band": band, "regime": None,
                                     "failed": None}
            case ModelAsked(ask_id=ask_id, market=market, why=why):
                self.asks[ask_id] = {**when, "id": ask_id, "market": market, "band": None, "regime": None,
                                     "failed": None, "why": why}
            case RegimeInferred(market=market, regime=regime) | ModelAnswered(market=market, regime=regime):
                asked = self.asks.setdefault(regime.ask_id, {**when, "id": regime.ask_id, "market": market,
                                                             "band": None, "failed": None})
                asked["regime"] = {
                    "label": regime.label, "direction": regime.direction, "confidence": regime.confidence,
                    "source": regime.source, "reasoning": regime.reasoning, "answered_ns": regime.answered_at_ns,
                    "good_until_ns": regime.good_until_ns,
                }
            case ModelFailed(ask_id=ask_id, reason=reason) if ask_id in self.asks:
                self.asks[ask_id]["failed"] = reason
            case OrderBooked(order=order):
                self._decision_of[order.id] = order.decision_id
                self.moves[order.decision_id].append({**when, "state": "booked", "reason": ""})
            case OrderMoved(order_id=order_id, state=state, reason=reason) if order_id in self._decision_of:
                self.moves[self._decision_of[order_id]].append({**when, "state": state, "reason": reason})
            case FillBooked(fill=fill, position=position):
                self._fill(fill, when)
                if position is not None:
                    self._open[fill.market] = position.decision_id
            case TradeClosed(trade=trade):
                before = self.performance.get(trade.strategy, StrategyPerformance(name=trade.strategy))
                self.performance[trade.strategy] = book_trade(before, trade)
            case SessionRolled(market=market, session=session):
                self.sessions.append((step.ts_ns, market, session))
            case StrategyChanged(name=name, after=after):
                self.states[name] = after
            case NoteMade():
                pass  # its record is taken
            case _:
                pass

    def _fill(self, fill: Fill, when: Record) -> None:
        """Book an execution with the decision it belongs to: its order's, or that of what is held."""
        order_id = fill.order_id if fill.order_id in self._decision_of else fill.order_id.rpartition("-")[0]
        decision_id = self._decision_of.get(order_id) or self._open.get(fill.market)
        if decision_id is None:
            return
        symbol = self.decisions[decision_id]["symbol"]
        units = Units(self._instruments[symbol])
        self.fills[decision_id].append({
            **when, "id": fill.id, "leg": fill.leg, "side": "buy" if fill.side > 0 else "sell",
            "size": units.size(fill.size_steps), "price": units.price(fill.price_ticks), "fees": dollars(fill.fees),
        })
