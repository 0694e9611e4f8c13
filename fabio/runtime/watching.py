"""Watching: a recorded day lived through again, to see what the strategies looked at."""

from pathlib import Path

import msgspec

from fabio.engine.machine import Engine, EngineConfig
from fabio.engine.seams import Condition, Explains, NamedStrategy, StrategyPart
from fabio.journal.times import iso
from fabio.journal.units import Units
from fabio.model.signal import Wish
from fabio.model.view import View
from fabio.runtime.differences import Difference
from fabio.runtime.links import data_link, link, regime_link
from fabio.runtime.moments import Moment
from fabio.runtime.recorded import Again, Recorded
from fabio.runtime.story import Record, Story
from fabio.runtime.wiring import engine_config
from fabio.settings.load import Settings

CANNOT_SAY: Condition = ("cannot_say", None, None, None)
"""Stands for the conditions of a strategy that has no `conditions`."""


class _Look(msgspec.Struct, frozen=True):
    """What a strategy looked at when it was last asked about one market."""

    asked_ns: int
    conditions: tuple[Condition, ...]
    wished: bool


class _Watched:
    """A strategy under observation; remembers its last look at each market."""

    def __init__(self, part: StrategyPart, until_ns: int) -> None:
        self.triggers = part.triggers
        self.looks: dict[int, _Look] = {}  # market -> look
        self._part = part
        self._until_ns = until_ns

    def propose(self, view: View) -> Wish | None:
        wish = self._part.propose(view)
        if view.now_ns <= self._until_ns:
            self.looks[view.market] = _Look(view.now_ns, self.conditions(view), wish is not None)
        return wish

    def conditions(self, view: View) -> tuple[Condition, ...]:
        part = self._part
        return part.conditions(view) if isinstance(part, Explains) else (CANNOT_SAY,)


def watch(settings: Settings, folder: Path, moment: Moment, ask: Record | None, story: Story) -> Record:
    """Live through the day up to a moment, and tell what every strategy had looked at by its end.

    Parameters
    ----------
    ask
        The question whose answer was in force, as `Story.asks` has it.

    Returns
    -------
    dict
        `chain`, `symbol`, `decided_by`, and `asked`: when each strategy was last asked.
    """
    recorded = Recorded(settings, folder)
    watched: dict[str, _Watched] = {}

    def wrap(config: EngineConfig) -> EngineConfig:
        watched.update({each.name: _Watched(each.part, moment.last_ns) for each in config.policy.strategies})
        policy = msgspec.structs.replace(config.policy, strategies=tuple(
            NamedStrategy(name=each.name, part=watched[each.name], state=each.state)
            for each in config.policy.strategies
        ))
        return msgspec.structs.replace(config, policy=policy)

    engine = Engine(wrap(engine_config(recorded.began_with(), recorded.markets)))
    first = Again(engine, recorded, wrap).run_on(recorded.position_after(moment.last_ns))
    chain: list[Record] = []
    looks: dict[str, _Look | None] = {}
    for place, market in enumerate(engine.markets):
        if market.has_session:
            chain.append(data_link(Units(market.instrument).statistics(market.stats()), engine.state.now_ns))
        if place == 0:
            chain.append(regime_link(None if ask is None else ask["regime"]))
        of = f" of {market.instrument.symbol}" if len(engine.markets) > 1 else ""
        looks |= {name + of: each.looks.get(place) for name, each in watched.items()}
    held = story.held_at(moment.last_ns)
    if held is not None:
        chain.append(link("position", "position", f"{held['strategy']} was {held['side']} {held['size']:g} since "
                          f"{held['entry_ts']}, from decision {held['decision_id']}"))
    for name, look in looks.items():
        chain += _looked(name, look)
    if first is not None:
        chain.append(link("data", "recomputed", _doubt(first), passed=False))
    return {
        "chain": chain, "symbol": "+".join(each.symbol for each in recorded.instruments),
        "decided_by": _closest(looks),
        "asked": {name: None if look is None else iso(look.asked_ns) for name, look in looks.items()},
    }


def _looked(name: str, look: _Look | None) -> list[Record]:
    if look is None:
        return [link("strategy", name, "was not asked yet")]
    wish = "and wished" if look.wished else "and wished nothing"
    return [link("strategy", name, f"was last asked at {iso(look.asked_ns)} {wish}")] + [
        link("condition", f"{name}.{condition}", _condition_words(passed, value, threshold), value, threshold, passed)
        for condition, passed, value, threshold in look.conditions
    ]


def _condition_words(passed: bool | None, value: float | None, threshold: float | None) -> str:
    numbers = "" if value is None else f": {value:.6g}"
    if value is not None and threshold is not None:
        numbers += f" against {threshold:.6g}"
    return ("unknown, neither for nor against" if passed is None else "holds" if passed else "fails") + numbers


def _closest(looks: dict[str, _Look | None]) -> str:
    """Name the condition in the way of the strategy that was nearest to a signal."""
    best, decided = None, "no strategy was asked"
    for name, look in looks.items():
        if look is None:
            continue
        held = sum(each[1] is True for each in look.conditions)
        failed = [each[0] for each in look.conditions if each[1] is False]
        # one that stopped at its first condition has not looked at the rest
        rank = (held, -len(failed))
        if failed and (best is None or rank > best):
            best, decided = rank, f"{name}.{failed[0]}"
    return decided


def _doubt(first: Difference) -> str:
    return (f"lived through again with the settings of now, the machine differs from the record from step "
            f"{first.seq} on ({first.fact}): what stands here may not be what it saw")
