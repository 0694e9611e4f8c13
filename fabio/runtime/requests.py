"""Requests: what may be asked of a running agent through its inbox, and what is refused."""

from typing import get_args, get_type_hints

import msgspec

from fabio.engine.entries import OF_MODEL, day_tag
from fabio.engine.mind import CHANGES_KEPT
from fabio.engine.state import State
from fabio.engine.turn import LIVE_ENTRY_STATES
from fabio.journal.inbox import EXPIRES_AFTER_NS, Answer, Outcome, Request
from fabio.model.event import LessonArrived, OperatorAsked
from fabio.model.fact import StrategyChanged, UpdateRefused, ZonesSet
from fabio.model.step import Step
from fabio.model.strategy import StrategyUpdate
from fabio.regime.evidence import is_smaller
from fabio.regime.notes import LIVING

VERBS: tuple[str, ...] = get_args(get_type_hints(OperatorAsked)["verb"])
LATER = frozenset({"webhook"})
OF_LIFE = frozenset({"arm", "disarm"})
"""Verbs that take a while, and that each life answers its own way."""
LESSON = "lesson"
_REASON_MOST = 400


class LessonData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a `lesson` carries: a change, and what stood there when it was tried."""

    update: StrategyUpdate
    against: StrategyUpdate

    def __post_init__(self) -> None:
        if len(self.update.reason) > _REASON_MOST:
            raise ValueError(f"its reason has {len(self.update.reason)} letters; {_REASON_MOST} are the most")


def answer_of(
    request: Request, state: State, halted_by_file: bool, ts_ns: int, unwritable: str = "",
) -> Answer | None:
    """Answer a request that is not to act; None for one that is.

    Parameters
    ----------
    unwritable
        Why the record cannot be written; empty where it can.
    """
    def no(outcome: Outcome, message: str) -> Answer:
        return Answer(id=request.id, ts_ns=ts_ns, outcome=outcome, message=message)

    if request.verb in LATER:
        return no("refused", f"{request.verb} is not in this version")
    if request.verb == "arm" and unwritable:
        return no("refused", f"the record cannot be written ({unwritable}): free the drive, and start the agent again")
    if request.verb in OF_LIFE:
        return no("refused", "the file HALT is in the folder") if request.verb == "arm" and halted_by_file else None
    if request.verb == LESSON:
        return _answer_of_lesson(request, state, ts_ns)
    if request.verb not in VERBS:
        return no("invalid", f"{request.verb!r} is not known; known: {', '.join([*VERBS, *sorted(OF_LIFE), LESSON])}")
    if request.verb in ("enable", "disable") and request.name not in state.strategies:
        known = ", ".join(sorted(state.strategies))
        return no("refused", f"no strategy is named {request.name!r}; known: {known}")
    if request.verb == "undo":
        why_not = why_not_undone(state, request.name)
        return no("refused", why_not) if why_not else None
    if request.verb == "resume" and halted_by_file:
        return no("refused", "the file HALT is in the folder: remove it first (`fabio halt --off` does)")
    return None


def _answer_of_lesson(request: Request, state: State, ts_ns: int) -> Answer | None:
    try:
        update = msgspec.convert(request.data, LessonData).update
    except msgspec.ValidationError as error:
        return Answer(id=request.id, ts_ns=ts_ns, outcome="invalid", message=f"no lesson: {error}")
    known = state.strategies.get(update.name)
    is_old = abs(ts_ns - request.ts_ns) > EXPIRES_AFTER_NS
    if known is None or not is_old or is_smaller(update, known):
        return None
    return Answer(id=request.id, ts_ns=ts_ns, outcome="expired", message="a lesson that could let more be traded holds "
                  f"for {EXPIRES_AFTER_NS // 1_000_000_000} s after it was sent, as whatever could")


def event_of(request: Request, now_ns: int) -> OperatorAsked | LessonArrived:
    """Turn a request into the event it is journaled as; `now_ns` is the runtime clock."""
    if request.verb == LESSON:
        lesson = msgspec.convert(request.data, LessonData)
        return LessonArrived(ts_ns=now_ns, id=request.id, update=lesson.update, against=lesson.against)
    return OperatorAsked(
        ts_ns=now_ns, id=request.id, verb=request.verb,  # type: ignore[arg-type]  # one of VERBS
        name=request.name, reason=request.reason,
    )


def told_of(request: Request, step: Step) -> tuple[Outcome, str]:
    """Say what became of a request that is journaled."""
    if request.verb == LESSON:
        for fact in step.facts:
            if isinstance(fact, UpdateRefused):
                return "refused", fact.reason
            if isinstance(fact, StrategyChanged):
                return "done", fact.id
        return "done", "it stands so already"
    return "done", f"{request.verb}: journaled and done"


def why_not_undone(state: State, wanted: str) -> str:
    """Say why an effect can be taken back no more; empty where it still can.

    Parameters
    ----------
    wanted
        Id of a change of a strategy or of zones, of a note, or of the decision behind a model's trade.
    """
    changes = [change.fact for change in state.last_changes]
    for place, fact in enumerate(changes):
        if fact.id == wanted and isinstance(fact, ZonesSet):
            return _why_not_zones(state, fact)
        if fact.id == wanted and isinstance(fact, StrategyChanged):
            return _why_not_change(state, fact, changes[place + 1:])
    for note in state.notes:
        if note.id == wanted:
            return "" if note.status in LIVING else f"note {wanted} is {note.status} already"
    return _why_not_trade(state, wanted)


def still_changed(state: State, fact: StrategyChanged) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give what a change of a strategy changed, and what of that still is as it left it."""
    before, after, now = fact.before, fact.after, state.strategies.get(fact.name, fact.before)
    changed = tuple(name for name in after.__struct_fields__ if getattr(before, name) != getattr(after, name))
    return changed, tuple(name for name in changed if getattr(now, name) == getattr(after, name))


