"""What faults act on: the fate of one REST call, and the parcels of a hub connection."""

from collections.abc import Callable
from typing import Literal

import msgspec

from fabio.adapters.gateway.connection import Outgoing
from fabio.adapters.gateway.messages import Answer

Ending = Literal["whole", "never", "reset", "cut", "trickle", "twice"]
"""How an answer leaves: whole; not at all; the socket is reset before it, or in its middle;
byte by byte; or two times in a row."""


class Fate(msgspec.Struct):
    """What becomes of one REST call.

    Parameters
    ----------
    before_s, after_s
        What the request, and the answer, take on their way, in seconds of the replay clock.
    executes
        Whether the venue ever sees the request.
    instead
        The answer in place of the venue's; the call is executed all the same where `executes` says so.
    edits
        Changes of the answer, in order.
    stale_s
        How old the picture is that a query tells.
    ending
        How the answer leaves.
    bytes_per_s
        Of a `trickle`.
    """

    before_s: float = 0.0
    after_s: float = 0.0
    executes: bool = True
    instead: Answer | None = None
    edits: tuple[Callable[[Answer], Answer], ...] = ()
    stale_s: float = 0.0
    ending: Ending = "whole"
    bytes_per_s: float = 1.0


class Parcel(msgspec.Struct):
    """Something on its way to a client of a hub.

    Parameters
    ----------
    delay_s
        What it takes longer, in seconds of the replay clock; parcels never overtake each other
    overtakes
        unless this is set: then it is late, or early, alone.
    hold_s
        Held to the next whole multiple of so many seconds; 0 for not at all.
    """

    item: Outgoing
    delay_s: float = 0.0
    overtakes: bool = False
    hold_s: float = 0.0


Parcels = list[Parcel]
