"""The playbook's table, row by row, with what is unknown left out."""

import msgspec
import pytest
from any_views import any_bars, any_stats
from hypothesis import given
from hypothesis import strategies as st
from views import NS, PRICE_TICKS, make_bars, make_stats

from fabio.regime.playbook import (
    PRESETS,
    PlaybookSettings,
    market_state,
    outer_quarters_visited,
    read_playbook,
)

OLD_S = 40_000.0
TREND = make_stats(
    range_percentile=0.9, last_ticks=PRICE_TICKS + 200, in_value_30min_ns=300 * NS,
    above_value_30min_ns=1_500 * NS, below_value_30min_ns=0, cvd_slope_5min=4.0, cvd_slope_15min=2.0,
    cvd_slope_5min_norm=0.3, crosses_30min=2,
)
RANGE = make_stats(
    range_percentile=0.5, last_ticks=PRICE_TICKS + 60, in_value_30min_ns=1_700 * NS,
    above_value_30min_ns=100 * NS, below_value_30min_ns=0, cvd_slope_5min=1.0, cvd_slope_15min=-1.0,
    cvd_slope_5min_norm=0.1, crosses_30min=15,
)
CHOP = make_stats(
    range_percentile=0.1, last_ticks=PRICE_TICKS + 3, in_value_30min_ns=1_800 * NS, above_value_30min_ns=0,
    below_value_30min_ns=0, cvd_slope_5min=0.1, cvd_slope_15min=0.2, cvd_slope_5min_norm=0.01,
    crosses_30min=40,
)
BOTH_EDGES = make_bars([PRICE_TICKS - 90, PRICE_TICKS + 90] * 10)
ABOVE = {"in_value_30min_ns": 0, "above_value_30min_ns": 1_800 * NS, "below_value_30min_ns": 0}
BELOW = {"in_value_30min_ns": 0, "above_value_30min_ns": 0, "below_value_30min_ns": 1_800 * NS}
MIDDLE = make_bars([PRICE_TICKS] * 20)


def read(stats, bars=MIDDLE, near_s=0.0, age_s=OLD_S, **settings):
    return read_playbook(stats, bars, near_s, age_s, PlaybookSettings(**settings))


def test_a_clear_trend_wins_with_the_slopes_direction():
    reading = read(TREND)
    assert (reading.label, reading.direction, reading.trend) == ("trend", "up", 1.0)
    assert reading.confidence == 1.0 - max(reading.range, reading.chop)
    assert read(msgspec.structs.replace(TREND, cvd_slope_5min=-4.0)).direction == "down"
    assert read(msgspec.structs.replace(TREND, cvd_slope_5min=None)).direction == "none"


def test_a_clear_range_wins():
    reading = read(RANGE, BOTH_EDGES)
    assert (reading.label, reading.direction, reading.range) == ("range", "none", 1.0)


def test_a_clear_chop_wins():
    reading = read(CHOP, near_s=1_200.0)
    assert (reading.label, reading.chop) == ("chop", 1.0)


@pytest.mark.parametrize(("change", "score"), [
    ({"range_percentile": 0.6}, 0.8), ({"last_ticks": PRICE_TICKS + 120}, 0.8), ({"crosses_30min": 10}, 0.8),
    ({"cvd_slope_5min_norm": 0.25}, 0.8), ({"above_value_30min_ns": 300 * NS}, 0.8),
    ({"range_percentile": None}, 1.0), ({"cvd_slope_5min_norm": None}, 1.0),
    ({"bar_range_15min_ticks": None}, 1.0),
])
def test_each_trend_condition_fails_at_its_threshold_and_null_is_left_out(change, score):
    assert read(msgspec.structs.replace(TREND, **change)).trend == score


@pytest.mark.parametrize(("change", "score"), [
    ({"range_percentile": 0.3}, 1.0), ({"range_percentile": 0.71}, 0.8), ({"crosses_30min": 25}, 1.0),
    ({"crosses_30min": 26}, 0.8), ({"crosses_30min": 9}, 0.8), ({"cvd_slope_15min": 0.0}, 1.0),
    ({"cvd_slope_15min": 2.0}, 0.8), ({"cvd_slope_15min": None}, 1.0), ({"in_value_30min_ns": 150 * NS}, 0.8),
])
def test_each_range_condition_fails_at_its_threshold(change, score):
    assert read(msgspec.structs.replace(RANGE, **change), BOTH_EDGES).range == score


@pytest.mark.parametrize(("change", "score"), [
    ({"range_percentile": 0.3}, 0.8), ({"last_ticks": PRICE_TICKS + 20}, 1.0),
    ({"last_ticks": PRICE_TICKS + 21}, 0.8), ({"crosses_30min": 25}, 0.8),
    ({"cvd_slope_5min_norm": -0.05}, 0.8),
])
def test_each_chop_condition_fails_at_its_threshold(change, score):
    assert read(msgspec.structs.replace(CHOP, **change), near_s=1_000.1).chop == score


def test_time_near_the_poc_has_to_exceed_its_seconds_and_may_be_unknown():
    assert read(CHOP, near_s=1_000.0).chop == 0.8
    assert read_playbook(CHOP, MIDDLE, None, OLD_S).chop == 1.0


