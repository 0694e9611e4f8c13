"""Conditions: outcomes counted, and the regime, zone or side in which a strategy's were worst or best."""

from collections.abc import Iterable

import msgspec

from fabio.model.strategy import Claim, Expected, Outcome

R_LIMIT = 5.0
"""An R multiple beyond it counts as this much, so that no slip, gap or absurdly near stop decides alone."""
TEXT_MOST = 160


class Tally(msgspec.Struct, frozen=True):
    """Outcomes counted: how many, how many made money, and their sum in (bounded) R.

    >>> Tally(4, 1, -1.2).win_rate, Tally(4, 1, -1.2).mean_r
    (0.25, -0.3)
    """

    outcomes: int
    wins: int
    net_r: float

    @property
    def win_rate(self) -> float:
        """Share that made money; 0 of nothing."""
        return self.wins / self.outcomes if self.outcomes else 0.0

    @property
    def mean_r(self) -> float:
        """R per outcome; 0 of nothing."""
        return self.net_r / self.outcomes if self.outcomes else 0.0


def bounded_r(outcome: Outcome) -> float:
    """Give an outcome's R multiple, cut at +-5.

    Raises
    ------
    ValueError
        If it is not a number.
    """
    value = outcome.r_multiple
    if -R_LIMIT <= value <= R_LIMIT:
        return value
    if value != value:
        raise ValueError(f"outcome {outcome.id} of {outcome.strategy} has no R multiple (NaN); expected net P&L "
                         "over what was risked")
    return R_LIMIT if value > 0 else -R_LIMIT


def tally_of(outcomes: Iterable[Outcome]) -> Tally:
    """Count outcomes."""
    multiples = [bounded_r(outcome) for outcome in outcomes]
    return Tally(len(multiples), len([value for value in multiples if value > 0]), sum(multiples))


def condition_claim(
    strategy: str, outcomes: tuple[Outcome, ...], expects: Expected, least: int
) -> Claim | None:
    """Name the regime or zone in which a strategy's outcomes were worst (expects `loss`) or best.

    Of those with `least` outcomes, the one with the most extreme mean R; the strategy as a whole where
    none has as many; None where the mean's sign does not agree with what would be expected.
    """
    sign = 1 if expects == "win" else -1
    groups: dict[tuple[str, str], list[Outcome]] = {}  # (regime, zone), one of them empty -> outcomes
    for outcome in outcomes:
        for key in ((outcome.regime, ""), ("", outcome.zone)):
            if any(key):
                groups.setdefault(key, []).append(outcome)
    found = [(sign * tally_of(group).mean_r, len(group), key) for key, group in groups.items() if len(group) >= least]
    regime, zone = max(found)[2] if found else ("", "")
    within = groups.get((regime, zone), list(outcomes))
    tally = tally_of(within)
    if sign * tally.mean_r <= 0:
        return None
    place = f" in {regime}" if regime else f" at {zone}" if zone else ""
    verb = "works" if expects == "win" else "fails"
    text = f"{strategy} {verb}{place}: {tally.wins} of {tally.outcomes} won, mean {tally.mean_r:+.2f} R"
    text += _side_words(within, sign, least, tally)
    return Claim(text=text[:TEXT_MOST], strategy=strategy, regime=regime, zone=zone, expects=expects)


def in_words(tally: Tally) -> str:
    """Say a tally in a reason.

    >>> in_words(Tally(30, 5, -14.1))
    '5 of the last 30 won, net -14.10 R'
    """
    return f"{tally.wins} of the last {tally.outcomes} won, net {tally.net_r:+.2f} R"


def _side_words(outcomes: list[Outcome], sign: int, least: int, whole: Tally) -> str:
    found = []
    for side, word in ((1, "long"), (-1, "short")):
        tally = tally_of(outcome for outcome in outcomes if outcome.side == side)
        if least <= tally.outcomes < whole.outcomes:
            found.append((sign * tally.mean_r, word, tally))
    if not found:
        return ""
    _, word, tally = max(found, key=lambda each: each[:2])
    return f", most so {word} ({tally.wins} of {tally.outcomes}, {tally.mean_r:+.2f} R)"
