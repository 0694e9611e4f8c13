"""Hypothesis strategies for views and signals of any content that the types allow."""

from decimal import Decimal

from hypothesis import strategies as st
from views import (
    MIN_NS,
    NOW_NS,
    NS,
    PRICE_TICKS,
    SESSION,
    make_account,
    make_position,
    make_regime,
    make_signal,
    make_stats,
    make_view,
)

from fabio.model.account import Recent
from fabio.model.bar import Bar
from fabio.model.session import Session
from fabio.model.stats import BigPrint
from fabio.model.strategy import StrategyState
from fabio.model.zone import Zone

prices = st.integers(PRICE_TICKS - 400, PRICE_TICKS + 400)
times = st.integers(SESSION.open_ns - 60 * MIN_NS, SESSION.close_ns + 60 * MIN_NS)
near_times = st.integers(NOW_NS - 40 * MIN_NS, NOW_NS + 60 * NS)
seconds = st.integers(0, 1800).map(lambda value: value * NS)
shares = st.floats(0, 1)
maybe_share = st.none() | shares
maybe_slope = st.none() | st.floats(-50, 50)
names = st.sampled_from(["mean_reversion", "trend_continuation", "somebody_elses"])
labels = st.sampled_from(["trend", "range", "chop", "volatile", "unclear"])


@st.composite
def any_bars(draw, most=32):
    # one seed instead of two hundred draws: hypothesis is ten times as fast
    dice = draw(st.randoms(use_true_random=True))
    count = draw(st.integers(0, most))
    known, step, bars = draw(st.booleans()), draw(st.integers(1, 200)), []
    closes = PRICE_TICKS
    for place in range(count):
        opens = closes
        closes = opens + dice.randint(-step, step)
        high, low = max(opens, closes) + dice.randint(0, 30), min(opens, closes) - dice.randint(0, 30)
        usual = dice.uniform(0, 60) if known else None
        start = NOW_NS - (count - place) * MIN_NS
        bars.append(Bar(start, opens, high, low, closes, 100, dice.randint(-50, 50), 50, usual))
    return tuple(bars)


@st.composite
def any_stats(draw):
    low, high = sorted((draw(prices), draw(prices)))
    val, vah = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    return make_stats(
        last_ticks=draw(st.integers(low, high)), last_trade_ns=draw(near_times),
        poc_ticks=draw(st.integers(val, vah)), vah_ticks=vah, val_ticks=val,
        session_high_ticks=high, session_low_ticks=low, crosses_30min=draw(st.integers(0, 60)),
        in_value_30min_ns=draw(seconds), above_value_30min_ns=draw(seconds),
        below_value_30min_ns=draw(seconds),
        cvd_slope_5min=draw(maybe_slope), cvd_slope_15min=draw(maybe_slope),
        cvd_slope_5min_norm=draw(st.none() | st.floats(-1, 1)),
        delta_1min_steps=draw(st.none() | st.integers(-100, 100)), range_percentile=draw(maybe_share),
        bar_range_15min_ticks=draw(st.none() | st.floats(0, 80)),
        vwap_ticks=draw(st.none() | st.floats(low, high)),
        buy_absorption=draw(maybe_share), sell_absorption=draw(maybe_share),
        buy_exhaustion=draw(maybe_share), sell_exhaustion=draw(maybe_share),
    )


@st.composite
def any_zones(draw):
    zones = []
    for name in draw(st.lists(st.sampled_from(["poc", "vah", "prev_low", "lvn"]), max_size=4)):
        inner = draw(st.integers(0, 20))
        zones.append(Zone(name, draw(prices), inner, inner + draw(st.integers(0, 30)),
                          draw(st.sampled_from(["high", "low"]))))
    return tuple(zones)


@st.composite
def any_positions(draw):
    side = draw(st.sampled_from([1, -1]))
    entry, risk = draw(prices), draw(st.integers(1, 80))
    stop = entry - side * risk
    placed = draw(st.none() | st.integers(0, 2 * risk).map(lambda closer: stop + side * closer))
    return make_position(side, entry, stop, entry + side * 2 * risk, strategy=draw(names), stop_ticks=placed)


@st.composite
def any_views(draw):
    position = draw(st.none() | any_positions())
    regular = draw(st.booleans())
    session = Session(
        SESSION.index, SESSION.date, SESSION.open_ns, SESSION.close_ns,
        SESSION.regular_open_ns if regular else None, SESSION.regular_close_ns if regular else None,
        draw(st.sampled_from([None, SESSION.flat_by_ns])),
    )
    regime = draw(st.none() | st.builds(
        make_regime, label=labels, direction=st.sampled_from(["up", "down", "none"]), confidence=shares,
        good_until_ns=near_times,
    ))
    recent = Recent(
        entries_by_strategy=draw(st.dictionaries(names, st.integers(0, 30))),
        last_exit_ns=draw(st.none() | near_times), losses_in_a_row=draw(st.integers(0, 7)),
        last_loss_ns=draw(st.none() | near_times),
        last_signal_ns=draw(st.dictionaries(
            st.sampled_from(["mean_reversion/failed_val/1", "mean_reversion/failed_val/-1"]), near_times)),
        working_entries=draw(st.integers(0, 2)), feed_lost_since_ns=draw(st.none() | near_times),
    )
    account = make_account(
        balance=Decimal(draw(st.integers(47_000, 53_000))), open_pnl=Decimal(draw(st.integers(-900, 900))),
        position_limit=Decimal(draw(st.integers(0, 5))),
        held_mini_equivalents=Decimal(draw(st.integers(0, 50))) / 10, halted=draw(st.sampled_from(["", "operator"])),
    )
    state = StrategyState(
        enabled=draw(st.booleans()), max_trades_per_session=draw(st.integers(0, 8)),
        min_rr=draw(st.floats(0, 4)), stop_ticks=draw(st.none() | st.integers(1, 200)),
        target_ticks=draw(st.none() | st.integers(1, 200)),
    )
    return make_view(
        now_ns=draw(times), stats=draw(any_stats()), bars=draw(any_bars()), zones=draw(any_zones()),
        big_prints=tuple(draw(st.lists(st.builds(
            BigPrint, near_times, prices, st.integers(1, 99), st.sampled_from([1, -1, 0])), max_size=4))),
        session=session, regime=regime, rule_label=draw(labels), state=state, position=position,
        positions=() if position is None else (position,), account=account, recent=recent,
    )


@st.composite
def any_signals(draw):
    entry, side = draw(prices), draw(st.sampled_from([1, -1]))
    return make_signal(
        strategy=draw(names), side=side, entry_ticks=entry, confidence=draw(shares),
        stop_ticks=entry - side * draw(st.integers(-5, 100)),
        target_ticks=entry + side * draw(st.integers(-5, 200)),
    )