def test_with_fewer_than_three_known_conditions_there_is_no_score():
    reading = read(TREND, age_s=200.0)  # only the percentile is younger than the session
    assert (reading.trend, reading.range, reading.chop) == (None, None, None)
    assert (reading.label, reading.confidence) == ("unclear", 0.0)


def test_windows_longer_than_the_session_are_left_out():
    reading = read(TREND, age_s=1_000.0)  # percentile, distance, flow
    assert reading.trend == 1.0
    assert reading.range is None


def test_a_lead_of_a_fifth_is_enough_in_spite_of_rounding():
    stats = msgspec.structs.replace(RANGE, crosses_30min=9)  # range 0.8, and chop is kept at 0.6
    chop = msgspec.structs.replace(stats, range_percentile=0.3, cvd_slope_5min_norm=0.0,
                                   last_ticks=PRICE_TICKS)
    reading = read(chop, BOTH_EDGES, near_s=1_200.0)
    assert (reading.range, reading.chop) == (0.8, 0.6)
    assert reading.label == "range"
    assert read(chop, BOTH_EDGES, near_s=1_200.0, least_lead=0.21).label == "unclear"


def test_the_seed_preset_measures_in_ticks_and_asks_for_stronger_flow():
    assert read_playbook(TREND, MIDDLE, 0.0, OLD_S, PRESETS["seed"]).trend == 0.8
    close = msgspec.structs.replace(TREND, last_ticks=PRICE_TICKS + 20, cvd_slope_5min_norm=0.6)
    assert read_playbook(close, MIDDLE, 0.0, OLD_S, PRESETS["seed"]).trend == 0.8
    assert read_playbook(msgspec.structs.replace(close, last_ticks=PRICE_TICKS + 21), MIDDLE, 0.0, OLD_S,
                         PRESETS["seed"]).trend == 1.0


def test_both_outer_quarters_have_to_be_visited_within_half_an_hour():
    stats = make_stats()
    assert outer_quarters_visited(stats, BOTH_EDGES)
    assert not outer_quarters_visited(stats, MIDDLE)
    assert not outer_quarters_visited(stats, make_bars([PRICE_TICKS + 90] * 20))
    old = tuple(msgspec.structs.replace(bar, start_ns=bar.start_ns - 1_800 * NS) for bar in BOTH_EDGES)
    assert not outer_quarters_visited(stats, old)


def test_the_quarters_own_rows_count_and_the_next_ones_do_not():
    upper = make_bars([PRICE_TICKS + 90] * 20)
    low = PRICE_TICKS - 50  # val 100 below, the quarter is 50 rows
    assert outer_quarters_visited(make_stats(last_ticks=low), upper)
    assert not outer_quarters_visited(make_stats(last_ticks=low + 1), upper)


@pytest.mark.parametrize(("change", "state"), [
    ({}, "balanced"),
    (ABOVE | {"cvd_slope_5min": 1.0}, "out_of_balance_up"),
    (ABOVE | {"cvd_slope_5min": -1.0}, "transition"),
    (ABOVE, "transition"),
    (BELOW | {"cvd_slope_5min": -1.0}, "out_of_balance_down"),
    (BELOW | {"cvd_slope_5min": 1.0}, "transition"),
    ({"in_value_30min_ns": 0, "above_value_30min_ns": 0, "below_value_30min_ns": 0}, "transition"),
    ({"in_value_30min_ns": 450 * NS}, "transition"),
])
def test_the_market_state_follows_time_and_flow(change, state):
    assert market_state(make_stats(**change), OLD_S) == state


def test_the_market_state_waits_for_half_an_hour_of_session():
    assert market_state(make_stats(), 1_799.0) == "transition"
    assert market_state(make_stats(), 1_800.0) == "balanced"


@given(stats=any_stats(), bars=any_bars(), near_s=st.none() | st.floats(0, 1800), age_s=st.floats(0, 90_000))
def test_scores_and_confidence_stay_in_bounds(stats, bars, near_s, age_s):
    reading = read_playbook(stats, bars, near_s, age_s)
    scores = [score for score in (reading.trend, reading.range, reading.chop) if score is not None]
    assert all(0 <= score <= 1 for score in scores)
    assert 0 <= reading.confidence <= 1
    assert reading.label in ("trend", "range", "chop", "unclear")
    if reading.label != "unclear":
        assert getattr(reading, reading.label) == max(scores)


@pytest.mark.parametrize(("field", "value"), [
    ("near_bar_ranges", 4.0), ("flat_flow", 0.3), ("strong_flow", 1.1), ("range_percentile_low", 0.8),
    ("range_crosses_low", 26), ("near_ticks", 0.0), ("far_ticks", -1.0), ("chop_near_poc_s", 1801.0),
    ("least_known", 0), ("trend_crosses_below", -1), ("least_score", float("nan")),
])
def test_a_threshold_out_of_range_is_refused_with_its_name(field, value):
    with pytest.raises(ValueError, match=field):
        PlaybookSettings(**{field: value})
