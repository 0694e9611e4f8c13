"""The six numbers against the rule classifier and against plain readings of their definitions."""

import numpy as np
import pytest

from fabio.model.bar import Bar
from fabio.regime.rules import DEFAULT_RULES, classify
from fabio.research.regime.numbers import ER, NZ, ROT, SHORT_VR, SLOPE, VR, BarColumns, numbers_of
from fabio.research.regime.refit import FLAT, QUIET, TREND, WILD, rule_codes

CODES = {"trend": TREND, "range": FLAT, "chop": QUIET, "volatile": WILD}


def random_bars(seed: int, count: int = 90) -> tuple[list[Bar], BarColumns]:
    rng = np.random.default_rng(seed)
    steps = rng.integers(-3, 4, size=(count, 6)) * rng.choice([0, 1, 4], size=(count, 1))
    prices = 1000 + steps.ravel().cumsum().reshape(count, 6)
    usual = rng.choice([1.0, 4.0, 9.5], size=count)
    columns = BarColumns(
        prices[:, 0].astype(float), prices.max(axis=1).astype(float), prices.min(axis=1).astype(float),
        prices[:, -1].astype(float), usual,
    )
    bars = [
        Bar(60 * row, int(prices[row, 0]), int(prices[row].max()), int(prices[row].min()), int(prices[row, -1]),
            6, 0, 6, float(usual[row]))
        for row in range(count)
    ]
    return bars, columns


@pytest.mark.parametrize("seed", range(8))
def test_the_rules_numbers_and_labels_are_the_classifiers_own(seed: int) -> None:
    bars, columns = random_bars(seed)
    numbers = numbers_of(columns)
    for minute in range(len(bars)):
        reading = classify(bars[max(0, minute - 19):minute + 1])
        if reading.er is None:
            assert np.isnan(numbers[minute]).all()
            continue
        assert numbers[minute, [ER, VR, NZ, ROT]] == pytest.approx([reading.er, reading.vr, reading.nz, reading.rot])
        assert int(rule_codes(numbers[minute], DEFAULT_RULES)) == CODES[reading.label]


def test_slope_and_short_range_are_what_they_are_called() -> None:
    bars, columns = random_bars(3)
    numbers = numbers_of(columns)
    for minute in (14, 17, 25, 60):
        window = bars[max(0, minute - 19):minute + 1]
        closes, times = np.array([bar.close_ticks for bar in window], float), np.arange(len(window), dtype=float)
        slope, intercept = np.polyfit(times, closes, 1)
        left = closes - intercept - slope * times
        error = np.sqrt((left**2).sum() / (len(window) - 2) / ((times - times.mean()) ** 2).sum())
        assert numbers[minute, SLOPE] == pytest.approx(np.clip(slope / error, -20, 20), rel=1e-6)
        short = bars[minute - 4:minute + 1]
        usual = sum(max(float(bar.usual_range_ticks or 0), 2.0) for bar in short)
        assert numbers[minute, SHORT_VR] == pytest.approx(sum(bar.range_ticks for bar in short) / usual)


def test_fewer_than_fifteen_bars_have_no_numbers() -> None:
    _, columns = random_bars(1, count=14)
    assert np.isnan(numbers_of(columns)).all()
