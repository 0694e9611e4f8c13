"""Learned: what a folder's journal says of models and lessons, and what of it still stands.

The journal's facts are folded with the machine's own functions, so that what is told here of notes
and changes is what a running agent knows.
"""

from pathlib import Path
from typing import Any

from fabio.engine.entries import OF_MODEL
from fabio.engine.mind import OPERATOR
from fabio.engine.state import MarketRecord, State, apply
from fabio.journal.learned import NOTHING, learned_record
from fabio.journal.reader import read_steps
from fabio.journal.times import iso
from fabio.journal.units import Units, dollars
from fabio.journal.world import read_world
from fabio.model.event import OperatorAsked, RegimeAnswered
from fabio.model.fact import (
    ExitAsked,
    Fact,
    NoteJudged,
    NoteMade,
    SignalApproved,
    SignalBlocked,
    StopTightened,
    StrategyChanged,
    TradeClosed,
    UpdateRefused,
    ZonesSet,
)
from fabio.model.signal import Decision
from fabio.model.step import Step
from fabio.model.strategy import Note
from fabio.portfolio.account import open_account
from fabio.regime.notes import LIVING, best, score
from fabio.runtime.requests import still_changed, why_not_undone
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import Settings

NS_PER_HOUR = 3_600_000_000_000
Record = dict[str, Any]


