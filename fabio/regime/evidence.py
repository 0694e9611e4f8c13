"""Evidence: what a strategy's outcomes teach, and which change of it they support.

Two tests run over the R multiples r of whatever a strategy signalled, taken or not (CUSUM):

    falling = max(0, falling - r - reference)      rising = max(0, rising + r - reference)

The bare rule (30 outcomes, win rate under 0.4 or net P&L under 0) mistakes luck for failure: it
disables a strategy that wins 48 % at 2 R in nearly every run of 300 trades. So the falling test has
to agree, and to stand at its limit for five outcomes running: seven losses in a row bring even a
strategy of 58 % there now and then, and the next win takes it back. The numbers:
`benchmarks/evidence_rules.py`.

All is judged over the latest 30 outcomes, never over the whole life: after 160 good trades a
strategy whose market has changed would have to lose for 115 more until its life's win rate told.
Net P&L is summed in R, after costs: a shadow is one size step and a trade may be ten, so a sum of
dollars would not let shadows count. An R multiple beyond +-5 counts as 5, so that no slip, gap or
absurdly near stop decides alone.
"""

from typing import Literal

import msgspec

from fabio.model.strategy import Claim, Outcome, StrategyEvidence, StrategyState, StrategyUpdate
from fabio.regime.conditions import Tally, bounded_r, condition_claim, in_words, tally_of

RULES = "rules"
"""Who disables and returns by the rules below, in `StrategyEvidence.switched_off_by`."""
CYCLE = "cycle"
"""The learning cycle, which sends what a trial confirmed; what it disables returns by the same rules."""
LEARNED = frozenset({RULES, CYCLE})
PERSONS = frozenset({"operator", "settings"})
"""Whose switching off neither a rule nor a model takes back."""
REFERENCE = 0.25
KEPT = 30
"""Outcomes that evidence keeps."""
_ROUNDING = 1e-9


class LearningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When outcomes disable a strategy, raise its risk, and let it return.

    Parameters
    ----------
    enabled
        False: the record is kept, and nothing follows from it.
    rule
        `sequential` disables when the bare conditions and the falling test agree, `bare` without the test.
    least_outcomes
        Fewest outcomes before one of a strategy's numbers is judged, 5 to 1000; shadow trades count.
    window
        Latest outcomes that are judged, 5 to 30.
    disable_win_rate, raise_win_rate
        Below the first a strategy fails, above the second it is successful; 0 <= first < second <= 1.
    reference
        R per outcome that each sequential test gives away, 0 to 2.
    limit, return_limit
        Where the falling test disables and the rising one lets return, above 0 to 100.
    confirm_outcomes
        Outcomes running for which the falling test has to stand at its limit, 1 to 20.
    return_outcomes
        Latest outcomes since it was disabled that a return is judged on, and their least number, 1 to 30.
    raise_step, raise_most
        Share of the balance added to the risk per trade, and the most it is raised to, above 0 to 0.01.
    raise_every
        Outcomes between two raises, 1 to 1000.
    least_in_condition
        Fewest outcomes in a regime or zone that a lesson names, 1 to 30.
    apply
        What becomes of a change that `fabio learn` tried and confirmed: `shown`, a person applies it;
        `confirmed`, one of a strategy's own state is sent to the agent, which takes it.
    """

    enabled: bool = True
    rule: Literal["sequential", "bare"] = "sequential"
    least_outcomes: int = 30
    window: int = 30
    disable_win_rate: float = 0.4
    raise_win_rate: float = 0.6
    reference: float = REFERENCE
    limit: float = 5.0
    confirm_outcomes: int = 5
    return_limit: float = 2.0
    return_outcomes: int = 10
    raise_step: float = 0.001
    raise_most: float = 0.01
    raise_every: int = 10
    least_in_condition: int = 5
    apply: Literal["shown", "confirmed"] = "shown"

    def __post_init__(self) -> None:
        for name, least, most in (
            ("least_outcomes", 5, 1000), ("window", 5, KEPT), ("reference", 0, 2), ("confirm_outcomes", 1, 20),
            ("return_outcomes", 1, KEPT), ("raise_every", 1, 1000), ("least_in_condition", 1, KEPT),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in {least} to {most}")
        for name, ceiling in (("limit", 100), ("return_limit", 100), ("raise_step", 0.01), ("raise_most", 0.01)):
            if not 0 < getattr(self, name) <= ceiling:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie above 0 to {ceiling}")
        if not 0 <= self.disable_win_rate < self.raise_win_rate <= 1:
            raise ValueError(f"disable_win_rate is {self.disable_win_rate} and raise_win_rate "
                             f"{self.raise_win_rate}; expected 0 <= disable_win_rate < raise_win_rate <= 1")


DEFAULT_LEARNING = LearningSettings()


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy's record teaches: a change of its state, and what is to be remembered."""

    update: StrategyUpdate
    claim: Claim | None = None


