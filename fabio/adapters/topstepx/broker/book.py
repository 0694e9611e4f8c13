"""What is known of the venue's orders: whose they are, and the newest word on each.

Hub and REST tell of the same orders, in any order, late, twice. A record replaces another only
if it is newer: an order that is done does not come back to life, what is filled does not
become less, and otherwise the venue's own time decides.

Ours is what carries a tag of ours, what a `place` of ours was answered with, and a child whose
parent is ours.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from fabio.adapters.topstepx.broker.tags import Tag, Tags
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.broker.translate import optional_ns
from fabio.adapters.topstepx.contracts import same_contract
from fabio.adapters.topstepx.enums import TERMINAL, OrderStatus, OrderType
from fabio.adapters.topstepx.records import Order

MOST_RECORDS = 20_000
_FORGET_AT_ONCE = 5_000

_RANK: dict[int, int] = {
    OrderStatus.SUSPENDED: 0,
    OrderStatus.PENDING: 1,
    OrderStatus.OPEN: 2,
    OrderStatus.PENDING_CANCELLATION: 3,
}
_LASTING = ("custom_tag", "parent_order_id", "linked_order_id", "symbol_id", "creation_timestamp")
# fields that a record may lack, but that an order never loses


def is_live(record: Order) -> bool:
    """Tell whether an order may still change what is held; one of a status we do not know may."""
    return record.status not in TERMINAL


def filled(record: Order) -> int:
    """Give the size that is filled, in contracts."""
    return record.fill_volume or 0


class Book:
    """The venue's orders by id, by our order's id, and by parent.

    It keeps 20,000; the oldest that are done go first.
    """

    def __init__(self, tags: Tags) -> None:
        self._tags = tags
        self._records: dict[int, Order] = {}  # venue id -> newest record
        self._learnt: dict[int, Tag] = {}  # venue id -> what a place of ours made of it
        self._ours: defaultdict[str, set[int]] = defaultdict(set)  # our order's id -> venue ids
        self._children: defaultdict[int, set[int]] = defaultdict(set)  # venue id -> venue ids of its children

    def __len__(self) -> int:
        return len(self._records)

    def learn(self, venue_id: int, tag: Tag) -> None:
        """Note which order of ours the venue gave an id to."""
        self._learnt[venue_id] = tag
        self._ours[tag.order_id].add(venue_id)

    def update(self, record: Order) -> bool:
        """Take a record; False where it says nothing new."""
        old = self._records.get(record.id)
        if old is not None:
            record = _completed(old, record)
            if record == old or _is_stale(old, record):
                return False
        self._records[record.id] = record
        tag = self._tags.read(record.custom_tag)
        if tag is not None:
            self._ours[tag.order_id].add(record.id)
        if record.parent_order_id is not None:
            self._children[record.parent_order_id].add(record.id)
        if len(self._records) > MOST_RECORDS:
            self._forget()
        return True

    def record(self, venue_id: int) -> Order | None:
        """Give the newest record of an order."""
        return self._records.get(venue_id)

    def tag_of(self, venue_id: int) -> Tag | None:
        """Say what an order is to us; None for a foreign one and for one never heard of."""
        learnt = self._learnt.get(venue_id)
        if learnt is not None:
            return learnt
        record = self._records.get(venue_id)
        if record is None:
            return None
        if record.custom_tag:
            return self._tags.read(record.custom_tag)
        if record.parent_order_id is None or record.parent_order_id == venue_id:
            return None
        parent = self.tag_of(record.parent_order_id)
        if parent is None or parent.leg != "entry":
            return None
        return Tag(parent.order_id, "target" if record.type == OrderType.LIMIT else "stop")

    def identifies(self, venue_id: int) -> bool:
        """Tell whether it is known what an order is: ours, or certainly not."""
        if venue_id in self._learnt:
            return True
        record = self._records.get(venue_id)
        if record is None:
            return False
        parent = record.parent_order_id
        return bool(record.custom_tag) or parent is None or parent in self._records or parent in self._learnt

    def entries(self, order_id: str) -> list[Order]:
        """List the records of an entry: one, but where a tag was used twice the refused one as well.

        What may still change a position first, then what has changed one, refusals last.
        """
        own = (self._records[each] for each in self._ours.get(order_id, ()) if each in self._records)
        return sorted((each for each in own if self._leg(each) == "entry"), key=lambda each: (_weight(each), each.id))

    def entry(self, order_id: str) -> Order | None:
        """Give the record of an entry that counts; None while the venue has not told of it."""
        return next(iter(self.entries(order_id)), None)

    def entry_ids(self, order_id: str) -> list[int]:
        """List the ids the venue gave an entry, those never told of included."""
        ids = (each for each in self._ours.get(order_id, ()))
        return sorted(each for each in ids if (tag := self.tag_of(each)) is not None and tag.leg == "entry")

    def stops(self, order_id: str) -> list[Order]:
        """List all stops of an entry, native and own, by id."""
        return [each for each in self.family(order_id) if self._leg(each) == "stop"]

    def target(self, order_id: str) -> Order | None:
        """Give the target of an entry; None while the venue has not told of it."""
        return next((each for each in self.family(order_id) if self._leg(each) == "target"), None)

    def family(self, order_id: str) -> list[Order]:
        """List the entry, its children and its own stops, by id."""
        ids = set(self._ours.get(order_id, ()))
        for each in list(ids):
            ids |= self._children.get(each, set())
        return [self._records[each] for each in sorted(ids)
                if each in self._records and (tag := self.tag_of(each)) is not None and tag.order_id == order_id]

    def children(self, venue_id: int) -> list[int]:
        """List the ids of an order's children."""
        return sorted(self._children.get(venue_id, ()))

    def live_own(self, traded: TradedContract) -> list[Order]:
        """List our orders of a contract that may still change what is held, by id."""
        return [record for venue_id, record in sorted(self._records.items())
                if is_live(record) and self.tag_of(venue_id) is not None
                and same_contract(record.contract_id, traded.contract_id)]

    def newest(self, records: Iterable[Order]) -> list[Order]:
        """Take records of REST, and give each in its newest version, by id, none twice."""
        ids = set()
        for record in records:
            self.update(record)
            ids.add(record.id)
        return [self._records[each] for each in sorted(ids) if each in self._records]

    def _leg(self, record: Order) -> str:
        tag = self.tag_of(record.id)
        return tag.leg if tag is not None else ""

    def _forget(self) -> None:
        done = [venue_id for venue_id, record in self._records.items() if not is_live(record)][:_FORGET_AT_ONCE]
        for venue_id in done:
            tag = self.tag_of(venue_id)
            record = self._records.pop(venue_id)
            self._learnt.pop(venue_id, None)
            self._children.pop(venue_id, None)
            if record.parent_order_id is not None:
                self._children[record.parent_order_id].discard(venue_id)
            if tag is not None:
                self._ours[tag.order_id].discard(venue_id)
                if not self._ours[tag.order_id]:
                    del self._ours[tag.order_id]


def _completed(old: Order, new: Order) -> Order:
    kept = {name: getattr(old, name) for name in _LASTING
            if getattr(new, name) is None and getattr(old, name) is not None}
    if not new.contract_id and old.contract_id:
        kept["contract_id"] = old.contract_id
    return msgspec.structs.replace(new, **kept) if kept else new


def _is_stale(old: Order, new: Order) -> bool:
    if is_live(old) != is_live(new):
        return is_live(new)
    if filled(old) != filled(new):
        return filled(new) < filled(old)
    old_ns, new_ns = optional_ns(old.update_timestamp), optional_ns(new.update_timestamp)
    if old_ns is not None and new_ns is not None and old_ns != new_ns:
        return new_ns < old_ns
    if not is_live(old):
        return new.status != old.status
    return _RANK.get(new.status, 2) < _RANK.get(old.status, 2)


def _weight(record: Order) -> int:
    if is_live(record):
        return 0
    if filled(record) or record.status == OrderStatus.FILLED:
        return 1
    return 3 if record.status == OrderStatus.REJECTED else 2
