"""What each guard cost or saved, judged by the shadows of what it blocked.

A signal that several guards refused says nothing of any of them alone: without one, the others would
have stood. So each signal is counted once, for the set of guards that refused it. A guard's own figures
are those of the set that holds it alone; the other sets are shown beside them, as overlap.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from fabio.learning.bootstrap import LEAST_SESSIONS, interval_by_session
from fabio.learning.shadows import BIAS, remarks, without_outcome
from fabio.learning.window import Signal, Window

LEAST_OUTCOMES = 20
RULE = (f"a guard is judged by the signals that it refused and no other guard did; enough are {LEAST_OUTCOMES} of them "
        "whose shadow was filled. Net is losses saved less profits missed: above 0 blocking was right")
INTERVAL = (f"95 % bootstrap of net, 10,000 resamples: over sessions where they are at least {LEAST_SESSIONS}, "
            "else over trades, which is too narrow where those of one session end alike")


def guard_report(window: Window) -> dict[str, Any]:
    """Judge every guard by the window's signals.

    Returns
    -------
    dict
        The keys of `fabio guards --json`. Under `guards` stands by name what each refused alone (see `judged`), and
        besides `refused`, how many it refused in all, and `shared`, those of them that others refused too. `overlap`
        lists the sets of several guards, each signal in one. `total` is of all blocked signals, each counted once.
    """
    blocked = [each for each in window.signals if not each.approved]
    sets: dict[tuple[str, ...], list[Signal]] = {}
    for each in blocked:
        sets.setdefault(each.refused_by, []).append(each)
    shared = {names: signals for names, signals in sets.items() if len(names) > 1}
    guards = {name: _of_guard(name, sets) for name in window.guards}
    by_size = sorted(shared, key=lambda names: (-len(shared[names]), names))
    return {
        **window.span, "signals": len(window.signals), "blocked": len(blocked),
        "guards": dict(sorted(guards.items(), key=lambda item: -item[1]["refused"])),
        "overlap": [{"guards": list(names), **_sums(shared[names])} for names in by_size],
        "total": judged(blocked), "rule": RULE, "interval": INTERVAL, "bias": list(BIAS),
        "without_outcome": without_outcome(blocked), "remarks": _remarks(window, blocked),
        "problems": window.problems,
    }


def judged(signals: Sequence[Signal]) -> dict[str, Any]:
    """Weigh blocked signals: what was saved, what it cost, and how far luck alone could have moved it.

    Returns
    -------
    dict
        `saved` and `cost` are USD >= 0, with one size step each; `net` is `saved` less `cost`, with its interval `low`
        to `high` (None of fewer than two outcomes, or sessions) over `interval_over`. `enough` follows `RULE`.
    """
    sums = _sums(signals)
    filled = [each for each in signals if each.net_pnl is not None]
    interval, over = interval_by_session(
        [each.session for each in filled], [-float(each.net_pnl) for each in filled if each.net_pnl is not None]
    )
    low, high = (None, None) if interval is None else interval
    enough = len(filled) >= LEAST_OUTCOMES
    return {**sums, "low": low, "high": high, "interval_over": over, "sessions": len({each.session for each in filled}),
            "enough": enough, "judgement": _judgement(low, high) if enough else "too few to tell"}


def _judgement(low: float | None, high: float | None) -> str:
    if low is not None and low > 0:
        return "saves"
    return "costs" if high is not None and high < 0 else "no clear difference"


def _of_guard(name: str, sets: dict[tuple[str, ...], list[Signal]]) -> dict[str, Any]:
    alone = sets.get((name,), [])
    shared = [each for names, signals in sets.items() if name in names and len(names) > 1 for each in signals]
    return {**judged(alone), "refused": len(alone) + len(shared), "shared": _sums(shared)}


def _sums(signals: Iterable[Signal]) -> dict[str, Any]:
    signals = list(signals)
    results = [each.net_pnl for each in signals if each.net_pnl is not None]
    saved = -sum((pnl for pnl in results if pnl < 0), Decimal(0))
    cost = sum((pnl for pnl in results if pnl > 0), Decimal(0))
    return {
        "blocked": len(signals), "outcomes": len(results),
        "expired": sum(each.ending == "expired" for each in signals),
        "would_have_won": sum(pnl > 0 for pnl in results), "would_have_lost": sum(pnl < 0 for pnl in results),
        "saved": float(saved), "cost": float(cost), "net": float(saved - cost),
        "net_r": math.fsum(-each.r_multiple for each in signals if each.r_multiple is not None),
    }


def _remarks(window: Window, blocked: Sequence[Signal]) -> list[str]:
    said = remarks(window)
    if window.signals and not blocked:
        said.append("no signal was blocked: there is nothing to judge a guard by")
    return said
