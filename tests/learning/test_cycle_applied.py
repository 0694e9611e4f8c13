"""The whole cycle on planned records: what is really bad is proposed, confirmed and sent; what is not stays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from bent_days import NAMES, Plan, Share

from fabio.journal.inbox import Inbox
from fabio.learning.cycle import learn

SESSIONS, SIGNALS = 15, 8
HELD = SESSIONS // 3


def always(share: float) -> Share:
    return lambda session: share


def lived(tmp: Path, shares: Mapping[str, Share], timid: Sequence[str] = ()) -> tuple[Path, dict[str, Any]]:
    """Record the planned sessions, and run the cycle over them."""
    folder = tmp / "logs"
    plan = Plan(SESSIONS, SIGNALS, shares, timid)
    plan.record(folder)
    report = learn(plan.settings(), plan.settings, folder, 24)
    assert report["problems"]["left_out"] == 0
    return folder, report["feedback"]


def by_setting(feedback: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["set"]: each for each in feedback["proposals"]}


OFF = {name: f"strategies.{name}.enabled=false" for name in NAMES}


@pytest.fixture(scope="module")
def fading(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One strategy always loses; the other loses for ten sessions, and wins in those held back."""
    return lived(tmp_path_factory.mktemp("fading"), {
        "mean_reversion": always(0.15),
        "trend_continuation": lambda session: 0.15 if session < SESSIONS - HELD else 0.8,
    })


def test_a_strategy_that_loses_throughout_is_proposed_off_confirmed_and_sent(
    fading: tuple[Path, dict[str, Any]],
) -> None:
    folder, feedback = fading
    bad = by_setting(feedback)[OFF["mean_reversion"]]
    assert (bad["before"], bad["after"]) == (True, False)
    assert bad["evidence"]["outcomes"] > 0.8 * (SESSIONS - HELD) * SIGNALS  # the box of orders refuses a few
    assert bad["trial"]["interval_over"] == "sessions"
    assert bad["trial"]["low"] > 0
    assert bad["confirmed"]
    assert bad["sent"]["outcome"] == "waits"
    waiting, = Inbox(folder).pending(int(next((folder / "inbox").glob("*.json")).name.partition("-")[0]))
    assert (waiting.verb, waiting.name) == ("lesson", "mean_reversion")
    assert waiting.data["update"]["enabled"] is False
    assert waiting.data["against"]["enabled"] is True


def test_a_strategy_that_lost_before_and_wins_where_it_is_tried_is_not_confirmed_and_not_sent(
    fading: tuple[Path, dict[str, Any]],
) -> None:
    unlucky = by_setting(fading[1])[OFF["trend_continuation"]]
    assert unlucky["evidence"]["high"] < 0
    assert unlucky["trial"]["high"] < 0
    assert not unlucky["confirmed"]
    assert unlucky["sent"] is None


def test_a_guard_that_refuses_winners_is_loosened_on_paper_and_left_to_a_person(tmp_path: Path) -> None:
    folder, feedback = lived(tmp_path, dict.fromkeys(NAMES, always(0.7)), timid=NAMES)
    found = by_setting(feedback)
    assert list(found) == ["guards.min_confidence.minimum=0.45"]
    only, = found.values()
    assert only["evidence"]["outcomes"] == (SESSIONS - HELD) * SIGNALS
    assert only["confirmed"]
    assert only["sent"]["outcome"] == "not_sent"
    assert "fabio.toml" in only["sent"]["message"]
    assert not (folder / "inbox").exists()


def test_nothing_is_proposed_where_everything_wins(tmp_path: Path) -> None:
    _, feedback = lived(tmp_path, dict.fromkeys(NAMES, always(0.58)))
    assert feedback["proposals"] == []
    assert feedback["none_because"] is not None
