"""The book against a picture of the venue: what differs, and what explains it.

Theory. The venue owns positions and orders. `compare` only says what is seen; nothing in
here can ask for an order, and what `settle_gap` gives is bookkeeping: so reconciliation
never increases what is held (I13). A second comparison, after the first one's findings were
taken over, finds nothing (I12). *When* a finding counts is the caller's business: venues
answer late, and an order missing from a list is not an order that is gone.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from fabio.model.order import DONE_STATES, OrderState
from fabio.model.venue import NO_MARKET, VenueOrder, VenuePicture
from fabio.portfolio.orders import Happening

_ENDS: dict[str, Happening] = {"cancelled": "cancelled", "expired": "expired", "rejected": "rejected"}
_WORKS = frozenset({"working", "pending", "suspended"})


class BookOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of ours as the book has it."""

    market: int
    side: int
    state: OrderState
    filled_steps: int

    @property
    def is_live(self) -> bool:
        """Whether it may still fill."""
        return self.state not in DONE_STATES


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """What we believe.

    Parameters
    ----------
    held
        What we hold.  # market -> signed steps, none of 0
    held_by
        The entry each position came from.  # market -> order id
    orders
        Entries that went to the venue.  # order id -> order
    foreign
        What somebody else is known to hold.  # market -> signed steps
    """

    held: Mapping[int, int]
    held_by: Mapping[int, str]
    orders: Mapping[str, BookOrder]
    foreign: Mapping[int, int]


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What protects a position, as the picture shows it."""

    market: int
    order_id: str
    stop_ticks: int
    target_ticks: int | None
    size_steps: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A market whose position is another one at the venue."""

    market: int
    held_steps: int
    venue_steps: int


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison found.

    Parameters
    ----------
    moves
        What the venue says of our entries, where the book says otherwise.
    missing
        Entries that the book takes for live, and the picture does not list.
    orphans
        Live orders of ours that protect nothing, double a stop, or should be done.
    sights
        Stops that work for what is held.
    bare
        Markets held without a working stop in the picture.
    ahead
        What the venue filled of our entries beyond what was booked.  # order id -> steps
    foreign
        Live orders and positions of others, in words.
    positions
        What the venue holds of our markets.  # market -> signed steps
    """

    differences: tuple[Difference, ...] = ()
    moves: tuple[tuple[str, Happening], ...] = ()
    missing: tuple[str, ...] = ()
    orphans: tuple[VenueOrder, ...] = ()
    sights: tuple[Sight, ...] = ()
    bare: tuple[int, ...] = ()
    ahead: dict[str, int] = {}
    foreign: tuple[str, ...] = ()
    positions: dict[int, int] = {}

    @property
    def agree(self) -> bool:
        """Whether book and venue say the same, and nobody else is there."""
        return not self.words()

    def words(self) -> tuple[str, ...]:
        """Say all that does not agree, for people."""
        return (
            *(f"market {each.market}: {each.held_steps:+d} in the book, {each.venue_steps:+d} at the venue"
              for each in self.differences),
            *(f"order {order_id} is {happening} at the venue" for order_id, happening in self.moves),
            *(f"order {order_id} is not listed" for order_id in self.missing),
            *(f"the {order.leg} of {order.order_id} is left over" for order in self.orphans),
            *(f"market {market}: the position's stop is not listed" for market in self.bare),
            *(f"not ours: {what}" for what in self.foreign),
        )


def compare(book: Book, picture: VenuePicture) -> Findings:
    """Hold a whole picture against the book."""
    positions = {each.market: each.size_steps for each in picture.positions if each.market != NO_MARKET}
    ours = [order for order in picture.orders if order.is_ours]
    entries = {order.order_id: order for order in ours if order.leg == "entry"}
    ahead = {
        key: entry.filled_steps - book.orders[key].filled_steps
        for key, entry in entries.items()
        if key in book.orders and entry.filled_steps > book.orders[key].filled_steps
    }
    sights, spare = _stops(book, ours)
    seen = {sight.market for sight in sights}
    return Findings(
        differences=_differences(book, positions, {book.orders[key].market for key in ahead}),
        moves=tuple(_moves(book, entries)),
        missing=tuple(key for key, order in book.orders.items() if order.is_live and key not in entries),
        orphans=(*spare, *(order for order in ours if _is_orphan(book, positions, order))),
        sights=tuple(sights),
        bare=tuple(market for market in book.held if market not in seen),
        ahead=ahead,
        foreign=tuple(_foreign(book, picture)),
        positions=positions,
    )


def _differences(book: Book, positions: Mapping[int, int], ahead: AbstractSet[int]) -> tuple[Difference, ...]:
    """Find where positions differ, and where an entry has filled more than was booked, whatever is held now."""
    found = []
    for market in sorted({*positions, *book.held, *book.foreign, *ahead}):
        held, there = book.held.get(market, 0), positions.get(market, 0)
        if there != held + book.foreign.get(market, 0) or market in ahead:
            found.append(Difference(market=market, held_steps=held, venue_steps=there))
    return tuple(found)


def _moves(book: Book, entries: Mapping[str, VenueOrder]) -> list[tuple[str, Happening]]:
    moves: list[tuple[str, Happening]] = []
    for key, order in book.orders.items():
        entry = entries.get(key)
        if entry is None or not order.is_live:
            continue
        if entry.status in _ENDS:
            moves.append((key, _ENDS[entry.status]))
        elif entry.status in _WORKS and order.state in ("in_flight", "unknown"):
            moves.append((key, "accepted"))
    return moves


def _stops(book: Book, ours: list[VenueOrder]) -> tuple[list[Sight], list[VenueOrder]]:
    """Find the stop of each position; where a bracket's own works, one placed beside it is to spare (I23)."""
    sights, spare = [], []
    for market, order_id in book.held_by.items():
        legs = [order for order in ours if order.order_id == order_id and order.status in _WORKS]
        stops = [order for order in legs if order.leg == "stop" and order.stop_ticks is not None]
        stops.sort(key=lambda order: (not order.native, order.venue_id))
        if not stops:
            continue
        spare += stops[1:]
        stop = stops[0]
        target = next((order.limit_ticks for order in legs if order.leg == "target"), None)
        sights.append(Sight(
            market=market, order_id=order_id, stop_ticks=stop.stop_ticks or 0, target_ticks=target,
            size_steps=stop.size_steps - stop.filled_steps,
        ))
    return sights, spare


