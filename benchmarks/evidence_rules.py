"""How often the learning rules err, by outcomes alone: no market, no engine, the rules of `regime/evidence.py`.

    python benchmarks/evidence_rules.py [--seeds 100]

Three tables: what each rule does to an honest winner (48 % at 2 R), a planted loser (15 %) and a planted
winner (58 %); how a disabled strategy returns, by each variant that was considered; and the rules as
built, with risk raised and given back. The last two run the set-up of `fabio eval learning`: two strategies
whose sides are swapped after session 20 of 40, with 4 or 8 signals a session each. A trade costs 0.05 R.
"""

import argparse
from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.model.strategy import Outcome, StrategyEvidence, StrategyState
from fabio.regime import evidence
from fabio.regime.conditions import tally_of
from fabio.regime.evidence import LearningSettings

COST_R, REWARD_R = 0.05, 2.0
SESSIONS, WINNER, LOSER, HONEST = 40, 0.58, 0.15, 0.48
BUILT = LearningSettings()
CONFIGURED = StrategyState()
Returns = Callable[[StrategyEvidence], bool]


class Run(msgspec.Struct):
    """One strategy's life: whether it traded each outcome, at which multiple of its configured risk."""

    enabled: NDArray[np.bool_]
    risk: NDArray[np.float64]

    @property
    def first_disabled(self) -> int | None:
        """Trades until it was first disabled; None where it never was."""
        off = np.flatnonzero(~self.enabled)
        return int(off[0]) if len(off) else None


def multiples(seed: tuple[int, ...], win_rates: tuple[float, ...], each: int) -> list[float]:
    """Draw R multiples: `each` trades at every win rate."""
    draws = np.random.default_rng(seed).random((len(win_rates), each))
    won = draws < np.array(win_rates)[:, None]
    return [float(value) for value in np.where(won, REWARD_R, -1.0).ravel() - COST_R]


def outcome(number: int, value: float) -> Outcome:
    """Give the nth outcome of the only strategy."""
    return Outcome(id=str(number), strategy="probe", setup="", side=1, regime="", session="", ts_ns=0,
                   r_multiple=value, net_pnl=value, is_shadow=False)


def judged(values: list[float], settings: LearningSettings) -> Run:
    """Live by the rules as built: `judge`, its switches and its risk."""
    known, state = StrategyEvidence(name="probe"), CONFIGURED
    enabled, risk = np.ones(len(values) + 1, dtype=bool), np.ones(len(values) + 1)
    for number, value in enumerate(values):
        known = evidence.book_outcome(known, outcome(number, value), settings.reference)
        lesson = evidence.judge(known, state, CONFIGURED, settings)
        if lesson is not None:
            wanted = {name: getattr(lesson.update, name) for name in ("enabled", "risk_fraction")}
            after = msgspec.structs.replace(state, **{key: new for key, new in wanted.items() if new is not None})
            known, state = evidence.changed(known, state, after, evidence.RULES), after
        enabled[number + 1] = state.enabled
        risk[number + 1] = state.risk_fraction / CONFIGURED.risk_fraction
    return Run(enabled, risk)


def switched(values: list[float], settings: LearningSettings, returns: Returns, restart: bool = False,
             every: int = 1) -> Run:
    """Live with another rule of return, risk as configured.

    With `restart` a returned strategy is judged after 30 outcomes of its own only; disabling is looked at after
    every `every` outcomes.
    """
    known, on = StrategyEvidence(name="probe"), True
    enabled = np.ones(len(values) + 1, dtype=bool)
    for number, value in enumerate(values):
        known = evidence.book_outcome(known, outcome(number, value), settings.reference)
        counted = not restart or known.since_raise >= settings.least_outcomes
        if on and counted and known.outcomes % every == 0 and evidence.failing(known, settings):
            known, on = evidence.switched(known, evidence.RULES, False), False
        elif not on and returns(known):
            known, on = evidence.switched(known, evidence.RULES, True), True
        enabled[number + 1] = on
    return Run(enabled, np.ones(len(values) + 1))


def as_built(known: StrategyEvidence) -> bool:
    """Return by the rule that was chosen."""
    return not evidence.not_returned(known, BUILT)


def mirrored(known: StrategyEvidence, window: int, least: int, rate: float) -> bool:
    """Return by the test and a win rate over the latest outcomes since it was disabled."""
    if known.rising < BUILT.return_limit or known.since_raise < max(least, 1):
        return False
    tally = tally_of(known.last[-min(window, known.since_raise):])
    return tally.win_rate >= rate and tally.net_r > 0


