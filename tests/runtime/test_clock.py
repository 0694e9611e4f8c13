"""The clock of a live run: steady, never falling, and as fast as the gateway it follows."""

import asyncio
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.topstepx.rest.skew import Skew
from fabio.research.reliability.virtual_time import START_S, run_virtual
from fabio.runtime.clock import Clock, Moment
from fabio.runtime.venue import doors_of, hub_clock
from fabio.settings.load import load

BEGAN_NS = 1_780_320_000_000_000_000
S = 1_000_000_000


class Ticking:
    """A monotonic clock that a test turns."""

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def __call__(self) -> int:
        return self.ns


def test_time_goes_on_from_the_moment_it_was_told() -> None:
    world = Ticking(5 * S)
    clock = Clock(Moment(BEGAN_NS, 3 * S), monotonic_ns=world)
    assert clock.now_ns() == BEGAN_NS + 2 * S
    world.ns += 1
    assert clock.now_ns() == BEGAN_NS + 2 * S + 1
    assert clock.monotonic() == pytest.approx(2.000000001)


@pytest.mark.parametrize("rate", [0.5, 1.0, 60.0, 1000.0])
def test_a_replaying_gateways_seconds_pass_at_its_rate(rate: float) -> None:
    world = Ticking(0)
    clock = Clock(Moment(BEGAN_NS, 0), rate, world)
    world.ns = 7 * S
    assert clock.now_ns() == BEGAN_NS + int(7 * S * rate)
    assert clock.monotonic() == 7 * rate


def test_at_the_worlds_own_rate_no_nanosecond_is_rounded() -> None:
    odd_ns = 2**62 + 12_345
    clock = Clock(Moment(1, 0), monotonic_ns=Ticking(odd_ns))
    assert clock.now_ns() == odd_ns + 1


def test_time_never_falls_while_the_monotonic_clock_does_not() -> None:
    world = Ticking(0)
    clock = Clock(Moment(BEGAN_NS, 0), 59.97, world)
    before_ns = clock.now_ns()
    for _ in range(1_000):
        world.ns += 17
        assert clock.now_ns() >= before_ns
        before_ns = clock.now_ns()
    assert before_ns == BEGAN_NS + int(17_000 * 59.97)


def test_a_systems_clock_that_is_set_back_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    first_ns = clock.now_ns()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert 0 <= clock.now_ns() - first_ns < 60 * S
    assert clock.set_forward_ns == 0


def test_the_systems_clock_takes_a_sleeping_machines_time_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    first_ns = clock.now_ns()
    monkeypatch.setattr("time.time", lambda: first_ns / S + 3600.0)
    assert clock.now_ns() - first_ns == pytest.approx(3600 * S, abs=1_000_000)


class Wall:
    """A monotonic clock and a wall clock that a test turns together, or apart."""

    def __init__(self) -> None:
        self.monotonic_ns = 0
        self.wall_ns = BEGAN_NS

    def clock(self) -> Clock:
        return Clock(Moment(BEGAN_NS, 0), monotonic_ns=lambda: self.monotonic_ns, wall_s=lambda: self.wall_ns / S)

    def pass_s(self, seconds: float, asleep: bool = False) -> None:
        self.wall_ns += int(seconds * S)
        self.monotonic_ns += 0 if asleep else int(seconds * S)


def test_after_a_sleep_it_is_as_late_as_the_world_and_its_own_seconds_are_those_that_were_awake(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = Wall()
    clock = world.clock()
    world.pass_s(60.0)
    world.pass_s(3600.0, asleep=True)
    assert clock.now_ns() == pytest.approx(BEGAN_NS + 3660 * S, abs=1000)
    assert clock.set_forward_ns == pytest.approx(3600 * S, abs=1000)
    assert "set forward by 3600.0 s" in caplog.text
    assert clock.monotonic() == 60.0
    world.pass_s(5.0)
    assert clock.now_ns() == pytest.approx(BEGAN_NS + 3665 * S, abs=1000)
    assert caplog.text.count("set forward") == 1


@pytest.mark.parametrize("ahead_s", [-86_400.0, -1.0, 0.0, 0.9])
def test_a_wall_clock_that_is_behind_or_hardly_ahead_moves_nothing(ahead_s: float) -> None:
    world = Wall()
    clock = world.clock()
    world.pass_s(10.0)
    world.wall_ns += int(ahead_s * S)
    assert clock.now_ns() == BEGAN_NS + 10 * S
    assert clock.wall_s() == pytest.approx((BEGAN_NS + 10 * S) / S + ahead_s)


@given(st.lists(st.tuples(st.floats(0.0, 5000.0), st.booleans(), st.floats(-9000.0, 9000.0)), max_size=30))
def test_whatever_is_done_to_the_wall_clock_time_never_falls_and_is_never_a_second_behind_it(
    story: list[tuple[float, bool, float]],
) -> None:
    world = Wall()
    clock = world.clock()
    before_ns = clock.now_ns()
    for seconds, asleep, set_s in story:
        world.pass_s(seconds, asleep)
        world.wall_ns += int(set_s * S)
        now_ns = clock.now_ns()
        assert now_ns >= before_ns + (0 if asleep else int(seconds * S))
        assert now_ns >= world.wall_ns - S - 1000
        before_ns = now_ns


def test_a_clock_that_was_told_what_time_it_is_has_no_wall() -> None:
    world = Ticking(0)
    clock = Clock(Moment(BEGAN_NS, 0), 60.0, world)
    world.ns = S
    assert clock.wall_s() == (BEGAN_NS + 60 * S) / S
    assert clock.set_forward_ns == 0


def test_the_venues_clock_is_measured_against_the_runtime_clock() -> None:
    settings = load(environment={"TOPSTEP_USERNAME": "demo", "TOPSTEP_API_KEY": "0123456789abc"}, directory=Path("/"))
    world = Wall()
    clock = world.clock()
    world.wall_ns -= 3600 * S  # the wall is wrong, the runtime clock is not
    clocks = doors_of(settings).open_rest(clock)._transport.clock
    skew = Skew()
    skew.update(formatdate(BEGAN_NS // S, usegmt=True), clocks.wall_s(), clocks.wall_s())
    assert skew.get() == pytest.approx(0.5)
    assert hub_clock(clock).wall_s is not None


@pytest.mark.parametrize(("seconds", "rate", "waited_s"), [(30.0, 60.0, 0.5), (2.0, 1.0, 2.0), (-1.0, 60.0, 0.0)])
def test_a_wait_is_of_its_own_seconds(seconds: float, rate: float, waited_s: float) -> None:
    async def story() -> float:
        await Clock(rate=rate).sleep(seconds)
        return asyncio.get_running_loop().time() - START_S

    assert run_virtual(story()) == pytest.approx(waited_s, abs=1e-6)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_clock_that_stands_or_runs_back_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=f"the rate is {rate}"):
        Clock(rate=rate)
