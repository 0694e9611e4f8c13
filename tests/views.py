"""Views, signals and bars made by hand, for the tests of every room that needs one.

`make_view()` is an NQ afternoon in balance on which nothing is wrong: regular hours, no
position, no losses, a fresh range label. Each test changes what it is about.
"""

from decimal import Decimal
from typing import Any

import msgspec

from fabio.model.account import Account, Recent
from fabio.model.bar import Bar
from fabio.model.instrument import Instrument
from fabio.model.order import Position
from fabio.model.regime import Regime
from fabio.model.session import Session
from fabio.model.signal import Signal
from fabio.model.stats import MarketStats
from fabio.model.strategy import StrategyState
from fabio.model.view import View, Wake

NS = 1_000_000_000
MIN_NS = 60 * NS
OPEN_NS = 1_749_074_400 * NS  # 2025-06-04 17:00 Chicago
NOW_NS = OPEN_NS + 18 * 60 * MIN_NS  # 11:00 Chicago the next day
PRICE_TICKS = 86_000

NQ = Instrument(
    symbol="NQ", description="E-mini Nasdaq-100", tick_size=Decimal("0.25"), tick_value=Decimal(5),
    size_step=Decimal(1), product_group="cme_equity", trading_seconds_per_year=20_865_600,
    poc_cross_band_ticks=4, fee=Decimal("1.40"), commission=Decimal(0), gateway_root="ENQ",
)
SESSION = Session(
    index=7, date="2025-06-05", open_ns=OPEN_NS, close_ns=OPEN_NS + 23 * 60 * MIN_NS,
    regular_open_ns=OPEN_NS + 930 * MIN_NS, regular_close_ns=OPEN_NS + 22 * 60 * MIN_NS,
    flat_by_ns=OPEN_NS + 1330 * MIN_NS,
)


def make_stats(**overrides: Any) -> MarketStats:
    """Make statistics of a quiet session around `PRICE_TICKS`, order flow unknown."""
    values: dict[str, Any] = dict.fromkeys(MarketStats.__struct_fields__)
    values.update(
        ts_ns=NOW_NS, session_date=20250605, last_ticks=PRICE_TICKS, last_trade_ns=NOW_NS,
        poc_ticks=PRICE_TICKS, vah_ticks=PRICE_TICKS + 100, val_ticks=PRICE_TICKS - 100,
        volume_steps=200_000, crosses_5min=3, crosses_15min=8, crosses_30min=15, crosses_session=200,
        poc_side=0, near_poc_30min_ns=300 * NS, session_high_ticks=PRICE_TICKS + 300,
        session_low_ticks=PRICE_TICKS - 300, in_value_ns=50_000 * NS, above_value_ns=8_000 * NS,
        below_value_ns=6_800 * NS, in_value_30min_ns=1_500 * NS, above_value_30min_ns=200 * NS,
        below_value_30min_ns=100 * NS, trades_session=150_000, volume_1min_steps=500, trades_1min=400,
        rejected_ticks=0, bar_range_5min_ticks=40.0, bar_range_15min_ticks=40.0,
    )
    values.update(overrides)
    return MarketStats(**values)


def make_bars(closes: list[int], reach: int = 10, usual: float | None = 30.0) -> tuple[Bar, ...]:
    """Make bars that open where the last one closed and reach `reach` ticks beyond their body."""
    bars, before = [], closes[0]
    start = NOW_NS - len(closes) * MIN_NS
    for place, close in enumerate(closes):
        high, low = max(before, close) + reach, min(before, close) - reach
        bars.append(Bar(start + place * MIN_NS, before, high, low, close, 500, 0, 400, usual))
        before = close
    return tuple(bars)


def make_regime(**overrides: Any) -> Regime:
    """Make a fresh range label of the rules."""
    values: dict[str, Any] = {
        "label": "range", "confidence": 0.5, "source": "rules", "ask_id": "A1",
        "asked_at_ns": NOW_NS - NS, "answered_at_ns": NOW_NS - NS, "good_until_ns": NOW_NS + 60 * NS,
    }
    return Regime(**(values | overrides))


def make_account(**overrides: Any) -> Account:
    """Make a 50,000 USD account with 2,000 USD of room that did nothing today."""
    values: dict[str, Any] = {
        "trade_date": "2025-06-05", "balance": Decimal(50_000), "open_pnl": Decimal(0),
        "day_start_balance": Decimal(50_000), "loss_floor": Decimal(48_000), "position_limit": Decimal(2),
    }
    return Account(**(values | overrides))


def make_position(side: int, entry: int, stop: int, target: int, **overrides: Any) -> Position:
    """Make one open contract of NQ with a working bracket, held by mean_reversion."""
    values: dict[str, Any] = {
        "market": 0, "symbol": "NQ", "strategy": "mean_reversion", "decision_id": "D1", "order_id": "O1",
        "size_steps": side, "entry_steps": 1, "entry_tick_steps": entry, "exit_steps": 0,
        "exit_tick_steps": 0, "fees": Decimal("1.40"), "opened_ns": NOW_NS - 10 * MIN_NS,
        "planned_stop_ticks": stop, "stop_ticks": stop, "target_ticks": target,
    }
    return Position(**(values | overrides))


def make_signal(**overrides: Any) -> Signal:
    """Make a long mean reversion at market: 20 ticks to lose, 40 to win."""
    values: dict[str, Any] = {
        "strategy": "mean_reversion", "setup": "failed_val", "side": 1, "entry_ticks": PRICE_TICKS,
        "stop_ticks": PRICE_TICKS - 20, "target_ticks": PRICE_TICKS + 40, "confidence": 0.7, "reason": "made",
    }
    return Signal(**(values | overrides))


def make_view(**overrides: Any) -> View:
    """Make a view in which every guard passes `make_signal()`."""
    values: dict[str, Any] = {
        "now_ns": NOW_NS, "wake": Wake.BAR_CLOSED, "market": 0, "instrument": NQ, "session": SESSION,
        "stats": make_stats(), "bars": make_bars([PRICE_TICKS] * 32), "zones": (), "big_prints": (),
        "regime": make_regime(), "rule_label": "range", "state": StrategyState(), "position": None,
        "positions": (), "account": make_account(), "recent": Recent(),
    }
    return View(**(values | overrides))


def with_stats(view: View, **overrides: Any) -> View:
    """Change statistics of a view."""
    return msgspec.structs.replace(view, stats=msgspec.structs.replace(view.stats, **overrides))
