"""Closing a position: cancel our entries, close at market, look that it is flat, cancel what rests.

Stop and target stay until the position is seen reduced: a close that fails leaves it protected (a
cancel that worked before a close that did not left one bare for 76 s in a simulated spell of 401s).
The price is that a stop may fill beside the close, within a fraction of a second; that is seen, and
closed. Cancels do not hold the close up: after a second it goes out whatever became of them, and
what rests is cancelled afterwards. Flat is believed on two looks, or one and the hub's word: a list
of the venue may lag, and a position that is missing once is not flat yet.

A close whose outcome is not known is not repeated blind: the next one looks first. One that is
asked for while another is under way is carried out after it; and it does not wait for the end of its
looks where these show that the first one has worked and something new is held (a stop that filled
beside it), or a second after it was sent.
"""

from functools import partial

from fabio.adapters.topstepx.broker.confirm import tell_failed, why_not
from fabio.adapters.topstepx.broker.known import Known
from fabio.adapters.topstepx.broker.positions import Positions
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.enums import LIVE, OrderStatus
from fabio.adapters.topstepx.records import Order
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.endpoints import OrderQuery
from fabio.adapters.topstepx.rest.lookup import query_orders
from fabio.adapters.topstepx.rest.outcomes import Accepted, NotSent, Outcome, Unknown
from fabio.model.command import ClosePosition

CANCELS_S = 1.0
ENTRIES_LAND_S = 12.0
"""How long an entry that is under way is waited for: longer than its answer may take."""

ANSWER_S = 3.0
"""So long the answer to a close is waited for; then it is looked at, while the answer may still come."""

LOOKS_S = (0.1, 0.2, 0.4, 0.8, 1.5)
"""Pauses before the looks whether an accepted close has closed."""

AGAIN_S = 1.0
"""So long after a close was sent it may be sent again, if that was asked for meanwhile and a look shows it held."""

SHORT_LOOKS_S = (0.1, 0.3, 0.6)
"""The same where it is not known, or where it certainly did not."""

CLEARING_S = (0.1, 0.3, 0.8, 1.5)
"""Pauses after the rounds of cancelling what rests."""

Trouble = tuple[bool, str]
"""Whether it certainly had no effect, and why: what `CommandFailed` says."""