class Learned:
    """A folder's past, as far as somebody or something changed what the agent does.

    Parameters
    ----------
    folder
        The folder `logs`.

    Attributes
    ----------
    state
        As the machine's after the last step, but for the strategies nobody changed: they are as configured now.
    decisions
        Ids of all decisions, a strategy's own too.

    Raises
    ------
    JournalDamaged
        If the journal is not whole.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        world = read_world(folder)
        symbols = (settings.agent.symbol,) if world is None else world.instruments
        self.state = State(
            account=open_account(settings.account, ""), markets=[MarketRecord() for _ in symbols],
            strategies={named.name: named.state for named in settings.strategies}, performance={},
            reference=settings.learning.reference,
        )
        self.steps = 0
        self.decisions: set[str] = set()
        self._settings = settings
        self._units = [Units(instrument_of(settings, symbol)) for symbol in symbols]
        self._found: list[tuple[Record, Fact]] = []
        self._undone: dict[str, Record] = {}  # id -> who took it back, and when
        self._results: dict[str, float] = {}  # decision id -> net P&L of its trade
        self._forgotten: list[Note] = []  # made way for others
        for step in read_steps(folder):
            self._take(step)

    def effects(self, hours: float | None = None) -> list[Record]:
        """Give every effect, oldest first: as in `learning.jsonl`, with what became of it.

        Parameters
        ----------
        hours
            Only those of the record's last hours, by its own clock; None for all.

        Returns
        -------
        list of dict
            More keys than in `learning.jsonl`: `standing`, `undoable`, `undone`, `undoes`, `net_pnl`.
        """
        since_ns = 0 if hours is None else self.state.now_ns - hours * NS_PER_HOUR
        return [self._told(record, fact) for record, fact in self._found if record["ts_ns"] >= since_ns]

    def notes(self, everything: bool = False) -> list[Record]:
        """Give the notes with their record, the best first; by default those that live."""
        kept = [(note, True) for note in self.state.notes] + [(note, False) for note in self._forgotten]
        shown = {note.id for note in best(self.state.notes, self._settings.notes)}
        rows = [
            _note_row(note, is_kept, note.id in shown)
            for note, is_kept in kept if everything or (is_kept and note.status in LIVING)
        ]
        order = ("supported", "pending", "contradicted", "expired", "retired")
        return sorted(rows, key=lambda row: (not row["kept"], order.index(row["status"]), -row["score"], -row["ts_ns"]))

    # -- folding ------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        self.steps += 1
        self.state.now_ns = max(self.state.now_ns, step.ts_ns)
        event = step.event
        if isinstance(event, OperatorAsked) and event.verb == "undo" and step.facts + step.commands:
            self._undone[event.name] = {"ts_ns": step.ts_ns, "ts": iso(step.ts_ns), "asked_by": event.id,
                                        "reason": event.reason}
        for fact in step.facts:
            before = self.state.notes
            apply(self.state, fact)
            record = learned_record(fact, step, self._units)
            if isinstance(fact, NoteMade):
                kept = {note.id for note in self.state.notes}
                self._forgotten += [note for note in before if note.id not in kept]
            elif record is None:
                record = self._of_trading(fact, step)
            if record is not None:
                undoes = event.name if isinstance(event, OperatorAsked) and event.verb == "undo" else None
                self._found.append(({**record, "undoes": undoes}, fact))

    def _of_trading(self, fact: Fact, step: Step) -> Record | None:
        """Give the record of what a model (or an undo) did to a trade; None for what a strategy did."""
        match fact:
            case SignalApproved(decision=decision) | SignalBlocked(decision=decision):
                self.decisions.add(decision.id)
                return self._wished(decision, step) if decision.signal.setup == OF_MODEL else None
            case TradeClosed(trade=trade):
                gained = self._results.get(trade.decision_id, 0.0)
                self._results[trade.decision_id] = gained + dollars(trade.net_pnl)
            case StopTightened(market=market, strategy=strategy, stop_ticks=stop, reason=reason) if _source(step):
                return _trading("stop_tightened", step, {
                    "strategy": strategy, "reason": reason, "wanted": {"stop_price": self._units[market].price(stop)}})
            case ExitAsked(market=market, reason=reason) if _source(step):
                position = self.state.markets[market].position
                return _trading("exit_asked", step, {
                    "strategy": None if position is None else position.strategy, "reason": reason})
            case _:
                pass
        return None

    def _wished(self, decision: Decision, step: Step) -> Record:
        signal, units = decision.signal, self._units[decision.market]
        return _trading("trade_wished", step, {
            "id": decision.id, "strategy": signal.strategy, "reason": signal.reason, "wanted": {
                "side": "long" if signal.side > 0 else "short", "kind": signal.kind,
                "entry_price": units.price(signal.entry_ticks), "stop_price": units.price(signal.stop_ticks),
                "target_price": units.price(signal.target_ticks), "size": units.size(decision.size_steps),
                "approved": decision.approved, "refused_by": list(decision.refused_by),
            },
        })

    # -- telling ------------------------------------------------------------------------

    def _told(self, record: Record, fact: Fact) -> Record:
        id_ = record["id"]
        undone = self._undone.get(id_) if id_ is not None and not isinstance(fact, NoteJudged) else None
        standing = "undone" if undone is not None else self._standing(fact)
        may = id_ is not None and not isinstance(fact, NoteJudged) and not why_not_undone(self.state, id_)
        return {**record, "standing": standing, "undoable": may, "undone": undone, "net_pnl": self._results.get(id_)}

    def _standing(self, fact: Fact) -> str | None:
        match fact:
            case StrategyChanged():
                changed, stands = still_changed(self.state, fact)
                return "stands" if changed == stands else "partly" if stands else "replaced"
            case ZonesSet(market=market, zones=zones):
                if not why_not_undone(self.state, fact.id):
                    return "stands"
                return "replaced" if self.state.markets[market].zones not in ((), zones) else "over"
            case UpdateRefused():
                return "refused"
            case NoteMade(note=note):
                return next((each.status for each in self.state.notes if each.id == note.id), "forgotten")
            case SignalBlocked():
                return "refused"
            case SignalApproved(decision=decision):
                return "over" if why_not_undone(self.state, decision.id) else "stands"
            case _:
                return None


def _source(step: Step) -> str:
    """Say who did what a step holds, where it was a model or a person who took something back."""
    event = step.event
    if isinstance(event, RegimeAnswered):
        return event.source
    return OPERATOR if isinstance(event, OperatorAsked) and event.verb == "undo" else ""


def _trading(kind: str, step: Step, said: Record) -> Record:
    event = step.event
    return {
        "v": 1, "ts_ns": step.ts_ns, "ts": iso(step.ts_ns), "seq": step.seq, "kind": kind,
        "ask_id": event.ask_id if isinstance(event, RegimeAnswered) else None,
        "asked_by": event.id if isinstance(event, OperatorAsked) else None,
        **NOTHING, "source": _source(step), **said,
    }


def _note_row(note: Note, is_kept: bool, is_shown: bool) -> Record:
    claim = note.claim
    return {
        "id": note.id, "ts_ns": note.ts_ns, "ts": iso(note.ts_ns), "session": note.session, "text": claim.text,
        "strategy": claim.strategy or None, "regime": claim.regime or None, "zone": claim.zone or None,
        "expects": claim.expects, "status": note.status, "outcomes": note.outcomes, "wins": note.wins,
        "mean_r": note.total_r / note.outcomes if note.outcomes else None, "sessions": len(note.sessions),
        "age_sessions": note.age_sessions, "score": score(note), "source": note.source,
        "shown": is_shown, "kept": is_kept,
    }