def book_outcome(
    evidence: StrategyEvidence, outcome: Outcome, reference: float = REFERENCE
) -> StrategyEvidence:
    """Fold one outcome into its strategy's evidence; one whose id is still kept counts once.

    Raises
    ------
    ValueError
        If it is another strategy's.
    """
    if outcome.strategy != evidence.name:
        raise ValueError(f"outcome {outcome.id} is of {outcome.strategy}; this is the evidence of {evidence.name}")
    if any(kept.id == outcome.id for kept in evidence.last):
        return evidence
    value = bounded_r(outcome)
    return msgspec.structs.replace(
        evidence,
        outcomes=evidence.outcomes + 1,
        falling=max(0.0, evidence.falling - value - reference),
        rising=max(0.0, evidence.rising + value - reference),
        last=(*evidence.last[1 - KEPT:], outcome),
        since_raise=evidence.since_raise + 1,
    )


def switched(evidence: StrategyEvidence, by: str, enabled: bool) -> StrategyEvidence:
    """Fold that a strategy was enabled or disabled: both tests and `since_raise` start again.

    While it is disabled `since_raise` so counts the outcomes since then, which its return is judged on;
    once it is back, no raise comes before `raise_every` outcomes.
    """
    return msgspec.structs.replace(
        evidence, falling=0.0, rising=0.0, since_raise=0, switched_off_by="" if enabled else by
    )


def changed(evidence: StrategyEvidence, before: StrategyState, after: StrategyState, by: str) -> StrategyEvidence:
    """Fold a change of a strategy's state, whoever made it: a switch, a raise of its risk, or neither."""
    if before.enabled != after.enabled:
        return switched(evidence, by, after.enabled)
    if after.enabled and after.risk_fraction > before.risk_fraction:
        return msgspec.structs.replace(evidence, since_raise=0)
    return evidence


def judge(
    evidence: StrategyEvidence, state: StrategyState, configured: StrategyState,
    settings: LearningSettings = DEFAULT_LEARNING,
) -> Lesson | None:
    """Say what a strategy's record teaches now, at most one thing; None where it teaches nothing.

    In this order: one that fails is disabled; a risk raised above the configured one goes back when
    the window's net P&L is below 0; a successful one's risk is raised, unless somebody holds it
    below the configured one; one that the rules or the cycle disabled returns. To be asked as often as one
    likes: the answer stands until the change is folded (`changed`) or another outcome is.
    """
    if not settings.enabled:
        return None
    if not state.enabled:
        return _return(evidence, settings) if evidence.switched_off_by in LEARNED else None
    window = evidence.last[-settings.window:]
    failure = failing(evidence, settings)
    if failure:
        back = configured.risk_fraction if state.risk_fraction > configured.risk_fraction else None
        return Lesson(
            update=StrategyUpdate(name=evidence.name, reason=f"disabled: {failure}", enabled=False,
                                  risk_fraction=back),
            claim=condition_claim(evidence.name, window, "loss", settings.least_in_condition),
        )
    if state.risk_fraction > configured.risk_fraction and tally_of(window).net_r < 0:
        return Lesson(update=StrategyUpdate(
            name=evidence.name, risk_fraction=configured.risk_fraction,
            reason=f"risk per trade back from {state.risk_fraction:.4f} to the configured "
                   f"{configured.risk_fraction:.4f}: {in_words(tally_of(window))}",
        ))
    if state.risk_fraction < configured.risk_fraction or not_raised(evidence, state, settings):
        return None
    risk = raised_risk(state.risk_fraction, settings)
    return Lesson(
        update=StrategyUpdate(
            name=evidence.name, risk_fraction=risk,
            reason=f"risk per trade raised from {state.risk_fraction:.4f} to {risk:.4f}: "
                   f"{in_words(tally_of(window))}",
        ),
        claim=condition_claim(evidence.name, window, "win", settings.least_in_condition),
    )


