"""Whether an execution that comes late is one whose outcome was adopted from a picture already.

An untagged one says only market and side, so time has to tell: what was adopted happened before it
was adopted, and to the trip that ran then. What is taken for explained wrongly leaves the book
holding what was closed; what is not, although it was, is a stray, and a picture is asked for.
"""

from typing import TYPE_CHECKING

from fabio.engine.venue.records import Adopted
from fabio.model.order import Fill

if TYPE_CHECKING:
    from fabio.engine.state import State

NS = 1_000_000_000
LATE_NS = 2 * NS
"""An execution is dated so much after what it explains was adopted, at most: two clocks differ."""
CAME_BACK_NS = 300 * NS
"""So long after we took something for closed what turns up is that, and no new one of somebody else's."""


def explains(state: "State", adopted: Adopted, fill: Fill) -> bool:
    """Tell whether an execution may be one that was adopted before it came.

    One of a later trip never is. A later one of the same trip may be where nothing of it is held any
    more: the picture was wrong, and what it hid was closed after it.
    """
    tagged = fill.order_id != ""
    if (adopted.market, adopted.side) != (fill.market, fill.side) or (tagged and adopted.order_id != fill.order_id):
        return False
    if adopted.entry or (tagged and fill.leg == "entry"):
        return tagged and adopted.entry and fill.leg == "entry"
    held, when_ns = state.markets[fill.market], fill.ts_ns - state.venue.skew_ns
    trip = held.care.trip
    if trip is not None and trip.opened_ns > adopted.opened_ns and fill.ts_ns >= trip.opened_ns:
        return False
    until_ns = adopted.ts_ns + (LATE_NS if held.position is not None else CAME_BACK_NS)
    return when_ns <= until_ns
