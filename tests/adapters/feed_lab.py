"""A market feed in virtual time, with a venue in memory at the other end and a history that is told what to say."""

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from hub_side import Side, Tokens, Venue

from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.data.sessions import load_sessions
from fabio.adapters.topstepx.feed.items import FeedItem
from fabio.adapters.topstepx.feed.lane import FeedMarket
from fabio.adapters.topstepx.feed.market import MarketFeed
from fabio.adapters.topstepx.feed.watchdog import Verdict
from fabio.adapters.topstepx.signalr.hub import HubSettings, Outside
from fabio.adapters.topstepx.signalr.protocol import Invocation, invocation
from fabio.adapters.topstepx.signalr.timing import HubClock
from fabio.adapters.topstepx.stamps import stamp_text
from fabio.model.event import FeedLost, FeedRestored
from fabio.model.tick import Ticks
from fabio.research.reliability.virtual_time import START_S

S = 1_000_000_000
ROOT = Path(__file__).parents[2]
INSTRUMENTS = load_instruments(ROOT / "config" / "instruments.toml")
TABLE = load_sessions(ROOT / "config" / "sessions.toml", "cme_equity", dt.date(2026, 11, 9), dt.date(2026, 12, 4))
REGULAR_NS = 1_795_186_800 * S  # Friday 2026-11-20, 09:00 in Chicago
NIGHT_NS = 1_795_140_000 * S  # the same session, 20:00 the evening before
MNQ, MES = "CON.F.US.MNQ.Z26", "CON.F.US.MES.Z26"


class TruthfulProbe:
    """Stands in for `Probe`: says what it is told, after a while."""

    def __init__(self, verdict: Verdict = Verdict.UNKNOWN, answer_s: float = 0.3) -> None:
        self.verdict = verdict
        self.answer_s = answer_s
        self.asked: list[tuple[str, int, int, int]] = []

    async def ask(self, contract_id: str, seen_ns: int, whole_ns: int, now_ns: int) -> Verdict:
        self.asked.append((contract_id, seen_ns, whole_ns, now_ns))
        await asyncio.sleep(self.answer_s)
        return self.verdict


class Lab:
    """A feed, its venue and what it gave.

    Parameters
    ----------
    start_ns
        The runtime clock when the story begins.
    """

    def __init__(self, venue: Venue, start_ns: int = REGULAR_NS, **options: Any) -> None:
        self.venue = venue
        self.start_ns = start_ns
        self.wall_step_ns = 0  # what somebody has set the runtime's clock forward by
        self.slept_s = 0.0  # by the wall clock
        self.skew_s: float | None = options.pop("skew_s", 0.0)
        self.probe = options.pop("probe", None) or TruthfulProbe()
        self.items: list[tuple[float, FeedItem]] = []  # when it was taken, what
        self.keep_items = True
        self.taking = asyncio.Event()
        self.taking.set()
        symbols = options.pop("symbols", {"MNQ": MNQ})
        tokens = options.pop("tokens", Tokens())
        self.latest_ns = options.pop("latest_ns", 0)
        markets = [
            FeedMarket(instrument=INSTRUMENTS[symbol], table=TABLE, contract_id=contract_id, latest_ns=self.latest_ns)
            for symbol, contract_id in symbols.items()
        ]
        clock = options.pop("clock", None) or HubClock(
            asyncio.get_running_loop().time, asyncio.sleep, self.now_ns, lambda: self.now_s() + self.slept_s)
        dial = options.pop("dial", venue.dial)
        outside = Outside(tokens, dial, clock, random.Random(0).random)
        url = options.pop("url", "wss://rtc.example.com/hubs/market")
        self.feed = MarketFeed(HubSettings(name="market", url=url), outside, markets, self.probe,  # type: ignore[arg-type]
                               lambda: self.skew_s, **options)

    def now_s(self) -> float:
        """Seconds since the story began."""
        return asyncio.get_running_loop().time() - START_S

    def now_ns(self) -> int:
        return self.start_ns + self.wall_step_ns + int(self.now_s() * S)

    @property
    def side(self) -> Side:
        """The connection that stands now."""
        return self.venue.sides[-1]

    def trade(self, price: float = 21000.25, contract_id: str = MNQ, late_s: float = 0.02, count: int = 1) -> None:
        """Let the venue send one event with prints of now."""
        self.side.say(trade_event(self.now_ns() - int(late_s * S), price, contract_id, count))

    def quote(self, contract_id: str = MNQ, **fields: Any) -> None:
        self.side.say(invocation("GatewayQuote", contract_id, fields or {"bestBid": 21000.0, "bestAsk": 21000.25}))

    async def trade_on(self, seconds: float, every_s: float = 0.1, **options: Any) -> None:
        """Trade for a while."""
        ends_s = self.now_s() + seconds
        while self.now_s() < ends_s - 1e-9:
            self.trade(**options)
            await asyncio.sleep(every_s)

    @asynccontextmanager
    async def running(self, connected: bool = True) -> AsyncIterator["Lab"]:
        """Let it live, from when it is connected or at once."""
        tasks = [asyncio.ensure_future(self.feed.run()), asyncio.ensure_future(self._take())]
        try:
            while connected and not self.feed.status().connected:
                await asyncio.sleep(0.01)
            yield self
            for task in tasks:
                if task.done():
                    await task
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, ExceptionGroup):
                    await task
            await self.venue.end()

    async def _take(self) -> None:
        while True:
            await self.taking.wait()
            items = await self.feed.take()
            if self.keep_items:
                self.items += [(self.now_s(), item) for item in items]

    # what came

    def ticks(self) -> list[Ticks]:
        return [item for _, item in self.items if isinstance(item, Ticks)]

    def prices(self, market: int = 0) -> list[int]:
        return [price for ticks in self.ticks() for price in ticks.price_ticks[ticks.market == market].tolist()]

    def lost(self) -> list[tuple[float, FeedLost]]:
        return [(at_s, item) for at_s, item in self.items if isinstance(item, FeedLost)]

    def restored(self) -> list[tuple[float, FeedRestored]]:
        return [(at_s, item) for at_s, item in self.items if isinstance(item, FeedRestored)]

    def kinds(self) -> str:
        """Write the items as letters: L lost, R restored, T ticks (any number of batches)."""
        letters = "".join({FeedLost: "L", FeedRestored: "R"}.get(type(item), "T") for _, item in self.items)
        while "TT" in letters:
            letters = letters.replace("TT", "T")
        return letters

    def counts(self) -> Counter[str]:
        return Counter(self.feed.status().counts)


def trade_event(at_ns: int, price: float = 21000.25, contract_id: str = MNQ, count: int = 1) -> Invocation:
    """Build a `GatewayTrade`: an object for one print, an array for several."""
    prints = [
        {"symbolId": "F.US.MNQ", "price": price, "timestamp": stamp_text(at_ns + place * 100), "type": place % 2,
         "volume": 1 + place % 3}
        for place in range(count)
    ]
    return invocation("GatewayTrade", contract_id, prints if count > 1 else prints[0])


Scene = Callable[[Lab], Any]
