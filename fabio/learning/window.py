"""The window: every signal of the record's last hours, joined with what became of its shadow.

Time is the record's own: hours count back from its last decision or shadow exit, so that a demo, whose
days lie in the past or the future, reads like a live session. A signal belongs to the window by the time
of its decision.

Nothing peeks. A shadow counts only where its decision is there and says the same, decision, entry and
exit follow each other in this order, and the journal is as late as all of them.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from fabio.journal.quarantine import Quarantined
from fabio.journal.times import iso
from fabio.journal.world import WorldUnreadable, read_world
from fabio.learning.lines import LeftOut, LeftOutKind, journal_end_ns, put_aside, read_records

NS_PER_HOUR = 3_600_000_000_000
NO_REGIME = "none"

# beyond these a number is damage, and would drown all others in a sum
_TimeNs = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Usd = Annotated[float, msgspec.Meta(gt=-1e12, lt=1e12)]
_R = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]

Ending = Literal["filled", "expired", "open", "behind_another", "no_bracket", "lost"]
"""What became of a signal's shadow: `filled` has a result; `expired` was a limit that was never reached; `open` at the
record's end; `behind_another`: one of its strategy and setup was open, so it had none; `no_bracket`: its stop or target
lay on the wrong side; `lost`: its record is not there or cannot be used."""


class _Regime(msgspec.Struct, frozen=True):
    label: str
    source: str


class _Verdict(msgspec.Struct, frozen=True):
    guard: str
    value: float | None


class DecisionLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a line of `decisions.jsonl`."""

    v: int
    ts_ns: _TimeNs
    id: str
    symbol: str
    session: str
    strategy: str
    setup: str
    approved: bool
    refused_by: tuple[str, ...]
    risk_ticks: int
    reward_ticks: int
    regime: _Regime | None
    verdicts: tuple[_Verdict, ...]


class ShadowLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a line of `shadow.jsonl`."""

    v: int
    ts_ns: _TimeNs
    id: str
    decision_id: str
    symbol: str
    strategy: str
    setup: str
    approved: bool
    refused_by: tuple[str, ...]
    net_pnl: _Usd
    r_multiple: _R
    entry_ts_ns: _TimeNs
    exit_ts_ns: _TimeNs
    exit_leg: Literal["stop", "target", "close", "never_filled"]


class TradeLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a line of `trades.jsonl`."""

    v: int
    ts_ns: _TimeNs
    id: str
    decision_id: str
    net_pnl: _Usd
    r_multiple: _R
    entry_ts_ns: _TimeNs
    exit_ts_ns: _TimeNs


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a trade made: USD after fees, and R."""

    net_pnl: float
    r_multiple: float


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal and what it would have made, with its static bracket and one size step.

    Parameters
    ----------
    regime_source
        Who gave the label: the rules, the playbook or a model; `none` without one.
    refused_by
        Names of guards, sorted; empty where it was taken.
    net_pnl, r_multiple
        USD after fees, and R; None unless it was filled.
    values
        By guard, what it saw; those that saw no number are not in it.
    trade
        The one that was really made, with the strategy's own stop management; None without one.
    """

    decision_id: str
    ts_ns: int
    session: str
    strategy: str
    regime: str
    approved: bool
    refused_by: tuple[str, ...]
    ending: Ending
    net_pnl: Decimal | None = None
    r_multiple: float | None = None
    regime_source: str = NO_REGIME
    values: dict[str, float] = {}
    trade: Made | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The signals of a record's last hours, and the lines that were left out.

    Parameters
    ----------
    since_ns, until_ns
        The record's own clock, from its first decision at the earliest; None where nothing is recorded.
    is_whole
        Whether no decision lies before these hours.
    signals
        By time.
    guards
        Every guard that spoke on one of them or refused it, sorted.
    left_out
        Lines of the whole folder, not of these hours alone: a line that cannot be read has no time.
    aside
        Where they are kept.
    is_live
        Whether a venue filled the trades.
    """

    hours: float
    since_ns: int | None
    until_ns: int | None
    is_whole: bool
    signals: tuple[Signal, ...]
    guards: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    aside: Quarantined = Quarantined()
    is_live: bool = False

    @property
    def span(self) -> dict[str, float | str | bool | None]:
        """Say which hours these are, as keys for `--json`."""
        return {
            "hours": self.hours, "whole_record": self.is_whole,
            "since": None if self.since_ns is None else iso(self.since_ns),
            "until": None if self.until_ns is None else iso(self.until_ns),
            "clock": "the record's own: hours count back from its last decision or shadow exit",
        }

    @property
    def problems(self) -> dict[str, object]:
        """Give the lines that were left out, as keys for `--json`."""
        return {"left_out": len(self.left_out), "lines": [msgspec.to_builtins(each) for each in self.left_out],
                "quarantine": msgspec.to_builtins(self.aside)}


def read_window(folder: Path, hours: float) -> Window:
    """Read the signals of the record's last hours.

    Parameters
    ----------
    folder
        The folder `logs`.
    hours
        > 0 and finite.
    """
    left_out: list[LeftOut] = []
    reading = _Reading(folder, left_out)
    signals = tuple(reading.signals())
    until_ns = max(reading.ends_ns, default=None)
    first_ns = signals[0].ts_ns if signals else 0
    since_ns = None if until_ns is None else max(first_ns, until_ns - round(hours * NS_PER_HOUR))
    within = tuple(each for each in signals if since_ns is not None and each.ts_ns >= since_ns)
    guards = {name for each in within for name in (*each.refused_by, *reading.spoke[each.decision_id])}
    left_out.sort(key=lambda each: (each.file, each.line))
    return Window(
        hours=hours, since_ns=since_ns, until_ns=until_ns, is_whole=len(within) == len(signals), signals=within,
        guards=tuple(sorted(guards)), left_out=tuple(left_out), aside=put_aside(folder, left_out),
        is_live=_is_live(folder),
    )


def _is_live(folder: Path) -> bool:
    try:
        world = read_world(folder)
    except WorldUnreadable:
        return False
    return world is not None and world.mode == "live"


class _Reading:
    """The folder's records, each checked against those it joins."""

    def __init__(self, folder: Path, left_out: list[LeftOut]) -> None:
        self._left_out = left_out
        decisions = list(read_records(folder / "decisions.jsonl", DecisionLine, left_out))
        shadows = list(read_records(folder / "shadow.jsonl", ShadowLine, left_out))
        trades = list(read_records(folder / "trades.jsonl", TradeLine, left_out))
        self._end_ns = journal_end_ns(folder)  # after the records: an agent may be writing
        self._decisions: dict[str, DecisionLine] = {}  # id -> decision, by time
        self._shadows: dict[str, ShadowLine] = {}  # decision id -> shadow
        self._refused: set[str] = set()  # ids of decisions whose shadow cannot be used
        self._trades: dict[str, TradeLine] = {}  # decision id -> trade
        self._take_decisions(decisions)
        self._take_shadows(shadows)
        self._take_trades(trades)
        self.spoke = {each.id: {verdict.guard for verdict in each.verdicts} for each in self._decisions.values()}
        self.ends_ns = [each.ts_ns for each in self._decisions.values()]
        self.ends_ns += [each.exit_ts_ns for each in self._shadows.values()]

    def signals(self) -> Iterator[Signal]:
        """Give every signal with its end, by time."""
        last_shadowed = {_key(each): place for place, each in enumerate(self._decisions.values())
                         if each.id in self._shadows}
        latest = {each.symbol: each.session for each in self._decisions.values()}
        busy_until: dict[tuple[str, str, str], int | None] = {}  # (symbol, strategy, setup) -> ns; None: it never ended
        for place, each in enumerate(self._decisions.values()):
            key, shadow, trade = _key(each), self._shadows.get(each.id), self._trades.get(each.id)
            if shadow is not None:
                busy_until[key] = shadow.exit_ts_ns
                yield _signal(each, "expired" if shadow.exit_leg == "never_filled" else "filled", shadow, trade)
                continue
            until_ns = busy_until.get(key, 0)
            if each.risk_ticks <= 0 or each.reward_ticks <= 0:
                yield _signal(each, "no_bracket", None, trade)
            elif until_ns is None or each.ts_ns < until_ns:
                yield _signal(each, "behind_another", None, trade)
            else:
                # what is open ends with its session, and before the next one of its setup can begin
                is_over = each.session < latest[each.symbol] or place < last_shadowed.get(key, 0)
                is_lost = is_over or each.id in self._refused
                busy_until[key] = until_ns if is_lost else None
                yield _signal(each, "lost" if is_lost else "open", None, trade)

    def _leave_out(self, file: str, line: int, kind: LeftOutKind, reason: str) -> None:
        self._left_out.append(LeftOut(file, line, kind, reason))

    def _is_late(self, file: str, line: int, what: str, ts_ns: int) -> bool:
        if self._end_ns is None or ts_ns <= self._end_ns:
            return False
        self._leave_out(file, line, "from_the_future",
                        f"{what} at {iso(ts_ns)}, later than the journal's end at {iso(self._end_ns)}")
        return True

    def _take_decisions(self, lines: list[tuple[int, DecisionLine]]) -> None:
        file = "decisions.jsonl"
        for line, each in sorted(lines, key=lambda pair: pair[1].ts_ns):
            if each.id in self._decisions:
                self._leave_out(file, line, "duplicate", f"decision {each.id} stands in the file twice")
            elif each.approved != (not each.refused_by):
                what = "approved, and refused_by is not empty" if each.approved else "blocked, and refused_by is empty"
                self._leave_out(file, line, "contradicts", f"decision {each.id} is {what}")
            elif not self._is_late(file, line, f"decision {each.id} was made", each.ts_ns):
                self._decisions[each.id] = each

    def _take_shadows(self, lines: list[tuple[int, ShadowLine]]) -> None:
        file = "shadow.jsonl"
        for line, each in lines:
            if each.decision_id in self._shadows:
                self._leave_out(file, line, "duplicate",
                                f"the shadow of decision {each.decision_id} stands in the file twice")
                continue
            why = _shadow_amiss(each, self._decisions.get(each.decision_id))
            if why is not None:
                self._leave_out(file, line, *why)
            elif not self._is_late(file, line, f"shadow {each.id} ended", each.exit_ts_ns):
                self._shadows[each.decision_id] = each
                continue
            self._refused.add(each.decision_id)

    def _take_trades(self, lines: list[tuple[int, TradeLine]]) -> None:
        file = "trades.jsonl"
        for line, each in lines:
            # not compared with the decision: fills may come in the venue's clock
            if each.decision_id in self._trades:
                self._leave_out(file, line, "duplicate",
                                f"the trade of decision {each.decision_id} stands in the file twice")
            elif each.exit_ts_ns < each.entry_ts_ns:
                self._leave_out(file, line, "peeking", f"trade {each.id} ends before it begins: entry "
                                                       f"{iso(each.entry_ts_ns)}, exit {iso(each.exit_ts_ns)}")
            elif not self._is_late(file, line, f"trade {each.id} was recorded", each.ts_ns):
                self._trades[each.decision_id] = each


