"""What a full inbox may merge: quotes, as they say only what has changed, and nothing else."""

from collections.abc import Hashable

import msgspec

from fabio.adapters.topstepx.events import QUOTE
from fabio.adapters.topstepx.lenient import MEMBERS
from fabio.adapters.topstepx.signalr.protocol import DECODE_ERRORS, Invocation


class QuoteMerging:
    """Merges the quotes of a contract field by field, the newest value wins.

    Attributes
    ----------
    unreadable
        Quotes that were lost as they could not be read when they were to be merged.
    """

    def __init__(self) -> None:
        self.unreadable = 0

    def key(self, invocation: Invocation) -> Hashable | None:
        """Name the contract of a quote; None for every other event."""
        if invocation.target != QUOTE or len(invocation.arguments) < 2:
            return None
        return bytes(invocation.arguments[0])

    def merged(self, older: Invocation, newer: Invocation) -> Invocation:
        """Give the older quote with what the newer one changes.

        Examples
        --------
        >>> from fabio.adapters.topstepx.signalr.protocol import invocation
        >>> older = invocation("GatewayQuote", "CON.F.US.ENQ.Z26", {"bestBid": 1, "bestAsk": 2})
        >>> newer = invocation("GatewayQuote", "CON.F.US.ENQ.Z26", {"bestBid": 1.5, "bestAsk": None})
        >>> bytes(QuoteMerging().merged(older, newer).arguments[1])
        b'{"bestBid":1.5,"bestAsk":2}'
        """
        before, after = self._fields(older), self._fields(newer)
        if before is None or after is None:
            self.unreadable += 1
            return newer if before is None else older
        changed = {name: value for name, value in after.items() if bytes(value) != b"null"}
        data = msgspec.Raw(msgspec.json.encode({**before, **changed}))
        return Invocation(newer.target, (newer.arguments[0], data))

    def _fields(self, invocation: Invocation) -> dict[str, msgspec.Raw] | None:
        try:
            return MEMBERS.decode(invocation.arguments[1])
        except DECODE_ERRORS:
            return None
