"""Rates: no window holds more than its share, exits go first, a 429 is met with patience (H25, I34)."""

import asyncio
from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fabio.adapters.topstepx.errors import NeverLeft
from fabio.adapters.topstepx.rest.buckets import GENERAL_LIMIT, HISTORY_LIMIT, QUEUE_LIMIT, Gate, Limit, Urgency, Window
from fabio.research.reliability.virtual_time import START_S, run_virtual

ARRIVALS = some.lists(
    some.tuples(some.floats(0.0, 8.0), some.sampled_from(Urgency)), min_size=1, max_size=120
)
LIMITS = some.builds(
    lambda calls, window_s, kept: Limit(calls, window_s, min(kept, calls - 1)),
    some.integers(2, 12), some.floats(0.5, 10.0), some.integers(0, 5),
)


def busiest(times: list[float], window_s: float) -> int:
    """The most calls that any window holds, both of its ends included."""
    times = sorted(times)
    return max((bisect_right(times, start + window_s) - index for index, start in enumerate(times)), default=0)


def departures(limit: Limit, arrivals: list[tuple[float, Urgency]]) -> list[tuple[float, Urgency]]:
    async def story() -> list[tuple[float, Urgency]]:
        loop = asyncio.get_running_loop()
        gate = Gate(limit, loop.time)
        left: list[tuple[float, Urgency]] = []

        async def caller(pause_s: float, urgency: Urgency) -> None:
            await asyncio.sleep(pause_s)
            await gate.take(urgency)
            left.append((loop.time(), urgency))

        await asyncio.gather(*(caller(*arrival) for arrival in arrivals))
        return left

    return run_virtual(story())


@given(LIMITS, ARRIVALS)
def test_h25_no_window_ever_holds_more_than_the_limit_and_the_reserve_is_for_exits(
    limit: Limit, arrivals: list[tuple[float, Urgency]]
) -> None:
    left = departures(limit, arrivals)
    assert len(left) == len(arrivals)
    times = [at_s for at_s, _ in left]
    assert busiest(times, limit.window_s) <= limit.calls
    for at_s, urgency in left:
        if urgency is not Urgency.PROTECT:
            before = [other for other in times if at_s - limit.window_s <= other < at_s]
            assert len(before) < limit.calls - limit.reserve


@given(ARRIVALS.map(lambda arrivals: [(0.0, urgency) for _, urgency in arrivals]))
def test_who_waits_leaves_by_urgency_and_then_in_the_order_of_arrival(
    arrivals: list[tuple[float, Urgency]]
) -> None:
    async def story() -> list[tuple[Urgency, int]]:
        gate = Gate(Limit(2, 1.0), asyncio.get_running_loop().time)
        for _ in range(2):
            await gate.take(Urgency.ASK)  # from here on all have to wait
        left: list[tuple[Urgency, int]] = []

        async def caller(number: int, urgency: Urgency) -> None:
            await gate.take(urgency)
            left.append((urgency, number))

        await asyncio.gather(*(caller(number, urgency) for number, (_, urgency) in enumerate(arrivals)))
        return left

    left = run_virtual(story())
    assert left == sorted(left)


@given(LIMITS, some.lists(some.tuples(some.sampled_from(["spend", "429", "ok"]), some.floats(0.0, 20.0)), max_size=60))
def test_an_exit_never_waits_longer_than_anything_else(limit: Limit, happenings: list[tuple[str, float]]) -> None:
    window, now_s = Window(limit), 0.0
    for what, pause_s in happenings:
        now_s += pause_s
        if what == "spend":
            window.spend(now_s)
        elif what == "429":
            window.limited(now_s, now_s + 0.1, None)
        else:
            window.passed(now_s)
        exit_s = window.wait_s(now_s, Urgency.PROTECT)
        assert 0 <= exit_s <= window.wait_s(now_s, Urgency.TRADE) == window.wait_s(now_s, Urgency.ASK)
        assert exit_s <= max(limit.window_s + 0.01, 5.2)


def test_of_a_thousand_calls_at_once_140_leave_and_20_places_stay_for_exits() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        gate = Gate(GENERAL_LIMIT, loop.time)
        left: list[float] = []

        async def caller(urgency: Urgency) -> None:
            await gate.take(urgency)
            left.append(loop.time())

        ordinary = [asyncio.create_task(caller(Urgency.ASK)) for _ in range(140 + QUEUE_LIMIT)]
        await asyncio.sleep(1)
        assert len(left) == 140
        exits = [asyncio.create_task(caller(Urgency.PROTECT)) for _ in range(25)]
        await asyncio.sleep(1)
        assert len(left) == 160
        await asyncio.gather(*ordinary, *exits)
        assert busiest(left, 60.0) == 160

    run_virtual(story())


