"""The course of a supervised process: every edge of its states, in virtual time, without a process."""

import signal
from typing import Any

import pytest

from fabio.runtime.supervise.acts import Act, Exposure, Halt, Page, Say, Seen, Send, Start
from fabio.runtime.supervise.course import BUSY, DUMP_S, ELSEWHERE_S, UNREACHED, WEDGED_STOP_S, Course
from fabio.runtime.supervise.definition import Definition, Heartbeat, Restart, Schedule
from fabio.runtime.supervise.lived import Lived

BEATS = Heartbeat(file="beat", limit_s=8, start_s=100)
LOOK_S = 0.25


class World:
    """A course with a process that does what the test says; time passes in looks."""

    def __init__(self, **changes: Any) -> None:
        fields = {"command": ("x",), "heartbeat": BEATS, "stop_s": 30.0, **changes}
        self.course = Course(Definition(**fields), lambda: 0.0)
        self.now_s = 0.0
        self.running = False
        self.beating = True
        self.memory_mb = 50.0
        self.exposure: Exposure = "flat"
        self.may_start = True
        self.asked = False
        self.starts_s: list[float] = []
        self.signals: list[tuple[float, int]] = []
        self.acts: list[Act] = []
        self.code: int | None = None
        self.dies_at_once: int | None = None

    def look(self) -> list[Act]:
        return self.do(self.course.look(Seen(
            now_s=self.now_s, running=self.running, code=self.code, beat=self.running and self.beating,
            memory_mb=self.memory_mb, may_start=self.may_start, exposure=self.exposure, asked=self.asked)))

    def do(self, acts: list[Act]) -> list[Act]:
        for act in acts:
            if isinstance(act, Start):
                self.starts_s.append(round(self.now_s, 3))
                self.running, self.code = self.dies_at_once is None, self.dies_at_once
            if isinstance(act, Send):
                self.signals.append((round(self.now_s, 3), act.number))
        self.acts += acts
        return acts

    def end(self, code: int | None) -> list[Act]:
        self.running, self.code = False, code
        return self.look()

    def live(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK_S)):
            self.now_s += LOOK_S
            self.look()

    def ready(self) -> "World":
        self.look()
        self.live(LOOK_S)
        assert self.course.state == "ready"
        return self

    def said(self, kind: type = Say) -> list[str]:
        return [act.text for act in self.acts if isinstance(act, kind)]


def pauses(world: World) -> list[float]:
    """From each death of a process that dies at its first look to the next start, in whole looks."""
    return [later - earlier - LOOK_S
            for earlier, later in zip(world.starts_s, world.starts_s[1:], strict=False)]


def test_it_starts_at_once_and_is_ready_with_the_first_beat() -> None:
    world = World()
    world.beating = False
    assert world.look() == [Start()]
    world.live(5)
    assert world.course.state == "starting"
    world.beating = True
    world.live(LOOK_S)
    assert world.course.state == "ready"
    assert "ready after 5.2 s" in world.said()


def test_it_waits_for_its_turn() -> None:
    world = World()
    world.may_start = False
    world.live(3)
    assert (world.course.state, world.starts_s) == ("waiting", [])
    world.may_start = True
    world.live(LOOK_S)
    assert world.course.state == "starting"


def test_without_a_heartbeat_it_is_ready_once_it_has_lived_for_a_while() -> None:
    world = World(heartbeat=None, restart=Restart(settled_s=5))
    world.look()
    world.live(4.75)
    assert world.course.state == "starting"
    world.live(0.5)
    assert world.course.state == "ready"
    world.live(10_000 * LOOK_S)
    assert world.signals == []


def test_deaths_before_ready_are_answered_by_growing_pauses_and_the_fifth_ends_them() -> None:
    world = World()
    world.dies_at_once = 1
    world.look()
    world.live(120)
    assert pauses(world) == [1.0, 2.0, 4.0, 8.0]
    assert world.course.state == "stopped"
    assert "5 deaths before it was ready, within 600 s" in world.course.note
    assert len(world.said(Page)) == 5  # every death is paged, and so is the end
    assert not any(isinstance(act, Halt) for act in world.acts)
    world.live(10_000)
    assert len(world.starts_s) == 5


