"""The rule classifier: every branch, its symmetry, and its score on sessions with known labels."""

import msgspec
import numpy as np
import pytest
from any_views import any_bars
from hypothesis import given
from lab import LABELS, session
from views import PRICE_TICKS, make_bars

from fabio.regime.rules import RuleSettings, classify, reasoning

STEADY = [PRICE_TICKS + 8 * k for k in range(20)]
ZIGZAG = [PRICE_TICKS + (k % 2) * 8 for k in range(20)]
STILL = [PRICE_TICKS] * 20


def with_range(bars, ticks):
    return tuple(msgspec.structs.replace(bar, low_ticks=bar.high_ticks - ticks) for bar in bars)


def test_below_fifteen_bars_nothing_is_said():
    reading = classify(make_bars(STEADY[:14]))
    assert (reading.label, reading.direction, reading.confidence) == ("unclear", "none", 0.0)
    assert reading.er is reading.vr is reading.nz is reading.rot is None
    assert classify(make_bars(STEADY[:15])).label == "trend"


@pytest.mark.parametrize(("closes", "direction"), [(STEADY, "up"), (STEADY[::-1], "down")])
def test_an_efficient_net_move_is_a_trend_with_its_sign(closes, direction):
    reading = classify(make_bars(closes))
    assert (reading.label, reading.direction) == ("trend", direction)
    assert abs(reading.er) == 1
    assert reading.rot == 0


def test_turning_at_every_bar_is_a_range():
    reading = classify(make_bars(ZIGZAG))
    assert (reading.label, reading.direction) == ("range", "none")
    assert reading.rot == 18 / 19  # the first bar has no change


def test_no_change_at_all_is_a_range_of_efficiency_zero():
    reading = classify(make_bars(STILL))
    assert (reading.label, reading.er, reading.nz, reading.rot) == ("range", 0.0, 0.0, 0.0)


def test_bars_far_below_usual_are_chop_even_in_a_straight_line():
    reading = classify(make_bars(STEADY, usual=100.0))
    assert reading.label == "chop"
    assert reading.vr < 0.55


def test_bars_far_above_usual_are_volatile_and_no_trend_by_default():
    reading = classify(make_bars(STEADY, usual=12.0))
    assert (reading.label, reading.direction) == ("volatile", "none")


def test_a_fast_trend_counts_where_the_setting_says_so():
    settings = RuleSettings(fast_trend_efficiency=0.35)
    assert classify(make_bars(STEADY, usual=12.0), settings).label == "trend"
    assert classify(make_bars(ZIGZAG, usual=12.0), settings).label == "volatile"


@pytest.mark.parametrize(("offset", "label"), [(-1, "chop"), (0, "range"), (1, "range")])
def test_the_quiet_threshold_is_exclusive(offset, label):
    bars = with_range(make_bars(STILL, usual=100.0), 55 + offset)
    assert classify(bars).label == label


@pytest.mark.parametrize(("offset", "label"), [(-1, "range"), (0, "range"), (1, "volatile")])
def test_the_volatile_threshold_is_exclusive(offset, label):
    bars = with_range(make_bars(STILL, usual=100.0), 140 + offset)
    assert classify(bars).label == label


def test_a_usual_range_below_the_floor_is_taken_as_two_ticks():
    assert classify(with_range(make_bars(STILL, usual=0.5), 2)).vr == 1.0


def test_without_an_earlier_session_only_trend_and_range_are_told_at_half_confidence():
    known, unknown = classify(make_bars(STEADY, usual=28.0)), classify(make_bars(STEADY, usual=None))
    assert unknown.label == known.label == "trend"
    assert unknown.vr is None
    assert unknown.confidence <= 0.5
    assert classify(make_bars(ZIGZAG, usual=None)).label == "range"


def test_bars_of_an_unknown_usual_range_are_left_out_of_the_ratio():
    bars = with_range(make_bars(STILL, usual=20.0), 20)
    mixed = tuple(msgspec.structs.replace(bar, usual_range_ticks=None) for bar in bars[:10]) + bars[10:]
    assert classify(mixed).vr == 1.0


def test_only_the_window_is_looked_at():
    assert classify(make_bars(STEADY[::-1] + STEADY)) == classify(make_bars(STEADY[::-1] + STEADY)[-20:])


def test_confidence_is_the_share_of_the_nearest_threshold():
    # ranges of 28 ticks against usual 20: 1.4 - 1.4 leaves nothing
    edge = classify(with_range(make_bars(STILL, usual=20.0), 28))
    assert (edge.label, edge.confidence) == ("range", 0.0)
    middle = classify(with_range(make_bars(STILL, usual=20.0), 20))
    assert middle.confidence == pytest.approx(1 - 1 / 1.4)


@given(bars=any_bars())
def test_confidence_stays_in_bounds_and_the_mirror_turns_only_the_direction(bars):
    reading = classify(bars)
    mirror = classify(tuple(
        msgspec.structs.replace(bar, open_ticks=-bar.open_ticks, high_ticks=-bar.low_ticks,
                                low_ticks=-bar.high_ticks, close_ticks=-bar.close_ticks) for bar in bars))
    assert 0 <= reading.confidence <= 1
    assert mirror.label == reading.label
    assert mirror.confidence == reading.confidence
    assert {reading.direction, mirror.direction} in ({"none"}, {"up", "down"})


def test_the_reasoning_names_the_numbers():
    assert "range_ratio unknown" in reasoning(classify(make_bars(STEADY, usual=None)))
    words = reasoning(classify(make_bars(STEADY)))
    assert "efficiency_ratio +1.00" in words
    assert "net_move" in words


@pytest.mark.parametrize(("field", "value"), [
    ("window_bars", 33), ("least_bars", 21), ("base_floor_ticks", 0.0), ("quiet_below", 1.5),
    ("trend_efficiency", 1.0), ("trend_net_move", 0.0), ("fast_trend_efficiency", 1.0),
])
def test_a_threshold_out_of_range_is_refused_with_its_name(field, value):
    with pytest.raises(ValueError, match=field):
        RuleSettings(**{field: value})


@pytest.mark.parametrize(
    ("drift", "least", "most"), [(3.0, 0.77, 0.08), (2.0, 0.72, 0.08), (1.2, 0.64, 0.12)]
)
def test_macro_f1_on_sessions_with_known_labels_reaches_the_goal(drift, least, most):
    true, said = [], []
    for seed in range(20):
        bars, labels = session(seed, drift)
        for minute in range(15, len(bars)):
            reading = classify(bars[max(0, minute - 19):minute + 1])
            true.append(labels[minute])
            said.append((reading.label, reading.direction))
    assert np.mean([_f1(true, said, label) for label in LABELS.values()]) >= least
    trends = [(truth, word) for truth, word in zip(true, said, strict=True) if truth[0] == "trend"]
    opposite = sum(word[0] == "trend" and word != truth for truth, word in trends)
    assert opposite / len(trends) <= most


def _f1(true, said, label):
    hit = sum(truth == word == label for truth, word in zip(true, said, strict=True))
    return 2 * hit / (true.count(label) + said.count(label))
