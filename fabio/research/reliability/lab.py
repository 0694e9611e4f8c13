"""The whole live agent against the simulated gateway, in one process and in virtual time."""

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from fabio.adapters.gateway.core import Gateway, Stream
from fabio.adapters.gateway.faults.layer import Faults
from fabio.adapters.gateway.faults.script import Script
from fabio.adapters.gateway.front import Front
from fabio.adapters.gateway.inprocess import Dial, Transport
from fabio.adapters.gateway.pace import wait_for
from fabio.adapters.gateway.plan import AccountPlan, GatewayPlan, Switches, exact_switches
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.rest.session import open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock as RestClock
from fabio.adapters.topstepx.signalr.link import Dial as Dials
from fabio.engine.seams import NamedGuard, NamedStrategy
from fabio.journal.exchanges import Exchange
from fabio.journal.inbox import Request
from fabio.journal.sync import SYSTEM, Disk
from fabio.model.signal import Signal
from fabio.model.step import Step
from fabio.model.strategy import StrategyState
from fabio.model.tick import Ticks
from fabio.model.view import View, Wake
from fabio.research.reliability.virtual_time import VirtualLoop
from fabio.runtime.clock import Clock, Moment
from fabio.runtime.demo import Demo
from fabio.runtime.life import Watcher
from fabio.runtime.live import LiveLife
from fabio.runtime.live_start import Scene, open_scene, past_market, ready
from fabio.runtime.reopen import Ready, RunPlan
from fabio.runtime.venue import Doors, ask_past, look
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import Settings, load

SECOND_NS = 1_000_000_000
BEFORE_NS = 2 * SECOND_NS
"""The gateway opens this long before the first tick, so that everybody is connected by then."""
FLOAT_NS = 50
LIVE_SETTINGS = ("account.loss_floor=48000", "account.as_of=2026-05-29")


class Keep:
    """A sink that keeps steps in memory."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        pass

    def exchange(self, exchange: Exchange) -> None:
        pass

    def step(self, step: Step, body: bytes) -> None:
        self.steps.append(step)

    def facts(self, *kinds: type) -> list[Any]:
        """All facts of these kinds, in order."""
        return [fact for step in self.steps for fact in step.facts if isinstance(fact, kinds)]


class Often:
    """A strategy that enters at every bar while it is flat, long and short by turns.

    `distance_ticks`: of stop and target, from the last price.
    """

    triggers = Wake.BAR_CLOSED

    def __init__(self, name: str = "often", distance_ticks: int = 40) -> None:
        self._name = name
        self._distance_ticks = distance_ticks
        self._side = 1

    def propose(self, view: View) -> Signal | None:
        if view.position is not None or view.recent.working_entries:
            return None
        self._side = -self._side
        last, away = view.stats.last_ticks, self._distance_ticks * self._side
        return Signal(
            strategy=self._name, setup="test", side=self._side, entry_ticks=last, stop_ticks=last - away,
            target_ticks=last + away, confidence=0.9, reason="every bar",
        )


class Dressed(Settings):
    """Settings whose strategies are not from files: they stay, whatever values a folder's record brings back."""

    def with_values(
        self, values: Mapping[str, str], sections: Collection[str] | None = None, *, over_command_line: bool = True,
    ) -> Settings:
        """Give these settings with others' values, and the same strategies and guards."""
        found = super().with_values(values, sections, over_command_line=over_command_line)
        return dressed(found, self.strategies, self.guards)


def dressed(
    settings: Settings, strategies: tuple[NamedStrategy, ...], guards: tuple[NamedGuard, ...],
) -> Settings:
    """Give settings with these strategies and guards."""
    parts = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return Dressed(**{**parts, "strategies": strategies, "guards": guards})


def trading_often(settings: Settings) -> Settings:
    """Replace strategies and guards by one that always trades."""
    state = StrategyState(max_trades_per_session=1000, min_rr=0.5)
    return dressed(settings, (NamedStrategy(name="often", part=Often(), state=state),), ())