def failing(evidence: StrategyEvidence, settings: LearningSettings = DEFAULT_LEARNING) -> str:
    """Say with numbers why a strategy fails by the rule in force; empty where it does not."""
    if evidence.outcomes < settings.least_outcomes:
        return ""
    if settings.rule == "sequential" and not _stands(evidence, settings):
        return ""  # before anything is counted: this is asked with every question
    tally = tally_of(evidence.last[-settings.window:])
    if not _fails_bare(tally, settings):
        return ""
    rate = f"win rate {tally.win_rate:.2f} (least {settings.disable_win_rate:g})"
    if settings.rule == "bare":
        return f"{in_words(tally)}, {rate}"
    return f"{in_words(tally)}, {rate}, falling test {evidence.falling:.2f} (limit {settings.limit:g})"


def not_returned(evidence: StrategyEvidence, settings: LearningSettings = DEFAULT_LEARNING) -> str:
    """Say why a strategy that the rules disabled may not return yet; empty where it may.

    The mirror of disabling: the rising test at its limit, and over the latest outcomes since it was
    disabled, ten at least, the win rate at `raise_win_rate` and net P&L above 0. The test alone is
    no proof: two wins that touch satisfy it, and a loser at 15 % has them after some 30 trades.
    """
    if evidence.since_raise < settings.return_outcomes:
        return f"{evidence.since_raise} outcomes since it was disabled, {settings.return_outcomes} are the least"
    if evidence.rising < settings.return_limit:
        return f"rising test {evidence.rising:.2f}, {settings.return_limit:g} is the least"
    tally = tally_of(evidence.last[-settings.return_outcomes:])
    if tally.win_rate < settings.raise_win_rate or tally.net_r <= 0:
        return (f"{in_words(tally)} since it was disabled; a win rate of {settings.raise_win_rate:g} and net P&L "
                "above 0 are the least")
    if settings.rule == "bare" and _fails_bare(tally_of(evidence.last[-settings.window:]), settings):
        return "the bare rule would disable it again at once"
    return ""


def not_successful(evidence: StrategyEvidence, settings: LearningSettings = DEFAULT_LEARNING) -> str:
    """Say why a strategy's record does not support more risk; empty where it does."""
    if evidence.outcomes < settings.least_outcomes:
        return f"{evidence.outcomes} outcomes, {settings.least_outcomes} are the least"
    tally = tally_of(evidence.last[-settings.window:])
    if tally.win_rate <= settings.raise_win_rate or tally.net_r <= 0:
        return f"{in_words(tally)}; a win rate above {settings.raise_win_rate:g} and net P&L above 0 are needed"
    return ""


def not_raised(
    evidence: StrategyEvidence, state: StrategyState, settings: LearningSettings = DEFAULT_LEARNING
) -> str:
    """Say why a strategy's risk per trade may not be raised now; empty where it may."""
    if not state.enabled:
        return "it is disabled"
    if state.risk_fraction >= settings.raise_most - _ROUNDING:
        return f"risk_fraction {state.risk_fraction:.4f} is at the most, {settings.raise_most:g}"
    if evidence.since_raise < settings.raise_every:
        return f"{evidence.since_raise} outcomes since the last raise or switch, {settings.raise_every} are the least"
    return not_successful(evidence, settings)


def raised_risk(risk_fraction: float, settings: LearningSettings = DEFAULT_LEARNING) -> float:
    """Give a risk per trade, raised by one step.

    >>> raised_risk(0.005), raised_risk(0.0095)
    (0.006, 0.01)
    """
    return min(round(risk_fraction + settings.raise_step, 6), settings.raise_most)


def supports(
    evidence: StrategyEvidence, update: StrategyUpdate, state: StrategyState, configured: StrategyState,
    settings: LearningSettings = DEFAULT_LEARNING,
) -> str:
    """Say why the evidence does not support a model's change; empty where it does.

    Everything that shrinks is supported, and so is the way back to a configured value. One part that
    is not supported refuses the whole change.

    - `enabled`: on, never where an operator or the settings switched it off; where the rules or the cycle
      did, only if it may return (`not_returned`); where a model did, unless it fails by the rule in force.
    - `risk_fraction` above the configured one: as for the rule (`not_raised`), by one step at most.
    - `max_trades_per_session`: the configured number is the most. How many signals a session are
      good is nothing that R multiples tell.
    - `min_rr` below the configured one, and a `stop_ticks` or `target_ticks` that is nearer than the
      configured one or stands in for a level the strategy takes itself: only while the strategy is
      successful (`not_successful`). Such a change makes other trades of the same signals.
      A farther stop or target is supported: sizing keeps the risk, and the guards the reward to it.
    """
    refused = [
        _refused_switch(evidence, update, state, configured, settings),
        _refused_risk(evidence, update, state, configured, settings),
    ]
    trades = update.max_trades_per_session
    if trades is not None and trades > max(state.max_trades_per_session, configured.max_trades_per_session):
        refused.append(f"max_trades_per_session {trades}: the configured {configured.max_trades_per_session} "
                       "are the most")
    nearer = [name for name in ("min_rr", "stop_ticks", "target_ticks") if _is_nearer(name, update, state, configured)]
    why_not = not_successful(evidence, settings) if nearer else ""
    if why_not:
        refused.append(f"{', '.join(nearer)} below the configured: {why_not}")
    return "; ".join(reason for reason in refused if reason)


