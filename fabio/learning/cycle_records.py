"""What the cycle asks of the records beyond the window: verdicts, regimes, trades' P&L, and the journal's fills.

A line counts here only where its decision is in the window; what is amiss in it is left out and named,
and what is later than the journal's end is refused, as everywhere in this room.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from fabio.journal.files import JournalDamaged
from fabio.journal.reader import read_steps
from fabio.journal.times import iso
from fabio.learning.lines import LeftOut, journal_end_ns, read_records
from fabio.learning.window import NS_PER_HOUR, Signal, Window, read_window
from fabio.model.fact import FillBooked, OrderBooked, OrderMoved, SessionRolled
from fabio.model.step import Step

NO_SOURCE = "none"
_WHOLE_RECORD_HOURS = (2**63 - 1) // NS_PER_HOUR
_Usd = Annotated[float, msgspec.Meta(gt=-1e12, lt=1e12)]
_R = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]


class _Regime(msgspec.Struct, frozen=True):
    label: str
    source: str


class _Verdict(msgspec.Struct, frozen=True):
    guard: str
    value: float | None


class _DecisionLine(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    regime: _Regime | None
    verdicts: tuple[_Verdict, ...]


class _TradeLine(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    decision_id: str
    ts_ns: int
    net_pnl: _Usd
    r_multiple: _R


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a trade made: USD after fees, and R."""

    net_pnl: float
    r_multiple: float


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A signal of the record with what the cycle asks of it.

    Parameters
    ----------
    regime_source
        Who gave the label: the rules, the playbook or a model.
    values
        By guard, what it saw; those that saw no number are not in it.
    trade
        None where none was closed.
    """

    signal: Signal
    regime_source: str
    values: dict[str, float]
    trade: Made | None


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
    cases
        Every signal of the whole record, by time.
    traced
        None where the journal is damaged or not there: `no_journal` says which.
    """

    folder: Path
    window: Window
    cases: tuple[Case, ...]
    traced: Traced | None
    no_journal: str = ""

    @property
    def within(self) -> tuple[Case, ...]:
        """The cases of the hours that were asked for."""
        wanted = {each.decision_id for each in self.window.signals}
        return tuple(each for each in self.cases if each.signal.decision_id in wanted)


def read_evidence(folder: Path, hours: float) -> Evidence:
    """Read a folder's record for the learning cycle.

    Parameters
    ----------
    hours
        > 0 and finite: how much of it is reported. Proposals are drawn from the whole.
    """
    window = read_window(folder, hours)
    signals = window.signals if window.is_whole else read_window(folder, _WHOLE_RECORD_HOURS).signals
    left_out: list[LeftOut] = []
    details: dict[str, _DecisionLine] = {}
    for _, line in read_records(folder / "decisions.jsonl", _DecisionLine, left_out):
        details.setdefault(line.id, line)
    trades = _trades(folder, left_out)
    cases = tuple(
        _case(each, details[each.decision_id], trades.get(each.decision_id))
        for each in signals if each.decision_id in details
    )
    try:
        traced, why = _trace(folder), ""
    except JournalDamaged as damage:
        traced, why = None, str(damage)
    if traced is not None and not traced.sessions:
        traced, why = None, "there is no journal, or it knows no session"
    window = msgspec.structs.replace(window, left_out=_together(window.left_out, left_out))
    return Evidence(folder=folder, window=window, cases=cases, traced=traced, no_journal=why)


def _case(signal: Signal, line: _DecisionLine, trade: Made | None) -> Case:
    return Case(
        signal=signal, regime_source=NO_SOURCE if line.regime is None else line.regime.source,
        values={each.guard: each.value for each in line.verdicts if each.value is not None}, trade=trade,
    )


def _trades(folder: Path, left_out: list[LeftOut]) -> dict[str, Made]:
    lines = list(read_records(folder / "trades.jsonl", _TradeLine, left_out))
    end_ns = journal_end_ns(folder)  # after the records: an agent may be writing
    found: dict[str, Made] = {}
    for number, each in lines:
        if end_ns is not None and each.ts_ns > end_ns:
            left_out.append(LeftOut("trades.jsonl", number, "from_the_future",
                                    f"trade {each.id} was recorded at {iso(each.ts_ns)}, later than the journal's end "
                                    f"at {iso(end_ns)}"))
            continue
        found.setdefault(each.decision_id, Made(net_pnl=each.net_pnl, r_multiple=each.r_multiple))
    return found


def _together(known: tuple[LeftOut, ...], more: list[LeftOut]) -> tuple[LeftOut, ...]:
    """Put the lines that two readings left out into one list, each line once."""
    found = {(each.file, each.line): each for each in (*more, *known)}
    return tuple(found[place] for place in sorted(found))


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