def _key(each: DecisionLine) -> tuple[str, str, str]:
    return each.symbol, each.strategy, each.setup


def _order(decision: DecisionLine, entry_ns: int, exit_ns: int) -> str:
    return f"decision {iso(decision.ts_ns)}, entry {iso(entry_ns)}, exit {iso(exit_ns)}"


def _shadow_amiss(shadow: ShadowLine, decision: DecisionLine | None) -> tuple[LeftOutKind, str] | None:
    """Tell why a shadow cannot be used, None where it can."""
    if decision is None:
        return "unjoined", (f"its decision {shadow.decision_id} is not in decisions.jsonl, or was left out; "
                            "`fabio journal rebuild` makes the files again from the journal")
    if shadow.exit_ts_ns < shadow.entry_ts_ns:
        return "peeking", (f"shadow {shadow.id} ends before it begins: "
                           f"{_order(decision, shadow.entry_ts_ns, shadow.exit_ts_ns)}")
    if decision.ts_ns > shadow.entry_ts_ns:
        return "peeking", (f"shadow {shadow.id} begins before it was decided: "
                           f"{_order(decision, shadow.entry_ts_ns, shadow.exit_ts_ns)}")
    for name in ("symbol", "strategy", "setup", "approved", "refused_by"):
        ours, theirs = getattr(shadow, name), getattr(decision, name)
        if ours != theirs:
            return "contradicts", f"shadow {shadow.id} has {name} {ours!r}, its decision has {theirs!r}"
    return None


def _signal(decision: DecisionLine, ending: Ending, shadow: ShadowLine | None, trade: TradeLine | None) -> Signal:
    filled = shadow if ending == "filled" else None
    return Signal(
        decision_id=decision.id, ts_ns=decision.ts_ns, session=decision.session, strategy=decision.strategy,
        regime=NO_REGIME if decision.regime is None else decision.regime.label,
        regime_source=NO_REGIME if decision.regime is None else decision.regime.source, approved=decision.approved,
        refused_by=tuple(sorted(set(decision.refused_by))), ending=ending,
        net_pnl=None if filled is None else Decimal(str(filled.net_pnl)),
        r_multiple=None if filled is None else filled.r_multiple,
        values={each.guard: each.value for each in decision.verdicts if each.value is not None},
        trade=None if trade is None else Made(net_pnl=trade.net_pnl, r_multiple=trade.r_multiple),
    )
