"""The records of `learning.jsonl`: what changed, what was noted, what was refused, each with its id.

`kind` says which: `strategy_changed`, `zones_set`, `update_refused`, `note`, `note_judged`. All have the same
keys, null where they say nothing; `fabio learn undo ID` takes a change or a note back.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from fabio.journal.times import iso
from fabio.journal.units import Units, real
from fabio.model.event import LessonArrived, OperatorAsked
from fabio.model.fact import (
    Fact,
    ModelAnswered,
    NoteJudged,
    NoteMade,
    RegimeInferred,
    StrategyChanged,
    UpdateRefused,
    ZonesSet,
)
from fabio.model.step import Step
from fabio.model.strategy import StrategyState
from fabio.model.zone import Zone

Record = dict[str, Any]


def learned_record(fact: Fact, step: Step, units: Sequence[Units]) -> Record | None:
    """Give a line of `learning.jsonl`; None where the fact teaches nothing. `units` are by market."""
    match fact:
        case StrategyChanged():
            return _changed(fact, step)
        case ZonesSet(market=market):
            return _zones_set(fact, step, units[market])
        case UpdateRefused():
            return _refused(fact, step)
        case NoteMade():
            return _note(fact, step)
        case NoteJudged():
            return _judged(fact, step)
        case _:
            return None


def _changed(fact: StrategyChanged, step: Step) -> Record:
    before, after = _state(fact.before), _state(fact.after)
    return _learned("strategy_changed", step, {
        "id": fact.id, "strategy": fact.name, "source": fact.source, "reason": fact.reason,
        "changed": {name: [before[name], after[name]] for name in after if before[name] != after[name]},
        "before": before, "after": after,
    })


def _zones_set(fact: ZonesSet, step: Step, units: Units) -> Record:
    before, after = _zones(fact.before, units), _zones(fact.zones, units)
    return _learned("zones_set", step, {
        "id": fact.id, "source": fact.source, "changed": {"zones": [before, after]}, "before": before, "after": after,
    })


def _refused(fact: UpdateRefused, step: Step) -> Record:
    wanted = msgspec.to_builtins(fact.update)
    return _learned("update_refused", step, {
        "strategy": fact.update.name, "source": fact.source, "reason": fact.reason,
        "wanted": {name: value for name, value in wanted.items() if name not in ("name", "reason")},
        "text": fact.update.reason,
    })


def _note(fact: NoteMade, step: Step) -> Record:
    note = fact.note
    claim = note.claim
    return _learned("note", step, {
        "id": note.id, "source": note.source, "text": claim.text, "strategy": claim.strategy or None,
        "regime": claim.regime or None, "zone": claim.zone or None, "expects": claim.expects, "status": note.status,
    })


def _judged(fact: NoteJudged, step: Step) -> Record:
    return _learned("note_judged", step, {"id": fact.note_id, "status": fact.status, "reason": fact.reason})


NOTHING: Record = dict.fromkeys((
    "id", "strategy", "source", "reason", "text", "changed", "before", "after", "wanted", "regime", "zone", "expects",
    "status",
))


def _learned(kind: str, step: Step, said: Record) -> Record:
    event = step.event
    ask_id = next(
        (fact.regime.ask_id for fact in step.facts if isinstance(fact, RegimeInferred | ModelAnswered)), None,
    )
    return {
        "v": 1, "ts_ns": step.ts_ns, "ts": iso(step.ts_ns), "seq": step.seq, "kind": kind, "ask_id": ask_id,
        "asked_by": event.id if isinstance(event, OperatorAsked | LessonArrived) else None, **NOTHING, **said,
    }


def _state(state: StrategyState) -> Record:
    fields = msgspec.structs.asdict(state)
    return {**fields, "risk_fraction": real(state.risk_fraction), "min_rr": real(state.min_rr)}


def _zones(zones: tuple[Zone, ...], units: Units) -> list[Record]:
    return [
        {"name": zone.name, "price": units.price(zone.centre_ticks), "inner_ticks": zone.inner_ticks,
         "outer_ticks": zone.outer_ticks, "priority": zone.priority, "source": zone.source}
        for zone in zones
    ]
