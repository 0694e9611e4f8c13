"""The records people tail, one function each: facts in, plain dicts in people's units out.

Every record carries `v`, `ts_ns`, `ts`, the `seq` of its step, and the ids that join it: a
trade its decision, a decision its signal and the exchange (`ask_id`) behind its regime.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from fabio.journal.times import iso
from fabio.journal.units import Units, dollars, real, seconds
from fabio.model.account import Portfolio
from fabio.model.order import ShadowTrade, Trade
from fabio.model.regime import Regime
from fabio.model.signal import Decision
from fabio.model.step import Step

_SIDES = {1: "long", -1: "short"}
_ZERO = Decimal(0)


def signal_id(decision_id: str) -> str:
    """Give the id of a decision's signal; each signal has exactly one decision."""
    return decision_id + "-signal"


def _result(net_pnl: Decimal) -> str:
    if net_pnl == _ZERO:
        return "scratch"
    return "win" if net_pnl > _ZERO else "loss"


def _regime(regime: Regime, at_ns: int) -> dict[str, Any]:
    return {
        "label": regime.label, "direction": regime.direction, "confidence": real(regime.confidence),
        "source": regime.source, "ask_id": regime.ask_id, "age_s": seconds(at_ns - regime.answered_at_ns),
        "stale": at_ns > regime.good_until_ns, "reasoning": regime.reasoning,
    }


def decision_record(
    decision: Decision, step: Step, markets: Sequence[Units], order_id: str | None,
) -> dict[str, Any]:
    """Give a line of `decisions.jsonl`; `markets` are by number, `order_id` is None where no order was booked."""
    units = markets[decision.market]
    signal, regime = decision.signal, decision.regime
    risk, reward = signal.risk_ticks, signal.reward_ticks
    return {
        "v": 1, "ts_ns": decision.ts_ns, "ts": iso(decision.ts_ns), "seq": step.seq, "id": decision.id,
        "symbol": decision.symbol, "session": decision.session, "strategy": signal.strategy,
        "setup": signal.setup, "side": _SIDES[signal.side], "approved": decision.approved,
        "refused_by": list(decision.refused_by), "reason": signal.reason,
        "confidence": real(signal.confidence), "kind": signal.kind,
        "entry_price": units.price(signal.entry_ticks),
        "stop_price": units.price(signal.stop_ticks), "target_price": units.price(signal.target_ticks),
        "risk_ticks": risk, "reward_ticks": reward, "reward_risk": reward / risk if risk > 0 else None,
        "size": units.size(decision.size_steps), "size_reason": decision.size_reason,
        "signal_id": signal_id(decision.id), "order_id": order_id,
        "ask_id": None if regime is None else regime.ask_id, "tape_pos": decision.tape_pos,
        "regime": None if regime is None else _regime(regime, decision.ts_ns), "zone": decision.zone or None,
        "verdicts": [
            {"guard": each.guard, "passed": each.passed, "value": real(each.value),
             "threshold": real(each.threshold), "reason": each.reason}
            for each in decision.verdicts
        ],
        "statistics": units.statistics(decision.stats), **_portfolio(decision.portfolio, markets),
    }


def _portfolio(portfolio: Portfolio | None, markets: Sequence[Units]) -> dict[str, Any]:
    """Tell what every instrument traded at, and what was held; the feed's quotes are not in the record: null."""
    if portfolio is None:
        return {"market": None, "portfolio": None}
    account = portfolio.account
    positions, exposure = [], 0.0
    for held in portfolio.holdings:
        units = markets[held.market]
        value = units.value(held.size_steps, held.last_ticks)
        exposure += abs(value)
        positions.append({
            "symbol": units.symbol, "strategy": held.strategy, "size": units.size(held.size_steps),
            "entry_price": units.price(held.entry_ticks), "price": units.price(held.last_ticks), "value": value,
            "pnl": value - units.value(held.size_steps, held.entry_ticks),
        })
    equity = dollars(account.equity)
    return {
        "market": {
            units.symbol: {"price": units.price(ticks), "bid": None, "ask": None, "spread": None, "spread_bp": None}
            for units, ticks in zip(markets, portfolio.last_ticks, strict=False)
        },
        "portfolio": {
            "cash": dollars(account.balance), "equity": equity, "open_pnl": dollars(account.open_pnl),
            "day_pnl": dollars(account.day_pnl), "room_to_loss_floor": dollars(account.room),
            "exposure": exposure, "leverage": exposure / equity if equity > 0 else None, "positions": positions,
        },
    }


