"""Trials: proposals tried on held-back sessions, paired with the same sessions unchanged.

The whole tape is lived through twice, without and with the change, since a machine starts from empty
state; only what the held-back sessions made is counted. They are the last third of the recorded ones,
and no proposal was made from them.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from fabio.learning.bootstrap import interval_by_session
from fabio.learning.whatif_run import Outcome, Simulator, read_happened
from fabio.runtime.recorded import Recorded
from fabio.settings.load import Settings

LEAST_RECORDED = 3
LEAST_CHANGED = 5
RULE = (f"confirmed where at least {LEAST_CHANGED} results on held-back sessions differ, and the low end of the paired "
        "difference's 95 % interval is above 0")
HOW = ("each was re-simulated beside the same tape under the settings in force now (`fabio whatif`): rules anew, a "
       "model's answers held, people's requests left out; the change is in force from the tape's beginning, and the "
       "held-back sessions alone are counted")
HOW_LIVE = ("recorded live: in both runs of a trial the paper exchange fills; how the venue would have filled other "
            "orders is not known")

Progress = Callable[[int, int], None]
_Wish = tuple[int, str, str, str, int]


def split(sessions: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split recorded sessions into those that proposals are made from and the last third, held back.

    >>> split(["d1", "d2", "d3", "d4"])
    (('d1', 'd2', 'd3'), ('d4',))
    >>> split(["d1", "d2"])
    (('d1', 'd2'), ())
    """
    ordered = tuple(sorted(sessions))
    held = len(ordered) // 3 if len(ordered) >= LEAST_RECORDED else 0
    return ordered[:len(ordered) - held], ordered[len(ordered) - held:]


def try_out(
    base: Settings, changed: Sequence[Settings], folder: Path, held_back: Sequence[str], progress: Progress,
) -> list[dict[str, Any]]:
    """Re-simulate the tape unchanged and once for every change; compare on the held-back sessions.

    Raises
    ------
    NothingRecorded
        If there is no tape.
    """
    recorded = Recorded(base, folder)
    simulator = Simulator(recorded, read_happened(recorded).given)
    tables = {each.instrument.symbol: each.table for each in recorded.markets}

    def session_of(symbol: str, ts_ns: int) -> str:
        table = tables[symbol]
        return table.session(table.index_at(ts_ns)).date

    progress(0, 1 + len(changed))
    baseline = simulator.run(base)
    rows = []
    for done, settings in enumerate(changed, start=1):
        progress(done, 1 + len(changed))
        rows.append(compare(baseline, simulator.run(settings), held_back, session_of))
    progress(1 + len(changed), 1 + len(changed))
    return rows


def compare(
    before: Outcome, after: Outcome, held_back: Sequence[str], session_of: Callable[[str, int], str],
) -> dict[str, Any]:
    """Compare two runs of one tape by what each wish made on the held-back sessions.

    Returns
    -------
    dict
        `difference` is USD, the changed run less the unchanged one, with its interval `low` to `high` over
        `interval_over`; `changed` counts the wishes whose results differ; `confirmed` follows `RULE`.
    """
    then, now = _by_wish(before, held_back, session_of), _by_wish(after, held_back, session_of)
    differences = {
        wish: now.get(wish, ("", Decimal(0)))[1] - then.get(wish, ("", Decimal(0)))[1] for wish in {**then, **now}
    }
    wishes = sorted(differences)
    # a session without a difference counts as one of 0
    sessions = [*({**then, **now}[wish][0] for wish in wishes), *held_back]
    values = [*(float(differences[wish]) for wish in wishes), *(0.0 for _ in held_back)]
    interval, over = interval_by_session(sessions, values)
    low, high = (None, None) if interval is None else interval
    changed = sum(each != 0 for each in differences.values())
    return {
        "sessions": len(held_back), "baseline_pnl": _sum(then), "exact_pnl": _sum(now),
        "difference": float(sum(differences.values(), Decimal(0))), "low": low, "high": high, "interval_over": over,
        "changed": changed, "given_answers": after.answers.held,
        "confirmed": low is not None and low > 0 and changed >= LEAST_CHANGED,
    }


def _by_wish(
    outcome: Outcome, held_back: Sequence[str], session_of: Callable[[str, int], str],
) -> dict[_Wish, tuple[str, Decimal]]:
    found: dict[_Wish, tuple[str, Decimal]] = {}
    for each in outcome.decisions:
        session = session_of(each.symbol, each.ts_ns)
        if each.id not in outcome.pnl or session not in held_back:
            continue
        wish = (each.tape_pos, each.symbol, each.strategy, each.setup, each.side)
        found[wish] = session, found.get(wish, (session, Decimal(0)))[1] + outcome.pnl[each.id]
    return found


def _sum(made: dict[_Wish, tuple[str, Decimal]]) -> float:
    return float(sum((pnl for _, pnl in made.values()), Decimal(0)))
