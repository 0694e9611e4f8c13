"""Between the socket and whoever handles its events: bounded, and nothing that counts is dropped.

The owner says what may be merged. Until the inbox is full nothing is. Full, it merges what may
be merged, newest wins, at the place of the newest; and where that makes no room, the reader
waits, the socket fills, and the sender feels it.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Protocol

import msgspec

from fabio.adapters.topstepx.signalr.protocol import Invocation


class Arrival(msgspec.Struct, frozen=True):
    """An event of a hub: which connection it came over, and when, by the runtime's clock."""

    hub: str
    generation: int
    recv_ns: int
    invocation: Invocation


class Merging(Protocol):
    """What the owner allows a full inbox to do."""

    def key(self, invocation: Invocation) -> Hashable | None:
        """Name what the event replaces an older one of; None for what must not be merged."""

    def merged(self, older: Invocation, newer: Invocation) -> Invocation:
        """Make one event of two with the same key."""


class Inbox:
    """Arrivals that wait to be handled.

    Parameters
    ----------
    capacity
        Arrivals that may wait.
    merging
        What may be merged when it is full.
    lagged
        Told once, with the number of waiting arrivals, whenever the inbox fills up; again only
        after it has been emptied.

    Attributes
    ----------
    merges, laggings, refusals
        How many arrivals were merged into a newer one; how often the inbox filled up; how
        often an arrival found no room and had to wait.
    """

    def __init__(self, capacity: int, merging: Merging, lagged: Callable[[int], None]) -> None:
        if capacity < 1:
            raise ValueError(f"an inbox for {capacity} arrivals: expected at least 1")
        self.merges = 0
        self.laggings = 0
        self.refusals = 0
        self._capacity = capacity
        self._merging = merging
        self._lagged = lagged
        self._waiting: dict[int, Arrival] = {}  # running number -> arrival, in the order of arrival
        self._newest: dict[Hashable, int] = {}  # while full: (hub, generation, merge key) -> running number
        self._number = 0
        self._full = False
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, arrival: Arrival) -> bool:
        """Take an arrival; False when there is no room, then wait for `room` and offer it again."""
        if self._full or len(self._waiting) >= self._capacity:
            return self._offer_full(arrival)
        self._append(arrival)
        return True

    async def room(self) -> None:
        """Wait until the inbox has been emptied; for as long as its owner takes."""
        self._emptied.clear()
        await self._emptied.wait()

    async def put(self, arrival: Arrival) -> None:
        """Take an arrival, waiting for room if need be."""
        while not self.offer(arrival):
            await self.room()

    async def take(self) -> list[Arrival]:
        """Wait until something has arrived, and take all of it; for one taker at a time."""
        await self._filled.wait()
        return self.take_waiting()

    def take_waiting(self) -> list[Arrival]:
        """Take what waits, without waiting."""
        taken = list(self._waiting.values())
        self._waiting.clear()
        self._newest.clear()
        self._full = False
        self._filled.clear()
        self._emptied.set()
        return taken

    def _append(self, arrival: Arrival) -> None:
        self._number += 1
        self._waiting[self._number] = arrival
        self._filled.set()

    def _offer_full(self, arrival: Arrival) -> bool:
        if not self._full:
            self._full = True
            self.laggings += 1
            self._lagged(len(self._waiting))
            waiting = list(self._waiting.values())
            self._waiting.clear()
            for each in waiting:
                self._merge_in(each)
        place = self._place(arrival)
        if len(self._waiting) >= self._capacity and (place is None or place not in self._newest):
            self.refusals += 1
            return False
        self._merge_in(arrival)
        return True

    def _merge_in(self, arrival: Arrival) -> None:
        place = self._place(arrival)
        if place is not None:
            number = self._newest.get(place)
            if number is not None:
                older = self._waiting.pop(number)
                arrival = msgspec.structs.replace(
                    arrival, invocation=self._merging.merged(older.invocation, arrival.invocation)
                )
                self.merges += 1
            self._newest[place] = self._number + 1
        self._append(arrival)

    def _place(self, arrival: Arrival) -> Hashable | None:
        key = self._merging.key(arrival.invocation)
        # events of two connections are never made one: between them something may be missing
        return None if key is None else (arrival.hub, arrival.generation, key)
