"""Living through a plot: the whole agent at a gateway, killed and started again by the one way in, in virtual time."""

import asyncio
import contextlib
import logging
import random
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.journal.pen import JournalFailed
from fabio.journal.room import NoRoom, check_room
from fabio.model.errors import ConfigError
from fabio.model.tick import Ticks
from fabio.research.reliability.chaos.gate import Drive, Gate
from fabio.research.reliability.chaos.people import ACCOUNT_ID, People
from fabio.research.reliability.chaos.plot import Kill, Plot, Point
from fabio.research.reliability.chaos.points import After, Before
from fabio.research.reliability.chaos.street import calendar, settings_of, walk
from fabio.research.reliability.chaos.watch import Breach, Watch
from fabio.research.reliability.chaos.wire import Stage, Wire
from fabio.research.reliability.faulty_disk import FaultyDisk
from fabio.research.reliability.lab import World, together
from fabio.research.reliability.virtual_time import ClockStandsStill, run_virtual
from fabio.runtime.live import LiveLife, Uncertain
from fabio.runtime.live_start import Scene, world_tag
from fabio.runtime.reopen import Ready

NS = 1_000_000_000
FLUSH_S, SAMPLE_S = 0.25, 0.5
AGAIN_S = 2.0
"""How long after a start that found the venue silent the next one is tried."""
UNAUTHORISED = 401
Say = Callable[[str], None]


class Killed(BaseException):
    """The process ended at a point of the plot; no handler of the agent may take it for its own."""


class Mismatch(msgspec.Struct):
    """A stretch in which the book held something else than the venue."""

    since_ns: int
    until_ns: int