def is_smaller(update: StrategyUpdate, state: StrategyState) -> bool:
    """Tell whether a change does nothing but trade less: off, less risk, fewer trades, a higher least reward to risk.

    >>> off = StrategyUpdate(name="probe", reason="", enabled=False, risk_fraction=0.002)
    >>> is_smaller(off, StrategyState()), is_smaller(msgspec.structs.replace(off, stop_ticks=9), StrategyState())
    (True, False)
    """
    most = (("risk_fraction", state.risk_fraction), ("max_trades_per_session", state.max_trades_per_session))
    is_larger = any(wanted is not None and wanted > now for wanted, now in
                    ((getattr(update, name), now) for name, now in most))
    lower_bar = update.min_rr is not None and update.min_rr < state.min_rr
    other_trades = update.stop_ticks is not None or update.target_ticks is not None
    return not (update.enabled or is_larger or lower_bar or other_trades)


def _return(evidence: StrategyEvidence, settings: LearningSettings) -> Lesson | None:
    if not_returned(evidence, settings):
        return None
    since = evidence.last[-settings.return_outcomes:]
    tally = tally_of(since)
    return Lesson(
        update=StrategyUpdate(
            name=evidence.name, enabled=True,
            reason=f"returns: {in_words(tally)} since it was disabled, rising test {evidence.rising:.2f} "
                   f"(limit {settings.return_limit:g})",
        ),
        claim=condition_claim(evidence.name, since, "win", settings.least_in_condition),
    )


def _fails_bare(tally: Tally, settings: LearningSettings) -> bool:
    return tally.win_rate < settings.disable_win_rate or tally.net_r < 0


def _stands(evidence: StrategyEvidence, settings: LearningSettings) -> bool:
    """Tell whether the falling test is at its limit and was after each of the last outcomes to confirm.

    Above 0 a step of the test can be taken back exactly, so its past needs no state; behind a switch it
    was 0, which ends the way back.
    """
    level = evidence.falling
    for outcome in reversed(evidence.last[len(evidence.last) - settings.confirm_outcomes + 1:]):
        if level < settings.limit:
            return False
        level += bounded_r(outcome) + settings.reference
    return level >= settings.limit and len(evidence.last) >= settings.confirm_outcomes


def _refused_switch(
    evidence: StrategyEvidence, update: StrategyUpdate, state: StrategyState, configured: StrategyState,
    settings: LearningSettings,
) -> str:
    if not update.enabled or state.enabled:
        return ""
    by = evidence.switched_off_by
    if by in PERSONS or (not by and not configured.enabled):
        return f"enabled: {by or 'the settings'} switched it off"
    why_not = not_returned(evidence, settings) if by in LEARNED else failing(evidence, settings)
    return f"enabled: {why_not}" if why_not else ""


def _refused_risk(
    evidence: StrategyEvidence, update: StrategyUpdate, state: StrategyState, configured: StrategyState,
    settings: LearningSettings,
) -> str:
    risk = update.risk_fraction
    if risk is None or 0 < risk <= max(state.risk_fraction, configured.risk_fraction) + _ROUNDING:
        return ""
    if not risk > 0:
        return f"risk_fraction {risk}: it must be a share above 0"
    why_not = not_raised(evidence, state, settings)
    if why_not:
        return f"risk_fraction {risk:.4f} above the configured {configured.risk_fraction:.4f}: {why_not}"
    most = raised_risk(max(state.risk_fraction, configured.risk_fraction), settings)
    return "" if risk <= most + _ROUNDING else f"risk_fraction {risk:.4f}: {most:.4f} is one step"


def _is_nearer(name: str, update: StrategyUpdate, state: StrategyState, configured: StrategyState) -> bool:
    wanted = getattr(update, name)
    if wanted is None or wanted in (getattr(state, name), getattr(configured, name)):
        return False
    stands = getattr(configured, name)
    return stands is None or wanted < stands
