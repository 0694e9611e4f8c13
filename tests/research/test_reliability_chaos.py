"""The judges of the chaos see what is wrong; what they let pass was looked at."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from fabio.adapters.gateway.faults.catalogue import FAULTS
from fabio.adapters.gateway.faults.script import Script
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.journal.reader import read_steps
from fabio.model.event import OrderFilled
from fabio.research.reliability.bar import at_least, at_most
from fabio.research.reliability.bars import MEASUREMENTS, chosen, measured
from fabio.research.reliability.chaos.bars import bars_of
from fabio.research.reliability.chaos.books import Instant, longest_outside, spans
from fabio.research.reliability.chaos.judge import Judged
from fabio.research.reliability.chaos.living import Living, lived
from fabio.research.reliability.chaos.plot import (
    ACTS,
    POINTS,
    Kill,
    Plot,
    Point,
    draw,
    read_plot,
    troubles_s,
    write_plot,
)
from fabio.research.reliability.chaos.states import STATES, plot_with, spots
from fabio.research.reliability.chaos.watch import Breach
from fabio.research.reliability.virtual_time import ClockStandsStill, run_virtual

NS = 1_000_000_000


def instant(ts_s: float, held: int = 0, ours: int = 0, covers: int = 0, exits: int = 0) -> Instant:
    return Instant(int(ts_s * NS), held, ours, {1: covers}, frozenset(range(exits)), frozenset())


def test_a_plot_that_was_kept_is_the_plot(tmp_path: Path) -> None:
    for seed in range(40):
        plot = draw(seed, 900)
        write_plot(tmp_path / "plot.json", plot)
        assert read_plot(tmp_path / "plot.json") == plot
        assert draw(seed, 900) == plot


def test_plots_use_every_fault_point_and_deed() -> None:
    plots = [draw(seed, 900) for seed in range(300)]
    assert {spec.name for plot in plots for spec in plot.faults.faults} == set(FAULTS)
    assert {kill.point for plot in plots for kill in plot.kills} == set(POINTS)
    assert {deed.act for plot in plots for deed in plot.deeds} == {*ACTS, "enable"}
    assert {kill.power for plot in plots for kill in plot.kills} == {True, False}


def test_a_position_without_a_stop_is_bare_until_it_is_covered() -> None:
    story = [instant(1, 2, 2), instant(3, 2, 2, covers=1), instant(4, 2, 2, covers=2), instant(9)]
    assert spans(story, lambda each: each.is_bare, 10 * NS) == [(1 * NS, 4 * NS)]


def test_what_somebody_else_holds_is_not_ours_to_protect() -> None:
    assert not instant(1, held=1, ours=0).is_bare


def test_stops_that_protect_nothing_are_orphans_to_the_end() -> None:
    story = [instant(1, 2, 2, covers=2, exits=2), instant(3, covers=2, exits=2)]
    assert spans(story, lambda each: each.has_orphans, 10 * NS) == [(3 * NS, 10 * NS)]


def test_times_of_trouble_are_taken_out_of_a_span() -> None:
    assert longest_outside((0, 100), [(10, 20), (15, 60), (90, 200)]) == 30
    assert longest_outside((0, 100), [(0, 100)]) == 0


def test_faults_of_prices_alone_are_no_trouble() -> None:
    def script(name: str) -> Plot:
        return Plot(seed=0, length_s=100, faults=Script(faults=(FaultSpec(name=name, from_s=10, until_s=20),)))

    assert troubles_s(script("bad_prices")) == []
    assert troubles_s(script("drop_reply"))[0][0] == 10


def judged(seed: int, *breaches: Breach) -> Judged:
    return Judged(plot=Plot(seed=seed, length_s=1), breaches=breaches, counts={"entries": 3}, kills=(), apart_s=(),
                  bare_s=(0.02,), orphans_s=(), flat_s=())


def test_a_breach_misses_its_bar_and_names_the_seed() -> None:
    bars = {bar.name: bar for bar in bars_of([judged(1), judged(7, Breach(rule="I01", at_s=2, words="twice"))])}
    assert not bars["duplicate_orders"].holds
    assert bars["duplicate_orders"].note == "repeat with --seed 7"
    assert bars["entries_while_unfit"].holds
    assert bars["entries_while_unfit"].n == 6


def test_nothing_tried_holds_nothing() -> None:
    assert not at_most("x", 0, 0, 0).holds
    assert not at_least("x", 1, 1, 0).holds
    assert not bars_of([])[0].holds


def test_a_kill_loses_nothing_that_was_relied_on() -> None:
    points: tuple[Point, ...] = ("after_intent", "sent", "after_fill", "time")
    kills = tuple(Kill(point=point, at_s=20.0 + 12 * number, down_s=1.0, power=number % 2 == 1)
                  for number, point in enumerate(points))
    plot = msgspec.structs.replace(draw(3, 90), faults=Script(), deeds=(), kills=kills)
    with lived(plot) as living:
        assert living.watch.breaches == []
        assert len(living.kills) == 4
        assert living.watch.counts["starts"] == 5


def test_the_watch_sees_an_order_that_leaves_twice_unrecorded_and_halted() -> None:
    plot = Plot(seed=3, length_s=30)
    with lived(plot) as living:
        watch = living.watch
        assert watch.breaches == []
        state = living.watch._state
        assert state is not None
        assert watch._tags is not None
        state.account = msgspec.structs.replace(state.account, halted="by hand")
        watch._unfit_ns["halted"] = 0
        body = msgspec.json.encode({
            "type": 2, "side": 0, "size": 9, "customTag": watch._tags.entry("O1-1"),
            "stopLossBracket": {"ticks": 12, "type": 4}, "takeProfitBracket": {"ticks": 20, "type": 1},
        })
        watch._now_ns = lambda: living.world.gateway.now_ns
        watch.call("/api/Order/place", body)
        watch.call("/api/Order/place", body)
        assert {breach.rule for breach in watch.breaches} == {"I01", "I02", "I22", "I30", "I32"}


async def wakes_itself_for_ever() -> None:
    while True:
        await asyncio.sleep(1e-15)  # too little to advance the clock of the loop


def test_tasks_that_wake_each_other_for_ever_are_told_of() -> None:
    with pytest.raises(ClockStandsStill, match="turns of the loop at 1000"):
        run_virtual(wakes_itself_for_ever())


def test_a_run_whose_clock_stands_still_is_a_crash_and_not_the_end_of_the_bench(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stuck(living: Living) -> None:
        await wakes_itself_for_ever()

    monkeypatch.setattr(Living, "_one_life", stuck)
    with lived(Plot(seed=3, length_s=30)) as living:
        assert [breach.rule for breach in living.watch.breaches] == ["crash"]
        assert "turns of the loop" in living.watch.breaches[0].words


def test_a_fill_that_comes_before_the_next_print_is_told_when_it_comes() -> None:
    """The gateway is driven to what a call brings about, not only from print to print."""
    with lived(Plot(seed=0, length_s=60)) as living:
        late_ms = [(step.ts_ns - step.event.fill.ts_ns) / 1e6 for step in read_steps(living.folders[-1])
                   if isinstance(step.event, OrderFilled) and step.event.fill.leg == "entry"]
    assert len(late_ms) > 2
    assert max(late_ms) < 50


@pytest.mark.slow
def test_every_state_of_an_order_is_found_and_struck() -> None:
    found = spots(0)
    assert [spot.state for spot in found] == list(STATES)
    plot = plot_with(found[0], "drop_reply")
    with lived(plot) as living:
        assert living.world.front.faults.struck["drop_reply"] > 0


def test_measurements_are_named_once_and_found() -> None:
    names = [each.name for each in MEASUREMENTS]
    assert len(names) == len(set(names))
    assert [each.name for each in chosen(["chaos"])] == ["chaos"]
    with pytest.raises(ValueError, match="no measurement 'chas'"):
        chosen(["chas"])


def told(words: str) -> None:
    """Take what other processes say."""


def test_measurements_beside_each_other_show_what_they_show_alone() -> None:
    wanted = chosen(["journal_flips", "journal_line"])
    assert all(each.beside for each in wanted)
    found = {done.measurement.name: done.bars for done in measured(wanted, lambda each: 5, told)}
    assert {name: [bar.n for bar in bars] for name, bars in found.items()}.keys() == {"journal_flips", "journal_line"}
    assert all(bar.holds for bar in found["journal_flips"])
