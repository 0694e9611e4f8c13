"""What every part of the broker shares: the venue, the clocks, and whom to tell."""

from collections import Counter
from collections.abc import Callable

import msgspec

from fabio.adapters.topstepx.broker.traded import TradedContracts
from fabio.adapters.topstepx.errors import BadRequest, CredentialsRefused, PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.rest.outcomes import NotSent, Outcome
from fabio.adapters.topstepx.signalr.inbox import Arrival
from fabio.adapters.topstepx.signalr.timing import HubClock
from fabio.model.event import JournaledEvent

READ_ERRORS = (TemporaryError, WireError, PermanentError, CredentialsRefused, BadRequest)
"""How a read can fail.

A person's turn is among them: a running agent goes on and says so. And so is a bad request: the
ids that are asked for come from the venue, and one that cannot be one is its fault.
"""

Emit = Callable[[JournaledEvent], None]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """The outside of the broker.

    Parameters
    ----------
    account_id
        The one account that is traded; all else the venue tells is passed over.
    clock
        The runtime's: stamps what is told, and every wait is by it.
    wall_s
        The machine's wall clock, in seconds since 1970: shows a sleep of the whole machine.
    emit
        Takes the engine's events, in order; must neither wait nor raise.
    note
        Takes a sentence for the log.
    counts
        What happened so far, by name, for people.
    keep_raw
        Takes every event of the user hub as it arrived; None keeps none.
    """

    rest: Rest
    account_id: int
    traded: TradedContracts
    clock: HubClock
    wall_s: Callable[[], float]
    emit: Emit
    note: Callable[[str], None]
    counts: Counter[str]
    keep_raw: Callable[[Arrival], None] | None = None

    def now_ns(self) -> int:
        """Give the runtime's time."""
        return self.clock.now_ns()

    async def cancel(self, venue_id: int) -> Outcome:
        """Cancel an order, once."""
        try:
            return await self.rest.cancel(self.account_id, venue_id)
        except BadRequest as error:
            return NotSent(str(error))
