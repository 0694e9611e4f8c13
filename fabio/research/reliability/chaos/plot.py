"""Plot: all that will happen to an agent in one run, drawn from a seed and writable as JSON.

A run depends on its plot alone. So a plot that found something is kept as it is, and still finds
it when a later version draws other plots from the same seed.
"""

from pathlib import Path
from random import Random
from typing import Literal

import msgspec

from fabio.adapters.gateway.faults.catalogue import FAULTS
from fabio.adapters.gateway.faults.script import Script, chaos, surfaces_of
from fabio.adapters.gateway.faults.spec import FaultSpec

Point = Literal["time", "before_intent", "after_intent", "sending", "sent", "answered", "before_fill", "after_fill",
                "picture", "closing", "boot"]
POINTS: tuple[Point, ...] = ("time", "before_intent", "after_intent", "sending", "sent", "answered", "before_fill",
                             "after_fill", "picture", "closing", "boot")
"""Where a process is killed: at a time; before and after an intent is on the drive; before, while and after its POST;
before and after a fill is; as a picture is compared; after a close is decided; while it starts again."""
Act = Literal["halt", "flatten", "stop", "arm", "disarm", "disable", "enable", "foreign_order", "manual_trade",
              "manual_flatten"]
ACTS: tuple[Act, ...] = ("halt", "flatten", "stop", "disarm", "disable", "foreign_order", "manual_trade",
                         "manual_flatten")
Woe = Literal["full", "failed_sync", "failed_write", "slow", "short"]
WOES: tuple[Woe, ...] = ("full", "failed_sync", "failed_write", "slow", "short")
"""What is wrong with a drive: it is full; a sync, a write fails once, with EIO; it takes its time; it takes parts."""
HEAL_S = 75.0
"""Without a new fault at the end of a run."""
DRIVE_SHARE = 1 / 3
"""Of the seeds whose drive fails."""
What = Literal["asleep", "stopped", "clock_forward", "clock_back"]
WHATS: tuple[What, ...] = ("asleep", "asleep", "stopped", "stopped", "clock_forward", "clock_back")
"""What happens to the agent's machine: it sleeps; the process is stopped and goes on (its monotonic clock counts that,
and need not count a sleep); somebody sets the wall clock. As often as it stands here."""
MISHAP_SHARE = 1 / 4
"""Of the seeds to whose machine something happens."""
_LINGERS_S = {"delay_request": 65.0, "delay_reply": 65.0, "delay": 65.0, "trickle": 65.0, "proxy": 35.0,
              "unauthorised": 35.0, "too_many": 35.0}
