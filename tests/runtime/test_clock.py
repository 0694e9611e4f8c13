"""The clock of a live run: steady, never falling, and as fast as the gateway it follows."""

import asyncio

import pytest

from fabio.research.reliability.virtual_time import START_S, run_virtual
from fabio.runtime.clock import Clock, Moment

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


def test_a_step_of_the_systems_clock_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    first_ns = clock.now_ns()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert 0 <= clock.now_ns() - first_ns < 60 * S


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
