"""Assumptions of the simulated venue, each a name and a number; pessimistic by default.

What is not simulated: our own orders do not move the price, own orders at one price do
not share the queue's volume among them, and reports arrive at once.
"""

import msgspec

NEVER_NS = (1 << 63) - 1
"""Stands for "nothing is due"."""


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue treats us.

    Parameters
    ----------
    order_latency_ns
        From a command's leaving to its effect, >= 0. TopstepX acknowledges in 8 to 30 ms;
        50 ms also covers our own network.
    market_slippage_ticks
        Adverse distance of a market fill from the last trade, >= 0: 1 is the spread of a
        liquid future, since the last trade may have been at the other side of the book.
    stop_slippage_ticks
        Adverse distance of a stop's fill from the worse of stop and triggering trade, >= 0.
    queue_ahead_steps
        Volume that has to trade at a limit's own price, after it began to work, before
        its own turn comes, >= 0. None (the default): a limit fills only when price trades
        through it by at least one tick. The shadow book always takes None.
    """

    order_latency_ns: int = 50_000_000
    market_slippage_ticks: int = 1
    stop_slippage_ticks: int = 1
    queue_ahead_steps: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"assumption {name} is {value}, at least 0 was expected")

    def arrival_ns(self, ts_ns: int) -> int:
        """Tell when a command that leaves at `ts_ns` takes effect."""
        return ts_ns + self.order_latency_ns
