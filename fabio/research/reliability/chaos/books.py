"""What a gateway's own books say of a run: the judge of the agent."""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from fabio.adapters.gateway.core import Gateway
from fabio.adapters.topstepx.enums import LIVE, OrderStatus, OrderType
from fabio.adapters.topstepx.records import Order

NS = 1_000_000_000
NEVER_NS = (1 << 63) - 1
Span = tuple[int, int]
"""From, until, in nanoseconds."""


class Instant(msgspec.Struct, frozen=True):
    """What the account looks like at one moment, and until the next.

    Parameters
    ----------
    held
        Signed steps of everybody.
    ours
        Signed steps that our orders account for.
    covers
        Steps that our working stops cover.  # order id -> steps
    exits
        Our working stops and targets.
    entries
        Our entries that may still fill.
    """

    ts_ns: int
    held: int
    ours: int
    covers: dict[int, int]
    exits: frozenset[int]
    entries: frozenset[int]

    @property
    def is_bare(self) -> bool:
        """Whether more of ours is held than our stops cover."""
        return min(abs(self.held), abs(self.ours)) > sum(self.covers.values())

    @property
    def has_orphans(self) -> bool:
        """Whether our stops or targets work with nothing to protect."""
        return self.held == 0 and bool(self.exits) and not self.entries


def instants(gateway: Gateway, account_id: int) -> list[Instant]:
    """Tell the account's story from its executions and from every version of its orders."""
    turns = [(ts_ns, 0, turn.order_id, turn.size if turn.side == 0 else -turn.size)
             for ts_ns, turn in gateway.accounts[account_id].half_turns]
    changes = [(ts_ns, 1, order_id, number) for order_id in gateway.orders.ids(account_id)
               for number, (ts_ns, _) in enumerate(gateway.orders.versions(order_id))]
    story, held, ours = [], 0, 0
    covers: dict[int, int] = {}
    working: set[int] = set()
    entries: set[int] = set()
    moments = sorted(turns + changes)
    for place, (ts_ns, kind, order_id, number) in enumerate(moments):
        if kind == 0:
            held += number
            ours = _ours_after(ours, held, number, gateway.orders.get(order_id).custom_tag is not None)
        else:
            order = gateway.orders.versions(order_id)[number][1]
            _note(order, covers, working, entries)
        if place + 1 == len(moments) or moments[place + 1][0] != ts_ns:
            story.append(Instant(ts_ns, held, ours, dict(covers), frozenset(working), frozenset(entries)))
    return story


def _ours_after(ours: int, held: int, steps: int, tagged: bool) -> int:
    """Follow what of the position is ours; an order without a tag that reduces may be our close, and counts as one."""
    if tagged:
        return ours + steps  # somebody else may have opened the other way before it: both are held, and neither shows
    if held == 0:
        return 0
    if steps * ours < 0:
        return ours + max(-abs(ours), -abs(steps)) * (1 if ours > 0 else -1)
    return ours


def _note(order: Order, covers: dict[int, int], working: set[int], entries: set[int]) -> None:
    tag = order.custom_tag
    if tag is None:
        return
    is_exit = order.parent_order_id is not None or order.type == OrderType.STOP
    works = order.status == OrderStatus.OPEN
    left = order.size - (order.fill_volume or 0) if works else 0
    if is_exit and order.type == OrderType.STOP:
        covers[order.id] = left
    group = working if is_exit else entries
    if order.status in LIVE and (works or not is_exit):
        group.add(order.id)
    else:
        group.discard(order.id)


def spans(story: list[Instant], is_so: Callable[[Instant], bool], end_ns: int) -> list[Span]:
    """Give the stretches of the story in which something is so."""
    found: list[Span] = []
    since_ns: int | None = None
    for instant in story:
        if is_so(instant) and since_ns is None:
            since_ns = instant.ts_ns
        elif not is_so(instant) and since_ns is not None:
            found.append((since_ns, instant.ts_ns))
            since_ns = None
    if since_ns is not None:
        found.append((since_ns, end_ns))
    return found


def longest_outside(span: Span, troubles: Iterable[Span]) -> int:
    """Give the longest part of a span that lies in no time of trouble, in nanoseconds.

    >>> longest_outside((0, 10), [(2, 5)]), longest_outside((3, 4), [(2, 5)])
    (5, 0)
    """
    longest, at_ns = 0, span[0]
    for since_ns, until_ns in sorted(troubles):
        if until_ns <= at_ns or since_ns >= span[1]:
            continue
        longest = max(longest, since_ns - at_ns)
        at_ns = max(at_ns, until_ns)
    return max(longest, span[1] - at_ns)


def entries_by_tag(gateway: Gateway, account_id: int) -> Counter[str]:
    """Entries of ours that the gateway took, by tag; # tag -> orders"""
    found: Counter[str] = Counter()
    for order in gateway.orders.of(account_id, NEVER_NS):
        if order.custom_tag and order.parent_order_id is None and order.status != OrderStatus.REJECTED:
            found[order.custom_tag] += 1
    return found


def working_after(gateway: Gateway, account_id: int) -> list[str]:
    """Tags of our orders that may still trade."""
    return [order.custom_tag for order in gateway.orders.live(account_id)
            if order.custom_tag and order.status in LIVE]


def unprotected_s(gateway: Gateway, account_id: int) -> list[float]:
    """How long each stretch lasted in which more was held than working stops covered, in seconds."""
    story = instants(gateway, account_id)
    return [(until_ns - since_ns) / NS
            for since_ns, until_ns in spans(story, lambda instant: instant.is_bare, gateway.now_ns)]
