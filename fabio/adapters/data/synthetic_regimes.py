"""How each regime of the synthetic market moves, one minute at a time.

A player is made when its segment begins and asked once a minute. It knows the levels of
volume the session has made so far, so that what the playbook looks for happens:

- a trend runs in legs, and pulls back to a level behind it (value area edge, POC) where
  the counter flow is absorbed, or gives back about half of the leg;
- a range swings between the edges of value; about every third swing leaves it, fails and
  comes back;
- chop stays at the POC, or makes one where it starts;
- volatile minutes go both ways, twice as far as usual.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

REGIMES = ("trend_up", "trend_down", "range", "chop", "volatile")
"""Names of the labels 0 to 4."""
TREND_UP, TREND_DOWN, RANGE, CHOP, VOLATILE = range(5)

Draw = Callable[[], float]
"""Gives the next uniform number in [0, 1)."""


class Minute(NamedTuple):
    """What one minute does; `unit` is the usual 1-minute range.

    `move` close to close in ticks, `width` the range in units, `flow` the buyers' share of
    the volume less the sellers', `activity` the volume against the usual.
    """

    move: float
    width: float
    flow: float
    activity: float


class Player(Protocol):
    """One segment of one regime."""

    def step(self, price: float, unit: float, noise: float) -> Minute:
        """Play one minute from `price`; `noise` has mean 0 and variance 1."""


@dataclass
class Levels:
    """A coarse volume profile of the session so far.

    `volume` holds bin -> volume; a bin is `bin_ticks` wide.
    """

    bin_ticks: float
    volume: dict[int, float] = field(default_factory=dict)

    def add(self, low: float, high: float, weight: float) -> None:
        """Spread one minute's volume evenly over the prices it saw."""
        first, last = int(low // self.bin_ticks), int(high // self.bin_ticks)
        share = weight / (last - first + 1)
        volume = self.volume
        for row in range(first, last + 1):
            volume[row] = volume.get(row, 0.0) + share

    def value(self) -> tuple[float, float, float]:
        """Give VAL, POC and VAH in ticks, by the one-row rule on the coarse rows."""
        volume = self.volume
        poc = min(volume, key=lambda row: (-volume[row], row))
        low = high = poc
        taken, wanted = volume[poc], 0.7 * math.fsum(volume.values())
        first, last = min(volume), max(volume)
        while taken < wanted and (low > first or high < last):
            below = volume.get(low - 1, 0.0) if low > first else -1.0
            above = volume.get(high + 1, 0.0) if high < last else -1.0
            if above >= below:
                high, taken = high + 1, taken + above
            else:
                low, taken = low - 1, taken + below
        return low * self.bin_ticks, (poc + 0.5) * self.bin_ticks, (high + 1) * self.bin_ticks


class Trend:
    """Legs of 5 to 9 minutes with the flow, pullbacks of 2 to 4 against it."""

    def __init__(self, levels: Levels, direction: int, price: float, draw: Draw) -> None:
        self.levels, self.direction, self.draw = levels, direction, draw
        self.is_leg = True
        self.left = 5 + int(5 * draw())
        self.leg_from = self.target = price

    def step(self, price: float, unit: float, noise: float) -> Minute:
        """Play one minute; the last of a pullback is absorbed."""
        if self.left == 0:
            self._turn(price, unit)
        self.left -= 1
        d = self.direction
        if self.is_leg:
            return Minute(d * 0.41 * unit + 0.44 * unit * noise, 0.90, d * 0.28, 1.25)
        if self.left == 0:
            return Minute((self.target - price) * 0.5 + 0.10 * unit * noise, 0.75, -d * 0.22, 1.35)
        return Minute((self.target - price) / (self.left + 1) + 0.34 * unit * noise, 0.78, -d * 0.02, 0.75)

    def _turn(self, price: float, unit: float) -> None:
        d = self.direction
        self.is_leg = not self.is_leg
        if self.is_leg:
            self.left, self.leg_from = 5 + int(5 * self.draw()), price
            return
        self.left = 2 + int(3 * self.draw())
        run = max(d * (price - self.leg_from), unit)
        back = (0.35 + 0.25 * self.draw()) * run
        low, poc, high = self.levels.value()
        behind = [d * (price - level) for level in (low, poc, high)]
        reach = [distance for distance in behind if 0.25 * run <= distance <= 0.85 * run]
        self.target = price - d * (min(reach) if reach else back)


class Range:
    """Swings of 6 to 11 minutes between two edges; every third goes beyond and fails."""

    def __init__(self, levels: Levels, price: float, unit: float, draw: Draw) -> None:
        self.draw = draw
        low, poc, high = levels.value() if levels.volume else (price, price, price)
        if abs(poc - price) < 6 * unit:
            self.low = poc - min(max(poc - low, 1.3 * unit), 2.6 * unit)
            self.high = poc + min(max(high - poc, 1.3 * unit), 2.6 * unit)
        else:
            self.low, self.high = price - 1.9 * unit, price + 1.9 * unit
        self.direction = 1 if price < (self.low + self.high) / 2 else -1
        self.left = 0
        self.target = price
        self._aim(unit)

    def step(self, price: float, unit: float, noise: float) -> Minute:
        """Play one minute; the last of a swing pushes outwards and gets nowhere."""
        if self.left == 0:
            self.direction = -self.direction
            self._aim(unit)
        self.left -= 1
        d = self.direction
        if self.left == 0:
            return Minute((self.target - price) * 0.5 + 0.12 * unit * noise, 0.7, d * 0.18, 1.2)
        return Minute((self.target - price) / (self.left + 1) + 0.46 * unit * noise, 0.76, d * 0.04, 0.9)

    def _aim(self, unit: float) -> None:
        edge = self.high if self.direction > 0 else self.low
        beyond = 0.6 * unit if self.draw() < 0.35 else -0.25 * unit
        self.left = 6 + int(6 * self.draw())
        self.target = edge + self.direction * beyond


class Chop:
    """Small, fast turns about one price."""

    def __init__(self, levels: Levels, price: float, unit: float) -> None:
        poc = levels.value()[1] if levels.volume else price
        self.centre = poc if abs(poc - price) < 4 * unit else price

    def step(self, price: float, unit: float, noise: float) -> Minute:
        """Play one minute: back to the centre (in a few minutes where it is far) and past it."""
        pull = 0.8 * (self.centre - price)
        most = 0.6 * unit
        return Minute(min(max(pull, -most), most) + 0.13 * unit * noise, 0.37, 0.0, 0.5)


class Volatile:
    """Wide minutes both ways."""

    def __init__(self, price: float) -> None:
        self.centre = price

    def step(self, price: float, unit: float, noise: float) -> Minute:
        """Play one minute: a big one, with a weak pull to where the segment began."""
        return Minute(0.15 * (self.centre - price) + 1.20 * unit * noise, 2.0, 0.0, 1.9)


def player(label: int, levels: Levels, price: float, unit: float, draw: Draw) -> Player:
    """Make the player of a segment that begins at `price`."""
    if label == RANGE:
        return Range(levels, price, unit, draw)
    if label == CHOP:
        return Chop(levels, price, unit)
    if label == VOLATILE:
        return Volatile(price)
    return Trend(levels, 1 if label == TREND_UP else -1, price, draw)
