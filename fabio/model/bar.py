"""Bar: one minute of trades."""

import msgspec


class Bar(msgspec.Struct, frozen=True):
    """One finished 1-minute bar, UTC-aligned, with at least one trade.

    Prices in ticks, volume and delta in size steps. `usual_range_ticks` is the median
    range of the last 20 finished sessions at the same minute of the session, None
    without an earlier session.
    """

    start_ns: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_steps: int
    delta_steps: int
    trades: int
    usual_range_ticks: float | None = None

    @property
    def range_ticks(self) -> int:
        """High minus low."""
        return self.high_ticks - self.low_ticks