def test_the_history_limit_is_40_in_30_seconds() -> None:
    left = departures(HISTORY_LIMIT, [(0.0, Urgency.ASK)] * 100)
    assert busiest([at_s for at_s, _ in left], 30.0) == 40
    assert max(at_s for at_s, _ in left) < START_S + 61


def test_a_full_queue_turns_away_all_but_exits() -> None:
    async def story() -> None:
        gate = Gate(Limit(1, 60.0), asyncio.get_running_loop().time)
        await gate.take(Urgency.ASK)
        waiting = [asyncio.create_task(gate.take(Urgency.ASK)) for _ in range(QUEUE_LIMIT)]
        await asyncio.sleep(0)
        for urgency in (Urgency.ASK, Urgency.TRADE):
            with pytest.raises(NeverLeft, match="wait for the venue's rate limit"):
                await gate.take(urgency)
        began_s = asyncio.get_running_loop().time()
        assert await gate.take(Urgency.PROTECT) - began_s < 60.1
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert gate.waiting == 0

    run_virtual(story())


def test_a_caller_that_gives_up_leaves_its_place_to_the_next() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        gate = Gate(Limit(1, 10.0), loop.time)
        await gate.take(Urgency.ASK)
        first = asyncio.create_task(gate.take(Urgency.ASK))
        second = asyncio.create_task(gate.take(Urgency.ASK))
        await asyncio.sleep(1)
        first.cancel()
        assert await second == pytest.approx(START_S + 10.0, abs=0.01)

    run_virtual(story())


def test_pauses_after_429_are_5_15_and_30_seconds_and_start_small_after_a_success() -> None:
    window, now_s, pauses = Window(GENERAL_LIMIT), 0.0, []
    for _ in range(4):
        window.spend(now_s)
        window.limited(now_s, now_s, None)
        pauses.append(window.wait_s(now_s, Urgency.ASK))
        now_s += pauses[-1]
    assert pauses == [5.0, 15.0, 30.0, 30.0]
    window.passed(now_s)
    window.limited(now_s + 1, now_s + 1, None)
    assert window.wait_s(now_s + 1, Urgency.ASK) == 5.0


def test_refusals_of_calls_that_were_under_way_together_count_once() -> None:
    window = Window(GENERAL_LIMIT)
    for _ in range(30):
        window.spend(0.0)
    for step in range(30):
        window.limited(0.0, 0.1 + step / 1000, None)
    assert window.wait_s(0.2, Urgency.ASK) == pytest.approx(4.93, abs=0.01)


def test_retry_after_is_honoured_but_not_beyond_two_minutes_and_exits_try_every_5_seconds() -> None:
    window = Window(GENERAL_LIMIT)
    window.spend(0.0)
    window.limited(0.0, 0.0, 40.0)
    assert window.wait_s(0.0, Urgency.ASK) == 40.0
    assert window.wait_s(0.0, Urgency.PROTECT) == 5.0
    window.spend(5.0)
    assert window.wait_s(5.0, Urgency.PROTECT) == 5.0
    window.passed(5.0)
    assert window.wait_s(5.5, Urgency.PROTECT) == 0.0
    assert window.wait_s(5.5, Urgency.ASK) == 34.5
    window.limited(6.0, 6.0, 1e9)
    assert window.wait_s(6.0, Urgency.ASK) == 120.0


def test_after_a_pause_exits_leave_before_what_waited_longer() -> None:
    async def story() -> list[str]:
        loop = asyncio.get_running_loop()
        gate = Gate(Limit(3, 10.0, 1), loop.time)
        gate.limited(await gate.take(Urgency.ASK), None)
        left: list[str] = []

        async def caller(name: str, urgency: Urgency) -> None:
            await gate.take(urgency)
            left.append(name)

        entry = asyncio.create_task(caller("entry", Urgency.TRADE))
        read = asyncio.create_task(caller("read", Urgency.ASK))
        await asyncio.sleep(4)
        await asyncio.gather(entry, read, caller("exit", Urgency.PROTECT))
        return left

    assert run_virtual(story()) == ["exit", "entry", "read"]
