"""Ask REST whether a market traded while the hub was silent."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from fabio.adapters.topstepx.enums import BarUnit
from fabio.adapters.topstepx.errors import CredentialsRefused, PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.feed.watchdog import Verdict
from fabio.adapters.topstepx.records import Bar
from fabio.adapters.topstepx.rest.endpoints import BarsQuery, bar_start_ns
from fabio.adapters.topstepx.signalr.timing import AtMost, TookTooLong

NS = 1_000_000_000
ANSWER_S = 4.0
"""A later answer is of no use."""
ON_ITS_WAY_NS = 1_500_000_000
"""A print this young may not have reached us yet."""
LOOK_BACK_NS = 60 * NS
_MOST_BARS = 600


class SecondBars(Protocol):
    """What is asked of the REST client."""

    async def bars(self, query: BarsQuery) -> tuple[Bar, ...]:
        """One page of bars, oldest first."""


class Probe:
    """Asks for the second bars since the last print.

    Parameters
    ----------
    live
        The market-data subscription, as in every history request.
    sleep
        Waits by the clock that limits the question.
    """

    def __init__(self, rest: SecondBars, live: bool, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._rest = rest
        self._live = live
        self._sleep = sleep

    async def ask(self, contract_id: str, seen_ns: int, whole_ns: int, now_ns: int) -> Verdict:
        """Say whether the market traded since we should have heard of it.

        The second of the last print is passed over: what else traded in it cannot be told. Where
        history does not even know that print, it says nothing of what came after.

        Parameters
        ----------
        seen_ns
            Exchange time of the last print that came; 0 before the first.
        whole_ns
            When the subscriptions were confirmed; what traded earlier was nobody's to hear.
        now_ns
            The venue's clock.
        """
        since_ns = max(seen_ns, whole_ns, now_ns - LOOK_BACK_NS)
        checkable = seen_ns > now_ns - LOOK_BACK_NS
        seen_s_ns = seen_ns // NS * NS
        query = BarsQuery(
            contract_id=contract_id, start_ns=seen_s_ns if checkable else since_ns // NS * NS, end_ns=now_ns,
            unit=BarUnit.SECOND, live=self._live, limit=_MOST_BARS, include_partial=True,
        )
        try:
            async with AtMost(ANSWER_S, self._sleep, f"second bars of {contract_id}"):
                bars = await self._rest.bars(query)
            traded = {bar_start_ns(bar) for bar in bars if bar.v > 0}
        except (TemporaryError, PermanentError, WireError, CredentialsRefused, TookTooLong):
            return Verdict.UNKNOWN
        if any(since_ns < start_ns <= now_ns - NS - ON_ITS_WAY_NS for start_ns in traded):
            return Verdict.MISSED
        return Verdict.UNKNOWN if checkable and seen_s_ns not in traded else Verdict.QUIET
