"""Summary: what a run did, folded from its steps."""

from collections import Counter
from decimal import Decimal
from typing import Any

from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.model.fact import (
    Fact,
    ModelAsked,
    OrderBooked,
    RegimeAsked,
    RegimeInferred,
    SessionRolled,
    ShadowClosed,
    SignalApproved,
    SignalBlocked,
    TradeClosed,
)
from fabio.model.order import ShadowTrade, Trade
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.runtime.in_force import InForce


class Summary:
    """A sink that counts.

    `max_drawdown` is the deepest fall of closed P&L from its peak, in USD, >= 0;
    `regime_share` the share of the time between the first and the last answer.
    """

    def __init__(self) -> None:
        self.sessions: list[tuple[int, str]] = []  # (market, date), as they rolled
        self.approved = 0
        self.blocked = 0
        self.orders = 0
        self.model_calls = 0
        self.asked_outside = 0  # questions to a model beside the rules
        self.trades: list[Trade] = []
        self.shadows: list[ShadowTrade] = []
        self.signals_by_strategy: Counter[str] = Counter()
        self.approved_by_strategy: Counter[str] = Counter()
        self.by_guard: Counter[str] = Counter()
        self.max_drawdown = Decimal(0)
        self._net = Decimal(0)
        self._peak = Decimal(0)
        self._in_force = InForce()
        self._label_since: dict[int, tuple[str, int]] = {}  # market -> label in force, since
        self._label_ns: Counter[str] = Counter()

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to count."""

    def exchange(self, exchange: ModelExchange) -> None:
        """Nothing to count: the asks are facts."""

    def step(self, step: Step, body: bytes) -> None:
        """Count what a step's facts say."""
        for fact in step.facts:
            if type(fact) is RegimeAsked:  # of ten facts nine are these and the rules' answers
                self.model_calls += 1
                continue
            self._take_regime(fact, step.ts_ns)
            match fact:
                case RegimeInferred():
                    pass
                case ModelAsked():
                    self.asked_outside += 1
                case SignalApproved(decision=decision):
                    self.approved += 1
                    self.signals_by_strategy[decision.signal.strategy] += 1
                    self.approved_by_strategy[decision.signal.strategy] += 1
                case SignalBlocked(decision=decision):
                    self.blocked += 1
                    self.signals_by_strategy[decision.signal.strategy] += 1
                    self.by_guard.update(decision.refused_by)
                case OrderBooked():
                    self.orders += 1
                case TradeClosed(trade=trade):
                    self._trade(trade)
                case ShadowClosed(shadow=shadow):
                    self.shadows.append(shadow)
                case SessionRolled(market=market, session=session):
                    self.sessions.append((market, session))
                case _:
                    pass

    def _trade(self, trade: Trade) -> None:
        self.trades.append(trade)
        self._net += trade.net_pnl
        self._peak = max(self._peak, self._net)
        self.max_drawdown = max(self.max_drawdown, self._peak - self._net)

    @property
    def net_pnl(self) -> Decimal:
        """Closed P&L after fees, in USD."""
        return self._net

    def _take_regime(self, fact: Fact, ts_ns: int) -> None:
        in_force = self._in_force.take(fact)
        if in_force is None:
            return
        market, regime = in_force
        before = self._label_since.get(market)
        if before is not None:
            self._label_ns[before[0]] += ts_ns - before[1]
        self._label_since[market] = (regime.label, ts_ns)

    def regime_share(self) -> dict[str, float]:
        """Share of time of each label."""
        total = sum(self._label_ns.values())
        return {label: spent / total for label, spent in sorted(self._label_ns.items())} if total else {}

    def as_dict(self) -> dict[str, Any]:
        """Give the keys that `replay --json` promises, as far as steps tell them."""
        return {
            "sessions": len(self.sessions),
            "signals": self.approved + self.blocked,
            "approved": self.approved,
            "blocked": self.blocked,
            "orders": self.orders,
            "trades": len(self.trades),
            "net_pnl": float(self._net),
            "fees": float(sum((trade.fees for trade in self.trades), Decimal(0))),
            "max_drawdown": float(self.max_drawdown),
            "by_strategy": {name: self._of_strategy(name) for name in sorted(self.signals_by_strategy)},
            "by_guard": dict(sorted(self.by_guard.items())),
            "regime_share": self.regime_share(),
            "model_calls": self.model_calls,
            "asked_outside": self.asked_outside,
            "shadow_trades": len(self.shadows),
        }

    def _of_strategy(self, name: str) -> dict[str, Any]:
        trades = [trade for trade in self.trades if trade.strategy == name]
        wins = sum(trade.net_pnl > 0 for trade in trades)
        return {
            "signals": self.signals_by_strategy[name],
            "approved": self.approved_by_strategy[name],
            "trades": len(trades),
            "wins": wins,
            "win_rate": wins / len(trades) if trades else None,
            "net_pnl": float(sum((trade.net_pnl for trade in trades), Decimal(0))),
        }
