"""Real agents, killed at random and started at once, in small numbers; `fabio bench reliability` has more."""

import sys
from collections.abc import Callable

import pytest

from fabio.research.reliability.bar import Bar
from fabio.research.reliability.processes.kills import kills_on_paper, parallel_starts
from fabio.research.reliability.processes.venue_kills import kills_at_venue

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="agents are forked")


def all_hold(measure: Callable[[], list[Bar]]) -> bool:
    """Measure until all hold, three times at most: only seconds of the wall may come out otherwise the next time."""
    for _ in range(3):
        bars = measure()
        print(bars)  # noqa: T201 - shown where a bar does not hold
        missed = [bar.name for bar in bars if not bar.holds]
        if not all(name.endswith("_s") for name in missed):
            return False
        if not missed:
            return True
    return False


def test_killed_on_paper_it_keeps_what_it_answered_and_lives_again_the_same() -> None:
    assert all_hold(lambda: kills_on_paper(3, lambda line: None))


def test_of_many_starts_in_one_folder_one_runs() -> None:
    assert all_hold(lambda: parallel_starts(5, lambda line: None))


def test_killed_while_it_trades_the_next_one_finds_the_same_and_orders_nothing_twice() -> None:
    assert all_hold(lambda: kills_at_venue(2, lambda line: None))
