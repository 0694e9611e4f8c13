"""Stops: moved by modify only, never by cancel and place; and a stop of its own where the bracket's is gone."""

from fabio.adapters.topstepx.broker.book import filled, is_live
from fabio.adapters.topstepx.broker.confirm import Confirm, tell_failed, why_not
from fabio.adapters.topstepx.broker.known import Known
from fabio.adapters.topstepx.broker.lookups import LookUps
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.broker.tags import Tag
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.broker.translate import place_stop
from fabio.adapters.topstepx.enums import OrderSide, OrderStatus
from fabio.adapters.topstepx.records import ModifyOrder, Order, PlaceOrder
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.outcomes import Accepted, Outcome, Refused, Unknown
from fabio.model.command import MoveStop, PlaceStop


class Protecting:
    """Moves and places stops."""

    def __init__(self, reach: Reach, known: Known, confirm: Confirm, look_ups: LookUps) -> None:
        self._reach = reach
        self._known = known
        self._confirm = confirm
        self._look_ups = look_ups
        self._sent: set[str] = set()  # tags of stops that a place was made for, in this process

    async def move(self, command: MoveStop) -> None:
        """Modify whichever stop of an order works; only ever closer."""
        try:
            traded = self._reach.traded.of_market(command.market)
        except ValueError as error:
            tell_failed(self._reach, command, True, str(error))
            return
        stop = self._known.guardian.working_stop(command.order_id)
        if stop is None:
            try:
                await self._look_ups.find(command.order_id)
            except READ_ERRORS as error:
                tell_failed(self._reach, command, True, f"not sent: the stop cannot be looked up ({error})")
                return
            stop = self._known.guardian.working_stop(command.order_id)
        if stop is None or stop.stop_price is None:
            tell_failed(self._reach, command, True, "no stop of this order works")
            return
        now_ticks = traded.near_ticks(stop.stop_price)
        closer = (command.stop_ticks - now_ticks) * (1 if stop.side == OrderSide.ASK else -1)
        if closer == 0:
            self._known.guardian.repeat(command.order_id)
        elif closer < 0:
            tell_failed(self._reach, command, True, f"not sent: its stop stands at {now_ticks} ticks, and "
                        f"{command.stop_ticks} would be further away")
        else:
            await self._modify(command, stop, traded)

    async def place(self, command: PlaceStop) -> None:
        """Place a stop of its own, once for each number."""
        book = self._known.book
        try:
            traded = self._reach.traded.of_market(command.market)
            tag = self._known.tags.stop(command.order_id, command.number)
            body = place_stop(command, traded, self._reach.account_id, tag)
        except ValueError as error:
            tell_failed(self._reach, command, True, f"it cannot be sent: {error}")
            return
        if command.market in self._known.guardian.closing:
            tell_failed(self._reach, command, True, "not sent: the position is being closed")
        elif tag in self._sent or any(each.custom_tag == tag for each in book.family(command.order_id)):
            self._reach.counts["stops asked for twice"] += 1
            await self._settle(command, Unknown("it was sent before, and is not sent again"), tag)
        elif self._is_over(command.order_id):
            tell_failed(self._reach, command, True, "not sent: another leg filled, and its position is over")
        else:
            self._sent.add(tag)
            await self._place(command, body, tag)

    async def _modify(self, command: MoveStop, stop: Order, traded: TradedContract) -> None:
        price = traded.price(command.stop_ticks)
        change = ModifyOrder(account_id=self._reach.account_id, order_id=stop.id, stop_price=price)
        try:
            outcome = await self._reach.rest.modify(change)
        except ValueError as error:
            tell_failed(self._reach, command, True, f"it cannot be sent: {error}")
            return
        if isinstance(outcome, Accepted | Unknown):
            if await self._confirm.seen(stop.id, lambda each: each.stop_price == price or not is_live(each)):
                now = self._known.book.record(stop.id)
                if now is not None and now.stop_price == price and is_live(now):
                    return
                tell_failed(self._reach, command, True, "the stop was gone before it could be moved")
                return
        else:
            await self._confirm.look(stop.id)
        known, reason = why_not(outcome)
        tell_failed(self._reach, command, known, reason)

    async def _place(self, command: PlaceStop, body: PlaceOrder, tag: str) -> None:
        try:
            outcome = await self._reach.rest.place(body, Urgency.PROTECT)
        except ValueError as error:
            tell_failed(self._reach, command, True, f"it cannot be sent: {error}")
            return
        if isinstance(outcome, Accepted | Refused) and outcome.order_id is not None:
            self._known.book.learn(outcome.order_id,
                                   Tag(command.order_id, "stop", native=False, number=command.number))
            self._known.executions.identified(outcome.order_id)
            if self._is_over(command.order_id, outcome.order_id):  # it waited for its place, and came too late
                await self._reach.cancel(outcome.order_id)
        await self._settle(command, outcome, tag)

    def _is_over(self, order_id: str, own_id: int | None = None) -> bool:
        """Tell whether another leg closed all of an order: only a fill says so, lists may lag."""
        book = self._known.book
        entry, target = book.entry(order_id), book.target(order_id)
        legs = [each for each in (*book.stops(order_id), target) if each is not None and each.id != own_id]
        return entry is not None and not is_live(entry) and any(
            each.status == OrderStatus.FILLED and filled(each) >= filled(entry) for each in legs
        )

    async def _settle(self, command: PlaceStop, outcome: Outcome, tag: str) -> None:
        """Make sure whether the stop works; the event for it comes from the guardian."""
        known, reason = why_not(outcome)
        if not known:
            venue_id = outcome.order_id if isinstance(outcome, Accepted) else self._venue_id(command, tag)
            if venue_id is None:
                await self._look(command)
                venue_id = self._venue_id(command, tag)
            if venue_id is not None and await self._confirm.seen(venue_id, _has_begun):
                record = self._known.book.record(venue_id)
                if record is not None and (record.status == OrderStatus.OPEN or filled(record)):
                    self._known.guardian.repeat(command.order_id)
                    return
                known, reason = True, "the venue took it, and it ended at once"
        tell_failed(self._reach, command, known, reason)

    async def _look(self, command: PlaceStop) -> None:
        try:
            await self._look_ups.find(command.order_id)
        except READ_ERRORS:
            return

    def _venue_id(self, command: PlaceStop, tag: str) -> int | None:
        family = self._known.book.family(command.order_id)
        return next((each.id for each in family if each.custom_tag == tag), None)


def _has_begun(record: Order) -> bool:
    return record.status == OrderStatus.OPEN or not is_live(record)
