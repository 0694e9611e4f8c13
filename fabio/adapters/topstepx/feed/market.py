"""The market feed: the market hub, from its connection to batches of ticks.

`run` is a root task: it keeps the hub connected and watches for silence. `take` gives what came, in
its order: batches of ticks, and between them `FeedLost` and `FeedRestored` where they belong
(`feed_items`).

| what happens | what comes of it |
| --- | --- |
| the start, or the connection is lost, in trading hours | `FeedLost` |
| silence, or prints missed (`watchdog`) | `FeedLost`, then a new connection |
| the computer slept | `FeedLost`, then a new connection |
| a print comes again (a quote proves nothing of prints) | `FeedRestored`, with the gap |
| the inbox is full, or a message waited for a second | `FeedLost` before what waits, `FeedRestored` after |
| `GatewayLogout` | the connection is given up and slowly made anew |

Ticks are never dropped. Until the inbox is full nothing is merged; then quotes are, newest wins, and
where that makes no room the socket waits.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence

from fabio.adapters.topstepx.events import EventReader, LoggedOut, Prints, QuoteChange
from fabio.adapters.topstepx.feed.items import FeedItem, FeedItems
from fabio.adapters.topstepx.feed.lane import FeedMarket, Lane, lanes_by_contract, subscriptions_of
from fabio.adapters.topstepx.feed.print_checks import NS
from fabio.adapters.topstepx.feed.prints import PrintTaker
from fabio.adapters.topstepx.feed.probe import Probe
from fabio.adapters.topstepx.feed.quote_merging import QuoteMerging
from fabio.adapters.topstepx.feed.quotes import Quote
from fabio.adapters.topstepx.feed.status import FeedStatus, MarketStatus
from fabio.adapters.topstepx.feed.vigil import LOOK_S, Inquiry, Vigil
from fabio.adapters.topstepx.feed.watchdog import Hours
from fabio.adapters.topstepx.signalr.hub import Hub, HubSettings, Outside, SubscriptionRefused
from fabio.adapters.topstepx.signalr.inbox import Arrival, Inbox
from fabio.adapters.topstepx.signalr.notices import Connected, Lost, Notice
from fabio.adapters.topstepx.signalr.protocol import Invocation

CAPACITY = 16_384
"""Messages that may wait: over a second of the busiest market, about 15 MB."""
BEHIND_NS = NS
"""What waited longer is too old to act on."""
UNTAKEN_S = 0.5

_WAKE = Arrival("feed", -1, 0, Invocation("", ()))


class MarketFeed:
    """Ticks of several markets over one connection.

    Parameters
    ----------
    settings
        The market hub.
    outside
        Tokens, sockets, clock and chance.
    markets
        In the engine's order.
    probe
        Asks REST in silence.
    skew_s
        Seconds by which the venue's clock is ahead of ours; None while nobody knows.
    capacity
        Messages that may wait.
    """

    def __init__(
        self, settings: HubSettings, outside: Outside, markets: Sequence[FeedMarket], probe: Probe,
        skew_s: Callable[[], float | None], capacity: int = CAPACITY,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = outside.clock
        self._skew_s = skew_s
        now_s = self._clock.monotonic_s()
        self._lanes = [Lane(number, market, now_s) for number, market in enumerate(markets)]
        self._by_contract = lanes_by_contract(self._lanes)
        self._prints = PrintTaker([(m.instrument, m.table, m.reference_ticks) for m in markets], skew_s)
        self._events = EventReader()
        self._merging = QuoteMerging()
        self._inbox = Inbox(capacity, self._merging, self._filled_up)
        subscriptions = [each for lane in self._lanes for each in subscriptions_of(lane.contract_id)]
        self._hub = Hub(settings, subscriptions, outside, self._inbox, self._noticed)
        self._items = FeedItems(self._prints, self._clock.now_ns)
        inquiry = Inquiry(probe, self._prints, self._items)
        self._vigil = Vigil(self._lanes, self._hub, inquiry, self._clock, self._venue_ns)
        self._notices: deque[tuple[Connected | Lost, int]] = deque()  # and when it was told
        self._generation = 0
        self._is_full = False
        self._taken_s = now_s

    async def run(self) -> None:
        """Stay connected and watch, until cancelled.

        Raises
        ------
        Exception
            What the token factory raised and was not temporary: a person's turn.
        """
        self._vigil.begin()
        self._wake()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hub.run(), name="market hub")
            while True:
                await self._clock.sleep(LOOK_S)
                waited_s = self._clock.monotonic_s() - self._taken_s
                self._vigil.look(len(self._inbox) > 0 and waited_s > UNTAKEN_S, group)
                if self._vigil.alarms:
                    self._wake()

    async def take(self) -> list[FeedItem]:
        """Wait for what comes next: at least one item; for one taker at a time."""
        while True:
            arrivals = await self._inbox.take()
            if items := self._digest(arrivals):
                return items

    async def change_contract(self, market: int, contract_id: str, reference_ticks: int | None = None) -> None:
        """Listen to another contract of a market from now on: before a session opens, and flat.

        Raises
        ------
        SubscriptionRefused
            If the hub does not know it; the market stays as it was.
        """
        lane = self._lanes[market]
        before = lane.contract_id
        if contract_id == before:
            return
        try:
            for each in subscriptions_of(contract_id):
                await self._hub.subscribe(each)
        except SubscriptionRefused:
            await self._unsubscribe(contract_id)
            raise
        lane.change_contract(contract_id, self._clock.monotonic_s())
        self._prints.change_contract(market, reference_ticks)
        self._by_contract = lanes_by_contract(self._lanes)
        self.counts["contract changes"] += 1
        await self._unsubscribe(before)

    async def _unsubscribe(self, contract_id: str) -> None:
        for each in subscriptions_of(contract_id):
            await self._hub.unsubscribe(each)

    def quote(self, market: int) -> Quote:
        """Give the last quote of a market."""
        return self._lanes[market].quotes.quote

    def status(self) -> FeedStatus:
        """Tell how the feed is."""
        inbox = self._inbox
        return FeedStatus(
            connected=self._hub.connected,
            generation=self._hub.generation,
            waiting=len(inbox),
            markets=tuple(
                MarketStatus(
                    contract_id=lane.contract_id, lost=lane.lost, latest_ns=self._prints.latest_ns(lane.number),
                    quote=lane.quotes.quote, prints=dict(self._prints.counts(lane.number)),
                    quotes=dict(lane.quotes.counts),
                )
                for lane in self._lanes
            ),
            counts={
                **self.counts, **self._vigil.counts, **self._hub.counts,
                "lost": self._items.losses, "restored": self._items.restorations,
                "merged": inbox.merges, "filled up": inbox.laggings, "refused room": inbox.refusals,
                "unreadable when merged": self._merging.unreadable,
                **{f"bad {target} {kind}": count for (target, kind), count in self._events.bad.items()},
            },
        )

    # -- what came

    def _digest(self, arrivals: list[Arrival]) -> list[FeedItem]:
        self._taken_s = self._clock.monotonic_s()
        alarms = self._vigil.alarms
        while alarms:
            self._items.lose(*alarms.popleft())
        self._note_lag(arrivals)
        for arrival in arrivals:
            if arrival is _WAKE:
                continue
            if arrival.generation > self._generation:
                self._live_through_notices(arrival.generation)
                self._begin_generation(arrival.generation, arrival.recv_ns)
            self._handle(arrival)
        self._live_through_notices()
        return self._items.take()

    def _handle(self, arrival: Arrival) -> None:
        self.counts["messages"] += 1
        for event in self._events.read(arrival.invocation):
            if isinstance(event, Prints):
                self._take_prints(event, arrival.recv_ns)
            elif isinstance(event, QuoteChange):
                self._take_quote(event, arrival.recv_ns)
            elif isinstance(event, LoggedOut):
                self.counts["logouts"] += 1
                self._hub.reconnect(f"GatewayLogout: {event.arguments[:200]!r}", slow=True)
            else:  # depth, which nobody asked for; events of a name we do not know; bad items
                self.counts[type(event).__name__] += 1

    def _take_prints(self, event: Prints, recv_ns: int) -> None:
        lane = self._lane(event.contract_id)
        if lane is None:
            return
        lane.watchdog.heard(self._heard_s(recv_ns), is_print=True)
        if lane.lost and self._items.whole_ns:  # else not every subscription stands yet
            self._items.restore(lane, event.prints[0].ts_event_ns)
        self._prints.take(lane.number, event.prints, recv_ns)

    def _take_quote(self, event: QuoteChange, recv_ns: int) -> None:
        lane = self._lane(event.contract_id)
        if lane is None:
            return
        at_s = self._heard_s(recv_ns)
        lane.watchdog.heard(at_s, is_print=False)
        quote = lane.quotes.take(event, recv_ns)
        if event.last_price is not None and quote.last_ticks != self._prints.last_ticks(lane.number):
            lane.watchdog.quoted_elsewhere(at_s)

    def _lane(self, contract_id: str) -> Lane | None:
        lane = self._by_contract.get(contract_id)
        if lane is None:
            self.counts["of other contracts"] += 1
        return lane

    def _note_lag(self, arrivals: list[Arrival]) -> None:
        oldest_ns = next((arrival.recv_ns for arrival in arrivals if arrival is not _WAKE), None)
        if oldest_ns is None:
            return
        waited_ns = self._clock.now_ns() - oldest_ns
        if self._is_full or waited_ns > BEHIND_NS:
            self._is_full = False
            self.counts["behind"] += 1
            why = f"{len(arrivals)} messages wait, the oldest for {waited_ns / NS:.1f} s"
            self._items.begin_lag(self._lanes, why)

    # -- the connection

    def _noticed(self, notice: Notice) -> None:
        if isinstance(notice, Connected | Lost):
            self._notices.append((notice, self._clock.now_ns()))
            self._wake()
        self.counts[type(notice).__name__] += 1

    def _live_through_notices(self, before: int | None = None) -> None:
        """Do what came of the connections before the one given."""
        while self._notices and (before is None or self._notices[0][0].generation < before):
            notice, told_ns = self._notices.popleft()
            if isinstance(notice, Connected):
                self._begin_generation(notice.generation, told_ns)
                self._items.whole_ns = self._venue_ns(told_ns)
            else:
                self._disconnected(f"the connection was lost: {notice.reason}, {notice.detail}", told_ns)

    def _begin_generation(self, generation: int, recv_ns: int) -> None:
        if generation <= self._generation:
            return
        self._generation = generation
        self._items.whole_ns = 0
        self._items.seal()
        self._prints.expect_replays(recv_ns)
        for lane in self._lanes:
            lane.connected(self._clock.monotonic_s())

    def _disconnected(self, why: str, told_ns: int) -> None:
        self._items.whole_ns = 0
        venue_ns = self._venue_ns(told_ns)
        for lane in self._lanes:
            if lane.hours(venue_ns) is not Hours.CLOSED:
                self._items.lose(lane, why)

    def _filled_up(self, waiting: int) -> None:
        self._is_full = True

    def _wake(self) -> None:
        """Let whoever takes look, though no message came; where some wait it will."""
        if not self._inbox:
            self._inbox.offer(_WAKE)

    # -- clocks

    def _venue_ns(self, ns: int) -> int:
        skew_s = self._skew_s()
        return ns if skew_s is None else ns + int(skew_s * NS)

    def _heard_s(self, recv_ns: int) -> float:
        return self._clock.monotonic_s() - max(self._clock.now_ns() - recv_ns, 0) / NS

