"""The whole agent at a gateway with three faults at once, killed and started again, with people who act.

`fabio bench reliability --only chaos` runs many seeds, `--seed N` repeats one and tells all that happens.
"""

import asyncio
from pathlib import Path

import pytest

from fabio.adapters.gateway.plan import Switches
from fabio.model import fact as facts
from fabio.model.tick import Ticks
from fabio.research.reliability.chaos.bars import live_and_judge
from fabio.research.reliability.chaos.books import unprotected_s
from fabio.research.reliability.chaos.living import lived
from fabio.research.reliability.chaos.people import ACCOUNT_ID
from fabio.research.reliability.chaos.plot import draw, read_plot
from fabio.research.reliability.chaos.street import calendar
from fabio.research.reliability.lab import Keep, World, arm
from fabio.research.reliability.virtual_time import run_virtual

PLOTS = sorted((Path(__file__).parents[1] / "research" / "chaos_plots").glob("*.json"))


@pytest.mark.parametrize("seed", range(1000, 1006))
def test_chaos(seed: int) -> None:
    found = live_and_judge(draw(seed, 180))
    assert found.counts["steps"] > 20
    assert found.breaches == ()


@pytest.mark.parametrize("path", PLOTS, ids=lambda path: path.stem)
def test_what_was_found_once_stays_found_and_mended(path: Path) -> None:
    assert live_and_judge(read_plot(path)).breaches == ()


def test_a_close_that_fails_leaves_the_stop_at_the_venue() -> None:
    path = next(path for path in PLOTS if path.stem == "exit-while-the-market-is-paused")
    found = live_and_judge(read_plot(path))
    assert found.counts["entries"] > 5
    assert max(found.bare_s) < 5


def test_one_plot_is_one_run() -> None:
    def told() -> tuple[list[str], str]:
        lines: list[str] = []
        with lived(draw(1001, 120), lines.append) as living:
            return lines, "".join(str(living.watch.steps[seq]) for seq in sorted(living.watch.steps))

    assert told() == told()


def test_without_faults_nothing_is_unprotected_longer_than_the_venue_takes(tmp_path: Path) -> None:
    demo = calendar()
    day = demo.day(0)
    ticks: Ticks = day.ticks.slice(day.watched_from + 14_000, day.watched_from + 22_000)
    kept = Keep()

    async def story() -> World:
        world = World(ticks, demo, switches=Switches(), often=True)
        driving = asyncio.create_task(world.drive())
        ready = await world.begin(tmp_path / "logs")
        ready.driver.sinks = (*ready.driver.sinks, kept)
        await world.live(ready, int(ticks.ts_recv_ns[-1]), arm)
        ready.close()
        driving.cancel()
        return world

    world = run_virtual(story())
    bare = unprotected_s(world.gateway, ACCOUNT_ID)
    assert kept.facts(facts.TradeClosed)
    assert all(seconds < 0.1 for seconds in bare), bare