def _why_not_change(state: State, fact: StrategyChanged, later: list[StrategyChanged | ZonesSet]) -> str:
    changed, stands = still_changed(state, fact)
    if stands:
        return ""
    if not changed:
        return f"{fact.id} only said who switched {fact.name} off; `fabio strategy enable {fact.name}` switches it on"
    since = [
        each.id for each in later if isinstance(each, StrategyChanged) and each.name == fact.name
        and any(getattr(each.before, name) != getattr(each.after, name) for name in changed)
    ]
    by = f", last by {since[-1]}" if since else ""
    return f"{', '.join(changed)} of {fact.name} was changed again since {fact.id}{by}"


def _why_not_zones(state: State, fact: ZonesSet) -> str:
    if not fact.id.startswith(f"C{day_tag(state.account.trade_date)}-"):
        return f"the zones of {fact.id} ended with their session"
    if state.markets[fact.market].zones != fact.zones:
        return f"the zones were set again since {fact.id}"
    return ""


def _why_not_trade(state: State, wanted: str) -> str:
    decision = state.open_decisions.get(wanted)
    if decision is None:
        return (f"nothing that still stands has the id {wanted}: its trade is over, or it is not among the last "
                f"{CHANGES_KEPT} changes")
    if decision.signal.setup != OF_MODEL:
        return f"{wanted} is {decision.signal.strategy}'s own decision, no model's; `fabio flatten` closes what is held"
    record = state.markets[decision.market]
    held = record.position is not None and record.position.decision_id == wanted
    works = any(
        each.order.decision_id == wanted and each.state in LIVE_ENTRY_STATES for each in state.orders.values()
    )
    if not held and not works:
        return f"of {wanted} nothing is held and no order works: its trade is over, or it was never taken"
    return f"the close of {wanted} was asked for already" if record.exit_asked else ""