@pytest.mark.parametrize(("deaths", "starts"), [(1, 1), (4, 4), (6, 6)])
def test_the_number_of_deaths_is_the_one_that_is_set(deaths: int, starts: int) -> None:
    world = World(restart=Restart(deaths=deaths))
    world.dies_at_once = 1
    world.look()
    world.live(300)
    assert len(world.starts_s) == starts


def test_pauses_do_not_grow_beyond_the_longest_and_old_deaths_are_forgotten() -> None:
    world = World(restart=Restart(deaths=5, window_s=100, longest_pause_s=60))
    world.dies_at_once = 1
    world.look()
    world.live(1000)
    assert pauses(world) == [1.0, 2.0, 4.0, 8.0]  # these five lie within 100 s
    assert world.course.state == "stopped"
    spread = World(restart=Restart(deaths=5, window_s=10, longest_pause_s=60))
    spread.dies_at_once = 1
    spread.look()
    spread.live(1000)
    assert pauses(spread)[:9] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert spread.course.state == "waiting"  # five never lie within 10 s


def test_a_death_after_ready_is_no_part_of_a_crash_loop() -> None:
    world = World()
    for _ in range(20):
        world.ready()
        world.end(-signal.SIGKILL)
        world.live(61)
        if world.course.state == "waiting":
            world.live(5)
    assert world.course.state != "stopped"
    assert world.course.last_exit == "killed by SIGKILL"


def test_pauses_begin_anew_once_it_has_settled() -> None:
    world = World(restart=Restart(settled_s=60))
    world.ready().end(1)
    world.live(1.0)
    world.live(2 * LOOK_S)  # ready again
    world.end(1)
    assert round(world.course.start_at_s - world.now_s, 3) == 2.0
    world.live(2 + 59)
    world.end(1)
    assert round(world.course.start_at_s - world.now_s, 3) == 4.0
    world.live(4 + 62)
    world.end(1)
    assert round(world.course.start_at_s - world.now_s, 3) == 1.0


@pytest.mark.parametrize("exposure", ["open", "unknown"])
def test_a_crash_loop_with_something_held_is_halted_and_goes_on_coming_back(exposure: Exposure) -> None:
    world = World()
    world.dies_at_once, world.exposure = 1, exposure
    world.look()
    world.live(1000)
    halts = [act for act in world.acts if isinstance(act, Halt)]
    assert len(halts) == 1
    assert "crash loop" in halts[0].reason
    assert world.course.reducing
    assert pauses(world)[:7] == [1.0, 2.0, 4.0, 8.0, 60.0, 60.0, 60.0]
    loop = [text for text in world.said(Page) if "to reduce only" in text]
    assert len(loop) == 1
    world.dies_at_once = None
    world.live(61)
    world.live(62)
    assert (world.course.state, world.course.reducing) == ("ready", False)


def test_a_reducing_one_that_says_it_is_flat_is_given_up() -> None:
    world = World()
    world.dies_at_once, world.exposure = 1, "open"
    world.look()
    world.live(100)
    assert world.course.reducing
    world.exposure = "flat"
    world.live(61)
    assert (world.course.state, world.course.reducing) == ("stopped", False)


def test_silence_is_noticed_within_its_limit_and_stacks_come_before_the_end() -> None:
    world = World().ready()
    world.live(30)
    silent_s = world.now_s
    world.beating = False
    world.live(10)
    assert [number for _, number in world.signals] == [signal.SIGUSR1, signal.SIGTERM]
    noticed_s, term_s = (at_s - silent_s for at_s, _ in world.signals)
    assert 8 < noticed_s <= 8.4
    assert DUMP_S <= term_s - noticed_s <= DUMP_S + LOOK_S + 0.01
    world.live(WEDGED_STOP_S)
    assert world.signals[-1][1] == signal.SIGKILL
    world.end(-signal.SIGKILL)
    assert world.course.state == "waiting"
    assert "no heartbeat" in world.said(Page)[-1]
    world.beating = True
    world.live(1.4)
    assert world.course.state == "ready"
    assert "no heartbeat" in world.course.last_exit


def test_silence_at_the_limit_is_allowed() -> None:
    world = World().ready()
    world.beating = False
    world.live(8)
    assert world.signals == []
    world.beating = True
    world.live(LOOK_S)
    world.beating = False
    world.live(8)
    assert world.signals == []


