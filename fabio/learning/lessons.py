"""Lessons: confirmed changes of strategies, sent to the agent through its inbox, and those that stand.

A lesson is an event in the agent's journal, an effect with an id, undone like any other. It holds for the state
it was tried against and within the bounds of the settings; the machine looks at both. Settings of guards are no
strategy's state: they are shown, never sent.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fabio.journal.inbox import NoAnswer, Request, ask, post
from fabio.journal.world import is_running
from fabio.learning.proposals import Proposal
from fabio.model.strategy import StrategyUpdate
from fabio.regime.evidence import CYCLE, is_smaller
from fabio.runtime.learned import Learned
from fabio.runtime.requests import LESSON, LessonData
from fabio.settings.load import Settings
from fabio.settings.parts import STATE_FIELDS

STRATEGIES = "strategies."
SHOWN = ('learning.apply is "shown": nothing is applied by itself. A setting goes into fabio.toml before the next '
         "start, a strategy's switch to the running agent")
SENT = ('learning.apply is "confirmed": of what a trial confirmed, one change of a strategy is sent to the agent with '
        "each run, the one with the highest low end; the next run tries the others with it in force. `fabio learn undo "
        "ID` takes it back. Settings of guards are shown, never sent")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the cycle has changed in a folder.

    Parameters
    ----------
    standing
        Id of the change -> as for `--set`; what stands of it.
    taken_back
        As for `--set` -> id of the change that a person has undone.
    """

    standing: dict[str, str]
    taken_back: dict[str, str]

    @property
    def overrides(self) -> tuple[str, ...]:
        """What stands, as for `--set`."""
        return tuple(self.standing.values())


def known_lessons(settings: Settings, folder: Path) -> Known:
    """Read which of the cycle's changes stand, and which a person took back.

    Raises
    ------
    JournalDamaged
        If the journal is not whole.
    """
    learned = Learned(settings, folder)
    standing: dict[str, str] = {}
    taken_back: dict[str, str] = {}
    for effect in learned.effects():
        if effect["kind"] != "strategy_changed" or effect["source"] != CYCLE:
            continue
        for field, (_, after) in effect["changed"].items():
            override = f"{STRATEGIES}{effect['strategy']}.{field}={_written(after)}"
            if effect["undone"] is not None:
                taken_back[override] = effect["id"]
            elif getattr(learned.state.strategies.get(effect["strategy"]), field, None) == after:
                standing[effect["id"]] = override
    return Known(standing=standing, taken_back=taken_back)


def lesson_of(proposal: Proposal, trial: dict[str, Any]) -> LessonData | None:
    """Make a lesson of a proposal; None where it is about no strategy's own state."""
    name = proposal.section.removeprefix(STRATEGIES)
    if name == proposal.section or proposal.key not in STATE_FIELDS:
        return None
    reason = (f"confirmed on {trial['sessions']} held-back sessions: {trial['changed']} results differ, "
              f"{trial['difference']:+,.2f} USD ({trial['low']:+,.0f} to {trial['high']:+,.0f})")
    update, against = StrategyUpdate(name=name, reason=reason), StrategyUpdate(name=name, reason="")
    return LessonData(
        update=msgspec.structs.replace(update, **{proposal.key: proposal.after}),
        against=msgspec.structs.replace(against, **{proposal.key: proposal.before}),
    )


def send_best(
    settings: Settings, folder: Path, tried: list[tuple[Proposal, dict[str, Any]]], known: Known,
) -> dict[str, dict[str, Any]]:
    """Send the best of the confirmed proposals, where the settings let the cycle do so.

    Parameters
    ----------
    tried
        Proposals with their trials.

    Returns
    -------
    dict
        By `--set` of each confirmed proposal, what became of it: `outcome` (`done`, `refused`, `waits`, `expired`,
        `invalid`, `unanswered`, `not_sent`), `message`, and the `id` of the change where one was made.
    """
    if settings.learning.apply != "confirmed":
        return {}
    said: dict[str, dict[str, Any]] = {}
    sent = ""
    for proposal, trial in sorted(tried, key=lambda pair: -(pair[1]["low"] or 0.0)):
        if not trial["confirmed"]:
            continue
        lesson = lesson_of(proposal, trial)
        if lesson is None:
            why_not = "a setting of a guard is not sent: it goes into fabio.toml before the next start"
        elif proposal.override in known.taken_back:
            why_not = f"a person took it back as {known.taken_back[proposal.override]}: it is not sent again"
        elif sent:
            why_not = f"each was tried alone: after {sent} the next run tries it again"
        else:
            said[proposal.override] = _send(folder, lesson, settings)
            sent = proposal.override
            continue
        said[proposal.override] = _said("not_sent", why_not)
    return said


def _send(folder: Path, lesson: LessonData, settings: Settings) -> dict[str, Any]:
    """Hand a lesson to the agent that runs, or leave it in the inbox for the next start."""
    name, data = lesson.update.name, msgspec.to_builtins(lesson)
    try:
        if is_running(folder):
            answer = ask(folder, LESSON, name=name, reason=lesson.update.reason, data=data)
            id_ = answer.message if answer.outcome == "done" and answer.message.startswith("C") else None
            return _said(answer.outcome, answer.message, id_)
        configured = next(each.state for each in settings.strategies if each.name == name)
        if not is_smaller(lesson.update, configured):
            return _said("not_sent", f"no agent runs in {folder}, and what could let more be traded does not wait for "
                                     "a start")
        if any(request.name == name and request.data.get("update", {}).keys() == data["update"].keys()
               for request in _waiting(folder)):
            return _said("waits", "one like it waits in the inbox already")
        post(folder, LESSON, name=name, reason=lesson.update.reason, data=data)
    except NoAnswer as error:
        return _said("unanswered", str(error))
    except OSError as error:
        return _said("not_sent", f"{error.filename or folder} cannot be written: {error.strerror}")
    return _said("waits", f"no agent runs in {folder}: it waits in the inbox, and a start within 24 h takes it")


def _waiting(folder: Path) -> Iterator[Request]:
    for path in sorted((folder / "inbox").glob("*.json")):
        try:
            request = msgspec.json.decode(path.read_bytes(), type=Request)
        except (msgspec.MsgspecError, UnicodeDecodeError, FileNotFoundError):
            continue
        if request.verb == LESSON:
            yield request


def _said(outcome: str, message: str, id_: str | None = None) -> dict[str, Any]:
    return {"outcome": outcome, "message": message, "id": id_}


def _written(value: float | bool | None) -> str:
    if value is None:
        return "none"
    return ("true" if value else "false") if isinstance(value, bool) else f"{value:.10g}"
