"""Comparing: which decisions two runs of one tape made otherwise, and why."""

from collections import Counter
from typing import Any

from fabio.journal.times import iso
from fabio.learning.whatif_run import Decided, Outcome

_SIDES = {1: "long", -1: "short"}
_Key = tuple[int, str, str, str, int, int]


def changed_decisions(before: Outcome, after: Outcome) -> list[dict[str, Any]]:
    """List the decisions that differ, in the order of the tape.

    Two decisions are the same wish where strategy, setup, side and place on the tape are the same. They
    differ where one run did not have it, where one approved and the other refused it, or where size or
    levels of an approved one are others. Refused in both is no difference, whoever refused.
    """
    then, now = _by_wish(before), _by_wish(after)
    rows = []
    for key in sorted({*then, *now}):
        old, new = then.get(key), now.get(key)
        why = _difference(old, new)
        one = new or old
        if not why or one is None:
            continue
        rows.append({
            "tape_pos": one.tape_pos, "ts_ns": one.ts_ns, "ts": iso(one.ts_ns), "symbol": one.symbol,
            "strategy": one.strategy, "setup": one.setup, "side": _SIDES[one.side],
            "baseline": _told(old, before), "exact": _told(new, after), "why": why,
        })
    return rows


def changed_results(before: Outcome, after: Outcome) -> int:
    """Count the trades of decisions that are the same in both runs and made another P&L."""
    then, now = _by_wish(before), _by_wish(after)
    return sum(
        before.pnl.get(then[key].id) != after.pnl.get(now[key].id)
        for key in then.keys() & now.keys() if not _difference(then[key], now[key])
    )


def _by_wish(outcome: Outcome) -> dict[_Key, Decided]:
    found: dict[_Key, Decided] = {}
    seen: Counter[tuple[int, str, str, str, int]] = Counter()
    for each in outcome.decisions:
        wish = (each.tape_pos, each.symbol, each.strategy, each.setup, each.side)
        found[*wish, seen[wish]] = each
        seen[wish] += 1
    return found


def _difference(old: Decided | None, new: Decided | None) -> str:
    """Say how two decisions on one wish differ; empty where they do not."""
    if old is None or new is None:
        return "the strategy wished for it only with the change" if old is None else (
            "with the change the strategy did not wish for it")
    if old.approved != new.approved:
        if old.approved:
            return new.why
        gone = [name for name in old.refused_by if name not in new.refused_by]
        return f"{' and '.join(gone)} refused it ({old.why})"
    if not old.approved:
        return ""
    if old.size != new.size:
        return f"size {old.size:g} before, {new.size:g} with the change"
    if old.levels != new.levels:
        return "entry, stop or target lie elsewhere"
    return ""


def _told(one: Decided | None, outcome: Outcome) -> dict[str, Any] | None:
    if one is None:
        return None
    pnl = outcome.pnl.get(one.id)
    return {
        "id": one.id, "approved": one.approved, "refused_by": list(one.refused_by), "size": one.size,
        "net_pnl": None if pnl is None else float(pnl),
    }
