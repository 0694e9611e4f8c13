"""Two ways to read a line of a run: all of it at the end, or its newest value at every bar.

Where Backtrader computed every indicator before the first bar (`runonce` and `preload`, its
defaults) a line is an array that no longer changes: at a bar it is enough to note how far the feed
has come, and the values the strategy saw are cut out later. Everywhere else (live data, `exactbars`,
replayed bars, `runonce=False`) a line may still be rewritten or forgotten, and its value is read at
once: a record never shows what was not known when the decision was made.
"""

from collections.abc import Sequence
from math import nan
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fabio.integrations.backtrader.lines import Feed, feed_behind

Column = NDArray[np.float64]
Row = Sequence[Any]


class Reader(Protocol):
    """What a moment needs of the lines, and what can be made of it later."""

    def read(self) -> list[Any]:
        """Return what to keep of this moment."""

    def columns(self, kept: Sequence[Row]) -> list[Column]:
        """Return one column per line; `kept` has the first numbers of all `read`, then the second ones, ..."""


class ReadAtOnce:
    """Reads the newest value of every line at every moment."""

    def __init__(self, lines: list[Any]) -> None:
        self._lines = lines

    def read(self) -> list[Any]:
        """Return the newest value of each line; NaN where it has none yet."""
        return [line.array[line._idx] if line.lencount else nan for line in self._lines]  # as line[0] does, faster

    def columns(self, kept: Sequence[Row]) -> list[Column]:
        """Make arrays of the values."""
        return [np.array(values, dtype=np.float64) for values in kept]


class ReadLater:
    """Keeps how far each clock is, and cuts the values out of whole arrays.

    Parameters
    ----------
    lines
        Backtrader's line buffers, complete.
    clocks
        For each line, the line buffer whose position says which value the moment sees.
    """

    def __init__(self, lines: list[Any], clocks: list[Any]) -> None:
        self._arrays = [line.array for line in lines]
        distinct = {id(clock): clock for clock in clocks}
        self._clocks = list(distinct.values())
        places = {key: place for place, key in enumerate(distinct)}
        self._places = [places[id(clock)] for clock in clocks]

    def read(self) -> list[Any]:
        """Return the position of each clock, counted from 0; below 0 before its first bar."""
        return [clock._idx for clock in self._clocks]

    def columns(self, kept: Sequence[Row]) -> list[Column]:
        """Cut each line at its clock's positions."""
        cuts = [_Cut.at(np.array(column, dtype=np.int64)) for column in kept]
        return [cuts[place].of(array) for array, place in zip(self._arrays, self._places, strict=True)]


class _Cut(NamedTuple):
    """Positions in an array; `run` where they are an unbroken run."""

    positions: NDArray[np.int64]
    run: slice | None

    @classmethod
    def at(cls, positions: NDArray[np.int64]) -> Self:
        first, last = int(positions[0]), int(positions[-1])
        unbroken = first >= 0 and last - first == len(positions) - 1 and bool((np.diff(positions) == 1).all())
        return cls(positions, slice(first, last + 1) if unbroken else None)

    def of(self, array: Any) -> Column:
        positions, run = self
        whole = np.frombuffer(array) if len(array) else np.empty(0)  # a view: an array that is seen cannot grow
        if run is not None and run.stop <= len(whole):
            return whole[run].copy()
        return _gather(whole, positions)


def _gather(whole: Column, positions: NDArray[np.int64]) -> Column:
    column = np.full(len(positions), nan)
    there = (positions >= 0) & (positions < len(whole))
    column[there] = whole[positions[there]]
    return column


def choose_reader(strategy: Any, feeds: list[Feed], lines: list[tuple[Any, Any]]) -> Reader:
    """Choose how `lines` are read: each with the feed's data or the strategy's indicator it belongs to."""
    cerebro = strategy.cerebro
    complete = (
        getattr(cerebro, "_dorunonce", False) and getattr(cerebro, "_dopreload", False)
        and not getattr(cerebro, "_doreplay", True)
        and all(getattr(line, "mode", None) == line.UnBounded for line, _ in lines)
    )
    if not complete:
        return ReadAtOnce([line for line, _ in lines])
    clocks: dict[int, Any] = {}
    for _, owner in lines:
        if id(owner) not in clocks:
            place = feed_behind(owner, feeds)
            behind = owner if place is None else feeds[place].data
            clocks[id(owner)] = getattr(behind.lines, "lines", behind.lines)[0]
    return ReadLater([line for line, _ in lines], [clocks[id(owner)] for _, owner in lines])
