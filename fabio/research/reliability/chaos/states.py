"""Each fault alone, struck at the moment at which an order is in a chosen state.

A run is the same each time, up to the first fault. So a run without faults tells when an order
is in which state, and the same run with a fault from that very moment strikes it there.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from fabio.adapters.gateway.faults.script import Script
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.journal.reader import read_steps
from fabio.model import fact as facts
from fabio.model.command import ClosePosition, SubmitOrder
from fabio.model.step import Step
from fabio.model.venue_fact import Armed
from fabio.research.reliability.chaos.living import lived
from fabio.research.reliability.chaos.plot import Plot

NS = 1_000_000_000
State = Literal["submitted", "working", "partial", "unprotected", "protected", "exiting"]
STATES: tuple[State, ...] = ("submitted", "working", "partial", "unprotected", "protected", "exiting")
LOOK_S, FAULT_S, HEAL_S = 120.0, 20.0, 45.0
MOST_SEEDS = 12
_SHIFT_S: dict[State, float] = {
    "submitted": -0.002, "working": 0.1, "partial": 0.01, "unprotected": 0.001, "protected": 0.3, "exiting": -0.002,
}
"""Where the fault begins, beside the step that shows the state: before what leaves, after what came."""


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A moment, in seconds, at which an order is in a state in the run of a seed."""

    state: State
    seed: int
    at_s: float


def spots(number: int) -> list[Spot]:
    """Find a moment for every state, in as many runs without faults as that takes."""
    found: dict[State, Spot] = {}
    for seed in range(number * MOST_SEEDS, (number + 1) * MOST_SEEDS):
        with lived(_base(seed, LOOK_S)) as living:
            start_ns = living.world.start_ns
            for state, ts_ns in _moments(read_steps(living.folders[-1])):
                at_s = (ts_ns - start_ns) / NS + _SHIFT_S[state]
                found.setdefault(state, Spot(state=state, seed=seed, at_s=at_s))
        if len(found) == len(STATES):
            break
    return [found[state] for state in STATES if state in found]


def plot_with(spot: Spot, name: str) -> Plot:
    """Give the run of a spot with one fault from that moment on."""
    plot = _base(spot.seed, spot.at_s + FAULT_S + HEAL_S)
    fault = FaultSpec(name=name, from_s=spot.at_s, until_s=spot.at_s + FAULT_S)
    return msgspec.structs.replace(plot, faults=Script(seed=spot.seed, faults=(*plot.faults.faults, fault)))


def _base(seed: int, length_s: float) -> Plot:
    """A run in which fills come in parts, and nothing goes wrong."""
    parts = FaultSpec(name="partial_fills", options={"size": 1})
    return Plot(seed=seed, length_s=length_s, market_s=LOOK_S + FAULT_S + HEAL_S,
                faults=Script(seed=seed, faults=(parts,)))


def _moments(steps: Iterator[Step]) -> Iterator[tuple[State, int]]:
    """Tell when orders at the venue came into each state."""
    is_armed = False
    for step in steps:
        is_armed = is_armed or any(isinstance(fact, Armed) for fact in step.facts)
        if not is_armed:
            continue
        for command in step.commands:
            if isinstance(command, SubmitOrder):
                yield "submitted", step.ts_ns
            elif isinstance(command, ClosePosition):
                yield "exiting", step.ts_ns
        for fact in step.facts:
            if isinstance(fact, facts.OrderMoved) and fact.state == "working":
                yield "working", step.ts_ns
            elif isinstance(fact, facts.OrderMoved) and fact.state == "partly_filled":
                yield "partial", step.ts_ns
            elif isinstance(fact, facts.FillBooked) and fact.fill.leg == "entry":
                yield "unprotected", step.ts_ns
            elif isinstance(fact, facts.StopPlaced):
                yield "protected", step.ts_ns