class Closing:
    """Closes positions."""

    def __init__(self, reach: Reach, known: Known, positions: Positions) -> None:
        self._reach = reach
        self._known = known
        self._positions = positions
        self._doubtful: set[int] = set()  # markets with a close whose effect was not seen
        self._again: dict[int, ClosePosition] = {}  # market -> the newest that came while one was under way
        self._fresh: set[int] = set()  # markets for which one has come since the latest look
        self._sent = self._cancels = 0

    def again(self, command: ClosePosition) -> None:
        """Take a close of a market that is being closed: the newest is carried out too, after a look."""
        self._again[command.market] = command
        self._fresh.add(command.market)
        self._known.changes.happened()

    async def close(self, command: ClosePosition) -> None:
        """Close what is held of a market; nothing held is fine."""
        try:
            traded = self._reach.traded.of_market(command.market)
        except ValueError as error:
            tell_failed(self._reach, command, True, str(error))
            return
        closing = self._known.guardian.closing
        closing.add(command.market)
        had = {tag.order_id for each in self._known.book.live_own(traded)
               if (tag := self._known.book.tag_of(each.id)) is not None}
        try:
            trouble = await self._close(command, traded)
            if self._entry_flies(command.market):
                # it left before we came: what it makes is closed too
                await self._known.changes.until(lambda: not self._entry_flies(command.market), ENTRIES_LAND_S)
                self._doubtful.add(command.market)
                trouble = await self._close(command, traded)
            while (newer := self._again.pop(command.market, None)) is not None:
                self._doubtful.add(command.market)
                trouble = await self._close(newer, traded)
        finally:
            closing.discard(command.market)
            self._again.pop(command.market, None)
        if trouble is not None:
            tell_failed(self._reach, command, *trouble)
        for order_id in sorted(had):
            self._known.guardian.touch(order_id)
        self._known.guardian.settle()

    async def _close(self, command: ClosePosition, traded: TradedContract) -> Trouble | None:
        await self._cancel_all(traded, entries_only=True)
        held = self._positions.heard(traded.market)
        self._positions.forget_word(traded.market)
        before: int | None = None
        if command.size_steps or command.market in self._doubtful:
            try:
                seen = await self._positions.look(traded)
            except READ_ERRORS as error:
                return True, f"not sent: what is held cannot be looked at ({error})"
            if seen or command.size_steps or not held:  # where the hub's word is that something is, it is sent
                held, before = seen, abs(seen)
        part = command.size_steps if before is not None and command.size_steps < before else 0
        wanted = before - part if before is not None and part else 0
        outcome = await self._send(traded, part) if before != 0 else None
        if isinstance(outcome, Accepted | Unknown):
            self._doubtful.add(command.market)
        looks_s = LOOKS_S if isinstance(outcome, Accepted) else SHORT_LOOKS_S
        is_reduced = await self._is_reduced(traded, wanted, looks_s, held or 0)
        if is_reduced:
            self._doubtful.discard(command.market)
            return await self._clear(traded)
        if is_reduced is None:
            return False, "the venue does not answer whether the position is closed"
        return why_not(outcome) if outcome is not None else (True, "not sent: nothing was held at first look")

    async def _send(self, traded: TradedContract, part_steps: int) -> Outcome:
        """Send the close; the answer is not waited for long, but it is not cut off either."""
        outcomes: list[Outcome] = []
        self._sent += 1
        self._known.errands.go(f"close {self._sent}", partial(self._post, traded, part_steps, outcomes),
                               always=True)
        await self._known.changes.until(lambda: bool(outcomes), ANSWER_S)
        return outcomes[0] if outcomes else Unknown(f"no answer for {ANSWER_S:g} s")

    async def _post(self, traded: TradedContract, part_steps: int, outcomes: list[Outcome]) -> None:
        rest, account_id = self._reach.rest, self._reach.account_id
        try:
            if part_steps:
                outcome = await rest.partial_close(account_id, traded.contract_id, traded.size(part_steps))
            else:
                outcome = await rest.close_contract(account_id, traded.contract_id)
        except ValueError as error:
            outcome = NotSent(str(error))
        outcomes.append(outcome)
        self._known.changes.happened()

    async def _is_reduced(
        self, traded: TradedContract, wanted: int, pauses_s: tuple[float, ...], began: int
    ) -> bool | None:
        """Look whether at most `wanted` steps are held; None where no look said anything.

        Parameters
        ----------
        began
            What was held before, in signed steps; 0 where that is not known.
        """
        is_reduced: bool | None = None
        small_looks, sent_s = 0, self._reach.clock.monotonic_s()
        for pause_s in pauses_s:
            self._fresh.discard(traded.market)
            await self._known.changes.until(lambda: traded.market in self._fresh, pause_s)
            if wanted == 0 and self._positions.heard_flat(traded.market):
                await self._cancel_all(traded, entries_only=False)  # at once: a stop that rests may open anew
            try:
                held = await self._positions.look(traded)
            except READ_ERRORS:
                continue
            if abs(held) > wanted:
                is_reduced, small_looks = False, 0
                late = self._reach.clock.monotonic_s() >= sent_s + AGAIN_S
                if traded.market in self._again and (late or held * began < 0):
                    return False
                continue
            small_looks += 1
            if small_looks == 2 or (wanted == 0 and self._positions.heard_flat(traded.market)):
                return True
        return is_reduced

    def _entry_flies(self, market: int) -> bool:
        return market in self._known.orders.flying.values()

    # -- our orders of the market ------------------------------------------------------------

    async def _cancel_all(self, traded: TradedContract, entries_only: bool) -> None:
        """Send cancels for what is known to work, and wait a second for their answers."""
        book = self._known.book
        under_way = {each.id for each in book.live_own(traded) if each.status != OrderStatus.SUSPENDED}
        if entries_only:
            tags = {venue_id: book.tag_of(venue_id) for venue_id in under_way}
            under_way = {venue_id for venue_id, tag in tags.items() if tag is None or tag.leg == "entry"}
        for venue_id in sorted(under_way):
            self._cancels += 1  # one that is not answered must not hold up the next
            self._known.errands.go(f"cancel {self._cancels} of {venue_id}",
                                   partial(self._cancel, venue_id, under_way), always=True)
        if under_way:
            await self._known.changes.until(lambda: not under_way, CANCELS_S)

    async def _cancel(self, venue_id: int, under_way: set[int]) -> None:
        await self._reach.cancel(venue_id)
        under_way.discard(venue_id)
        self._known.changes.happened()

    async def _clear(self, traded: TradedContract) -> Trouble | None:
        """Cancel what of ours still works, until a look at the venue shows nothing."""
        left: list[Order] = []
        why = ""
        for pause_s in CLEARING_S:
            try:
                left = await self._resting(traded)
            except READ_ERRORS as error:
                why = str(error)
                await self._reach.clock.sleep(pause_s)
                continue
            if not left:
                return None
            why = ""
            await self._cancel_all(traded, entries_only=False)
            await self._reach.clock.sleep(pause_s)
        if why:
            return False, f"flat, but it cannot be seen whether orders of ours still work ({why})"
        return False, f"flat, but these orders of ours still work: {', '.join(str(each.id) for each in left)}"

    async def _resting(self, traded: TradedContract) -> list[Order]:
        """Look at the venue for our orders of a contract that still work."""
        reach, book = self._reach, self._known.book
        query = OrderQuery(account_id=reach.account_id, statuses=tuple(sorted(LIVE)))
        listed = await query_orders(reach.rest, query, urgency=Urgency.PROTECT)
        self._known.heard(listed)
        unknown: set[int] = set()
        for each in book.live_own(traded):
            if each.id not in {record.id for record in listed}:  # it is done, or the list lags
                found = await reach.rest.order(reach.account_id, each.id, Urgency.PROTECT)
                if found is None:
                    unknown.add(each.id)
                else:
                    self._known.heard_order(found)
        return [each for each in book.live_own(traded) if each.id not in unknown]
