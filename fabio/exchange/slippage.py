"""Fill prices of market and stop orders, in ticks.

`side` is that of the execution: 1 buys, -1 sells. Compiled, because the venue and the
shadow kernel share them: they agree by construction.
"""

from fabio.features.compiled import kernel


@kernel
def market_fill_ticks(last_ticks: int, side: int, slippage_ticks: int) -> int:
    """Price a market order: the last trade, made worse by the slippage.

    >>> market_fill_ticks(100, 1, 1), market_fill_ticks(100, -1, 1)
    (101, 99)
    """
    return last_ticks + side * slippage_ticks


@kernel
def marketable(last_ticks: int, limit_ticks: int, side: int) -> bool:
    """Tell whether a limit would trade on arrival: the last trade is better than it by a tick or more.

    >>> marketable(99, 100, 1), marketable(100, 100, 1)
    (True, False)
    """
    return (limit_ticks - last_ticks) * side > 0


@kernel
def marketable_fill_ticks(last_ticks: int, limit_ticks: int, side: int, slippage_ticks: int) -> int:
    """Price a marketable limit: as a market order, but never worse than its limit.

    >>> marketable_fill_ticks(99, 100, 1, 5)
    100
    """
    worst = last_ticks + side * slippage_ticks
    return min(worst, limit_ticks) if side > 0 else max(worst, limit_ticks)


@kernel
def stop_triggers(price_ticks: int, stop_ticks: int, side: int) -> bool:
    """Tell whether a trade at a price triggers a stop: at or through it.

    >>> stop_triggers(96, 96, -1), stop_triggers(97, 96, -1)
    (True, False)
    """
    return (price_ticks - stop_ticks) * side >= 0


@kernel
def stop_fill_ticks(price_ticks: int, stop_ticks: int, side: int, slippage_ticks: int) -> int:
    """Price a triggered stop: the worse of stop and triggering trade, made worse by the slippage.

    >>> stop_fill_ticks(94, 96, -1, 1), stop_fill_ticks(96, 96, -1, 1)
    (93, 95)
    """
    worse = max(price_ticks, stop_ticks) if side > 0 else min(price_ticks, stop_ticks)
    return worse + side * slippage_ticks
