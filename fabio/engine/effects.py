"""Effects: what somebody's answer, lesson or button changes of strategies and zones, and how it is undone.

Every change is a fact with an id, holding what stood before it, within the same bounds whoever wanted it.
"""

from typing import Any

import msgspec

from fabio.engine.entries import day_tag
from fabio.engine.halting import close_market
from fabio.engine.mind import OPERATOR
from fabio.engine.turn import Turn
from fabio.model.event import SettingsChanged
from fabio.model.fact import NoteJudged, StrategyChanged, UpdateRefused, ZonesSet
from fabio.model.strategy import StrategyEvidence, StrategyUpdate
from fabio.model.zone import Zone
from fabio.regime import evidence
from fabio.regime.bounds import RISK_CEILING

NS_PER_HOUR = 3_600_000_000_000


def changes_of(update: StrategyUpdate) -> dict[str, Any]:
    """Give what an update changes, by field."""
    wanted = msgspec.structs.asdict(update)
    return {key: value for key, value in wanted.items() if key not in ("name", "reason") and value is not None}


def change_strategies(turn: Turn, updates: tuple[StrategyUpdate, ...], source: str) -> None:
    """Change strategies' states within bounds; unknown names and changes of nothing are left out."""
    for update in updates:
        before = turn.state.strategies.get(update.name)
        if before is None:
            continue
        changes = changes_of(update)
        if "risk_fraction" in changes:
            changes["risk_fraction"] = min(max(changes["risk_fraction"], 0.0), RISK_CEILING)
        after = msgspec.structs.replace(before, **changes)
        if after != before or (source == OPERATOR and not after.enabled):  # theirs now, whoever switched it off
            turn.note(StrategyChanged(
                id=_next_id(turn), name=update.name, before=before, after=after, source=source, reason=update.reason,
            ))


def on_settings(turn: Turn, event: SettingsChanged) -> None:
    """Take over what the settings now say of strategies' states; the machine was reconfigured before."""
    for each in event.states:
        now = turn.state.strategies[each.name]
        wanted = {
            name: getattr(each.after, name) for name in now.__struct_fields__
            if getattr(each.after, name) != getattr(each.before, name)
        }
        after = msgspec.structs.replace(now, **wanted)
        if after != now or not wanted.get("enabled", True):  # theirs now, whoever switched it off
            turn.note(StrategyChanged(
                id=_next_id(turn), name=each.name, before=now, after=after, source=OPERATOR,
                reason=f"the settings changed: {', '.join(wanted)}",
            ))


def change_as_model(turn: Turn, updates: tuple[StrategyUpdate, ...], source: str) -> None:
    """Let a model change what the strategies' own evidence supports; tell what was refused, and why."""
    state, most = turn.state, turn.policy.model.changes_per_hour
    for update in updates:
        configured = turn.configured.get(update.name)
        if configured is None:
            continue
        known = state.evidence.get(update.name, StrategyEvidence(name=update.name))
        before = state.strategies[update.name]
        why_not = evidence.supports(known, update, before, configured, turn.policy.learning)
        if not why_not and _changes_by(turn, source) >= most and not evidence.is_smaller(update, before):
            why_not = f"{most} changes an hour are the most, and were made"
        if why_not:
            turn.note(UpdateRefused(update=update, source=source, reason=why_not))
        else:
            change_strategies(turn, (update,), source)


def change_as_cycle(turn: Turn, update: StrategyUpdate, against: StrategyUpdate) -> None:
    """Take a lesson of the learning cycle, or tell why it is refused.

    Parameters
    ----------
    against
        What stood where it was tried: of a strategy that is otherwise now, the trial says nothing.
    """
    why_not = _why_no_lesson(turn, update, against)
    if why_not:
        turn.note(UpdateRefused(update=update, source=evidence.CYCLE, reason=why_not))
    else:
        change_strategies(turn, (update,), evidence.CYCLE)


def _why_no_lesson(turn: Turn, update: StrategyUpdate, against: StrategyUpdate) -> str:
    state, wanted = turn.state.strategies.get(update.name), changes_of(update)
    if turn.policy.learning.apply != "confirmed":
        return 'learning.apply is "shown" here: the cycle changes nothing by itself'
    if state is None:
        return f"no strategy is named {update.name!r}; known: {', '.join(sorted(turn.state.strategies))}"
    if not wanted or against.name != update.name:
        return "it has to say what of which strategy is to change, and what stood there when it was tried"
    if wanted.get("enabled"):
        return f"a lesson switches no strategy on; `fabio strategy enable {update.name}` does"
    for name in wanted:
        if getattr(state, name) != getattr(against, name):
            return f"{name} is {getattr(state, name)} now, and it was tried against {getattr(against, name)}"
    for name, (least, most) in turn.policy.bounds.of_strategies.items():
        if name in wanted and not least <= wanted[name] <= most:
            return f"{name} {wanted[name]:g} is out of bounds: {least:g} to {most:g}"
    return ""


def set_zones(turn: Turn, index: int, zones: tuple[Zone, ...], source: str) -> None:
    """Put zones beside the profile's, in place of those that stood there."""
    before = turn.state.markets[index].zones
    if zones == before:
        return
    turn.note(ZonesSet(id=_next_id(turn), market=index, zones=zones, before=before, source=source))
    turn.markets[index].rezone(zones)


def undo(turn: Turn, wanted: str, reason: str) -> None:
    """Take a change back, where it still stands; a note is retired, a model's trade is closed."""
    state = turn.state
    for change in state.last_changes:
        if change.fact.id == wanted:
            _take_back(turn, change.fact, reason)
            return
    if any(note.id == wanted for note in state.notes):
        turn.note(NoteJudged(note_id=wanted, status="retired", reason=reason))
    for index, record in enumerate(state.markets):
        works = any(
            order.order.decision_id == wanted and order.order.market == index for order in state.orders.values()
        )
        if works or (record.position is not None and record.position.decision_id == wanted):
            close_market(turn, index, reason)


def _take_back(turn: Turn, fact: StrategyChanged | ZonesSet, reason: str) -> None:
    if isinstance(fact, ZonesSet):
        if fact.zones and turn.state.markets[fact.market].zones == fact.zones:  # not those of a session that is over
            set_zones(turn, fact.market, fact.before, OPERATOR)
        return
    now = turn.state.strategies[fact.name]
    back = {
        name: getattr(fact.before, name) for name in now.__struct_fields__
        if getattr(fact.before, name) != getattr(fact.after, name) and getattr(now, name) == getattr(fact.after, name)
    }
    after = msgspec.structs.replace(now, **back)
    if after != now:
        turn.note(StrategyChanged(
            id=_next_id(turn), name=fact.name, before=now, after=after, source=OPERATOR, reason=reason,
        ))


def _next_id(turn: Turn) -> str:
    return f"C{day_tag(turn.state.account.trade_date)}-{turn.state.changes + 1}"


def _changes_by(turn: Turn, source: str) -> int:
    since_ns = turn.state.now_ns - NS_PER_HOUR
    return sum(
        change.ts_ns > since_ns and change.fact.source == source and isinstance(change.fact, StrategyChanged)
        for change in turn.state.last_changes
    )
