"""Events as JSON lines: what became of orders and trades (table `trading_events`)."""

from collections.abc import Sequence

import msgspec
import numpy as np

from fabio.integrations.backtrader.encoding import text, times
from fabio.integrations.backtrader.orders import Made, Moved


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: its number in the run, Backtrader's time of it (NaN: none yet), what happened, to which order."""

    number: int
    when: float
    moved: Moved
    made: Made | None


def event_lines(events: Sequence[Event], prefix: str, fixed: dict[str, str]) -> tuple[list[str], list[bytes]]:
    """Return ids and JSON lines.

    Parameters
    ----------
    events
        At least one.
    prefix
        What their ids begin with.
    fixed
        Fields that are the same in all of them.
    """
    ids = [f"{prefix}-e{event.number:08d}" for event in events]
    stamps = times(np.array([event.when for event in events]))
    same, orders, lines = text(fixed)[1:-1], dict[int, bytes](), []
    for known, event, stamp in zip(ids, events, stamps, strict=True):
        if event.made is None:
            about = b'"kind":"trade"'
        else:
            about = orders.get(id(event.made)) or b'"kind":"order",' + text(event.made)[1:-1]
            orders[id(event.made)] = about
        became = text(event.moved)[1:]
        lines.append(b'{"event_id":%b,"timestamp":%b,%b,%b,%b' % (text(known), stamp, same, about, became))
    return ids, lines
