"""One market of the feed: its quote, its silence, and whether its ticks are whole.

It answers the questions of a gap: is one open, from when to when were ticks missing, or were none?
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from fabio.adapters.topstepx.feed.quotes import QuoteTaker
from fabio.adapters.topstepx.feed.watchdog import Hours, Verdict, Watchdog
from fabio.adapters.topstepx.signalr.session import Subscription
from fabio.model.event import FeedLost, FeedRestored
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable

PROMPT_NS = 3_000_000_000
"""A print that comes so soon after the subscriptions is taken for the first one since."""


class FeedMarket(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed listens to for one market of the engine.

    Parameters
    ----------
    table
        Has to cover as long as the feed runs: prints outside of it are refused.
    contract_id
        The dated contract, as `CON.F.US.ENQ.Z26`.
    latest_ns
        Exchange time up to which the market is known already, from the own tape or from bars; 0 for
        nothing. What lies between it and the first print is a gap.
    reference_ticks
        About where the market is; None believes the first print.
    """

    instrument: Instrument
    table: SessionTable
    contract_id: str
    latest_ns: int = 0
    reference_ticks: int | None = None


class Lane:
    """State of one market.

    Attributes
    ----------
    contract_id
        What is listened to now.
    lost
        Why ticks are missing; empty while they are whole.
    lost_from_ns
        Exchange time of the last tick before that.
    probing
        Whether a probe is under way.
    """

    def __init__(self, number: int, market: FeedMarket, now_s: float) -> None:
        self.number = number
        self.contract_id = market.contract_id
        self.known_ns = market.latest_ns
        self.lost = ""
        self.lost_from_ns = 0
        self.quotes = QuoteTaker(market.instrument)
        self.watchdog = Watchdog(now_s)
        self.probing = False
        self._instrument = market.instrument
        self._table = market.table
        self._is_quiet = False  # a probe found that nothing traded on this connection since it was lost
        self._only_late = False

    def change_contract(self, contract_id: str, now_s: float) -> None:
        """Begin anew with another contract."""
        self.contract_id = contract_id
        self.quotes = QuoteTaker(self._instrument)
        self.watchdog = Watchdog(now_s)

    def hours(self, venue_ns: int) -> Hours:
        """Say what the calendar has at a time of the venue's clock."""
        if not self._table.is_open(venue_ns):
            return Hours.CLOSED
        row = self._table.index_at(venue_ns)
        opens_ns, closes_ns = self._table.regular_opens_ns[row], self._table.regular_closes_ns[row]
        return Hours.REGULAR if opens_ns != NO_TIME and opens_ns <= venue_ns < closes_ns else Hours.OTHER

    def lose(self, why: str, ts_ns: int, latest_ns: int) -> FeedLost | None:
        """Ticks may be missing after the latest one; None where that is known already."""
        if self.lost:
            return None
        self.lost, self._is_quiet, self._only_late = why, False, False
        self.lost_from_ns = max(latest_ns, self.known_ns)
        return FeedLost(ts_ns=ts_ns, market=self.number, from_ns=self.lost_from_ns, reason=why)

    def connected(self, now_s: float) -> None:
        """A new connection: what was found out on another says nothing of it."""
        self._is_quiet = False
        self.watchdog.connected(now_s)

    def answered(self, verdict: Verdict, now_s: float) -> None:
        """A probe has come back."""
        self.watchdog.answered(verdict, now_s)
        if verdict is not Verdict.UNKNOWN:
            self._is_quiet = verdict is Verdict.QUIET

    def only_late(self) -> None:
        """Whatever was said: all ticks are here, they only came late."""
        self._only_late = True

    def worse(self, why: str) -> None:
        """They did not only come late: from now on some are missing."""
        self.lost, self._only_late = why, False

    def restore(self, ts_ns: int, printed_ns: int, whole_ns: int) -> FeedRestored | None:
        """A print has come: ticks are whole again; None where they were not lost.

        On a new connection they are so from its subscriptions on, if the print came promptly or a
        probe found the market quiet: a hub may agree to everything and say nothing. Else from the
        print on.

        Parameters
        ----------
        printed_ns
            The print's exchange time.
        whole_ns
            The venue's clock when the subscriptions were confirmed.
        """
        if not self.lost:
            return None
        self.lost = ""
        from_ns = to_ns = self.lost_from_ns
        is_new = whole_ns > from_ns
        if is_new and (self._is_quiet or printed_ns - whole_ns <= PROMPT_NS):
            to_ns = min(printed_ns, whole_ns)
        elif is_new or not self._is_quiet:
            to_ns = printed_ns
        to_ns = from_ns if self._only_late else max(to_ns, from_ns)
        return FeedRestored(ts_ns=ts_ns, market=self.number, from_ns=from_ns, to_ns=to_ns)


def subscriptions_of(contract_id: str) -> tuple[Subscription, Subscription]:
    """Name what is subscribed for a contract: prints, and quotes. Nothing here uses the book."""
    what = (contract_id,)
    return Subscription("SubscribeContractTrades", what), Subscription("SubscribeContractQuotes", what)


def lanes_by_contract(lanes: Sequence[Lane]) -> dict[str, Lane]:
    """Find lanes by their contracts' ids, and by the short form (`F.US.ENQ`) where only one has it."""
    found = {lane.contract_id: lane for lane in lanes}
    short = [(lane.contract_id.removeprefix("CON.").rpartition(".")[0], lane) for lane in lanes]
    names = Counter(name for name, _ in short)
    return found | {name: lane for name, lane in short if names[name] == 1}
