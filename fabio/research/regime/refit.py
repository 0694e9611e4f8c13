"""The rules' thresholds, tried on a grid of training sessions, and how each label is read.

The rules say trend, range, chop or volatile; a forward label says low, mid or high. A reading translates.
`AS_MEANT` is what the words mean; a refit may choose another one together with the thresholds.
"""

from dataclasses import dataclass
from itertools import product

import msgspec
import numpy as np

from fabio.regime.rules import DEFAULT_RULES, RuleSettings
from fabio.research.regime.forward import HIGH, LEVELS, LOW, MID
from fabio.research.regime.numbers import ER, NZ, VR
from fabio.research.regime.scores import Floats, Labels

TREND, FLAT, QUIET, WILD = range(4)
"""What the rules say, as numbers: trend, range, chop, volatile."""
Reading = tuple[int, int, int, int]
AS_MEANT: dict[str, Reading] = {
    "trendiness": (HIGH, LOW, MID, MID),   # chop and volatile say nothing of it
    "volatility": (MID, MID, LOW, HIGH),
}
EFFICIENCIES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
NET_MOVES = (0.2, 0.35, 0.5, 0.7, 1.0)
QUIET_BELOWS = (0.55, 0.65, 0.75, 0.85, 0.95)
VOLATILE_ABOVES = (1.0, 1.1, 1.2, 1.3, 1.4, 1.6)


@dataclass(frozen=True, slots=True)
class Refit:
    """Thresholds and how to read the labels they make."""

    settings: RuleSettings
    reading: Reading

    def labels(self, numbers: Floats) -> Labels:
        """Say low, mid or high for rows of numbers."""
        read = np.array(self.reading, dtype=np.int8)
        levels: Labels = read[rule_codes(numbers, self.settings)]
        return levels

    def told(self) -> dict[str, object]:
        """Give the thresholds that were tried and the reading, for people."""
        names = ("trend_efficiency", "trend_net_move", "quiet_below", "volatile_above")
        words = ("trend", "range", "chop", "volatile")
        thresholds = {name: getattr(self.settings, name) for name in names}
        return {**thresholds, "reading": {word: LEVELS[level] for word, level in zip(words, self.reading, strict=True)}}


def rule_codes(numbers: Floats, settings: RuleSettings) -> Labels:
    """Give what `classify` says of rows of numbers, shape (..., 6): the same thresholds, as columns."""
    er, vr, nz = np.abs(numbers[..., ER]), numbers[..., VR], np.abs(numbers[..., NZ])
    codes = np.where((er > settings.trend_efficiency) & (nz > settings.trend_net_move), TREND, FLAT)
    codes = np.where(vr < settings.quiet_below, QUIET, np.where(vr > settings.volatile_above, WILD, codes))
    return codes.astype(np.int8)


def refit(numbers: Floats, truth: Labels, settings: RuleSettings = DEFAULT_RULES) -> Refit:
    """Choose the thresholds and the reading with the best macro-F1 on training rows.

    The first of equals wins, and the grid begins at the least thresholds.

    Parameters
    ----------
    numbers, truth
        Shapes (rows, 6) and (rows,).
    settings
        Where all else is taken from that is not tried.
    """
    readings = np.array(list(product((LOW, MID, HIGH), repeat=4)))
    to_level = np.eye(3)[readings]  # reading, code, level
    best, chosen = -1.0, Refit(settings, AS_MEANT["trendiness"])
    for efficiency, net_move, quiet, volatile in product(EFFICIENCIES, NET_MOVES, QUIET_BELOWS, VOLATILE_ABOVES):
        tried = msgspec.structs.replace(
            settings, trend_efficiency=efficiency, trend_net_move=net_move, quiet_below=quiet,
            volatile_above=volatile,
        )
        pairs = np.bincount(truth.astype(np.int64) * 4 + rule_codes(numbers, tried), minlength=12).reshape(3, 4)
        tables = np.einsum("tc,rcl->rtl", pairs, to_level)
        hits = np.diagonal(tables, axis1=1, axis2=2)
        both = tables.sum(axis=1) + tables.sum(axis=2)
        scores = np.divide(2.0 * hits, both, out=np.zeros_like(hits), where=both > 0).mean(axis=1)
        place = int(scores.argmax())
        if scores[place] > best:
            best = float(scores[place])
            trend, flat, calm, wild = readings[place].tolist()
            chosen = Refit(tried, (trend, flat, calm, wild))
    return chosen
