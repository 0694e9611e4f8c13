"""Street: what one streamed market looks like now, and whether it trades."""

import numpy as np
from numpy.typing import NDArray

from fabio.adapters.gateway.listings import Listing
from fabio.model.session import NoSession, Session, SessionTable
from fabio.model.tick import BUY, SELL


class Street:
    """The state of a market, from its prints.

    Bid and ask follow from the aggressor, a tick apart: a tape of trades has no quotes.

    Attributes
    ----------
    last_ticks
        None before the first print.
    open_ticks, high_ticks, low_ticks, volume
        Of the session.
    paused
        Why nothing is taken; empty when it trades.
    """

    def __init__(self, listing: Listing, table: SessionTable) -> None:
        self.listing = listing
        self.table = table
        self.last_ticks: int | None = None
        self.last_event_ns = 0
        self.bid_ticks: int | None = None
        self.ask_ticks: int | None = None
        self.open_ticks: int | None = None
        self.high_ticks = self.low_ticks = 0
        self.volume = 0
        self.paused = ""

    def is_open(self, ts_ns: int) -> bool:
        """Tell whether orders are taken at a time."""
        return not self.paused and self.table.is_open(ts_ns)

    def session_at(self, ts_ns: int) -> Session | None:
        """Give the session a time lies in, in closed hours the next one; None beyond the table."""
        try:
            return self.table.session(self.table.index_at(ts_ns))
        except NoSession:
            return None

    def print(self, ts_event_ns: int, price_ticks: int, size_steps: int, side: int) -> None:
        """Take one public print."""
        self.last_ticks, self.last_event_ns = price_ticks, ts_event_ns
        if side == BUY or (side != SELL and self.ask_ticks is not None and price_ticks >= self.ask_ticks):
            self.bid_ticks, self.ask_ticks = price_ticks - 1, price_ticks
        else:
            self.bid_ticks, self.ask_ticks = price_ticks, price_ticks + 1
        if self.open_ticks is None:
            self.open_ticks = self.high_ticks = self.low_ticks = price_ticks
        self.high_ticks, self.low_ticks = max(self.high_ticks, price_ticks), min(self.low_ticks, price_ticks)
        self.volume += size_steps

    def pass_over(self, ts_event_ns: NDArray[np.int64], price_ticks: NDArray[np.int64],
                  size_steps: NDArray[np.int64], side: NDArray[np.int8]) -> None:
        """Take many prints at once, of which nobody wants to hear."""
        if not len(price_ticks):
            return
        if self.open_ticks is None:
            self.open_ticks = self.high_ticks = self.low_ticks = int(price_ticks[0])
        self.high_ticks = max(self.high_ticks, int(price_ticks.max()))
        self.low_ticks = min(self.low_ticks, int(price_ticks.min()))
        self.volume += int(size_steps[:-1].sum())
        self.print(int(ts_event_ns[-1]), int(price_ticks[-1]), int(size_steps[-1]), int(side[-1]))

    def begin_session(self) -> None:
        """Start the session's numbers anew."""
        self.open_ticks, self.volume = None, 0
