"""Synthetic sessions with a known label per minute, after the recipe of the classifier's calibration.

390 one-minute bars of 12 sub-steps with Student-t noise, U-shaped volatility and five regimes in
segments of 25 to 109 minutes; `drift` is a trend's speed in points a minute (3 easy, 2 medium, 1.2 hard).
"""

from math import pi, sin, sqrt

import numpy as np

from fabio.model.bar import Bar

MINUTES, SUB_STEPS, TICK = 390, 12, 0.25
NOISE = {"up": 7.0, "down": 7.0, "range": 6.0, "volatile": 16.0, "chop": 2.5}
LABELS = {"up": ("trend", "up"), "down": ("trend", "down"), "range": ("range", "none"),
          "volatile": ("volatile", "none"), "chop": ("chop", "none")}


def session(seed: int, drift: float) -> tuple[list[Bar], list[tuple[str, str]]]:
    """Make one session: its bars, and the true (label, direction) of each minute."""
    dice = np.random.default_rng(seed)
    names = list(NOISE)
    regime, left = names[dice.integers(5)], int(dice.integers(25, 110))
    price = start = 20_000.0
    bars, labels = [], []
    for minute in range(MINUTES):
        if left == 0:
            regime = [name for name in names if name != regime][dice.integers(4)]
            left, start = int(dice.integers(25, 110)), price
        left -= 1
        hour = 1.6 - 1.1 * sqrt(sin(pi * minute / MINUTES))
        steps = dice.standard_t(4, SUB_STEPS) / sqrt(2) * NOISE[regime] * hour / sqrt(SUB_STEPS)
        push = {"up": drift, "down": -drift}.get(regime, 0.0) * hour / SUB_STEPS
        seen = [price]
        for step in steps:
            price += step + push + (0.02 * (start - price) if regime == "range" else 0.0)
            seen.append(price)
        first, high, low, last = (round(value / TICK) for value in (seen[0], max(seen), min(seen), price))
        bars.append(Bar(minute * 60 * 10**9, first, high, low, last, 1, 0, 1, 9 * hour / TICK))
        labels.append(LABELS[regime])
    return bars, labels