def test_a_machine_that_slept_makes_nobody_look_wedged() -> None:
    clock_s = [0.0]
    lived = Lived(lambda: clock_s[0], 1.0)
    world = World().ready()
    for _ in range(8):  # asleep for an hour, awake for a look: eight times
        clock_s[0] += 3600
        world.now_s = LOOK_S + lived.now_s()
        world.beating = False
        world.look()
    assert world.signals == []


def test_one_that_never_gets_ready_is_stopped_and_that_is_a_death_before_ready() -> None:
    world = World(heartbeat=Heartbeat(file="beat", start_s=10), restart=Restart(deaths=1))
    world.beating = False
    world.look()
    world.live(10)
    assert world.signals == []
    world.live(LOOK_S)
    assert [number for _, number in world.signals] == [signal.SIGTERM]  # no stacks: nobody listens for that yet
    world.end(-signal.SIGTERM)
    assert world.course.state == "stopped"


@pytest.mark.parametrize(("memory_mb", "stops"), [(99.9, False), (100.0, False), (100.1, True)])
def test_more_memory_than_allowed_means_a_graceful_stop_and_a_start(memory_mb: float, stops: bool) -> None:
    world = World(memory_limit_mb=100.0).ready()
    world.memory_mb = memory_mb
    world.live(29)
    assert [number for _, number in world.signals] == ([signal.SIGTERM] if stops else [])
    if stops:
        world.live(2)
        assert world.signals[-1][1] == signal.SIGKILL
        world.memory_mb = 50.0
        world.end(0)  # ended in order, but nobody had wanted it to end
        world.live(2)
        assert world.course.state == "ready"


def test_no_limit_means_any_memory() -> None:
    world = World().ready()
    world.memory_mb = 1e9
    world.live(5)
    assert world.signals == []


def test_a_stop_waits_for_the_grace_and_then_kills() -> None:
    world = World(stop_s=7.0).ready()
    began_s = world.now_s
    world.do(world.course.ask_stop(world.now_s, "the supervisor ends"))
    world.live(20)
    assert [(round(at_s - began_s, 1), number) for at_s, number in world.signals] == [
        (0.0, signal.SIGTERM), (7.0, signal.SIGKILL)]
    world.end(-signal.SIGKILL)
    world.live(100)
    assert (world.course.state, len(world.starts_s)) == ("stopped", 1)


def test_a_stop_of_one_that_waits_needs_no_signal() -> None:
    world = World().ready()
    world.end(1)
    assert world.course.state == "waiting"
    assert world.course.ask_stop(world.now_s, "gone") == []
    world.live(100)
    assert (world.course.state, world.signals) == ("stopped", [])


def test_a_stop_overrules_the_restart_that_is_under_way() -> None:
    world = World(memory_limit_mb=100.0).ready()
    world.memory_mb = 200.0
    world.live(LOOK_S)
    assert world.course.state == "stopping"
    assert world.course.ask_stop(world.now_s, "the supervisor ends") == []
    world.end(0)
    assert world.course.state == "stopped"
    world.do(world.course.ask_restart(world.now_s, "x.py has changed"))
    world.look()
    assert world.course.state == "starting"


def test_a_restart_asked_for_is_no_death_and_has_no_pause() -> None:
    world = World(restart=Restart(deaths=1)).ready()
    for _ in range(5):
        world.do(world.course.ask_restart(world.now_s, "x.py has changed"))
        assert world.do(world.course.ask_restart(world.now_s, "y.py has changed")) == []
        world.end(0)
        world.look()
        world.live(LOOK_S)
        assert world.course.state == "ready"
    assert world.said(Page) == []
    assert len(world.starts_s) == 6


def test_changed_python_gives_one_that_was_given_up_another_chance() -> None:
    world = World(restart=Restart(deaths=2))
    world.dies_at_once = 1
    world.look()
    world.live(100)
    assert world.course.state == "stopped"
    world.dies_at_once = None
    world.do(world.course.ask_restart(world.now_s, "x.py has changed"))
    world.live(1)
    assert world.course.state == "ready"


@pytest.mark.parametrize(("when", "code", "restarts"), [
    ("failure", 0, False), ("failure", 1, True), ("failure", -9, True), ("failure", None, True),
    ("always", 0, True), ("always", 1, True), ("never", 0, False), ("never", 1, False),
])
def test_the_policy_says_what_follows_an_end(when: Any, code: int | None, restarts: bool) -> None:
    world = World(restart=Restart(when=when)).ready()
    world.end(code)
    world.live(2)
    assert (len(world.starts_s) == 2) == restarts


