from decimal import Decimal

import numpy as np
import pytest

from fabio.model.order import Trade
from fabio.research.learning.market import PROBES, Terms
from fabio.research.learning.measure import interval, measure, summary
from fabio.research.learning.run import Agent, Record, Switched, Taken

TERMS = Terms(sessions=4, signals=2)


def taken(session: int, probe: int, r_multiple: float) -> Taken:
    net = Decimal(repr(r_multiple)) * 30
    return Taken(session, Trade(
        id="T", decision_id="D", order_id="O", symbol="PROBE", strategy=PROBES[probe], setup="planned", side=1,
        size=Decimal(1), entry_ns=0, exit_ns=1, entry_price=Decimal(1), exit_price=Decimal(1), exit_leg="target",
        gross_pnl=net, fees=Decimal(0), net_pnl=net, r_multiple=r_multiple, roi=0.0, mae_ticks=0, mfe_ticks=0,
        confidence=0.5, regime="unclear", reason="",
    ))


def off(session: int, probe: int, outcomes: int) -> Switched:
    return Switched(session, probe, False, outcomes, "rules")


def on(session: int, probe: int, outcomes: int) -> Switched:
    return Switched(session, probe, True, outcomes, "rules")


def records(*switched: Switched, gain: float = 3.0) -> dict[Agent, Record]:
    base = [taken(0, 0, 1.96), taken(0, 1, -1.06), taken(3, 1, 1.96), taken(3, 0, -1.06)]
    return {
        "off": Record("off", base, [], [], ""),
        "learning": Record("learning", [*base, taken(3, 1, gain)], list(switched), [], ""),
        "oracle": Record("oracle", [taken(0, 0, 4.0), taken(3, 1, 4.0)], [], [], ""),
    }


def test_losers_are_counted_from_the_moment_they_lose_until_they_are_disabled() -> None:
    seen = measure(0, TERMS, records(off(1, 1, 33), off(2, 0, 12), on(2, 1, 7)))
    assert seen.disabled_after == {"from_start": 33, "after_swap": 12}
    assert seen.enabled_again_after == {"after_swap": 7}
    assert not seen.winner_disabled


def test_a_loser_that_is_never_disabled_has_no_count_and_one_that_was_disabled_already_is_left_out() -> None:
    seen = measure(0, TERMS, records(off(1, 0, 20)))
    assert seen.winner_disabled
    assert seen.disabled_after == {"from_start": None}  # probe A is off when its losing half begins
    assert seen.enabled_again_after == {}


def test_a_winner_that_is_disabled_once_it_is_back_counts_as_one() -> None:
    seen = measure(0, TERMS, records(off(1, 1, 31), on(2, 1, 5), off(3, 1, 25)))
    assert seen.winner_disabled
    assert seen.disabled_after == {"from_start": 31, "after_swap": None}


def test_gains_are_paired_and_the_truth_is_the_measure() -> None:
    results = [measure(seed, TERMS, records(off(1, 1, 30 + seed), gain=gain))
               for seed, gain in enumerate((1.0, 2.0, 6.0))]
    answer = summary(TERMS, results)
    assert answer["paired_gain"]["mean"] == pytest.approx(3.0)
    assert 1.0 <= answer["paired_gain"]["low"] < 3.0 < answer["paired_gain"]["high"] <= 6.0
    assert answer["paired_gain_usd"]["mean"] == pytest.approx(90.0)
    assert answer["share_of_oracle"] == pytest.approx((3 * 1.8 + 9.0) / 24.0)
    assert answer["planted"]["winner"]["win_rate"] == 1.0
    assert answer["planted"]["winner"]["cost_r"] == pytest.approx(0.04)
    assert answer["planted"]["loser"]["cost_r"] == pytest.approx(0.06)


def test_a_median_that_lies_with_the_losers_never_disabled_is_none_and_misses_its_goal() -> None:
    answer = summary(TERMS, [measure(seed, TERMS, records(off(1, 1, 30), gain=2.0)) for seed in range(2)])
    assert answer["losers_never_disabled"] == 2
    assert answer["median_trades_to_disable_loser"] is None
    holds = {goal["name"]: goal["holds"] for goal in answer["goals"]}
    assert holds == {"paired_gain.low": True, "share_of_oracle": False, "median_trades_to_disable_loser": False,
                     "winner_disabled_share": True}


def test_the_interval_covers_the_mean_of_gaussian_gains_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        found = interval(random.normal(1.0, 2.0, 30))
        covered += found["low"] <= 1.0 <= found["high"]
    assert 0.88 <= covered / 200 <= 0.99
