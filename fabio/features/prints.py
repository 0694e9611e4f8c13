"""Big prints: trades of one aggressor at one time, far larger than the usual print.

Consecutive trades of equal time and side are one print. It is big when its size reaches the
threshold: a fixed one, or the nearest-rank 99.5th percentile of the latest 10,000 prints
before the current minute. The threshold holds for the whole minute and a print lies in one,
so it can be told big at the trade that reaches it, and only grows from there. The 128
largest prints of the window are kept in order; the percentile is read off that list once a
minute. Cost: about 4 ns a print.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.inlined import inlined, piece
from fabio.features.layout import (
    BIG_AT,
    BIG_COUNT,
    BIG_KEPT,
    BIG_WIDTH,
    FOREVER,
    PRINT_FIXED,
    PRINT_FLOOR,
    PRINT_IS_BIG,
    PRINT_NS,
    PRINT_POSITION,
    PRINT_SIDE,
    PRINT_SIZE,
    PRINT_THRESHOLD,
    PRINT_WINDOW,
    PRINTS,
    PRINTS_AT,
    TOP_AT,
    TOP_COUNT,
    TOP_KEPT,
)

FEWEST_PRINTS = 1_000


@inlined
def add_to_print(s: NDArray[np.int64], ts_ns: int, price: int, size: int, side: int) -> bool:
    """Take one trade into the running print or start one; tell whether it just became big."""
    if ts_ns == s[PRINT_NS] and side == s[PRINT_SIDE] and s[PRINT_SIZE] > 0:
        size += s[PRINT_SIZE]
    else:
        end_print(s)
        s[PRINT_NS] = ts_ns
        s[PRINT_SIDE] = side
        s[PRINT_IS_BIG] = 0
    s[PRINT_SIZE] = size
    if size < s[PRINT_THRESHOLD]:
        return False
    is_new = s[PRINT_IS_BIG] == 0
    if is_new:
        s[PRINT_IS_BIG] = 1
        s[BIG_COUNT] += 1
    at = BIG_AT + ((s[BIG_COUNT] - 1) % BIG_KEPT) * BIG_WIDTH
    s[at] = ts_ns
    s[at + 1] = price
    s[at + 2] = size
    s[at + 3] = side
    return bool(is_new)


@inlined
def end_print(s: NDArray[np.int64]) -> None:
    """Put the running print's size among the latest 10,000."""
    size = s[PRINT_SIZE]
    if size == 0:
        return
    s[PRINT_SIZE] = 0
    at = PRINTS_AT + s[PRINT_POSITION]
    if s[PRINTS] == PRINT_WINDOW:
        expired = s[at]
        if s[TOP_COUNT] > 0 and expired >= s[TOP_AT + s[TOP_COUNT] - 1]:
            _take_from_top(s, expired)
    else:
        s[PRINTS] += 1
    s[at] = size
    s[PRINT_POSITION] += 1
    if s[PRINT_POSITION] == PRINT_WINDOW:
        s[PRINT_POSITION] = 0
    _offer_to_top(s, size, s[PRINTS] - 1)


@piece
def set_threshold(s: NDArray[np.int64]) -> None:
    """Set the threshold of the minute that begins; the running print has been ended."""
    if s[PRINT_FIXED] > 0:
        s[PRINT_THRESHOLD] = s[PRINT_FIXED]
        return
    count = s[PRINTS]
    if count < FEWEST_PRINTS:
        s[PRINT_THRESHOLD] = FOREVER
        return
    from_top = count - (995 * count + 999) // 1000      # of the nearest rank, 0 is the largest
    if s[TOP_COUNT] <= from_top:
        s[TOP_COUNT] = 0
        for i in range(count):
            _offer_to_top(s, s[PRINTS_AT + i], i)
    s[PRINT_THRESHOLD] = max(s[PRINT_FLOOR], s[TOP_AT + from_top])


@piece
def _offer_to_top(s: NDArray[np.int64], size: int, others: int) -> None:
    """Insert `size` where it belongs among the largest; the window has `others` besides it."""
    count = s[TOP_COUNT]
    if count < others and (count == 0 or size < s[TOP_AT + count - 1]):
        return      # something outside the list may be larger
    if count == TOP_KEPT:
        if size <= s[TOP_AT + count - 1]:
            return
        count -= 1
    place = TOP_AT + count
    while place > TOP_AT and s[place - 1] < size:
        s[place] = s[place - 1]
        place -= 1
    s[place] = size
    s[TOP_COUNT] = count + 1


@piece
def _take_from_top(s: NDArray[np.int64], size: int) -> None:
    """Remove one entry of `size`, which is not below the list's smallest."""
    end = TOP_AT + s[TOP_COUNT] - 1
    place = end
    while s[place] != size:
        place -= 1
    while place < end:
        s[place] = s[place + 1]
        place += 1
    s[TOP_COUNT] -= 1


_PLACES = (
    slice(PRINT_NS, PRINT_THRESHOLD + 1),
    slice(PRINTS, TOP_COUNT + 1),
    slice(BIG_COUNT, BIG_COUNT + 1),
    slice(BIG_AT, BIG_AT + BIG_KEPT * BIG_WIDTH),
    slice(TOP_AT, TOP_AT + TOP_KEPT),
    slice(PRINTS_AT, PRINTS_AT + PRINT_WINDOW),
)
"""All that is remembered of prints."""


def remembered_prints(s: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Copy what is remembered of prints."""
    return [s[place].copy() for place in _PLACES]


def put_prints_back(s: NDArray[np.int64], remembered: list[NDArray[np.int64]], same_session: bool) -> None:
    """Forget all prints since `remembered_prints`; a session that has begun meanwhile had no big one."""
    for place, values in zip(_PLACES, remembered, strict=True):
        s[place] = values
    if not same_session:
        s[BIG_COUNT] = 0
    end_print(s)
    set_threshold(s)
