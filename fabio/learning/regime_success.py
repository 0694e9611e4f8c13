"""Success by regime: what trades and shadows made under each label, and who had said it."""

from collections.abc import Sequence
from typing import Any

from fabio.learning.leaderboard import results
from fabio.learning.window import Signal

ACCURACY = ("whether a label was right is not told here: a record holds what was said, not what was true. "
            "`fabio eval regime --suite recorded` compares labels with what followed")


def success_by_regime(signals: Sequence[Signal]) -> list[dict[str, Any]]:
    """Group results by the label in force at the decision and its source, the most signals first."""
    groups: dict[tuple[str, str], list[Signal]] = {}
    for each in signals:
        groups.setdefault((each.regime, each.regime_source), []).append(each)
    order = sorted(groups, key=lambda key: (-len(groups[key]), key))
    return [{"regime": label, "source": source, **results(groups[label, source])} for label, source in order]
