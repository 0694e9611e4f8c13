"""The two playbook strategies on markets made by hand, and what order flow says for each side."""

import msgspec
import pytest
from views import (
    MIN_NS,
    NOW_NS,
    NS,
    PRICE_TICKS,
    make_bars,
    make_position,
    make_regime,
    make_stats,
    make_view,
    with_stats,
)

from fabio.model.signal import Signal, Tighten
from fabio.model.stats import BigPrint
from fabio.model.zone import Zone
from fabio.strategies import mean_reversion, trend_continuation
from fabio.strategies._evidence import FlowThresholds, needed, weigh

FADE = mean_reversion.Strategy(mean_reversion.Settings())
TREND = trend_continuation.Strategy(trend_continuation.Settings())

# value up to 100 above the POC; the last bars leave it to 131 and come back to 85
FAILED = [PRICE_TICKS + offset for offset in (40, 60, 80, 90, 95, 98, 105, 121, 110, 85)]
FAINT = [PRICE_TICKS + offset for offset in (40, 60, 80, 90, 90, 90, 90, 95, 104, 85)]
# a rise to 250, a fall back to the level at 150 and a close above the bar before
RISE = [PRICE_TICKS + 16 * k for k in range(16)]
PULLED = [*RISE, PRICE_TICKS + 205, PRICE_TICKS + 170, PRICE_TICKS + 160, PRICE_TICKS + 195]


def fade_view(closes=FAILED, **stats):
    values = {"last_ticks": closes[-1]} | stats
    return make_view(bars=make_bars([PRICE_TICKS] * 10 + closes), stats=make_stats(**values))


def trend_view(closes=PULLED, **overrides):
    stats = make_stats(last_ticks=closes[-1], in_value_30min_ns=0, above_value_30min_ns=1_800 * NS)
    values = {
        "bars": make_bars(closes), "stats": stats, "zones": (Zone("vah", PRICE_TICKS + 150, 4, 12),),
        "regime": make_regime(label="trend", direction="up"), "rule_label": "trend",
    }
    return make_view(**(values | overrides))


def conditions(strategy, view):
    return {row[0]: row[1:] for row in strategy.conditions(view)}


def test_a_failed_attempt_above_value_is_faded_to_the_poc():
    wish = FADE.propose(fade_view())
    assert isinstance(wish, Signal)
    assert (wish.setup, wish.side, wish.entry_ticks) == ("failed_vah", -1, PRICE_TICKS + 85)
    assert wish.target_ticks == PRICE_TICKS
    assert wish.stop_ticks == PRICE_TICKS + 131 + 10  # a quarter of the 40-tick bar range beyond the extreme


def test_one_bar_that_pokes_out_and_closes_in_value_is_a_failed_attempt_too():
    calm = [PRICE_TICKS + 70] * 9
    bars = make_bars([PRICE_TICKS] * 10 + [*calm, PRICE_TICKS + 75])
    poked = (*bars[:-1], msgspec.structs.replace(bars[-1], high_ticks=PRICE_TICKS + 115))
    view = make_view(bars=poked, stats=make_stats(last_ticks=PRICE_TICKS + 75))
    assert isinstance(FADE.propose(view), Signal)
    assert FADE.propose(msgspec.structs.replace(view, bars=bars)) is None


@pytest.mark.parametrize(("change", "name"), [
    ({"closes": [*FAILED[:-1], PRICE_TICKS + 101]}, "reclaim"),
    ({"closes": FAINT, "bar_range_15min_ticks": 60.0}, "attempt"),
    ({"closes": [PRICE_TICKS + 105] * 9 + [PRICE_TICKS + 85]}, "not_accepted"),
    ({"poc_ticks": PRICE_TICKS + 46}, "room"),
    ({"delta_1min_steps": 50, "cvd_slope_5min_norm": 0.3}, "order_flow"),
])
def test_each_condition_of_the_fade_alone_withholds_the_wish(change, name):
    view = fade_view(**change)
    assert FADE.propose(view) is None
    assert [row[0] for row in FADE.conditions(view) if row[1] is False] == [name]


