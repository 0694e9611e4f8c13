"""High- and low-volume nodes of the profile, computed when read.

Rows from the session's low to its high are smoothed by a centred mean of w rows, cut at the
edges; w is the odd number nearest to max(5, rows / 20), the upper of two equally near. A node
is a strict extremum within +-w/2 rows; of a plateau (neighbouring rows of equal smoothed
volume) the lowest row stands for all. HVN: above 1.5 times the mean row. LVN: below half of
it, with an HVN on each side. At most 5 of each, most extreme first, ties to the lower row.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.compiled import kernel
from fabio.features.layout import BASE_ROW, HIGH, LOW, ROW_VOLUME
from fabio.model.stats import Node, Nodes

MOST_NODES = 5


@kernel
def _smooth(volume: NDArray[np.int64], half: int) -> NDArray[np.float64]:
    """Centred mean of 2 x half + 1 rows, cut at the edges."""
    n = len(volume)
    smoothed = np.empty(n, dtype=np.float64)
    total = 0
    for i in range(min(half, n)):
        total += volume[i]
    for i in range(n):
        if i + half < n:
            total += volume[i + half]
        if i - half > 0:
            total -= volume[i - half - 1]
        smoothed[i] = total / (min(i + half, n - 1) - max(i - half, 0) + 1)
    return smoothed


@kernel
def _is_extremum(smoothed: NDArray[np.float64], row: int, half: int, sign: int) -> bool:
    """Whether `row` is the lowest of a plateau that stands out among the rows around `row`."""
    n = len(smoothed)
    value = smoothed[row]
    if row > 0 and smoothed[row - 1] == value:
        return False
    end = row
    while end + 1 < n and smoothed[end + 1] == value:
        end += 1
    for i in range(max(row - half, 0), min(row + half, n - 1) + 1):
        outside = i < row or i > end
        if outside and sign * smoothed[i] >= sign * value:
            return False
    return True


@kernel
def _keep_most_extreme(
    found: NDArray[np.int64], count: int, smoothed: NDArray[np.float64], row: int, sign: int,
) -> int:
    """Put `row` in its place among at most five; rows come from below, so ties stay behind."""
    place = min(count, MOST_NODES)
    while place > 0 and sign * smoothed[found[place - 1]] < sign * smoothed[row]:
        if place < MOST_NODES:
            found[place] = found[place - 1]
        place -= 1
    if place < MOST_NODES:
        found[place] = row
        return min(count + 1, MOST_NODES)
    return count


@kernel
def find_nodes(volume: NDArray[np.int64], high: NDArray[np.int64], low: NDArray[np.int64]) -> tuple[int, int]:
    """Write the rows of the nodes into `high[5]` and `low[5]`; answer how many of each."""
    n = len(volume)
    half = max(5, 2 * (n // 40) + 1) // 2
    smoothed = _smooth(volume, half)
    mean = np.sum(volume) / n
    highs = lows = 0
    lowest_high, highest_high = n, -1
    for row in range(n):
        if smoothed[row] > 1.5 * mean and _is_extremum(smoothed, row, half, 1):
            highs = _keep_most_extreme(high, highs, smoothed, row, 1)
            lowest_high = min(lowest_high, row)
            highest_high = row
    for row in range(lowest_high + 1, highest_high):
        if smoothed[row] < 0.5 * mean and _is_extremum(smoothed, row, half, -1):
            lows = _keep_most_extreme(low, lows, smoothed, row, -1)
    return highs, lows


def nodes_of(s: NDArray[np.int64], rows: NDArray[np.int64]) -> Nodes:
    """Give the nodes of the session's profile as it stands; there must have been a trade."""
    base, low_price = int(s[BASE_ROW]), int(s[LOW])
    volume = rows[ROW_VOLUME, low_price - base : int(s[HIGH]) - base + 1]
    high, low = np.empty(MOST_NODES, dtype=np.int64), np.empty(MOST_NODES, dtype=np.int64)
    highs, lows = find_nodes(volume, high, low)
    return Nodes(
        tuple(Node(low_price + row, int(volume[row])) for row in high[:highs].tolist()),
        tuple(Node(low_price + row, int(volume[row])) for row in low[:lows].tolist()),
    )
