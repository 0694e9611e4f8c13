"""Gateway: the simulated TopstepX server without sockets, wall clock or randomness.

Whoever drives it sets its time: `advance` lives through everything due up to a moment, ticks
and deeds in order, and what is due at the very time of a tick comes before the tick. Requests
are answered at the time it was last advanced to. So a whole day with its clients can be lived
through in one process, in virtual time, the same way each time.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence

import msgspec

from fabio.adapters.gateway.accounts import AccountBook, Ids
from fabio.adapters.gateway.agenda import Agenda
from fabio.adapters.gateway.bars import History
from fabio.adapters.gateway.clerk import Clerk
from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.connection import HubConnection, HubName
from fabio.adapters.gateway.floor import Floor
from fabio.adapters.gateway.hubs import Hubs
from fabio.adapters.gateway.listings import Listings, front_month
from fabio.adapters.gateway.messages import Answer, NoAccess, Request
from fabio.adapters.gateway.mutations import Mutations
from fabio.adapters.gateway.operator import Operator
from fabio.adapters.gateway.orders import Orders
from fabio.adapters.gateway.plan import GatewayPlan
from fabio.adapters.gateway.publishing import Publisher
from fabio.adapters.gateway.queries import Queries
from fabio.adapters.gateway.reel import Reel
from fabio.adapters.gateway.rest import Rest
from fabio.adapters.gateway.rules import Rules
from fabio.adapters.gateway.street import Street
from fabio.adapters.gateway.tokens import Tokens
from fabio.adapters.topstepx.contracts import Expiry
from fabio.adapters.topstepx.stamps import SECOND_NS
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.tick import Ticks


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A market that has ticks.

    Parameters
    ----------
    expiry
        The dated contract; None takes the front month of the day the gateway starts on.
    """

    instrument: Instrument
    table: SessionTable
    expiry: Expiry | None = None


