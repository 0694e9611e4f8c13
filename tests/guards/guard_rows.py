"""What the guards' suite must be told of each guard: its limits, and which way they loosen.

A guard file without rows here fails the suite: every control is tried at its limit.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from views import (
    MIN_NS,
    NOW_NS,
    NS,
    PRICE_TICKS,
    SESSION,
    make_account,
    make_bars,
    make_position,
    make_regime,
    make_signal,
    make_stats,
    make_view,
)

from fabio.model.account import Recent
from fabio.model.signal import Signal
from fabio.model.strategy import StrategyState
from fabio.model.view import View

DEFAULT = make_signal()
OTHER = make_position(1, PRICE_TICKS, PRICE_TICKS - 20, PRICE_TICKS + 40, symbol="ES", market=1)


class Row(NamedTuple):
    """One limit: `case(offset)` builds the case whose value stands `offset` units off the limit.

    `passes` says what the guard must answer at -1, 0 and +1; `settings` are those of the guard.
    """

    guard: str
    what: str
    case: Callable[[int], tuple[Signal, View]]
    passes: tuple[bool, bool, bool]
    settings: Mapping[str, Any] = MappingProxyType({})


def _seen(**overrides: Any) -> tuple[Signal, View]:
    return DEFAULT, make_view(**overrides)


def _recent(**fields: Any) -> tuple[Signal, View]:
    return DEFAULT, make_view(recent=Recent(**fields))


def _at(now_ns: int, **overrides: Any) -> tuple[Signal, View]:
    return DEFAULT, make_view(now_ns=now_ns, **overrides)


def _unclear(in_value_s: int) -> tuple[Signal, View]:
    stats = make_stats(in_value_30min_ns=in_value_s * NS, above_value_30min_ns=(1000 - in_value_s) * NS,
                       below_value_30min_ns=0)
    return DEFAULT, make_view(stats=stats, regime=None)


def _bars_of_range(ticks: int) -> tuple[Signal, View]:
    bars = tuple(msgspec.structs.replace(bar, high_ticks=bar.low_ticks + ticks)
                 for bar in make_bars([PRICE_TICKS] * 32, usual=30.0))
    return DEFAULT, make_view(bars=bars)


def _loss(usd: int) -> tuple[Signal, View]:
    return _seen(account=make_account(balance=Decimal(50_000 - usd)))


def _floor_kept(cents: int) -> tuple[Signal, View]:
    # 20 ticks of NQ are 100 USD, both sides' fees 2.80
    floor = Decimal(50_000) - Decimal("402.80") - Decimal(cents) / 100
    return _seen(account=make_account(loss_floor=floor))


BELOW, FROM = (True, False, False), (False, True, True)
UP_TO = (True, True, False)

ROWS = (
    Row("strategy_enabled", "disabled, enabled", lambda k: _seen(state=StrategyState(enabled=k >= 0)), FROM),
    Row("kill_switch", "halted from 0 on", lambda k: _seen(account=make_account(halted="" if k < 0 else "x")),
        BELOW),
    Row("session_hours", "20 min before flat-by", lambda k: _at(SESSION.flat_by_ns - 20 * MIN_NS + k), UP_TO,
        {"entries": "all"}),
    Row("session_hours", "10 min before the regular close",
        lambda k: _at(SESSION.regular_close_ns - 10 * MIN_NS + k), UP_TO, {"before_flat_by_min": 0}),
    Row("session_hours", "the regular open", lambda k: _at(SESSION.regular_open_ns + k), FROM),
    Row("session_hours", "5 min after the open",
        lambda k: _at(SESSION.regular_open_ns + 5 * MIN_NS + k), FROM, {"after_open_min": 5}),
    Row("daily_loss", "500 USD lost", lambda k: _loss(500 + k), BELOW),
    Row("max_loss_limit", "300 USD kept, in cents", _floor_kept, FROM),
    Row("max_position", "one mini under, at and over the limit of 2",
        lambda k: _seen(account=make_account(held_mini_equivalents=Decimal(1), position_limit=Decimal(2 - k))), UP_TO),
    Row("max_trades_per_session", "the strategy's 4",
        lambda k: _recent(entries_by_strategy={"mean_reversion": 4 + k}), BELOW),
    Row("max_trades_per_session", "all strategies' 20",
        lambda k: _recent(entries_by_strategy={"other": 20 + k}), BELOW),
    Row("min_reward_risk", "30 ticks against 20, one and a half",
        lambda k: (make_signal(target_ticks=PRICE_TICKS + 30 + k), make_view()), FROM),
    Row("volatility", "bars of 75 ticks against usual 30", lambda k: _bars_of_range(75 + k), UP_TO),
    Row("stale_data", "3 s in regular hours", lambda k: _at(NOW_NS + 3 * NS + k), UP_TO),
    Row("stale_data", "15 s outside them",
        lambda k: _seen(now_ns=SESSION.open_ns + MIN_NS,
                        stats=make_stats(last_trade_ns=SESSION.open_ns + 45 * NS - k)), UP_TO),
    Row("stale_data", "a clock 10 s ahead", lambda k: _at(NOW_NS - 10 * NS - k), UP_TO),
    Row("stale_data", "feed lost from 0 on", lambda k: _recent(feed_lost_since_ns=None if k < 0 else NOW_NS),
        BELOW),
    Row("cooldown", "60 s after an exit", lambda k: _recent(last_exit_ns=NOW_NS - 60 * NS - k), FROM),
    Row("loss_streak", "3 losses start a pause",
        lambda k: _recent(losses_in_a_row=3 + k, last_loss_ns=NOW_NS - MIN_NS), BELOW),
    Row("loss_streak", "30 min of it",
        lambda k: _recent(losses_in_a_row=3, last_loss_ns=NOW_NS - 30 * MIN_NS - k), FROM),
    Row("loss_streak", "5 losses end the day",
        lambda k: _recent(losses_in_a_row=5 + k, last_loss_ns=NOW_NS - 600 * MIN_NS), BELOW),
    Row("duplicate_signal", "5 s after the same one",
        lambda k: _recent(last_signal_ns={"mean_reversion/failed_val/1": NOW_NS - 5 * NS - k}), FROM),
    Row("duplicate_signal", "a working entry", lambda k: _recent(working_entries=k + 1), BELOW),
    Row("regime_mismatch", "600 of 1000 s in value", lambda k: _unclear(600 + k), FROM),
    Row("regime_mismatch", "range until the label is stale",
        lambda k: _seen(regime=make_regime(good_until_ns=NOW_NS - k), stats=make_stats(in_value_30min_ns=0)),
        UP_TO),
    Row("min_confidence", "0.5, in hundredths",
        lambda k: (make_signal(confidence=0.5 + k / 100), make_view()), FROM),
)

LOOSER_ABOVE, LOOSER_BELOW, NO_LIMIT = 1, -1, 0
DIRECTIONS = {
    ("session_hours", "entries"): NO_LIMIT,
    ("session_hours", "before_flat_by_min"): LOOSER_BELOW,
    ("session_hours", "before_regular_close_min"): LOOSER_BELOW,
    ("session_hours", "after_open_min"): LOOSER_BELOW,
    ("daily_loss", "limit_usd"): LOOSER_ABOVE,
    ("max_loss_limit", "keep_usd"): LOOSER_BELOW,
    ("max_trades_per_session", "all_strategies"): LOOSER_ABOVE,
    ("min_reward_risk", "least"): LOOSER_BELOW,
    ("volatility", "bars"): NO_LIMIT,
    ("volatility", "max_ratio"): LOOSER_ABOVE,
    ("stale_data", "max_age_regular_s"): LOOSER_ABOVE,
    ("stale_data", "max_age_s"): LOOSER_ABOVE,
    ("stale_data", "max_skew_s"): LOOSER_ABOVE,
    ("cooldown", "after_exit_s"): LOOSER_BELOW,
    ("loss_streak", "pause_after"): LOOSER_ABOVE,
    ("loss_streak", "pause_min"): LOOSER_BELOW,
    ("loss_streak", "stop_after"): LOOSER_ABOVE,
    ("duplicate_signal", "within_s"): LOOSER_BELOW,
    ("regime_mismatch", "trend"): NO_LIMIT,
    ("regime_mismatch", "balance"): NO_LIMIT,
    ("regime_mismatch", "balanced_share"): LOOSER_BELOW,
    ("min_confidence", "minimum"): LOOSER_BELOW,
}
"""Which way each setting lets more through."""