class LabTime:
    """The world's time, as those who carry the gateway's bytes see it; they wait by the agent's clock."""

    def __init__(self, clock: Clock, now_ns: Callable[[], int]) -> None:
        self._clock = clock
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Tell what time it is."""
        return self._now_ns()

    def wait_s(self, due_ns: int) -> float:
        """Give the loop's time until a moment; a little more, as seconds are floats."""
        return (max(due_ns - self._now_ns(), 0) + 1000) / SECOND_NS

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds."""
        await self._clock.sleep(seconds)


class World:
    """A gateway with a tape, and the doors to it; to be made inside a virtual loop.

    Parameters
    ----------
    settings
        What the agent is configured with; None for the defaults, or one strategy that trades `often`.
    """

    def __init__(
        self, ticks: Ticks, demo: Demo, *, switches: Switches | None = None, script: Script | None = None,
        often: bool = False, settings: Settings | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._demo = demo
        if settings is None:
            settings = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)
        self.settings = trading_often(settings) if often else settings
        self.start_ns = int(ticks.ts_recv_ns[0]) - BEFORE_NS
        self._loop, self._since_s = loop, loop.time()
        self._read_s, self._read_ns = self._since_s, 0  # the loop's time as it was read last, in both units
        self._event_ns = 0
        self._slept_ns = self._set_ns = 0
        plan = GatewayPlan(accounts=(AccountPlan(limits=self.settings.account),), assumptions=self.settings.exchange,
                           switches=exact_switches() if switches is None else switches)
        self.gateway = Gateway(plan, [demo.instrument], [Stream(instrument=demo.instrument, table=demo.table)],
                               self.start_ns)
        self.gateway.supply(ticks)
        self.clock = Clock(Moment(self.start_ns, self._monotonic_ns()), monotonic_ns=self._monotonic_ns,
                           wall_s=lambda: (self.now_ns() + self._set_ns) / SECOND_NS)
        self.front = Front(self.gateway, Faults(self.gateway, script), LabTime(self.clock, self.now_ns))
        self.doors = self.doors_through(Transport(self.front), Dial(self.front))

    @property
    def seconds(self) -> float:
        """How long the gateway has been open."""
        return (self.now_ns() - self.start_ns) / SECOND_NS

    def now_ns(self) -> int:
        """Tell what time it is in the world; the agent's clock need not know."""
        return self.start_ns + self._monotonic_ns() + self._slept_ns

    def sleep(self, seconds: float) -> None:
        """Let the agent's machine have slept so long: the world went on, its monotonic clock did not."""
        self._slept_ns += int(seconds * SECOND_NS)

    def stop(self, seconds: float) -> None:
        """Let the agent's process have been stopped so long: all clocks went on."""
        assert isinstance(self._loop, VirtualLoop)
        self._loop.jump(seconds)

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock of the agent's machine forward, or back."""
        self._set_ns += int(seconds * SECOND_NS)

    def doors_through(self, carrier: httpx.AsyncBaseTransport, dial: Dials, disk: Disk = SYSTEM) -> Doors:
        """Give doors that lead through somebody's wires."""
        def rest(clock: Clock) -> Rest:
            clocks = RestClock(monotonic_s=clock.monotonic, wall_s=lambda: clock.now_ns() / SECOND_NS)
            who = Credentials("demo", SecretStr("0123456789"))
            return open_rest("http://127.0.0.1", who, clocks, random.Random(1).random, carrier=carrier)

        return Doors(rest, dial, disk)

    def _monotonic_ns(self) -> int:
        """Give the loop's time; at an event of the gateway its own, as floats add up to a nanosecond or two."""
        now_s = self._loop.time()
        if now_s != self._read_s:
            self._read_s, self._read_ns = now_s, round((now_s - self._since_s) * 1e9)
        return self._event_ns if abs(self._read_ns - self._event_ns) < FLOAT_NS else self._read_ns

    async def drive(self) -> None:
        """Let the gateway live through its time, event by event; what a call brings about may come before all else."""
        loop, earlier = asyncio.get_running_loop(), asyncio.Event()
        self.gateway.on_earlier = earlier.set
        while True:
            earlier.clear()
            due_ns = self.gateway.next_due_ns()
            now_ns = self.now_ns()
            if due_ns > now_ns + FLOAT_NS:
                await wait_for(earlier, loop.time() + min((due_ns - now_ns) / 1e9, 1.0))
                continue
            self._event_ns = due_ns - self.start_ns - self._slept_ns
            self.gateway.advance(due_ns)
            await asyncio.sleep(0)

    async def begin(
        self, folder: Path, say: Callable[[str], None] = lambda line: None, doors: Doors | None = None,
        witness: Callable[[Scene], None] = lambda scene: None, apart: bool = False,
    ) -> Ready:
        """Start an agent at the gateway, observing; the one way in, for a first start as for any other.

        `witness` is shown what came back of the folder's past. `apart` puts the agent together in another thread, as
        one with a model has to be: its client is warmed up in a loop of its own.
        """
        doors = self.doors if doors is None else doors
        instrument = instrument_of(self.settings, "MNQ")
        sight = await look(doors, self.settings.topstepx, instrument, lambda now_ns: self._demo.table, self.clock)
        plan = RunPlan(logs=folder, mode="live", feed="topstepx")
        scene = open_scene(plan, self.settings, doors, sight, say)
        try:
            witness(scene)
            past = await ask_past(doors, sight, past_market(scene))
            return await asyncio.to_thread(ready, scene, past, say) if apart else ready(scene, past, say)
        except BaseException:
            scene.back.sink.close()
            scene.held.release()
            raise

    async def live(self, ready: Ready, until_ns: int, story: Callable[[Ready], Awaitable[Any]]) -> None:
        """Live until a time of the clock, while the story goes on; whoever fails ends it."""
        life = ready.agent.life
        stopping = False
        assert isinstance(life, LiveLife)

        async def stop() -> None:
            nonlocal stopping
            while self.clock.now_ns() < until_ns:
                await asyncio.sleep(0.5)
            stopping = True
            life.tell(Ticks.of([]))

        async def tell_story() -> None:
            await story(ready)

        await together({"life": lambda: life.live(lambda: stopping), **life.tasks, "story": tell_story, "stop": stop})


async def together(parts: Mapping[str, Watcher]) -> None:
    """Let root tasks run until the one named `life` ends, or one of them fails."""
    tasks = {name: asyncio.create_task(part(), name=name) for name, part in parts.items()}
    try:
        while not tasks["life"].done():
            await asyncio.wait([task for task in tasks.values() if not task.done()],
                               return_when=asyncio.FIRST_COMPLETED)
            for task in tasks.values():
                failure = task.exception() if task.done() else None
                if failure is not None:
                    raise failure
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def arm(ready: Ready) -> tuple[str, str]:
    """Arm as a person does, again and again until the venue is ready."""
    life = ready.agent.life
    name = "PRAC-V2-20418-73510264"
    said = ("", "")
    for number in range(60):
        said = await life.answer(Request(id=f"arm-{number}", ts_ns=0, verb="arm", name=name))
        if said[0] == "done":
            break
        await asyncio.sleep(0.5)
    return said
