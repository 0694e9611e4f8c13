"""The learning cycle: out of a folder's record, what was missed, what worked, and what might be changed.

A proposal is shown with its evidence, its trial and the line that applies it. Where the setting `learning.apply` says
so, one that was confirmed is sent to the agent, which takes it or refuses it (`lessons`).
"""

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

import msgspec

from fabio.journal.files import JournalDamaged
from fabio.journal.tape import TapeDamaged
from fabio.learning import cycle_trial
from fabio.learning.cycle_records import Evidence, read_evidence
from fabio.learning.cycle_trial import LEAST_RECORDED, Progress, split, try_out
from fabio.learning.decay import signal_decay
from fabio.learning.guard_effect import guard_report
from fabio.learning.leaderboard import leaderboard
from fabio.learning.lessons import SENT, SHOWN, known_lessons, send_best
from fabio.learning.opportunities import blocked_cost, missed_opportunities
from fabio.learning.proposals import RULE, Proposal, propose
from fabio.learning.regime_success import ACCURACY, success_by_regime
from fabio.runtime.recorded import NothingRecorded, OtherUnits
from fabio.settings.load import Settings

Change = Callable[[tuple[str, ...]], Settings]


def no_one(done: int, total: int) -> None:
    """Show progress to nobody."""


def learn(
    base: Settings, change: Change, folder: Path, hours: float, progress: Progress = no_one,
) -> dict[str, Any]:
    """Run the cycle over a folder.

    Parameters
    ----------
    change
        Gives the settings with `--set` overrides.
    hours
        > 0 and finite: how much of the record is reported. Proposals are drawn from all of it.

    Returns
    -------
    dict
        The keys of `fabio learn --json`.
    """
    evidence = read_evidence(folder, hours)
    window = evidence.window
    within = window.signals
    guards = guard_report(window)
    return {
        "logs": str(folder), **window.span, "signals": len(window.signals),
        "taken": sum(each.approved for each in window.signals),
        "blocked_opportunity_cost": blocked_cost(within),
        "missed_opportunities": missed_opportunities(within, evidence.traced),
        "signal_decay": signal_decay(within, evidence.traced),
        "leaderboard": leaderboard(within),
        "guard_effectiveness": {"guards": guards["guards"], "overlap": guards["overlap"], "rule": guards["rule"]},
        "success_by_regime": success_by_regime(within),
        "regime_accuracy": {"value": None, "why": ACCURACY},
        "feedback": _feedback(base, change, evidence, progress),
        "journal": evidence.no_journal or "whole",
        "bias": guards["bias"], "remarks": guards["remarks"], "problems": window.problems,
    }


def _feedback(base: Settings, change: Change, evidence: Evidence, progress: Progress) -> dict[str, Any]:
    """Draw proposals from the first two thirds of the sessions, and try them on the last."""
    sessions = () if evidence.traced is None else evidence.traced.sessions
    made_from, held_back = split(sessions)
    how = cycle_trial.HOW + (f". {cycle_trial.HOW_LIVE}" if evidence.window.is_live else "")
    said: dict[str, Any] = {
        "sessions": len(sessions), "made_from": list(made_from), "held_back": list(held_back),
        "rule": RULE, "confirmation": cycle_trial.RULE, "how": how, "apply": base.learning.apply,
        "applying": SENT if base.learning.apply == "confirmed" else SHOWN, "in_force": {}, "proposals": [],
        "none_because": None, "not_tried_because": None,
    }
    if evidence.traced is None:
        return {**said, "none_because": evidence.no_journal}
    if not held_back:
        count = f"{len(sessions)} session{'' if len(sessions) == 1 else 's'} recorded"
        return {**said, "none_because": f"{count}, and at least {LEAST_RECORDED} are needed: the last third is held "
                                        "back to try a proposal on"}
    known = known_lessons(base, evidence.folder)
    said["in_force"] = known.standing
    in_force = change(known.overrides) if known.overrides else base
    found = propose(in_force, [each for each in evidence.signals if each.session in made_from])
    if not found:
        return {**said, "none_because": "no change has enough results behind it that lie on one side of 0"}
    changed = [change((*known.overrides, each.override)) for each in found]
    try:
        trials = try_out(in_force, changed, evidence.folder, held_back, progress)
    except (NothingRecorded, OtherUnits, TapeDamaged, JournalDamaged) as error:
        return {**said, "not_tried_because": str(error),
                "proposals": [_row(each, None, None, evidence) for each in found]}
    sent = send_best(base, evidence.folder, list(zip(found, trials, strict=True)), known)
    rows = [_row(each, trial, sent.get(each.override), evidence) for each, trial in zip(found, trials, strict=True)]
    return {**said, "proposals": sorted(rows, key=lambda row: not row["confirmed"])}


def _row(
    proposal: Proposal, trial: dict[str, Any] | None, sent: dict[str, Any] | None, evidence: Evidence,
) -> dict[str, Any]:
    if proposal.apply is not None:
        where = f" --logs {quote(str(evidence.folder))}"
        proposal = msgspec.structs.replace(proposal, apply=proposal.apply + where, undo=f"{proposal.undo}{where}")
    return {**proposal.row, "trial": trial, "confirmed": trial is not None and bool(trial["confirmed"]),
            "sent": sent}