RETURNS: dict[str, tuple[Returns, bool]] = {
    "test alone": (lambda known: known.rising >= BUILT.return_limit, False),
    "test alone, counts restart": (lambda known: known.rising >= BUILT.return_limit, True),
    "win rate >= 0.4 since disabled": (partial(mirrored, window=30, least=0, rate=0.4), False),
    "win rate >= 0.6 since disabled": (partial(mirrored, window=30, least=0, rate=0.6), False),
    "win rate >= 0.4 of up to 10": (partial(mirrored, window=10, least=0, rate=0.4), False),
    "win rate >= 0.4 of 10": (partial(mirrored, window=10, least=10, rate=0.4), False),
    "win rate >= 0.5 of 10": (partial(mirrored, window=10, least=10, rate=0.5), False),
    "win rate >= 0.6 of 10 (built)": (as_built, False),
    "the same, counts restart": (as_built, True),
    "win rate >= 0.7 of 10": (partial(mirrored, window=10, least=10, rate=0.7), False),
}


def never(known: StrategyEvidence) -> bool:
    """Never return."""
    return False


def rules_table(seeds: int) -> None:
    """Print what each rule disables."""
    _say(f"{'rule of disabling':34}{'48 %, 300':>10}{'loser: trades':>15}{'58 %, 160':>11}{'58 %, 320':>11}")
    rows = [("bare, after every outcome", LearningSettings(rule="bare"), 1),
            ("bare, once a session of 8", LearningSettings(rule="bare"), 8)]
    rows += [(f"sequential, {confirm} running", LearningSettings(confirm_outcomes=confirm), 1)
             for confirm in (1, 3, 4, 5, 6)]
    for name, settings, every in rows:
        def lives(rate: float, trades: int, settings: LearningSettings = settings, every: int = every,
                  ) -> list[int | None]:
            return [switched(multiples((1, seed), (rate,), trades), settings, never, every=every).first_disabled
                    for seed in range(seeds)]

        shares = [np.mean([life is not None for life in lives(rate, trades)])
                  for rate, trades in ((HONEST, 300), (WINNER, 4 * SESSIONS), (WINNER, 8 * SESSIONS))]
        loser = np.median([life if life is not None else 999 for life in lives(LOSER, 300)])
        _say(f"{name:34}{shares[0]:10.3f}{loser:15.0f}{shares[1]:11.3f}{shares[2]:11.3f}")


def earned(run: Run, values: list[float]) -> float:
    """Sum what was traded, in R of the configured risk."""
    return float((np.array(values) * run.enabled[:-1] * run.risk[:-1]).sum())


def swap_row(name: str, seeds: int, live: Callable[[list[float]], Run]) -> None:
    """Print what one way of learning earns of what an agent that knows the truth does."""
    row = f"{name:34}"
    for signals in (4, 8):
        half, shares, gains = signals * SESSIONS // 2, [], []
        for seed in range(seeds):
            first = multiples((2, seed, 0), (WINNER, LOSER), half)
            second = multiples((2, seed, 1), (LOSER, WINNER), half)
            learned = sum(earned(live(values), values) for values in (first, second))
            truth = sum(first[:half]) + sum(second[half:])
            shares.append(learned / truth)
            gains.append(learned - sum(first) - sum(second))
        blocks = [np.mean(shares[at:at + 20]) for at in range(0, seeds - seeds % 20, 20)] or [np.mean(shares)]
        low = np.mean(gains) - 1.96 * np.std(gains, ddof=1) / np.sqrt(seeds)
        row += f"{np.mean(shares):8.3f} ({min(blocks):.3f}){np.mean(gains):8.1f} ({low:.1f})"
    on = np.mean([live(multiples((3, seed), (LOSER,), 8 * SESSIONS)).enabled[31:].mean() for seed in range(seeds)])
    back = [_trades_to_return(live, rate, seeds) for rate in (WINNER, HONEST)]
    _say(f"{row}{on:9.3f}{back[0]:6.0f}{back[1]:6.0f}")


def _trades_to_return(live: Callable[[list[float]], Run], rate: float, seeds: int) -> float:
    """Give the median outcomes from the day a disabled loser begins to win at `rate` to its return."""
    waits = []
    for seed in range(seeds):
        run = live([*multiples((4, seed), (LOSER,), 40), *multiples((5, seed), (rate,), 300)])
        if not run.enabled[40]:
            back = np.flatnonzero(run.enabled[40:])
            waits.append(int(back[0]) if len(back) else 300)
    return float(np.median(waits))


def swap_header(words: str) -> None:
    """Print the head of a table of `swap_row`."""
    _say(f"\n{words:34}{'4 each: share (worst 20) gain (low)':>32}{'8 each':>18}"
         f"{'loser on':>19}{'back 58':>9}{'48':>4}")


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    seeds = parser.parse_args().seeds
    rules_table(seeds)
    swap_header("rule of return")
    for name, (returns, restart) in RETURNS.items():
        swap_row(name, seeds, partial(switched, settings=BUILT, returns=returns, restart=restart))
    swap_header("whole rules, risk raised too")
    swap_row("sequential (built)", seeds, partial(judged, settings=BUILT))
    swap_row("sequential, risk as configured", seeds, partial(switched, settings=BUILT, returns=as_built))
    swap_row("bare", seeds, partial(judged, settings=LearningSettings(rule="bare")))


if __name__ == "__main__":
    main()
