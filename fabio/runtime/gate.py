"""Gate: a command that can change the account leaves for the venue after its line is on the drive.

The gate asks the drive, keeps the command back, and lets it go when the line is there: a
fraction of a millisecond on an idle drive, and the loop does not wait for it. Commands leave in
the order they came.

A drive that hangs or refuses must not stand between the account and a smaller position:

| waits | where the drive hangs | where it refused |
| --- | --- | --- |
| an entry | refused after 5 s | refused at once |
| what reduces | leaves after 1 s, and no entry that waits does | leaves at once |

An entry that had to wait is looked at once more before it leaves: a person may have halted the
agent meanwhile, or the venue may be lost.

What only asks (`LookUpOrder`, `TakePicture`) is never kept back. On paper there is no gate.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from fabio.model.command import ACCOUNT_COMMANDS, SubmitOrder, VenueCommand
from fabio.model.event import DisarmAsked, JournaledEvent, OrderRejected
from fabio.runtime.drive import Broker
from fabio.runtime.folder import FolderSink

REDUCE_S, ENTRY_S = 1.0, 5.0
"""So long a hanging drive may keep a command back, in seconds of the world."""


class _Waiting(msgspec.Struct, frozen=True):
    command: VenueCommand
    seq: int
    until_s: float


class Gate:
    """Stands before the broker.

    Parameters
    ----------
    tell
        Takes events for the machine; neither waits nor raises.
    now_ns
        The runtime clock.
    page
        Takes what a person has to know at once.

    Attributes
    ----------
    against
        Says why no entry of a market may leave any more; empty where one may.
    """

    def __init__(
        self, sink: FolderSink, broker: Broker, tell: Callable[[JournaledEvent], None], now_ns: Callable[[], int],
        page: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._sink = sink
        self._broker = broker
        self._tell = tell
        self._now_ns = now_ns
        self._page = page
        self._waiting: deque[_Waiting] = deque()  # bounded by what the machine has under way: a few
        self._came = asyncio.Event()
        self.against: Callable[[int], str] = lambda market: ""
        sink.on_failure = self.refused

    def submit(self, command: VenueCommand) -> None:
        """Take a command, and return at once."""
        if not isinstance(command, ACCOUNT_COMMANDS):
            self._broker.submit(command)
            return
        seq = self._sink.journal.last_seq
        is_there = self._sink.secure(seq)
        if self._sink.failed:
            self._without_record(command)
        elif is_there and not self._waiting:
            self._broker.submit(command)
        else:
            limit_s = ENTRY_S if isinstance(command, SubmitOrder) else REDUCE_S
            self._waiting.append(_Waiting(command, seq, asyncio.get_running_loop().time() + limit_s))
            self._came.set()

    def refused(self, words: str) -> None:
        """Hear that the drive takes nothing more: no entry leaves, what reduces does, and trading ends."""
        self._tell(DisarmAsked(ts_ns=self._now_ns(), id=f"drive-{self._sink.journal.last_seq}",
                               reason=f"the record cannot be written: {words}"))
        self._page(f"the record cannot be written ({words}): entries are blocked, exits go on from memory. Free the "
                   "drive and start the agent again; look at your platform until then")
        self._let_go()

    async def run(self) -> None:
        """Let commands go, until cancelled: a root task."""
        while True:
            await self._came.wait()
            self._came.clear()
            while self._waiting:
                self._let_go()
                await self._news()

    async def _news(self) -> None:
        """Wait until the drive says something, or the first limit is over."""
        if self._waiting:
            try:
                async with asyncio.timeout_at(min(each.until_s for each in self._waiting)):
                    await self._sink.news()
            except TimeoutError:
                pass

    def _let_go(self) -> None:
        durable_seq = self._sink.journal.durable_seq
        while self._waiting and self._waiting[0].seq <= durable_seq:
            self._with_record(self._waiting.popleft().command)
        now_s = asyncio.get_running_loop().time() if self._waiting else 0.0
        late = [each for each in self._waiting if now_s >= each.until_s]
        if self._sink.failed or any(not isinstance(each.command, SubmitOrder) for each in late):
            self._let_all_go()
        elif late:
            self._waiting = deque(each for each in self._waiting if each not in late)
            for each in late:
                self._without_record(each.command)

    def _let_all_go(self) -> None:
        """Refuse every entry that waits, and send the rest."""
        waiting, self._waiting = self._waiting, deque()
        for each in waiting:
            self._without_record(each.command)

    def _with_record(self, command: VenueCommand) -> None:
        """Send what has waited; an entry only where it may still leave."""
        why_not = self.against(command.order.market) if isinstance(command, SubmitOrder) else ""
        if isinstance(command, SubmitOrder) and why_not:
            self._refuse(command, f"not sent: while it waited for the drive, {why_not}")
        else:
            self._broker.submit(command)

    def _refuse(self, command: SubmitOrder, reason: str) -> None:
        self._tell(OrderRejected(ts_ns=self._now_ns(), market=command.order.market, order_id=command.order.id,
                                 reason=reason))

    def _without_record(self, command: VenueCommand) -> None:
        if isinstance(command, SubmitOrder):
            self._refuse(command, "not sent: the record of it is not on the drive "
                         f"({self._sink.failed or 'the drive hangs'})")
        else:
            self._sink.say(f"sent before it was on the drive: {command}")
            self._broker.submit(command)