def _is_orphan(book: Book, positions: Mapping[int, int], order: VenueOrder) -> bool:
    """Tell whether an order of ours should not work.

    A leg may belong to a position that the book has not heard of yet: while the venue holds
    anything of its market that the book does not, no leg of it is an orphan.
    """
    if not order.is_live:
        return False
    record = book.orders.get(order.order_id)
    if order.leg == "entry":
        return record is None or not record.is_live
    if book.held_by.get(order.market) == order.order_id:
        return False
    if record is not None and record.is_live:
        return False
    expected = book.held.get(order.market, 0) + book.foreign.get(order.market, 0)
    return positions.get(order.market, 0) == expected


def _foreign(book: Book, picture: VenuePicture) -> list[str]:
    words = [
        f"order {order.venue_id} of {order.contract or order.market} ({order.kind}, {order.size_steps})"
        for order in picture.orders if order.is_live and not order.is_ours
    ]
    words += [
        f"position of {each.size_steps:+d} {each.contract}" for each in picture.positions if each.market == NO_MARKET
    ]
    contracts = {each.market: each.contract for each in picture.positions}
    words += [
        f"position of {steps:+d} {contracts[market] or market}"
        for market, steps in sorted(book.foreign.items()) if market in contracts
    ]
    return sorted(words)


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What explains a difference: what our entries filled, what was closed of ours, what is somebody else's.

    `held + entries - exits + foreign_steps` is what the venue holds, exits being of the side
    that entries and what was held make together.
    """

    entries: tuple[tuple[str, int], ...] = ()
    exit_steps: int = 0
    foreign_steps: int = 0


def settle_gap(book: Book, difference: Difference, ahead: Mapping[str, int]) -> Settlement:
    """Explain a difference that was seen twice, the executions behind it having failed to come.

    Parameters
    ----------
    ahead
        What the venue filled of our entries beyond what was booked: that is no guess.
    """
    held, there, market = difference.held_steps, difference.venue_steps, difference.market
    entries = tuple((key, steps) for key, steps in sorted(ahead.items()) if book.orders[key].market == market)
    held += sum(book.orders[key].side * steps for key, steps in entries)
    rest = there - held
    if rest == 0 or (book.foreign.get(market, 0) and there != 0):
        return Settlement(entries=entries, foreign_steps=rest)
    exit_steps = 0
    if held * rest < 0:
        exit_steps = min(abs(rest), abs(held))
        rest += exit_steps if held > 0 else -exit_steps
    return Settlement(entries=entries, exit_steps=exit_steps, foreign_steps=rest)