_AFTER_S = 12.0
"""How long a fault's last stroke may be felt: an answer's limit of 10 s, and those of the faults that last longer."""
_HARMLESS = frozenset({"bad_prices", "burst", "partial_fills"})


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """The process ends without a word: from `at_s` on, as soon as it is at this point; it is away for `down_s`.

    With `power` the machine's power goes: what was not synced may be lost, torn, or NULs.
    """

    point: Point
    at_s: float
    down_s: float
    power: bool = False


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody does something: the operator of the agent, or somebody else at the venue."""

    act: Act
    at_s: float


class DriveFault(msgspec.Struct, frozen=True, kw_only=True):
    """Something is wrong with the drive for a while; what fails once does so at the first call in that time."""

    woe: Woe
    from_s: float
    until_s: float


class Mishap(msgspec.Struct, frozen=True, kw_only=True):
    """Something happens to the agent's machine; the world and its market go on."""

    what: What
    at_s: float
    seconds: float


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Parameters
    ----------
    seed
        Draws the market, and whatever else is random in the agent.
    length_s
        Simulated seconds.
    market_s
        How much market is drawn; 0 for the run's length. Another length is another market.
    """

    seed: int
    length_s: float
    market_s: float = 0.0
    faults: Script = Script()
    kills: tuple[Kill, ...] = ()
    deeds: tuple[Deed, ...] = ()
    drive: tuple[DriveFault, ...] = ()
    mishaps: tuple[Mishap, ...] = ()


def draw(seed: int, length_s: float) -> Plot:
    """Draw a plot: three faults at once, kills, deeds, a drive that fails, mishaps; the same seed draws the same."""
    dice = Random(f"plot {seed} {length_s:g}")
    until_s = length_s - HEAL_S
    kills = tuple(
        Kill(point=dice.choice(POINTS), at_s=dice.uniform(20, until_s), down_s=dice.choice((0.3, 2.0, 5.0, 20.0)),
             power=dice.random() < 0.3)
        for _ in range(dice.choice((0, 1, 1, 2)))
    )
    deeds = [Deed(act=dice.choice(ACTS), at_s=dice.uniform(20, until_s)) for _ in range(dice.choice((0, 1, 2)))]
    deeds += [Deed(act="enable", at_s=deed.at_s + 30) for deed in deeds if deed.act == "disable"]
    return Plot(seed=seed, length_s=length_s, faults=chaos(seed, until_s),
                kills=tuple(sorted(kills, key=lambda kill: kill.at_s)),
                deeds=tuple(sorted(deeds, key=lambda deed: deed.at_s)), drive=draw_drive(seed, length_s),
                mishaps=draw_mishaps(seed, length_s))


def draw_drive(seed: int, length_s: float) -> tuple[DriveFault, ...]:
    """Draw what is wrong with the drive, for a third of the seeds; by dice of its own, so that no other draw moves."""
    dice = Random(f"drive {seed} {length_s:g}")
    if dice.random() >= DRIVE_SHARE:
        return ()
    found = []
    for _ in range(dice.choice((1, 1, 2))):
        from_s = dice.uniform(15, length_s - HEAL_S - 20)
        found.append(DriveFault(woe=dice.choice(WOES), from_s=from_s,
                                until_s=min(from_s + dice.uniform(2, 60), length_s - HEAL_S)))
    return tuple(sorted(found, key=lambda fault: fault.from_s))


def draw_mishaps(seed: int, length_s: float) -> tuple[Mishap, ...]:
    """Draw what happens to the machine, for a quarter of the seeds; by dice of its own."""
    dice = Random(f"mishaps {seed} {length_s:g}")
    if dice.random() >= MISHAP_SHARE:
        return ()
    found = [Mishap(what=dice.choice(WHATS), at_s=dice.uniform(20, length_s - HEAL_S),
                    seconds=dice.choice((0.8, 3.0, 20.0, 70.0))) for _ in range(dice.choice((1, 1, 2)))]
    return tuple(sorted(found, key=lambda mishap: mishap.at_s))


def troubles_s(plot: Plot) -> list[tuple[float, float]]:
    """Give the times, in seconds, in which a fault that can hinder orders or answers is on, or still felt."""
    found = []
    for spec in plot.faults.faults:
        if hinders(spec):
            until_s = plot.length_s if spec.until_s is None else spec.until_s
            found.append((spec.from_s, until_s + _LINGERS_S.get(spec.name, _AFTER_S)))
    return found


def hinders(spec: FaultSpec) -> bool:
    """Tell whether a fault can hinder orders or their answers; faults of prices alone cannot."""
    return spec.name not in _HARMLESS and (FAULTS[spec.name].act is not None or surfaces_of(spec) != {"market"})


def write_plot(path: Path, plot: Plot) -> None:
    """Keep a plot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(plot), indent=1) + b"\n")


def read_plot(path: Path) -> Plot:
    """Read a plot that was kept."""
    plot = msgspec.json.decode(path.read_bytes(), type=Plot)
    return msgspec.structs.replace(plot, faults=Script(seed=plot.faults.seed, faults=tuple(
        msgspec.structs.replace(spec, options={
            key: tuple(value) if isinstance(value, list) else value for key, value in spec.options.items()
        }) for spec in plot.faults.faults
    )))
