"""What material change saves: which questions of the plain cadence would still be asked, and what is lost by it.

    python benchmarks/material_change.py [TAPE[:SYMBOL] ...] [--seeds 1-12] [--json]

Days are lived through by the real machine, generated ones by seed and recorded ones by file. Every
question of the plain cadence is answered by stand-ins for a model: `rules` (the rules' own label,
which is a trigger itself), `playbook` (which reads by the guidelines, whose lines the gating knows),
and `own` (four readers with each threshold of the guidelines shifted by up to 20 %, which the gating
does not know). Then the questions are gated, caps left out. The loss is the share of
minutes, in points, in which the label (with its direction) in force differs from the plain cadence's.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fabio.runtime.kernels import prepare_cache

prepare_cache()  # before numba is imported

from fabio.adapters.data.tapes import open_tape  # noqa: E402
from fabio.engine.seams import MarketConfig  # noqa: E402
from fabio.features.near import seconds_near_poc  # noqa: E402
from fabio.journal.exchanges import Exchange as ModelExchange  # noqa: E402
from fabio.model.fact import NoteMade, RegimeAsked, StrategyChanged, TradeClosed  # noqa: E402
from fabio.model.step import Step  # noqa: E402
from fabio.model.tick import Ticks  # noqa: E402
from fabio.model.told import Told  # noqa: E402
from fabio.regime.material import DEFAULT_MATERIAL, MaterialSettings, tell, wanted  # noqa: E402
from fabio.regime.playbook import PRESETS, PlaybookSettings, read_playbook  # noqa: E402
from fabio.regime.reading import session_age_s  # noqa: E402
from fabio.runtime.demo import Demo  # noqa: E402
from fabio.runtime.drive import Driver  # noqa: E402
from fabio.runtime.wiring import (  # noqa: E402
    build_driver,
    engine_config,
    instrument_of,
    instruments_of,
    sessions_between,
)
from fabio.settings.load import Settings, load  # noqa: E402

MINUTE_NS = 60_000_000_000
QUIET_NS = 5 * MINUTE_NS
"""Minutes this long after the last question are a pause of the market, and not counted."""
OWN_READERS, OWN_SHIFT = 4, 0.2
SHIFTED = ("near_bar_ranges", "far_bar_ranges", "strong_flow", "flat_flow", "trend_percentile", "outside_share",
           "trend_crosses_below", "range_percentile_low", "range_percentile_high", "range_crosses_low",
           "range_crosses_high", "balance_share", "chop_percentile", "chop_near_poc_s")

Said = tuple[str, str]
"""Label and direction."""


class Asked(NamedTuple):
    """One question of the plain cadence, and what each stand-in would answer."""

    told: Told
    is_regular: bool
    answers: tuple[Said, ...]  # rules, playbook, own readers


class Gated(NamedTuple):
    """Which questions are asked under gating, why, and of each plain question the last one asked."""

    asked: list[int]
    why: Counter[str]
    in_force: list[int]


def own_reader(number: int) -> PlaybookSettings:
    """Shift each threshold of the guidelines at random, the same for a number each time."""
    dice, values = random.Random(number), {}
    for name in SHIFTED:
        value = getattr(PRESETS["default"], name)
        shifted = value * (1 + dice.uniform(-OWN_SHIFT, OWN_SHIFT))
        values[name] = round(shifted) if isinstance(value, int) else shifted
    return PlaybookSettings(**values)


class Listener:
    """A sink that notes the questions of the plain cadence, with the stand-ins' answers."""

    def __init__(self) -> None:
        self.questions: list[Asked] = []
        self.driver: Driver | None = None
        self._version = 0
        self._readers = (PRESETS["default"], *(own_reader(number) for number in range(OWN_READERS)))

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing: questions are enough."""

    def exchange(self, exchange: ModelExchange) -> None:
        """Nothing: the rules' answer stands in the readings."""

    def step(self, step: Step, body: bytes) -> None:
        """Note a question as of the end of its step: what its own answer changed is no news to who gave it."""
        self._version += sum(isinstance(fact, StrategyChanged | NoteMade | TradeClosed) for fact in step.facts)
        if any(isinstance(fact, RegimeAsked) for fact in step.facts):
            self._note(step.ts_ns)

    def _note(self, now_ns: int) -> None:
        assert self.driver is not None
        engine = self.driver.engine
        market, position = engine.markets[0], engine.state.markets[0].position
        stats, readings, session = market.stats(), market.readings(), market.session
        answers = [(readings.label, readings.direction)]
        span, age_s = stats.bar_range_15min_ticks, session_age_s(stats)
        for settings in self._readers:
            near = None if span is None else float(
                seconds_near_poc(market._features.s, stats.ts_ns, settings.near_bar_ranges * span))
            read = read_playbook(stats, market.bars(), near, age_s, settings)
            answers.append((read.label, read.direction))
        opens, closes = session.regular_open_ns, session.regular_close_ns
        self.questions.append(Asked(
            told=tell(stats, readings, market.band(), 0 if position is None else position.side, self._version, now_ns),
            is_regular=opens is not None and closes is not None and opens <= stats.ts_ns < closes,
            answers=tuple(answers),
        ))