class Living:
    """One run.

    Parameters
    ----------
    folder
        Below which each life's folder lies.
    say
        Takes a line about each thing that happens.

    Attributes
    ----------
    downs
        From a life's end until the next was ready, and how long its machine slept or it was stopped, nanoseconds.
    people
        Who acts, and what they pressed.
    """

    def __init__(self, plot: Plot, folder: Path, say: Say) -> None:
        self.plot = plot
        self.world: World
        self.watch: Watch
        self.downs: list[tuple[int, int]] = []
        self.mismatches: list[Mismatch] = []
        self.refused_starts: list[str] = []
        self.kills: list[str] = []
        self.folders: list[Path] = [folder / "life-0"]
        self.ready: Ready | None = None
        self.is_stuck = False
        self._kills = list(plot.kills)
        self._say = say
        self._wire: Wire
        self._gate: Gate
        self._drive: Drive
        self._dead = asyncio.Event()
        self._ended_ns: int | None = None
        self.people = People(self)

    # -- its end -------------------------------------------------------------------------

    def at(self, point: Point) -> None:
        """Die here if the plot wants it."""
        due = self._due_kill()
        if due is not None and due.point == point and not self._dead.is_set():
            self._die(due)

    def _due_kill(self) -> Kill | None:
        found = self._kills[0] if self._kills else None
        return found if found is not None and self.world.seconds >= found.at_s else None

    def _is_last_life(self) -> bool:
        return not (self._kills or self.plot.drive or self.people.will_stop)

    def _die(self, kill: Kill) -> None:
        """Take what a process that is gone leaves behind: the folder's bytes as the system has them."""
        self._kills.pop(0)
        self._wire.cut()
        self._gate.shut(kill.power)
        self.kills.append(f"{kill.point}, without power" if kill.power else kill.point)
        following = self.folders[-1].with_name(f"life-{len(self.folders)}")
        if self.folders[-1].exists():
            shutil.copytree(self.folders[-1], following)
        self.folders.append(following)
        self._down_s = kill.down_s
        self._dead.set()
        self.tell(f"killed: {self.kills[-1]}, away for {kill.down_s:g} s")
        raise Killed(kill.point)

    # -- its lives ------------------------------------------------------------------------

    async def run(self) -> None:
        """Live from the first start to the plot's end."""
        plot = self.plot
        ticks = walk(plot.seed, plot.market_s or plot.length_s)
        self.world = World(ticks, calendar(), switches=Switches(), script=plot.faults, settings=settings_of(plot.seed))
        self.watch = Watch(self.world.gateway, ACCOUNT_ID, self.world.now_ns)
        self.watch.is_last_life = self._is_last_life
        self._drive = Drive(plot, lambda: self.world.seconds)
        parts = {"gateway": self.world.drive, "others at the venue": self.people.others, "sampler": self._sample,
                 "machine": self._suffer}
        others = [asyncio.create_task(part(), name=name) for name, part in parts.items()]
        try:
            while self.world.seconds < plot.length_s and not self.is_stuck:
                await self._one_life()
                for task in others:
                    if task.done() and task.exception() is not None:
                        await task
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _one_life(self) -> None:
        """Start, live, and end by a kill, a stop, or the plot's end."""
        self._dead, self._down_s, self.people.stopping = asyncio.Event(), 0.0, False
        self._wire = Wire(self.world.front, self._seen)
        self._gate = Gate(FaultyDisk(self.plot.seed * 100 + len(self.folders)), self._drive,
                          lambda words: self.watch.broken("drive", words))
        try:
            await self._begin()
            if self._ended_ns is not None:
                self.downs.append((self._ended_ns, self.world.now_ns()))
                self._ended_ns = None
            assert self.ready is not None
            await self._live(self.ready)
        except Killed:
            pass
        except (TemporaryError, WireError, PermanentError, ConfigError) as error:
            if self.ready is not None:
                raise
            self.refused_starts.append(f"{type(error).__name__}: {error}")
            self.tell(f"no start: {error}")
            self._down_s = AGAIN_S
        except (JournalFailed, NoRoom) as error:
            self._without_record(error)
        except Uncertain:
            self.tell("ended while the venue was not proven flat")
        except Exception as error:  # noqa: BLE001 - as at the edge of a process
            self._crashed(error)
        finally:
            await self._let_go()
        await asyncio.sleep(self._down_s or AGAIN_S)

    def _without_record(self, error: JournalFailed | NoRoom) -> None:
        """Take the end of a life whose drive refused, and a start that such a drive does not allow."""
        if self.ready is None and not self._drive.struck and not self._drive.is_full:
            self._crashed(error)
        elif self.ready is None:
            self.refused_starts.append(f"{type(error).__name__}: {error}")
            self.watch.start_failed()
        self._down_s = AGAIN_S
        self.tell(f"no record: {error}")

    def _crashed(self, error: Exception) -> None:
        """Keep what ended the process, and where; a start that fails by itself is not tried again."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        words = f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
        self.watch.broken("crash", words)
        self.tell(f"crashed: {words}")
        self.is_stuck = self.ready is None

    async def _begin(self) -> None:
        doors = self.world.doors_through(self._wire, self._wire.dial, self._gate)
        folder = self.folders[-1]
        check_room(folder, self._gate, is_live=True)

        def witness(scene: Scene) -> None:
            self.watch.came_back(scene.back.driver.engine.state, scene.back.recovered, folder)

        starting = asyncio.create_task(self.world.begin(folder, self.tell, doors, witness), name="start")
        dying = asyncio.create_task(self._dead.wait())
        await asyncio.wait([starting, dying], return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if self._dead.is_set():
            starting.cancel()
            done = await asyncio.gather(starting, return_exceptions=True)
            if isinstance(done[0], Ready):
                _close(done[0])
            raise Killed
        self.ready = ready = await starting
        ready.sink.flush()
        self.watch.record = ready.sink if self.plot.drive else None
        self.watch.begin_life(ready.driver.engine.state, self.folders[-1], Tags(world_tag(self.folders[-1])))
        ready.driver.sinks = (Before(self.at), *ready.driver.sinks, self.watch, After(self.at))
        self.tell(f"ready: {ready.recovered.steps} steps, {ready.recovered.ticks} ticks; phase "
                  f"{ready.driver.engine.state.venue.phase}")

    async def _live(self, ready: Ready) -> None:
        life = ready.agent.life
        assert isinstance(life, LiveLife)
        end_s = self.plot.length_s

        async def lived() -> None:
            await life.live(lambda: self.people.stopping or self.world.seconds >= end_s)
            if self.people.stopping:
                await life.end(lambda why: None)

        async def wake() -> None:
            while True:
                await asyncio.sleep(0.5)
                if self.people.stopping or self.world.seconds >= end_s:
                    life.tell(Ticks.of([]))

        async def die() -> None:
            await self._dead.wait()
            raise Killed

        parts = {"life": lived, **life.tasks, "wake": wake, "kill": die, "clock": self._kill_by_time,
                 "person": self.people.arms, "operator": self.people.operates, "beat": self._beat}
        if self.plot.drive:
            parts["drive"] = self._write
        await together(parts)

    async def _let_go(self) -> None:
        """End what a process's end ends: its connections, its locks."""
        ended_ns = self.world.now_ns()
        await self._wire.hang_up()
        if self.ready is not None:
            self._ended_ns = ended_ns
            if self.people.stopping and not self._dead.is_set():
                self.ready.close()
            else:
                _close(self.ready)
            self.ready = None

    # -- who acts -------------------------------------------------------------------------

    async def _kill_by_time(self) -> None:
        while self._kills:
            await asyncio.sleep(max(self._kills[0].at_s - self.world.seconds, 0.0) + 0.05)
            self.at("time")
            if self._kills and self.world.seconds >= self._kills[0].at_s:
                return  # the next one waits for its point

    async def _beat(self) -> None:
        while True:
            assert self.ready is not None
            self.ready.sink.commit()
            if self.plot.drive:
                self.ready.agent.mind_drive(looks=True)
            await asyncio.sleep(FLUSH_S)

    async def _write(self) -> None:
        """Do what the record's thread does, in the time that the drive takes."""
        assert self.ready is not None
        sink, asked = self.ready.sink, asyncio.Event()
        sink.say = lambda words: self.tell(words[:160])
        sink.start_by_hand(asked.set)
        while True:
            await asked.wait()
            asked.clear()
            while not sink.pen.is_idle:
                await asyncio.sleep(self._drive.takes_s())
                if not sink.pen.turn():
                    break

    async def _suffer(self) -> None:
        """Let happen what happens to the machine, whether or not the agent is there."""
        for mishap in self.plot.mishaps:
            await asyncio.sleep(max(mishap.at_s - self.world.seconds, 0.0))
            self.tell(f"the machine: {mishap.what}, {mishap.seconds:g} s")
            since_ns = self.world.now_ns()
            if mishap.what == "asleep":
                self.world.sleep(mishap.seconds)
            elif mishap.what == "stopped":
                self.world.stop(mishap.seconds)
            else:
                self.world.set_clock(mishap.seconds if mishap.what == "clock_forward" else -mishap.seconds)
            if self.world.now_ns() > since_ns:
                self.downs.append((since_ns, self.world.now_ns()))

    # -- looking ---------------------------------------------------------------------------

    def _seen(self, stage: Stage, path: str, body: bytes, status: int) -> None:
        if stage == "sending":
            if self.ready is None:
                self.at("boot")
            else:
                self.watch.call(path, body)
        if path == "/api/Order/place":
            if status == UNAUTHORISED:
                self.watch.refused(body)
            self.at(stage)

    async def _sample(self) -> None:
        """Compare book and venue, twice a second."""
        contract_id = self.world.gateway.listings.streamed()[0].id
        open_now: Mismatch | None = None
        while True:
            await asyncio.sleep(SAMPLE_S)
            if self.ready is None:
                open_now = None
                continue
            state, now_ns = self.ready.driver.engine.state, self.world.now_ns()
            if not state.venue.has_orders:
                open_now = None
                continue
            position = state.markets[0].position
            book = (0 if position is None else position.size_steps) + state.venue.foreign_steps.get(0, 0)
            if book == self.world.gateway.accounts[ACCOUNT_ID].held_steps(contract_id):
                open_now = None
            elif open_now is None:
                open_now = Mismatch(now_ns, now_ns)
                self.mismatches.append(open_now)
            else:
                open_now.until_ns = now_ns

    def tell(self, words: str) -> None:
        """Tell something, with its second."""
        self._say(f"{self.world.seconds:8.2f} s  {words}")


