from typing import Any

import pytest

from fabio.regime.evidence import LearningSettings
from fabio.research.learning.eval import evaluate
from fabio.research.learning.market import Terms

SMALL = Terms(sessions=8, signals=12)


def silent(line: str) -> None:
    pass


def holds(answer: dict[str, Any]) -> dict[str, bool]:
    return {goal["name"]: goal["holds"] for goal in answer["goals"]}


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    """Two seeds in two processes, 48 signals of each probe in each half."""
    return evaluate(range(2), SMALL, LearningSettings(), 2, silent)


def test_the_answer_has_the_documented_figures(small: dict[str, Any]) -> None:
    assert small["seeds"] == 2
    assert {"mean", "low", "high"} == set(small["paired_gain"])
    assert {"share_of_oracle", "median_trades_to_disable_loser", "winner_disabled_share"} <= set(small)
    assert [each["seed"] for each in small["by_seed"]] == [0, 1]


def test_the_answer_does_not_depend_on_how_many_processes_found_it(small: dict[str, Any]) -> None:
    assert evaluate(range(2), SMALL, LearningSettings(), 1, silent) == small


def test_the_agent_that_learns_disables_planted_losers_and_earns_more(small: dict[str, Any]) -> None:
    assert small["median_trades_to_disable_loser"] is not None
    assert small["losers_never_disabled"] < small["planted_losers"]
    assert small["paired_gain"]["low"] > 0
    net = small["agents"]
    assert net["off"]["mean_r"] < net["learning"]["mean_r"] < net["oracle"]["mean_r"]
    assert net["oracle"]["mean_trades"] < net["learning"]["mean_trades"] < net["off"]["mean_trades"]


def test_without_the_rule_nothing_is_gained() -> None:
    answer = evaluate(range(1), Terms(sessions=4, signals=4), LearningSettings(enabled=False), 1, silent)
    assert answer["paired_gain"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert answer["by_seed"][0]["net"]["learning"] == answer["by_seed"][0]["net"]["off"]


@pytest.mark.slow
def test_over_twenty_seeds_the_agent_learns_as_promised() -> None:
    answer = evaluate(range(20), Terms(), LearningSettings(), 2, silent)
    assert holds(answer) == dict.fromkeys(holds(answer), True)


@pytest.mark.slow
def test_over_a_hundred_seeds_a_winner_is_seldom_disabled() -> None:
    answer = evaluate(range(100), Terms(), LearningSettings(), 2, silent)
    assert answer["winner_disabled_share"] <= 0.05
    assert holds(answer) == dict.fromkeys(holds(answer), True)