def trade_record(trade: Trade, balance: Decimal, step: Step, entry: dict[str, Any] | None,
                 notes: list[str]) -> dict[str, Any]:
    """Give a line of `trades.jsonl`; `entry` is its decision's record, None where nobody knows it."""
    return {
        "v": 1, "ts_ns": trade.exit_ns, "ts": iso(trade.exit_ns), "seq": step.seq, "id": trade.id,
        "symbol": trade.symbol, "strategy": trade.strategy, "setup": trade.setup, "side": _SIDES[trade.side],
        "size": _number(trade.size), "result": _result(trade.net_pnl), "net_pnl": dollars(trade.net_pnl),
        "gross_pnl": dollars(trade.gross_pnl), "fees": dollars(trade.fees),
        "r_multiple": real(trade.r_multiple), "roi": real(trade.roi), "entry_ts_ns": trade.entry_ns,
        "entry_ts": iso(trade.entry_ns), "entry_price": _number(trade.entry_price),
        "exit_ts_ns": trade.exit_ns,
        "exit_ts": iso(trade.exit_ns), "exit_price": _number(trade.exit_price), "exit_leg": trade.exit_leg,
        "duration_s": seconds(trade.exit_ns - trade.entry_ns), "mae_ticks": trade.mae_ticks,
        "mfe_ticks": trade.mfe_ticks, "confidence": real(trade.confidence), "regime": trade.regime,
        "decision_id": trade.decision_id, "signal_id": signal_id(trade.decision_id),
        "order_id": trade.order_id, "ask_id": None if entry is None else entry["ask_id"],
        "balance": dollars(balance), "reason": trade.reason, "notes": notes,
        "statistics": None if entry is None else entry["statistics"],
    }


def shadow_record(shadow: ShadowTrade, step: Step, units: Units) -> dict[str, Any]:
    """Give a line of `shadow.jsonl`: what one size step would have made."""
    return {
        "v": 1, "ts_ns": shadow.exit_ns, "ts": iso(shadow.exit_ns), "seq": step.seq, "id": shadow.id,
        "symbol": shadow.symbol, "strategy": shadow.strategy, "setup": shadow.setup,
        "side": _SIDES[shadow.side], "size": units.size(1), "approved": shadow.approved,
        "refused_by": list(shadow.refused_by), "regime": shadow.regime,
        "result": "never_filled" if shadow.exit_leg == "never_filled" else _result(shadow.net_pnl),
        "net_pnl": dollars(shadow.net_pnl), "gross_pnl": dollars(shadow.gross_pnl),
        "fees": dollars(shadow.fees), "r_multiple": real(shadow.r_multiple), "entry_ts_ns": shadow.entry_ns,
        "entry_ts": iso(shadow.entry_ns), "entry_price": units.price(shadow.entry_ticks),
        "exit_ts_ns": shadow.exit_ns, "exit_ts": iso(shadow.exit_ns),
        "exit_price": units.price(shadow.exit_ticks), "exit_leg": shadow.exit_leg,
        "duration_s": seconds(shadow.exit_ns - shadow.entry_ns), "decision_id": shadow.decision_id,
        "signal_id": signal_id(shadow.decision_id),
    }


def _number(value: Decimal) -> float:
    return int(value) if value == value.to_integral_value() else float(value)
