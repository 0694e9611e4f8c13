"""Nouns that the exchange's tests are told with."""

from decimal import Decimal

import numpy as np

from fabio.exchange.assumptions import Assumptions
from fabio.model.instrument import Instrument
from fabio.model.order import Order
from fabio.model.signal import Decision, Signal
from fabio.model.stats import MarketStats
from fabio.model.tick import Tick, Ticks

MS = 1_000_000
NQ = Instrument(
    symbol="NQ", description="E-mini Nasdaq-100", tick_size=Decimal("0.25"), tick_value=Decimal(5),
    size_step=Decimal(1), product_group="equity", trading_seconds_per_year=20_865_600,
    poc_cross_band_ticks=4, fee=Decimal("1.40"), commission=Decimal("0.50"),
)
NO_STATS = MarketStats(*(0 if name in ("ts_ns", "last_ticks") else None
                         for name in MarketStats.__struct_fields__))
AT_ONCE = Assumptions(order_latency_ns=0)


def an_order(order_id: str = "A", side: int = 1, size_steps: int = 2, limit_ticks: int | None = None,
             good_until_ns: int | None = None, market: int = 0) -> Order:
    """A stop 8 ticks and a target 16 ticks away."""
    return Order(
        id=order_id, decision_id=f"D-{order_id}", strategy="trend_continuation", market=market, symbol="NQ",
        side=side, kind="market" if limit_ticks is None else "limit", size_steps=size_steps,
        limit_ticks=limit_ticks, stop_offset_ticks=-8 * side, target_offset_ticks=16 * side, ts_ns=0,
        good_until_ns=good_until_ns,
    )


def a_decision(signal: Signal, decision_id: str = "D1", approved: bool = True) -> Decision:
    return Decision(
        id=decision_id, ts_ns=0, tape_pos=0, market=0, symbol="NQ", session="2026-11-20", signal=signal,
        verdicts=(), approved=approved, refused_by=() if approved else ("cooldown",),
        size_steps=1 if approved else 0, size_reason="", regime=None, stats=NO_STATS,
    )


def a_signal(side: int = 1, entry_ticks: int = 1000, stop: int = 8, target: int = 16,
             limit: bool = False, setup: str = "pullback") -> Signal:
    return Signal(
        strategy="trend_continuation", setup=setup, side=side, kind="limit" if limit else "market",
        entry_ticks=entry_ticks, stop_ticks=entry_ticks - stop * side,
        target_ticks=entry_ticks + target * side, confidence=0.7, reason="a reason",
    )


def order_of(decision: Decision, size_steps: int = 1, good_until_ns: int | None = None) -> Order:
    signal = decision.signal
    return Order(
        id=f"O-{decision.id}", decision_id=decision.id, strategy=signal.strategy, market=0, symbol="NQ",
        side=signal.side, kind=signal.kind, size_steps=size_steps,
        limit_ticks=signal.entry_ticks if signal.kind == "limit" else None,
        stop_offset_ticks=signal.stop_ticks - signal.entry_ticks,
        target_offset_ticks=signal.target_ticks - signal.entry_ticks, ts_ns=0, good_until_ns=good_until_ns,
    )


def prints(*prices_ticks: int, start_ns: int = 0, step_ns: int = MS, size_steps: int = 1,
           market: int = 0) -> Ticks:
    """One print a millisecond."""
    return Ticks.of([
        Tick(start_ns + place * step_ns, start_ns + place * step_ns, price, size_steps, 1, market)
        for place, price in enumerate(prices_ticks)
    ])


def tape(rows: list[tuple[int, int, int, int]]) -> Ticks:
    """Columns of (ts_ns, price_ticks, size_steps, market)."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Ticks(columns[:, 0].copy(), columns[:, 0].copy(), columns[:, 1].copy(), columns[:, 2].copy(),
                 np.ones(len(columns), dtype=np.int8), columns[:, 3].astype(np.int8))
