"""Mishaps of the agent's machine in chaos; and people whose requests outlive an agent."""

import pytest

from fabio.research.reliability.chaos.living import lived
from fabio.research.reliability.chaos.plot import WHATS, Deed, Kill, Mishap, Plot, What, draw

LENGTH_S = 90.0


def test_a_quarter_of_the_seeds_has_a_mishap_of_every_kind() -> None:
    plots = [draw(seed, 900) for seed in range(400)]
    assert {mishap.what for plot in plots for mishap in plot.mishaps} == set(WHATS)
    assert 70 <= sum(bool(plot.mishaps) for plot in plots) <= 130


@pytest.mark.parametrize("what", sorted(set(WHATS)))
def test_an_agent_lives_through_a_mishap_and_knows_the_time_after_it(what: What) -> None:
    plot = Plot(seed=5, length_s=LENGTH_S, mishaps=(Mishap(what=what, at_s=30.0, seconds=10.0),))
    with lived(plot) as living:
        assert not living.watch.breaches
        world = living.world
        off_s = (world.clock.now_ns() - world.now_ns()) / 1e9
        assert off_s == pytest.approx(10.0 if what == "clock_forward" else 0.0, abs=1.0)
        assert len(living.downs) == (0 if what.startswith("clock") else 1)
        loop_s = LENGTH_S - (10.0 if what == "asleep" else 0.0)
        assert world.clock.monotonic() == pytest.approx(loop_s, abs=3.0)


def test_a_request_that_a_killed_agent_has_not_answered_is_there_for_the_next() -> None:
    found = []
    for seed in range(8):
        plot = Plot(seed=seed, length_s=60.0, deeds=(Deed(act="flatten", at_s=40.0),),
                    kills=(Kill(point="closing", at_s=39.9, down_s=2.0),))
        with lived(plot) as living:
            assert not living.watch.breaches
            found.append([verb for _, verb in living.people.presses])
    assert ["flatten", "flatten"] in found  # where its own close was what the kill had waited for
