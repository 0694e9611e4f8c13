"""Board: what a person may see of a running agent, gathered from its steps; nothing reads it back."""

from collections import deque
from decimal import Decimal
from typing import Any

import msgspec

from fabio.engine.machine import Engine
from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.journal.times import iso
from fabio.journal.units import Units
from fabio.model.account import Account
from fabio.model.fact import (
    Fact,
    RegimeAsked,
    SessionRolled,
    SignalApproved,
    SignalBlocked,
    TradeClosed,
    TradeDateBegan,
)
from fabio.model.order import Trade
from fabio.model.regime import Regime
from fabio.model.signal import Decision
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.model.venue_fact import Armed, Disarmed
from fabio.portfolio.account import AccountSettings
from fabio.runtime.in_force import InForce
from fabio.runtime.summary import Summary
from fabio.runtime.venue_status import venue_status

SHOWN = 30


class Board:
    """A sink that keeps the latest of everything.

    Parameters
    ----------
    engine
        Is read, never written.
    one_session
        Whether `summary` is of the running session alone.
    live
        The account's settings where there is a venue; None on paper.

    Attributes
    ----------
    session_pos
        Ticks on the tape before the running session's first one.
    settings_refused
        Why the configuration as it stands in the files is not in force; empty where it is.
    """

    def __init__(self, engine: Engine, *, one_session: bool, live: AccountSettings | None = None) -> None:
        self.engine = engine
        self.summary = Summary()
        self.decisions: deque[Decision] = deque(maxlen=SHOWN)
        self.trades: deque[Trade] = deque(maxlen=SHOWN)
        self.asks = 0
        self.regime_since_ns: int | None = None
        self.session_pos = 0
        self.settings_refused = ""
        self.by_day: dict[str, Decimal] = {}  # trade date -> net P&L of trades made at the venue
        self._day = ""
        self._is_at_venue = False
        self._one_session = one_session
        self._live = live
        self._in_force = InForce()
        self._label = ""

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to keep."""

    def exchange(self, exchange: ModelExchange) -> None:
        """Nothing to keep: the asks are facts."""

    def recalled(self, step: Step) -> None:
        """Take a step of the journal."""
        self.step(step, b"")

    def step(self, step: Step, body: bytes) -> None:
        """Take a step."""
        for fact in step.facts:
            self._take_regime(fact, step.ts_ns)
            match fact:
                case SessionRolled():
                    self.session_pos = step.tape_pos - 1
                    self.decisions.clear()
                    if self._one_session:
                        self.summary = Summary()
                        self.trades.clear()
                        self.asks = 0
                case SignalApproved(decision=decision) | SignalBlocked(decision=decision):
                    self.decisions.append(decision)
                case TradeClosed(trade=trade):
                    self.trades.append(trade)
                    if self._is_at_venue:
                        self.by_day[self._day] = self.by_day.get(self._day, Decimal(0)) + trade.net_pnl
                case TradeDateBegan(trade_date=date):
                    self._day = date
                case Armed() | Disarmed():
                    self._is_at_venue = isinstance(fact, Armed)
                case RegimeAsked():
                    self.asks += 1
                case _:
                    pass
        self.summary.step(step, body)

    def _take_regime(self, fact: Fact, ts_ns: int) -> None:
        in_force = self._in_force.take(fact)
        if in_force is not None:
            label = f"{in_force[1].label} {in_force[1].direction}"
            if label != self._label:
                self._label, self.regime_since_ns = label, ts_ns

    def account(self) -> Account:
        """The account, marked at the last prices."""
        return self.engine.account()

    def status(self) -> dict[str, Any]:
        """Give the part of `status.json` that the machine knows."""
        engine, state = self.engine, self.engine.state
        market, record = engine.markets[0], state.markets[0]
        units, account = Units(market.instrument), self.account()
        regime, position = record.regime, record.position
        return {
            "symbol": market.instrument.symbol,
            "session": record.session,
            "tick_ts_ns": state.now_ns,
            "tick_ts": iso(state.now_ns),
            "tape_pos": state.tape_pos,
            "price": units.price(market.last_ticks()) if market.has_session else None,
            "regime": None if regime is None else {
                "label": regime.label, "direction": regime.direction, "confidence": regime.confidence,
                "source": regime.source, "age_s": (state.now_ns - regime.answered_at_ns) / 1e9,
            },
            "position": None if position is None else {
                "strategy": position.strategy, "side": "long" if position.side > 0 else "short",
                "size": units.size(abs(position.size_steps)), "entry_price": units.price(position.entry_ticks),
                "stop_price": units.price(position.stop_ticks),
                "target_price": units.price(position.target_ticks),
                "open_pnl": float(account.open_pnl),
            },
            "account": {
                "trade_date": account.trade_date, "balance": float(account.balance),
                "equity": float(account.equity), "day_pnl": float(account.day_pnl),
                "loss_floor": float(account.loss_floor), "room": float(account.room), "halted": account.halted,
            },
            "strategies": {
                name: {**msgspec.structs.asdict(each), "record": _record(engine, name)}
                for name, each in state.strategies.items()
            },
            "model": _model(engine),
            "venue": None if self._live is None else venue_status(engine, self._live, self.by_day),
            "decisions": self.summary.approved + self.summary.blocked,
            "trades": len(self.summary.trades),
            "net_pnl": float(self.summary.net_pnl),
            "settings_refused": self.settings_refused,
        }


def _model(engine: Engine) -> dict[str, Any] | None:
    """Tell of the model outside; None where the rules answer alone."""
    state = engine.state
    if state.model is None:
        return None
    record, ledger, budget = state.markets[0], state.ledger, engine.config.policy.budget
    is_paid = state.model.is_paid
    return {
        "name": state.model.name, "authority": state.model.authority, "held": state.model_held, "is_paid": is_paid,
        "calls_today": ledger.calls, "spent_today_usd": float(ledger.spent),
        "calls_per_day": budget.calls_per_day if is_paid else None,
        "usd_per_day": float(budget.usd_per_day) if is_paid else None,
        "asking": record.asking is not None, "stands": record.stands is not None,
        "answer": _last_answer(record.model_answers, state.now_ns),
    }


def _last_answer(answers: list[Regime], now_ns: int) -> dict[str, Any] | None:
    """Tell of the model's latest answer, whether it stands or not; None before the first."""
    if not answers:
        return None
    last = answers[-1]
    return {"label": last.label, "direction": last.direction, "confidence": last.confidence,
            "age_s": (now_ns - last.answered_at_ns) / 1e9}


def _record(engine: Engine, name: str) -> dict[str, Any]:
    record = engine.state.performance.get(name)
    if record is None:
        return {"trades": 0, "wins": 0, "net_pnl": 0.0}
    return {"trades": record.trades, "wins": record.wins, "net_pnl": record.net_pnl}
