"""What the cycle asks of a folder beyond the window: all its signals, and what the journal says of their orders."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from fabio.journal.files import JournalDamaged
from fabio.journal.reader import read_steps
from fabio.learning.window import NS_PER_HOUR, Signal, Window, read_window
from fabio.model.fact import FillBooked, OrderBooked, OrderMoved, SessionRolled
from fabio.model.step import Step

_WHOLE_RECORD_HOURS = (2**63 - 1) // NS_PER_HOUR


class Ordered(msgspec.Struct, kw_only=True):
    """An approved signal's order, by the agent's own clock.

    Parameters
    ----------
    filled_ns
        When its first fill was booked; None without one.
    """

    decision_id: str
    kind: str
    state: str = "in_flight"
    filled_ns: int | None = None


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal says of orders and sessions.

    Parameters
    ----------
    sessions
        Every recorded one, in order of date.
    orders
        By decision id.
    """

    sessions: tuple[str, ...]
    orders: dict[str, Ordered]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A folder's whole record, and the hours of it that are reported.

    Parameters
    ----------
    window
        The hours that were asked for.
    signals
        Every signal of the whole record, by time.
    traced
        None where the journal is damaged or not there: `no_journal` says which.
    """

    folder: Path
    window: Window
    signals: tuple[Signal, ...]
    traced: Traced | None
    no_journal: str = ""


def read_evidence(folder: Path, hours: float) -> Evidence:
    """Read a folder's record for the learning cycle.

    Parameters
    ----------
    hours
        > 0 and finite: how much of it is reported. Proposals are drawn from the whole.
    """
    window = read_window(folder, hours)
    signals = window.signals if window.is_whole else read_window(folder, _WHOLE_RECORD_HOURS).signals
    try:
        traced, why = _trace(folder), ""
    except JournalDamaged as damage:
        traced, why = None, str(damage)
    if traced is not None and not traced.sessions:
        traced, why = None, "there is no journal, or it knows no session"
    return Evidence(folder=folder, window=window, signals=signals, traced=traced, no_journal=why)


# -- the journal ------------------------------------------------------------------------


def _trace(folder: Path) -> Traced:
    sessions: set[str] = set()
    orders: dict[str, Ordered] = {}  # order id -> order
    for step in read_steps(folder):
        _trace_step(step, sessions.add, orders)
    return Traced(sessions=tuple(sorted(sessions)), orders={each.decision_id: each for each in orders.values()})


def _trace_step(step: Step, rolled: Callable[[str], None], orders: dict[str, Ordered]) -> None:
    for fact in step.facts:
        match fact:
            case SessionRolled(session=session):
                rolled(session)
            case OrderBooked(order=order):
                orders[order.id] = Ordered(decision_id=order.decision_id, kind=order.kind)
            case OrderMoved(order_id=order_id, state=state) if order_id in orders:
                orders[order_id].state = state
            case FillBooked(fill=fill) if fill.order_id in orders and orders[fill.order_id].filled_ns is None:
                orders[fill.order_id].filled_ns = step.ts_ns
            case _:
                pass
