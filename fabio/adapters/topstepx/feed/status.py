"""What the market feed tells of itself, for panel and status."""

import msgspec

from fabio.adapters.topstepx.feed.quotes import Quote


class MarketStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One market; `lost` is empty while its ticks are whole.

    `prints` counts those taken and those refused, by kind; `latest_ns` is the exchange time of the
    last one taken, 0 before the first.
    """

    contract_id: str
    lost: str
    latest_ns: int
    quote: Quote
    prints: dict[str, int]
    quotes: dict[str, int]


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The whole feed; `waiting` messages were not yet taken, `counts` is of everything since the start."""

    connected: bool
    generation: int
    waiting: int
    markets: tuple[MarketStatus, ...]
    counts: dict[str, int]