def test_the_fade_needs_balance_by_time_or_by_label():
    stats = make_stats(last_ticks=FAILED[-1], in_value_30min_ns=0)
    view = msgspec.structs.replace(fade_view(), stats=stats, regime=None)
    assert conditions(FADE, view)["balance"] == (True, 0.0, 0.6)  # the rules say range
    trending = msgspec.structs.replace(view, rule_label="trend")
    assert conditions(FADE, trending)["balance"][0] is False
    stale = make_regime(label="range", good_until_ns=NOW_NS - 1)
    assert conditions(FADE, msgspec.structs.replace(trending, regime=stale))["balance"][0] is False


def test_no_fade_where_price_stands_beyond_the_stop():
    jumped = fade_view(last_ticks=PRICE_TICKS + 150)
    assert FADE.propose(jumped) is None


def test_a_pullback_to_a_level_that_turns_is_followed():
    wish = TREND.propose(trend_view())
    assert isinstance(wish, Signal)
    assert (wish.setup, wish.side, wish.entry_ticks) == ("pullback_vah", 1, PRICE_TICKS + 195)
    assert wish.stop_ticks == PRICE_TICKS + 150 - 20  # half of the 40-tick bar range under level and low
    assert wish.reward_ticks == 2 * wish.risk_ticks


@pytest.mark.parametrize(("change", "name"), [
    ({"zones": (Zone("vah", PRICE_TICKS + 100, 4, 12),)}, "level"),
    ({"closes": [*PULLED[:-1], PRICE_TICKS + 175]}, "turn"),
    ({"closes": [*PULLED, PRICE_TICKS + 230]}, "turn"),
])
def test_each_condition_of_the_trend_alone_withholds_the_wish(change, name):
    view = trend_view(**change)
    assert TREND.propose(view) is None
    assert [row[0] for row in TREND.conditions(view) if row[1] is False] == [name]


def test_a_new_high_in_the_last_bar_is_no_pullback():
    assert conditions(TREND, trend_view([PRICE_TICKS + 16 * k for k in range(20)]))["pullback"][0] is False


def test_a_market_inside_value_is_not_out_of_balance():
    stats = make_stats(last_ticks=PULLED[-1], vah_ticks=PRICE_TICKS + 300)
    assert conditions(TREND, trend_view(stats=stats))["out_of_balance"][0] is False


def test_without_a_trend_only_that_is_said():
    view = trend_view(regime=make_regime(label="range"), rule_label="range")
    assert TREND.conditions(view) == (("trend", False, 0.0, None),)
    assert TREND.propose(view) is None


def test_the_rules_trend_gives_the_direction_of_the_window():
    view = trend_view(regime=None)
    assert isinstance(TREND.propose(view), Signal)
    stale = make_regime(label="trend", direction="down", good_until_ns=NOW_NS - 1)
    assert conditions(TREND, msgspec.structs.replace(view, regime=stale))["trend"][1] == 1.0


def test_the_vwap_is_a_level_unless_switched_off():
    view = trend_view(zones=())
    view = with_stats(view, vwap_ticks=PRICE_TICKS + 151.4)
    assert TREND.propose(view).setup == "pullback_vwap"
    without = trend_continuation.Strategy(trend_continuation.Settings(use_vwap=False))
    assert without.propose(view) is None
    assert conditions(without, view)["level"] == (False, None, 40.0)


def test_no_trend_entry_where_price_stands_beyond_the_stop():
    assert TREND.propose(with_stats(trend_view(), last_ticks=PRICE_TICKS + 120)) is None