class Gateway:
    """The server's inside.

    Parameters
    ----------
    instruments
        All products; those with a gateway root are listed.
    streams
        By market: the row in a tick's `market` column.
    start_ns
        What time it is at first.

    Attributes
    ----------
    operator
        The venue's own people, and whoever else touches the accounts: for tests and faults.
    accounts
        By id: their books.
    """

    def __init__(self, plan: GatewayPlan, instruments: Iterable[Instrument], streams: Sequence[Stream],
                 start_ns: int) -> None:
        switches = plan.switches
        self.plan = plan
        self._start_ns = start_ns
        self.clock = VenueClock(start_ns, switches.stamp_digits, plan.offset_ns)
        self._agenda = Agenda()
        self._reel = Reel()
        on = dt.datetime.fromtimestamp(start_ns // SECOND_NS, dt.UTC).date()
        self.listings = Listings(instruments, {
            market: (each.instrument, each.expiry or front_month(each.instrument, on))
            for market, each in enumerate(streams)}, on)
        self._streets = {listing.id: Street(listing, stream.table)
                         for listing, stream in zip(self.listings.streamed(), streams, strict=True)}
        self._by_market = list(self._streets.values())
        self.tokens = Tokens(self.clock, switches.token_life_s, plan.seed)
        self.hubs = Hubs(wrapped=switches.wrapped, strict=switches.strict_handshake, later=self._later,
                         seed=plan.seed)
        ids, session = Ids(), self._by_market[0].session_at(start_ns) if self._by_market else None
        trade_date = on.isoformat() if session is None else session.date
        self.accounts = {each.id: AccountBook(each, trade_date, ids) for each in plan.accounts}
        self.orders = Orders()
        clerk = Clerk(self.clock, self.orders, self.hubs, switches, self._later)
        floor = Floor(self.clock, self.orders, clerk, self._streets, plan.assumptions, switches, self._agenda.at)
        self._floor = floor
        self._rules = Rules(self.clock, self.accounts.values(), self._streets, floor, self.hubs, self._agenda.at)
        clerk.on_fill = self._rules.note_fill
        self._histories = {
            street.listing.id: History(street.listing.instrument, self._ticks_of(market), self.clock.bar)
            for market, street in enumerate(self._by_market)}
        self._publishers = [Publisher(street, self.clock, switches, self.hubs, self._later, plan.seed)
                            for street in self._by_market]
        self.hubs.on_market_subscription = self._welcome
        queries = Queries(self.clock, self.accounts, self.listings, self._histories, self.orders, switches)
        mutations = Mutations(self.clock, self.accounts, self.listings, self._streets, floor, switches)
        self._rest = Rest(plan, self.clock, self.tokens, queries, mutations)
        self.operator = Operator(self.clock, self.accounts, self.listings, self._streets, floor, self._rules, self.hubs)
        self._rules.begin()

    # -- its tape -----------------------------------------------------------------------

    def supply(self, ticks: Ticks) -> None:
        """Add ticks that come later than all before; those of times gone by are lived through at the next advance."""
        was_next_ns = self._reel.next_ns
        self._reel.supply(ticks)
        if self._reel.next_ns < was_next_ns:
            self._agenda.on_earlier()

    def supply_history(self, market: int, ticks: Ticks) -> None:
        """Add an earlier session to a market's bars; sessions come in order."""
        self._histories[self._by_market[market].listing.id].supply(ticks)

    @property
    def waiting_ticks(self) -> int:
        """Ticks that are still to come."""
        return self._reel.waiting

    @property
    def is_heard(self) -> bool:
        """Whether anybody has subscribed to a market."""
        return any(publisher.is_heard for publisher in self._publishers)

    # -- its time -----------------------------------------------------------------------

    @property
    def on_earlier(self) -> Callable[[], None]:
        """What is called when something is noted that happens before all that was known: whoever waits looks anew."""
        return self._agenda.on_earlier

    @on_earlier.setter
    def on_earlier(self, called: Callable[[], None]) -> None:
        self._agenda.on_earlier = called

    @property
    def now_ns(self) -> int:
        """What time it is, nanoseconds since 1970."""
        return self.clock.now_ns

    def next_due_ns(self) -> int:
        """When something happens next; `NEVER_NS` if nothing does."""
        return min(self._agenda.next_ns, self._reel.next_ns)

    def advance(self, until_ns: int) -> None:
        """Live through everything due at or before a time."""
        agenda, reel = self._agenda, self._reel
        while min(agenda.next_ns, reel.next_ns) <= until_ns:
            if agenda.next_ns <= reel.next_ns:
                self.clock.now_ns = max(self.clock.now_ns, agenda.next_ns)
                agenda.take()()
                self._rules.look()
            elif reel.next_ns < self._start_ns:  # of before it began: whoever listens already hears none of it
                self._pass_over(min(until_ns, self._start_ns - 1))
            elif self._is_quiet():
                self._pass_over(min(until_ns, agenda.next_ns - 1))
            else:
                self._live_tick()
        self.clock.now_ns = max(self.clock.now_ns, until_ns)

    def at(self, due_ns: int, deed: Callable[[], None]) -> None:
        """Note a deed of somebody outside, for a fault or a test."""
        self._agenda.at(due_ns, deed)

    def watch_entries(self, seen: Callable[[list[int]], None]) -> None:
        """Have somebody called with the ids of each new order and its children, as they are taken."""
        self._floor.watchers.append(seen)

    def last_ticks(self, market: int) -> int | None:
        """Give the last price of a market; None before its first print."""
        return self._by_market[market].last_ticks

    # -- its doors ----------------------------------------------------------------------

    def request(self, request: Request, as_of_ns: int | None = None) -> Answer:
        """Answer a request; `as_of_ns` lets queries tell how things were at an earlier time."""
        answer = self._rest.answer(request, self.clock.now_ns if as_of_ns is None else as_of_ns)
        self._rules.look()
        return answer

    def negotiate(self, hub: HubName, token: str, version: int = 0) -> dict[str, object]:
        """Hand out a connection id; raises NoAccess."""
        self._let_in(token)
        return self.hubs.negotiate(hub, version)

    def connect(self, hub: HubName, token: str, connection_id: str | None = None) -> HubConnection:
        """Open a connection to a hub.

        Raises
        ------
        NoAccess
            If the token is no good.
        UnknownConnection
            If the connection id is none that waits for its connection.
        """
        self._let_in(token)
        return self.hubs.connect(hub, connection_id)

    def _let_in(self, token: str) -> None:
        if self.tokens.user_of(token) is None:
            raise NoAccess

    # -- ticks --------------------------------------------------------------------------

    def _live_tick(self) -> None:
        ts_event_ns, ts_recv_ns, price_ticks, size_steps, side, market = self._reel.take()
        self.clock.now_ns = max(self.clock.now_ns, ts_recv_ns)
        street = self._by_market[market]
        street.print(ts_event_ns, price_ticks, size_steps, side)
        self._floor.trade(street.listing.id, price_ticks, size_steps)
        self._rules.note_print(street.listing.id)
        self._rules.look()
        publisher = self._publishers[market]
        if publisher.is_heard:
            publisher.note(ts_event_ns, price_ticks, size_steps, side)

    def _is_quiet(self) -> bool:
        """Tell whether no tick can matter to anybody."""
        return not (
            any(self._floor.has_orders(contract_id) for contract_id in self._streets)
            or any(publisher.is_heard for publisher in self._publishers)
            or self._rules.is_any_held()
        )

    def _pass_over(self, stop_ns: int) -> None:
        for ticks in self._reel.take_until(stop_ns):
            for market, street in enumerate(self._by_market):
                own = ticks.market == market
                street.pass_over(ticks.ts_event_ns[own], ticks.price_ticks[own], ticks.size_steps[own],
                                 ticks.side[own])

    def _ticks_of(self, market: int) -> Callable[[], list[Ticks]]:
        def past() -> list[Ticks]:
            parts = self._reel.past_and_present()
            if len(self._by_market) == 1:
                return parts
            return [_of_market(part, market) for part in parts]

        return past

    def _welcome(self, target: str, contract_id: str) -> None:
        for street, publisher in zip(self._by_market, self._publishers, strict=True):
            if street.listing.id == contract_id:
                publisher.welcome(target)

    def _later(self, delay_ns: int, deed: Callable[[], None]) -> None:
        self._agenda.at(self.clock.now_ns + delay_ns, deed)


def _of_market(ticks: Ticks, market: int) -> Ticks:
    own = ticks.market == market
    return Ticks(ticks.ts_event_ns[own], ticks.ts_recv_ns[own], ticks.price_ticks[own], ticks.size_steps[own],
                 ticks.side[own], ticks.market[own])
