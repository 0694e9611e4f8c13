"""What the feed gives in one go: batches of ticks, and between them where some are missing.

`FeedLost` stands before the first tick that may have others missing before it, `FeedRestored` before
the first tick after a gap: so a gap is marked before the statistics pass it.
"""

from collections.abc import Callable, Sequence

from fabio.adapters.topstepx.feed.lane import Lane
from fabio.adapters.topstepx.feed.prints import PrintTaker
from fabio.model.event import FeedLost, FeedRestored
from fabio.model.tick import Ticks

FeedItem = Ticks | FeedLost | FeedRestored


class FeedItems:
    """Puts together what `take` gives.

    Parameters
    ----------
    now_ns
        The runtime clock.

    Attributes
    ----------
    whole_ns
        The venue's clock when all subscriptions of the connection were confirmed; 0 while they are not.
    losses, restorations
        How often a market was lost and restored.
    """

    def __init__(self, prints: PrintTaker, now_ns: Callable[[], int]) -> None:
        self.whole_ns = 0
        self.losses = self.restorations = 0
        self._prints = prints
        self._now_ns = now_ns
        self._items: list[FeedItem] = []
        self._late: list[Lane] = []  # lost only because we are behind

    def lose(self, lane: Lane, why: str) -> None:
        """Ticks of a market may be missing from here on."""
        if lane in self._late:  # it is more than that now
            self._late.remove(lane)
            lane.worse(why)
        event = lane.lose(why, self._ts_ns(), self._prints.latest_ns(lane.number))
        if event is not None:
            self.seal()
            self.losses += 1
            self._items.append(event)

    def restore(self, lane: Lane, printed_ns: int) -> None:
        """A print of a lost market has come, of that exchange time: its ticks are whole again."""
        if self._late:
            return  # what waits is old: not before it is taken
        event = lane.restore(self._ts_ns(), printed_ns, self.whole_ns)
        if event is not None:
            self.seal()
            self.restorations += 1
            self._items.append(event)

    def begin_lag(self, lanes: Sequence[Lane], why: str) -> None:
        """What comes now is too old to act on; nothing of it is missing."""
        for lane in lanes:
            if not lane.lost:
                self.lose(lane, why)
                lane.only_late()
                self._late.append(lane)

    def seal(self) -> None:
        """End the running batch: what comes next stands behind it."""
        ticks = self._prints.drain()
        if ticks is not None:
            self._items.append(ticks)

    def take(self) -> list[FeedItem]:
        """Give everything, in its order."""
        self.seal()
        late, self._late = self._late, []
        for lane in late:
            self.restore(lane, lane.lost_from_ns)
        items, self._items = self._items, []
        return items

    def _ts_ns(self) -> int:
        return max(self._now_ns(), self._prints.latest_recv_ns)