@pytest.mark.parametrize("strategy", [FADE, TREND])
@pytest.mark.parametrize(("gained", "flow", "stop"), [
    (19, None, None), (20, None, 1), (20, 0.3, 1), (20, -0.3, None), (60, None, 1),
])
def test_the_stop_goes_to_break_even_once_the_position_is_strong(strategy, gained, flow, stop):
    name = "mean_reversion" if strategy is FADE else "trend_continuation"
    for side in (1, -1):
        held = make_position(
            side, PRICE_TICKS, PRICE_TICKS - 20 * side, PRICE_TICKS + 90 * side, strategy=name
        )
        stats = make_stats(last_ticks=PRICE_TICKS + gained * side,
                           cvd_slope_5min_norm=None if flow is None else flow * side)
        wish = strategy.propose(make_view(position=held, positions=(held,), stats=stats))
        if stop is None:
            assert wish is None
        else:
            assert isinstance(wish, Tighten)
            assert wish.stop_ticks == PRICE_TICKS + stop * side


def test_a_stop_already_closer_stays():
    held = make_position(1, PRICE_TICKS, PRICE_TICKS - 20, PRICE_TICKS + 90, stop_ticks=PRICE_TICKS + 1)
    view = make_view(position=held, stats=make_stats(last_ticks=PRICE_TICKS + 60))
    assert FADE.propose(view) is None


def test_an_average_entry_between_two_ticks_is_rounded_to_the_winning_side():
    for side, stop in ((1, 2), (-1, -1)):
        held = make_position(side, 2 * PRICE_TICKS + 1, PRICE_TICKS - 20 * side, PRICE_TICKS + 90 * side,
                             size_steps=2 * side, entry_steps=2)
        view = make_view(position=held, stats=make_stats(last_ticks=PRICE_TICKS + 60 * side))
        assert FADE.propose(view).stop_ticks == PRICE_TICKS + stop


@pytest.mark.parametrize(("stats", "counts"), [
    ({}, (0, 0)),
    ({"cvd_slope_5min_norm": 0.05}, (1, 1)),
    ({"cvd_slope_5min_norm": 0.04}, (0, 1)),
    ({"delta_1min_steps": 3, "cvd_slope_5min_norm": -0.5}, (1, 2)),
    ({"delta_1min_steps": 0}, (0, 0)),
    ({"buy_absorption": 0.2, "sell_absorption": 0.9}, (1, 1)),
    ({"buy_absorption": 0.1}, (0, 1)),
    ({"sell_absorption": 0.9, "buy_exhaustion": 0.9}, (0, 0)),
    ({"sell_exhaustion": 0.5}, (1, 1)),
    ({"sell_exhaustion": 0.0}, (0, 0)),
])
def test_order_flow_confirms_a_long_only_with_what_is_known(stats, counts):
    assert weigh(make_view(stats=make_stats(**stats)), 1, FlowThresholds()) == counts


def test_only_big_prints_of_five_minutes_count_and_both_sides_cancel():
    def view(*prints):
        rows = (BigPrint(ts_ns, PRICE_TICKS, size, side) for ts_ns, size, side in prints)
        return make_view(big_prints=tuple(rows))

    assert weigh(view((NOW_NS, 50, 1), (NOW_NS, 20, -1)), 1, FlowThresholds()) == (1, 1)
    assert weigh(view((NOW_NS, 50, 1), (NOW_NS, 50, -1)), 1, FlowThresholds()) == (0, 0)
    assert weigh(view((NOW_NS - 5 * MIN_NS, 50, 1)), 1, FlowThresholds()) == (0, 0)
    assert weigh(view((NOW_NS, 50, 0)), 1, FlowThresholds()) == (0, 0)


@pytest.mark.parametrize(("known", "wanted"), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_half_of_what_is_known_has_to_confirm(known, wanted):
    assert needed(known, FlowThresholds()) == wanted


@pytest.mark.parametrize(("field", "value"), [
    ("slope_least", 1.1), ("share", -0.1), ("absorption_least", 2.0), ("exhaustion_least", -1.0),
])
def test_a_flow_threshold_out_of_range_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        FlowThresholds(**{field: value})