def gated(questions: Sequence[Asked], settings: MaterialSettings = DEFAULT_MATERIAL) -> Gated:
    """Go through the questions as they fell due; leave those out that nothing asks for."""
    asked: list[int] = []
    why: Counter[str] = Counter()
    in_force: list[int] = []
    before: Told | None = None
    for place, question in enumerate(questions):
        now = question.told
        reason, is_event = wanted(before, now, settings)
        if reason:
            before = now
            asked.append(place)
            why["event" if is_event else "age" if reason.endswith("min old") else "moved"] += 1
        in_force.append(asked[-1])
    return Gated(asked, why, in_force)


def minutes(questions: Sequence[Asked]) -> list[int]:
    """Give for each full minute the last plain question before it."""
    places, place = [], 0
    first, last = (questions[end].told.at_ns // MINUTE_NS for end in (0, -1))
    for minute in range(first + 1, last + 1):
        while place + 1 < len(questions) and questions[place + 1].told.at_ns <= minute * MINUTE_NS:
            place += 1
        if minute * MINUTE_NS - questions[place].told.at_ns <= QUIET_NS:
            places.append(place)
    return places


def measure(questions: Sequence[Asked], settings: MaterialSettings = DEFAULT_MATERIAL) -> dict[str, Any]:
    """Measure one day, whole and in regular hours (None where it has none)."""
    result = gated(questions, settings)
    whole = _part(questions, result, lambda asked: True)
    return {"why": dict(result.why), "whole": whole,
            "regular": _part(questions, result, lambda asked: asked.is_regular)}


def _part(questions: Sequence[Asked], result: Gated, counts: Callable[[Asked], bool]) -> dict[str, Any] | None:
    plain = sum(map(counts, questions))
    places = [place for place in minutes(questions) if counts(questions[place])]
    if not plain or not places:
        return None
    calls = sum(counts(questions[place]) for place in result.asked)
    losses = [
        100 * sum(questions[place].answers[who] != questions[result.in_force[place]].answers[who]
                  for place in places) / len(places)
        for who in range(2 + OWN_READERS)
    ]
    return {"plain": plain, "calls": calls, "share": calls / plain, "minutes": len(places), "rules": losses[0],
            "playbook": losses[1], "own": sum(losses[2:]) / OWN_READERS}


def live_demo(settings: Settings, seed: int, mean_ticks: int | None = None) -> list[Asked]:
    """Live through a seed's first generated day."""
    demo = Demo(settings, instrument_of(settings, "MNQ"), seed)
    listener, driver = _driver(settings, MarketConfig(instrument=demo.instrument, table=demo.table))
    driver.engine.markets[0].load_history(demo.history())
    driver.feed(demo.day(0, mean_ticks).ticks)
    return listener.questions


def live_tape(settings: Settings, path: Path, symbol: str | None) -> list[Asked]:
    """Live through a recorded tape, nothing behind it."""
    tape = open_tape(path, instruments_of(settings), symbol)
    table = sessions_between(settings, tape.instrument, tape.first_ns, tape.last_ns)
    listener, driver = _driver(settings, MarketConfig(instrument=tape.instrument, table=table))
    driver.feed(tape.ticks())
    return listener.questions


def _driver(settings: Settings, market: MarketConfig) -> tuple[Listener, Driver]:
    listener = Listener()
    driver = listener.driver = build_driver(engine_config(settings, [market]), (listener,))
    return listener, driver


def main() -> None:
    """Print a row for each day and part of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tapes", nargs="*", help="recorded tapes, FILE or FILE:SYMBOL")
    parser.add_argument("--seeds", default="1-12", help="generated days: FIRST-LAST")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    settings = load()
    first, _, last = given.seeds.partition("-")
    days = {f"seed {seed}": measure(live_demo(settings, seed)) for seed in range(int(first), int(last or first) + 1)}
    for tape in given.tapes:
        name, _, symbol = tape.partition(":")
        days[Path(name).name.split(".")[0]] = measure(live_tape(settings, Path(name), symbol or None))
    if given.json:
        print(json.dumps(days, indent=1))  # noqa: T201
        return
    print(f"{'':34s} {'plain':>6s} {'calls':>6s} {'share':>6s}   lost points: rules playbook    own")  # noqa: T201
    for name, day in days.items():
        for part in ("whole", "regular"):
            row = day[part]
            if row is not None:
                print(f"{name:26.26s} {part:7s} {row['plain']:6d} {row['calls']:6d} {row['share']:6.3f} "  # noqa: T201
                      f"{row['rules']:20.2f} {row['playbook']:8.2f} {row['own']:6.2f}")


if __name__ == "__main__":
    main()
