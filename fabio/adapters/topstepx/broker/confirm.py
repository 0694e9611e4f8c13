"""Whether a change of an order has taken place: the venue's answer to a mutation does not say."""

from collections.abc import Callable
from typing import Any

from fabio.adapters.topstepx.broker.known import Known
from fabio.adapters.topstepx.broker.life import Life
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.records import Order
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.outcomes import Accepted, NotSent, Outcome, Refused
from fabio.model.event import CommandFailed
from fabio.model.venue import NO_MARKET

HUB_TELLS_S = 1.0
REST_TELLS_S = 0.2


class Confirm:
    """Waits for the hub, and asks REST where it stays silent."""

    def __init__(self, reach: Reach, known: Known, life: Life) -> None:
        self._reach = reach
        self._known = known
        self._life = life

    async def seen(self, venue_id: int, is_done: Callable[[Order], bool], looks: int = 2) -> bool:
        """Wait until an order is as it should be; False where it is not, or cannot be looked at."""

        def done() -> bool:
            record = self._known.book.record(venue_id)
            return record is not None and is_done(record)

        for _ in range(looks):
            if await self._known.changes.until(done, HUB_TELLS_S if self._life.hub_up else REST_TELLS_S):
                return True
            await self.look(venue_id)
            if done():
                return True
        return False

    async def look(self, venue_id: int) -> Order | None:
        """Ask for an order by id; gives the newest that is known of it."""
        try:
            record = await self._reach.rest.order(self._reach.account_id, venue_id, Urgency.PROTECT)
        except READ_ERRORS:
            record = None
        if record is not None:
            self._known.heard_order(record)
        return self._known.book.record(venue_id)


def why_not(outcome: Outcome) -> tuple[bool, str]:
    """Say of a mutation without effect so far: whether it certainly had none, and why.

    >>> why_not(NotSent("no connection"))
    (True, 'never sent: no connection')
    """
    if isinstance(outcome, Refused):
        return True, f"{outcome.name}: {outcome.reason}" if outcome.reason else outcome.name
    if isinstance(outcome, NotSent):
        return True, f"never sent: {outcome.why}"
    if isinstance(outcome, Accepted):
        return False, "the venue took it, and nothing changed"
    return False, f"what became of it is not known: {outcome.why}"


def tell_failed(reach: Reach, command: Any, known: bool, reason: str) -> None:
    """Tell that a command did not work."""
    reach.emit(CommandFailed(
        ts_ns=reach.now_ns(), market=getattr(command, "market", NO_MARKET), command=type(command).__name__,
        order_id=getattr(command, "order_id", ""), known=known, reason=reason,
    ))
