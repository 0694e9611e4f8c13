"""When a resting limit fills: traded through, or its turn in the queue came."""

from typing import NamedTuple


class Turn(NamedTuple):
    """What one trade does to a resting limit: steps filled, and steps still ahead (None: no queue)."""

    filled_steps: int
    ahead_steps: int | None


def watch_ticks(limit_ticks: int, side: int, queue_ahead_steps: int | None) -> int:
    """Give the price at or beyond which a trade can matter to a limit.

    Without a queue only a trade through the limit matters.

    >>> watch_ticks(100, 1, None), watch_ticks(100, 1, 50)
    (99, 100)
    """
    return limit_ticks - side if queue_ahead_steps is None else limit_ticks


def limit_turn(limit_ticks: int, side: int, left_steps: int, ahead_steps: int | None,
               trade: tuple[int, int]) -> Turn:
    """Tell how much of a resting limit one trade fills.

    Parameters
    ----------
    side
        1 buys, -1 sells.
    left_steps
        What is unfilled of it.
    ahead_steps
        Volume ahead of it at its price; None for trade-through only.
    trade
        Price in ticks and size in steps of the print.

    Examples
    --------
    >>> limit_turn(100, 1, 5, 3, (100, 4))
    Turn(filled_steps=1, ahead_steps=0)
    >>> limit_turn(100, 1, 5, None, (99, 1))
    Turn(filled_steps=5, ahead_steps=None)
    >>> limit_turn(100, 1, 5, None, (100, 9)).filled_steps
    0
    """
    price_ticks, size_steps = trade
    if (limit_ticks - price_ticks) * side > 0:
        return Turn(left_steps, ahead_steps)
    if ahead_steps is None or price_ticks != limit_ticks:
        return Turn(0, ahead_steps)
    passed = min(ahead_steps, size_steps)
    return Turn(min(left_steps, size_steps - passed), ahead_steps - passed)