def test_one_that_somebody_stopped_stays_away_whatever_the_policy() -> None:
    world = World(restart=Restart(when="always")).ready()
    world.asked = True
    world.end(0)
    world.live(1000)
    assert (world.course.state, world.course.note) == ("stopped", "was asked to end")


def test_one_that_runs_under_somebody_else_is_left_alone_and_is_no_crash_loop() -> None:
    world = World()
    world.dies_at_once, world.beating = BUSY, False
    world.look()
    world.live(ELSEWHERE_S * 20)
    assert world.course.elsewhere
    assert 19 <= len(world.starts_s) <= 21
    assert [text for text in world.said() if "somebody else" in text] == [
        f"runs already, under somebody else: left alone, looked at again every {ELSEWHERE_S:g} s"]
    assert world.said(Page) == []
    world.dies_at_once, world.beating = None, True
    world.live(ELSEWHERE_S + 1)
    assert (world.course.state, world.course.elsewhere) == ("ready", False)


def test_an_outage_at_the_start_is_no_crash_loop_and_is_paged_once() -> None:
    world = World()
    world.dies_at_once, world.exposure = UNREACHED, "unknown"
    world.look()
    world.live(3600)
    assert pauses(world)[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert len(world.starts_s) > 60
    assert (len(world.said(Page)), world.course.reducing) == (1, False)
    world.dies_at_once = None
    world.live(61)
    assert world.course.state == "ready"
    world.end(UNREACHED)  # after ready it is a death like any other
    assert "has died: exit code 5" in world.said(Page)[-1]


def test_exit_code_6_after_ready_is_a_death_like_any_other() -> None:
    world = World().ready()
    world.end(BUSY)
    assert not world.course.elsewhere
    assert len(world.said(Page)) == 1


def test_a_scheduled_one_runs_when_it_is_due_and_its_failure_waits_for_the_next_time() -> None:
    world = World(heartbeat=None, schedule=Schedule(every_hours=1), restart=Restart(deaths=1))
    world.may_start = False
    world.live(5)
    assert world.starts_s == []
    for _ in range(3):
        world.may_start = True
        world.live(LOOK_S)
        world.may_start = False
        world.live(5)
        assert world.course.state == "ready"
        world.end(1)
        world.live(100)
        assert world.course.state == "waiting"
    assert (len(world.starts_s), world.said(Page)) == (3, [])


def test_a_scheduled_one_that_does_not_end_is_stopped() -> None:
    world = World(heartbeat=None, schedule=Schedule(every_hours=1, limit_s=10))
    world.look()
    world.may_start = False
    world.live(10)
    assert world.signals == []
    world.live(1)
    assert [number for _, number in world.signals] == [signal.SIGTERM]
    world.end(-signal.SIGTERM)
    assert world.course.state == "waiting"


def test_a_second_ctrl_c_kills_what_does_not_end() -> None:
    world = World().ready()
    assert world.course.ask_kill() == []
    world.do(world.course.ask_stop(world.now_s, "the supervisor ends"))
    assert world.course.ask_kill() == [Send(signal.SIGKILL)]


def test_pauses_are_jittered_and_never_longer_than_said() -> None:
    shares = iter([0.0, 0.5, 0.999])
    course = Course(Definition(command=("x",)), lambda: next(shares))
    found = []
    for number in range(3):
        course.look(Seen(now_s=1000.0 * number, running=False))
        course.look(Seen(now_s=1000.0 * number, running=False, code=1))
        found.append(course.start_at_s - 1000.0 * number)
    assert found[0] == 1.0
    assert found[1] == pytest.approx(2 * (1 - 0.125))
    assert 3.0 < found[2] < 4.0


@pytest.mark.parametrize(("was_ready", "noticed_s"), [(True, 8.25), (False, 100.25)])
def test_one_that_was_taken_over_has_to_beat_as_before(was_ready: bool, noticed_s: float) -> None:
    world = World()
    world.course.adopt(0.0, was_ready=was_ready)
    world.running, world.beating = True, False
    world.live(noticed_s - LOOK_S)
    assert world.signals == []
    world.live(LOOK_S)
    assert world.course.state == "stopping"
    assert world.starts_s == []
