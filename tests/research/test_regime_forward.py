"""Forward labels against a plain reading of their definition, and what may not leak into them."""

import numpy as np
import pytest

from fabio.research.regime.bars import MINUTE_NS, usual_ranges
from fabio.research.regime.forward import (
    HIGH,
    HORIZON_MIN,
    LOW,
    MID,
    TASKS,
    forward_figures,
    learn_cuts,
    walk_forward,
)


def random_days(seed: int, days: int = 3, minutes: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    close = 1000 + rng.integers(-5, 6, size=(days, minutes)).cumsum(axis=1).astype(float)
    opened = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    high = np.maximum(opened, close) + rng.integers(0, 4, size=close.shape)
    low = np.minimum(opened, close) - rng.integers(0, 4, size=close.shape)
    return np.stack([opened, high, low, close], axis=2)


def test_figures_are_those_of_a_plain_reading() -> None:
    ohlc = random_days(1)
    usual = np.random.default_rng(2).choice([1.0, 5.0, 8.5], size=ohlc.shape[:2])
    figures = forward_figures(ohlc, usual)
    for day in range(len(ohlc)):
        for minute in range(ohlc.shape[1]):
            after = range(minute + 1, minute + 1 + HORIZON_MIN)
            if after[-1] >= ohlc.shape[1]:
                assert all(np.isnan(figures[task][day, minute]) for task in TASKS)
                continue
            path = sum(abs(ohlc[day, k, 3] - ohlc[day, k - 1, 3]) for k in after)
            net = abs(ohlc[day, after[-1], 3] - ohlc[day, minute, 3])
            assert figures["trendiness"][day, minute] == pytest.approx(net / path if path else 0.0)
            reach = sum(ohlc[day, k, 1] - ohlc[day, k, 2] for k in after)
            base = sum(max(usual[day, k], 2.0) for k in after)
            assert figures["volatility"][day, minute] == pytest.approx(reach / base)


def test_a_figure_rests_on_the_thirty_minutes_after_it_alone() -> None:
    ohlc = random_days(3)
    usual = np.full(ohlc.shape[:2], 5.0)
    before = forward_figures(ohlc, usual)
    ohlc[:, 100:] += 50.0
    after = forward_figures(ohlc, usual)
    for task in TASKS:
        assert np.array_equal(before[task][:, :100 - HORIZON_MIN], after[task][:, :100 - HORIZON_MIN])
    assert not np.array_equal(before["trendiness"][:, 100 - HORIZON_MIN], after["trendiness"][:, 100 - HORIZON_MIN])


def test_a_missing_bar_spoils_its_own_windows_and_no_more() -> None:
    ohlc = random_days(4)
    ohlc[0, 50] = np.nan
    figures = forward_figures(ohlc, np.full(ohlc.shape[:2], 5.0))["volatility"]
    assert np.isnan(figures[0, 20:50]).all()
    assert not np.isnan(figures[0, :20]).any()
    assert not np.isnan(figures[0, 50:90]).any()
    assert not np.isnan(figures[1, :90]).any()


def test_cuts_are_each_hours_terciles() -> None:
    figures = np.full((4, 120), np.nan)
    figures[:, :60] = np.linspace(0, 1, 240).reshape(4, 60)
    figures[:, 60:] = np.linspace(10, 20, 240).reshape(4, 60)
    cuts = learn_cuts(figures)
    labels = cuts.labels(figures, np.arange(120))
    for hour in (slice(0, 60), slice(60, 120)):
        assert np.bincount(labels[:, hour].ravel()).tolist() == [80, 80, 80]
    assert cuts.labels(np.array([0.1, 0.5, 0.9]), np.array([0, 0, 59])).tolist() == [LOW, MID, HIGH]
    assert cuts.labels(np.array([0.9]), np.array([60])).tolist() == [LOW]


def test_an_hour_without_figures_takes_the_whole_sessions_cuts() -> None:
    figures = np.full((4, 120), np.nan)
    figures[:, :60] = np.linspace(0, 1, 240).reshape(4, 60)
    cuts = learn_cuts(figures)
    assert np.array_equal(cuts.by_hour[0], cuts.by_hour[1])


def test_usual_ranges_are_of_earlier_sessions_alone() -> None:
    ohlc = random_days(5, days=30)
    usual = usual_ranges(ohlc)
    ranges = ohlc[:, :, 1] - ohlc[:, :, 2]
    assert np.isnan(usual[:5]).all()
    for day in (5, 18, 29):
        assert usual[day] == pytest.approx(np.median(ranges[max(0, day - 20):day], axis=0))
    changed = ohlc.copy()
    changed[18:, :, 1] += 100.0
    assert np.array_equal(usual_ranges(changed)[:19], usual[:19], equal_nan=True)


def test_folds_only_look_back() -> None:
    opens = np.arange(31, dtype=np.int64) * 1440 * MINUTE_NS
    folds = walk_forward(opens, 390 * MINUTE_NS, 30 * MINUTE_NS)
    assert [fold.test[0] for fold in folds] == [11, 16, 21, 26]
    assert sorted(day for fold in folds for day in fold.test.tolist()) == list(range(11, 31))
    for fold in folds:
        assert fold.training.tolist() == list(range(fold.test[0]))


def test_what_ends_within_thirty_minutes_of_the_split_is_not_learned_from() -> None:
    opens = np.arange(12, dtype=np.int64) * 400 * MINUTE_NS  # sessions of 390 minutes, 10 minutes apart
    for fold in walk_forward(opens, 390 * MINUTE_NS, 30 * MINUTE_NS):
        assert fold.training.tolist() == list(range(fold.test[0] - 1))
