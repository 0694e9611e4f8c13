"""Requests: what may be asked of a running agent through its inbox, and what is refused."""

from typing import get_args, get_type_hints

from fabio.engine.state import State
from fabio.journal.inbox import Answer, Outcome, Request
from fabio.model.event import OperatorAsked

VERBS: tuple[str, ...] = get_args(get_type_hints(OperatorAsked)["verb"])
LATER = frozenset({"webhook"})
OF_LIFE = frozenset({"arm", "disarm"})
"""Verbs that take a while, and that each life answers its own way."""


def answer_of(request: Request, state: State, halted_by_file: bool, ts_ns: int) -> Answer | None:
    """Answer a request that is not to act; None for one that is."""
    def no(outcome: Outcome, message: str) -> Answer:
        return Answer(id=request.id, ts_ns=ts_ns, outcome=outcome, message=message)

    if request.verb in LATER:
        return no("refused", f"{request.verb} is not in this version")
    if request.verb in OF_LIFE:
        return no("refused", "the file HALT is in the folder") if request.verb == "arm" and halted_by_file else None
    if request.verb not in VERBS:
        return no("invalid", f"{request.verb!r} is not known; known: {', '.join([*VERBS, *sorted(OF_LIFE)])}")
    if request.verb in ("enable", "disable") and request.name not in state.strategies:
        known = ", ".join(sorted(state.strategies))
        return no("refused", f"no strategy is named {request.name!r}; known: {known}")
    if request.verb == "resume" and halted_by_file:
        return no("refused", "the file HALT is in the folder: remove it first (`fabio halt --off` does)")
    return None


def event_of(request: Request, now_ns: int) -> OperatorAsked:
    """Turn a request into the event it is journaled as; `now_ns` is the runtime clock."""
    return OperatorAsked(
        ts_ns=now_ns, id=request.id, verb=request.verb,  # type: ignore[arg-type]  # one of VERBS
        name=request.name, reason=request.reason,
    )
