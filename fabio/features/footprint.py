"""Footprint: buy and sell volume per row of one finished 1-minute bar."""

from collections.abc import Sequence

import msgspec


class FootprintRow(msgspec.Struct, frozen=True):
    """Volume of both aggressors at one price, in steps; unknown sides are in neither."""

    price_ticks: int
    buy_steps: int
    sell_steps: int


class Stack(msgspec.Struct, frozen=True):
    """Three or more neighbouring rows out of balance the same way; `side` is BUY or SELL."""

    side: int
    low_ticks: int
    high_ticks: int


class Footprint(msgspec.Struct, frozen=True):
    """One bar, rows from its low to its high, those without volume included."""

    start_ns: int
    delta_steps: int
    rows: tuple[FootprintRow, ...]
    stacks: tuple[Stack, ...]


def stacked_imbalances(rows: Sequence[FootprintRow], size_unit: int) -> tuple[Stack, ...]:
    """Find runs of 3 or more neighbouring rows with a diagonal ratio of at least 3.

    Buyers at a row are compared with sellers one row below, sellers with buyers one row above.
    Where the other side is 0 (also beyond the bar's ends) the row counts if this side has at
    least 3 size units of `size_unit` steps. Buy stacks come first, each kind from below.

    >>> rows = [FootprintRow(price, 9, 3) for price in range(100, 104)]
    >>> stacked_imbalances(rows, 1)
    (Stack(side=1, low_ticks=100, high_ticks=103),)
    """
    count = len(rows)
    below = [rows[i - 1].sell_steps if i > 0 else 0 for i in range(count)]
    above = [rows[i + 1].buy_steps if i + 1 < count else 0 for i in range(count)]
    buys = [_out_of_balance(rows[i].buy_steps, below[i], size_unit) for i in range(count)]
    sells = [_out_of_balance(rows[i].sell_steps, above[i], size_unit) for i in range(count)]
    return _runs(rows, buys, 1) + _runs(rows, sells, -1)


def _out_of_balance(this: int, other: int, size_unit: int) -> bool:
    if other == 0:
        return this >= 3 * size_unit
    return this >= 3 * other


def _runs(rows: Sequence[FootprintRow], marked: list[bool], side: int) -> tuple[Stack, ...]:
    stacks = []
    start = 0
    for i in range(len(rows) + 1):
        if i == len(rows) or not marked[i]:
            if i - start >= 3:
                stacks.append(Stack(side, rows[start].price_ticks, rows[i - 1].price_ticks))
            start = i + 1
    return tuple(stacks)