class _Told(logging.Handler):
    """What the agent writes to its log file is told with all else."""

    def __init__(self, living: Living) -> None:
        super().__init__(logging.WARNING)
        self._living = living

    def emit(self, record: logging.LogRecord) -> None:
        self._living.tell(f"log: {record.getMessage()}")


def _close(ready: Ready) -> None:
    """Let go of a dead life's files; what it still writes goes into the folder that nobody opens again."""
    with contextlib.suppress(Exception):
        ready.sink.close()
    ready.claim.release()


@contextlib.contextmanager
def lived(plot: Plot, say: Say = lambda line: None) -> Iterator[Living]:
    """Live through a plot in a folder of its own; it is gone afterwards."""
    random.seed(plot.seed)  # the broker's and the hubs' jitter comes from the system's dice
    with tempfile.TemporaryDirectory(prefix="fabio-chaos-") as folder:
        living = Living(plot, Path(folder), say)
        told = _Told(living)
        logging.getLogger("fabio").addHandler(told)
        try:
            run_virtual(living.run())
        except ClockStandsStill as error:
            at_s = (living.world.gateway.now_ns - living.world.start_ns) / NS
            living.watch.breaches.append(Breach(rule="crash", at_s=at_s, words=str(error)))
        finally:
            logging.getLogger("fabio").removeHandler(told)
        yield living
