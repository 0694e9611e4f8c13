"""What the guards say in cases that have no number."""

from decimal import Decimal

import msgspec
import pytest
from views import (
    MIN_NS,
    NOW_NS,
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

from fabio.guards import (
    loss_streak,
    max_position,
    max_trades_per_session,
    min_reward_risk,
    regime_mismatch,
    session_hours,
    stale_data,
    volatility,
)
from fabio.model.account import Recent
from fabio.model.session import Session

NEVER_CLOSES = Session(0, "2025-06-05", NOW_NS - 1, NOW_NS + 1, None, None, None)
HOLIDAY = Session(0, "2025-07-04", NOW_NS - 10**13, NOW_NS + 10**13, None, None, NOW_NS + 10**13)


def check(module, signal, view, **settings):
    return module.Guard(module.Settings(**settings)).check(signal, view)


def test_an_instrument_that_never_closes_may_always_enter():
    assert check(session_hours, make_signal(), make_view(session=NEVER_CLOSES)).passed


def test_a_holiday_session_has_no_regular_hours_to_enter_in():
    view = make_view(session=HOLIDAY)
    assert not check(session_hours, make_signal(), view).passed
    assert check(session_hours, make_signal(), view, entries="all").passed


def test_the_night_is_refused_unless_all_hours_are_asked_for():
    view = make_view(now_ns=SESSION.open_ns + 10**12)
    verdict = check(session_hours, make_signal(), view)
    assert not verdict.passed
    assert verdict.value < 0
    assert check(session_hours, make_signal(), view, entries="all").passed


def test_an_entry_after_the_session_is_refused_in_any_hours():
    view = make_view(now_ns=SESSION.close_ns + 1)
    assert not check(session_hours, make_signal(), view, entries="all").passed


def test_a_bad_word_for_the_hours_is_refused():
    with pytest.raises(ValueError, match="regular or all"):
        session_hours.Settings(entries="night")


@pytest.mark.parametrize("side", [1, -1])
def test_an_open_position_of_the_instrument_is_neither_added_to_nor_opposed(side):
    held = make_position(1, PRICE_TICKS, PRICE_TICKS - 20, PRICE_TICKS + 40)
    signal = make_signal(side=side)
    assert not check(max_position, signal, make_view(position=held, positions=(held,))).passed


def test_a_micro_weighs_a_tenth_of_a_mini():
    micro = msgspec.structs.replace(make_view().instrument, mini_equivalent=Decimal("0.1"))
    view = make_view(instrument=micro, account=make_account(held_mini_equivalents=Decimal("0.2")))
    assert check(max_position, make_signal(), view).value == pytest.approx(0.3)


def test_a_stop_on_the_winning_side_is_refused_whatever_the_ratio():
    verdict = check(min_reward_risk, make_signal(stop_ticks=PRICE_TICKS + 3), make_view())
    assert not verdict.passed
    assert verdict.value is None


def test_no_state_may_lower_the_reward_to_risk_below_the_floor():
    view = make_view(state=msgspec.structs.replace(make_view().state, min_rr=0.0))
    assert not check(min_reward_risk, make_signal(target_ticks=PRICE_TICKS + 19), view).passed


def test_volatility_passes_with_a_note_while_the_usual_range_is_unknown():
    verdict = check(volatility, make_signal(), make_view(bars=make_bars([PRICE_TICKS] * 32, usual=None)))
    assert verdict.passed
    assert verdict.value is None
    assert "not known" in verdict.reason


def test_three_losses_without_a_time_do_not_start_a_pause():
    assert check(loss_streak, make_signal(), make_view(recent=Recent(losses_in_a_row=3))).passed


def test_a_lost_feed_is_refused_even_with_a_fresh_price():
    view = make_view(recent=Recent(feed_lost_since_ns=NOW_NS))
    assert not check(stale_data, make_signal(), view).passed


@pytest.mark.parametrize(("direction", "side", "passed"), [
    ("up", 1, True), ("up", -1, False), ("down", -1, True), ("down", 1, False), ("none", 1, False),
])
def test_trend_continuation_enters_only_with_the_trend(direction, side, passed):
    view = make_view(regime=make_regime(label="trend", direction=direction))
    signal = make_signal(strategy="trend_continuation", side=side)
    assert check(regime_mismatch, signal, view).passed is passed


@pytest.mark.parametrize(("label", "passed"), [
    ("range", True), ("chop", True), ("trend", False), ("volatile", False),
])
def test_mean_reversion_enters_only_in_range_and_chop(label, passed):
    view = make_view(regime=make_regime(label=label, direction="up" if label == "trend" else "none"))
    assert check(regime_mismatch, make_signal(), view).passed is passed


def test_a_stale_trend_counts_as_unclear():
    regime = make_regime(label="trend", direction="up", good_until_ns=NOW_NS - 1)
    view = make_view(regime=regime)
    assert not check(regime_mismatch, make_signal(strategy="trend_continuation"), view).passed
    assert check(regime_mismatch, make_signal(), view).passed  # balanced: 1500 of 1800 s in value


def test_an_unclear_market_without_any_booked_time_is_not_balanced():
    stats = make_stats(in_value_30min_ns=0, above_value_30min_ns=0, below_value_30min_ns=0)
    assert not check(regime_mismatch, make_signal(), make_view(regime=None, stats=stats)).passed


def test_a_strategy_in_neither_list_may_trade_in_any_regime():
    assert check(regime_mismatch, make_signal(strategy="mine"), make_view(regime=None)).passed


def test_a_strategy_in_both_lists_is_refused():
    with pytest.raises(ValueError, match="mine"):
        regime_mismatch.Settings(trend=("mine",), balance=("mine",))


def test_a_strategy_with_one_trade_a_session_may_make_it():
    view = make_view(state=msgspec.structs.replace(make_view().state, max_trades_per_session=1))
    assert check(max_trades_per_session, make_signal(), view).passed


def test_a_stop_one_tick_away_is_on_the_losing_side():
    near = make_signal(stop_ticks=PRICE_TICKS - 1, target_ticks=PRICE_TICKS + 2)
    assert check(min_reward_risk, near, make_view()).passed


def test_a_stale_range_label_says_nothing_of_the_market():
    wild = make_stats(in_value_30min_ns=10**9, above_value_30min_ns=10**12)
    stale = make_regime(good_until_ns=NOW_NS - 1)
    assert check(regime_mismatch, make_signal(), make_view(stats=wild, regime=make_regime())).passed
    assert not check(regime_mismatch, make_signal(), make_view(stats=wild, regime=stale)).passed


@pytest.mark.parametrize(("above", "below", "passed"), [
    (400, 0, True), (0, 400, True), (401, 0, False), (0, 401, False),
])
def test_time_above_and_below_value_counts_the_same_against_balance(above, below, passed):
    stats = make_stats(in_value_30min_ns=600, above_value_30min_ns=above, below_value_30min_ns=below)
    assert check(regime_mismatch, make_signal(), make_view(stats=stats, regime=None)).passed is passed


def test_with_all_hours_the_regular_close_ends_nothing():
    view = make_view(now_ns=SESSION.regular_close_ns + 10**9)
    assert check(session_hours, make_signal(), view, entries="all", before_flat_by_min=5).passed


@pytest.mark.parametrize(("off", "passed"), [(-1, False), (0, True)])
def test_with_all_hours_the_first_minutes_are_the_sessions(off, passed):
    view = make_view(now_ns=SESSION.open_ns + 5 * MIN_NS + off)
    assert check(session_hours, make_signal(), view, entries="all", after_open_min=5).passed is passed


@pytest.mark.parametrize(("off", "passed"), [(0, True), (1, False)])
def test_where_nothing_has_to_be_flat_entries_end_before_the_close(off, passed):
    session = Session(0, "2025-06-05", SESSION.open_ns, SESSION.close_ns, SESSION.regular_open_ns,
                      SESSION.regular_close_ns, None)
    view = make_view(session=session, now_ns=SESSION.close_ns - 20 * MIN_NS + off)
    assert check(session_hours, make_signal(), view, entries="all").passed is passed


def test_of_the_regular_close_and_the_flat_by_time_the_one_that_ends_entries_sooner_counts():
    view = make_view(now_ns=SESSION.regular_close_ns - 9 * MIN_NS)
    assert not check(session_hours, make_signal(), view, before_flat_by_min=15).passed


@pytest.mark.parametrize(("now_ns", "passed"), [
    (SESSION.regular_open_ns - 1, True), (SESSION.regular_open_ns, False),
    (SESSION.regular_close_ns - 1, False), (SESSION.regular_close_ns, True),
])
def test_a_price_of_four_seconds_is_stale_in_regular_hours_only(now_ns, passed):
    view = make_view(now_ns=now_ns, stats=make_stats(last_trade_ns=now_ns - 4 * 10**9))
    assert check(stale_data, make_signal(), view).passed is passed


def test_the_verdict_says_for_how_long_the_feed_is_lost():
    view = make_view(recent=Recent(feed_lost_since_ns=NOW_NS - 7 * 10**9))
    assert check(stale_data, make_signal(), view).value == 7


@pytest.mark.parametrize(("early", "late", "passed"), [(30, 90, False), (90, 30, True)])
def test_only_the_latest_bars_make_a_minute_wild(early, late, passed):
    bars = [msgspec.structs.replace(bar, high_ticks=bar.low_ticks + (late if place >= 27 else early))
            for place, bar in enumerate(make_bars([PRICE_TICKS] * 32, usual=30.0))]
    assert check(volatility, make_signal(), make_view(bars=tuple(bars))).passed is passed
