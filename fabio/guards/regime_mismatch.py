"""regime_mismatch: every strategy has a market it is made for, and is kept out of the others."""

import msgspec

from fabio.model.regime import Label, Regime
from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which strategy is made for what; one in neither list may trade in any regime.

    Parameters
    ----------
    trend
        Strategies that enter only in a trend, in its direction.
    balance
        Strategies that enter only in range or chop, or in an unclear market that stands in
        value.
    balanced_share
        Share of the last 30 minutes in value that makes an unclear market balanced, 0 to 1.
    """

    trend: tuple[str, ...] = ("trend_continuation",)
    balance: tuple[str, ...] = ("mean_reversion",)
    balanced_share: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.balanced_share <= 1:
            raise ValueError(f"balanced_share is {self.balanced_share}; it must lie in 0 to 1")
        both = set(self.trend) & set(self.balance)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is both in trend and in balance; it must be in one")


class Guard:
    """Refuses a strategy outside its market; no label, or a stale one, counts as unclear.

    Where a model's label is in force that may not widen what the rules allow, both have to fit.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Hold the strategy's market against the label in force, and the rules' where they have to agree."""
        verdict = self._held_against(view.regime, signal, view, "the regime is")
        if verdict.passed and view.rules_regime is not None:
            verdict = self._held_against(view.rules_regime, signal, view, "the rules say")
        return verdict

    def _held_against(self, regime: Regime | None, signal: Signal, view: View, words: str) -> Verdict:
        name = signal.strategy
        fresh = regime is not None and view.now_ns <= regime.good_until_ns
        label: Label = regime.label if regime is not None and fresh else "unclear"
        direction = regime.direction if regime is not None and fresh else "none"
        seen = f"{words} {label} {direction}" if direction != "none" else f"{words} {label}"
        if not fresh:
            seen += " (no label yet)" if regime is None else " (the label is stale)"
        if name in self.settings.trend:
            wanted = "up" if signal.side > 0 else "down"
            return Verdict("regime_mismatch", label == "trend" and direction == wanted, None, None,
                           f"{seen}, {name} needs trend {wanted}")
        if name not in self.settings.balance:
            return Verdict("regime_mismatch", True, None, None, f"{seen}, {name} asks for none")
        if label != "unclear":
            return Verdict("regime_mismatch", label in ("range", "chop"), None, None,
                           f"{seen}, {name} needs range, chop or a balanced market")
        share, needed = _value_share(view), self.settings.balanced_share
        reason = f"{seen}, {share:.0%} of 30 minutes in value, at least {needed:.0%} needed"
        return Verdict("regime_mismatch", share >= needed, share, needed, reason)


def _value_share(view: View) -> float:
    stats = view.stats
    total = stats.in_value_30min_ns + stats.above_value_30min_ns + stats.below_value_30min_ns
    return stats.in_value_30min_ns / total if total > 0 else 0.0
