"""What the default rules must reach on seeds 0 to 99; the full-size run of the suite."""

import pytest

from fabio.research.regime.synthetic import run_synthetic

GOALS = {"easy": 0.77, "medium": 0.72, "hard": 0.64}


def test_the_default_rules_are_near_their_goals_on_a_few_seeds() -> None:
    suites = run_synthetic(range(12), 5, ["rules", "majority"])["suites"]
    for suite, goal in GOALS.items():
        records = suites[suite]["classifiers"]
        assert records["rules"]["macro_f1"] > goal - 0.03
        assert records["majority"]["macro_f1"] < 0.12


@pytest.mark.slow
def test_the_default_rules_reach_their_goals_on_a_hundred_seeds() -> None:
    suites = run_synthetic(range(100), 5, ["rules"])["suites"]
    for suite, goal in GOALS.items():
        assert suites[suite]["classifiers"]["rules"]["macro_f1"] >= goal, suite
    medium = suites["medium"]["classifiers"]["rules"]
    assert medium["opposite_share"] <= 0.08
    assert medium["macro_f1_settled"] >= 0.81
    assert medium["median_lag_min"] <= 11  # 10 or 11, by the hundred; a window of 18 bars would make it 10
    assert medium["p90_lag_min"] <= 18
    assert medium["missed_segments_share"] <= 0.05


@pytest.mark.slow
def test_the_baselines_stand_in_their_order_on_a_hundred_seeds() -> None:
    pytest.importorskip("sklearn")
    records = run_synthetic(range(100), 160, ["majority", "persistence", "rules", "hmm", "boosting"])["suites"]
    for suite in ("easy", "medium", "hard"):
        scores = {name: record["macro_f1"] for name, record in records[suite]["classifiers"].items()}
        assert scores["majority"] < scores["persistence"] < scores["hmm"] < scores["boosting"]
        assert scores["rules"] < scores["boosting"]
        assert scores["boosting"] - scores["rules"] > 0.04
