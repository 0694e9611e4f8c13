"""Limits on waits by an injected clock."""

import asyncio

import pytest

from fabio.adapters.topstepx.signalr.timing import AtMost, TookTooLong, loop_clock
from fabio.research.reliability.virtual_time import run_virtual


def now_s():
    return asyncio.get_running_loop().time()


def test_a_wait_within_its_limit_is_left_alone() -> None:
    async def story():
        async with AtMost(2.0, asyncio.sleep, "something"):
            await asyncio.sleep(1.0)
        await asyncio.sleep(5.0)

    run_virtual(story())


def test_a_wait_beyond_its_limit_ends_there_and_says_what_was_waited_for() -> None:
    async def story():
        start_s = now_s()
        with pytest.raises(TookTooLong, match=r"a token: nothing within 2 s"):
            async with AtMost(2.0, asyncio.sleep, "a token"):
                await asyncio.sleep(3.0)
        assert now_s() - start_s == 2.0
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(1.0)

    run_virtual(story())


def test_a_cancellation_from_outside_passes_even_together_with_the_limit() -> None:
    async def limited():
        async with AtMost(2.0, asyncio.sleep, "something"):
            await asyncio.sleep(10.0)

    async def story(cancel_after_s):
        task = asyncio.ensure_future(limited())
        await asyncio.sleep(cancel_after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(story(1.0))
    run_virtual(story(2.0))


def test_an_error_of_the_block_passes() -> None:
    async def story():
        with pytest.raises(KeyError):
            async with AtMost(2.0, asyncio.sleep, "something"):
                raise KeyError("x")

    run_virtual(story())


def test_the_inner_of_two_limits_ends_the_inner_block_only() -> None:
    async def story():
        start_s = now_s()
        async with AtMost(10.0, asyncio.sleep, "outer"):
            with pytest.raises(TookTooLong, match="inner"):
                async with AtMost(1.0, asyncio.sleep, "inner"):
                    await asyncio.sleep(20.0)
            await asyncio.sleep(5.0)
        assert now_s() - start_s == 6.0
        with pytest.raises(TookTooLong, match="outer"):
            async with AtMost(1.0, asyncio.sleep, "outer"), AtMost(10.0, asyncio.sleep, "inner"):
                await asyncio.sleep(20.0)

    run_virtual(story())


def test_a_limit_within_a_task_group_leaves_the_group_alone() -> None:
    async def story():
        async with asyncio.TaskGroup() as group:
            other = group.create_task(asyncio.sleep(5.0, "done"))
            with pytest.raises(TookTooLong):
                async with AtMost(1.0, asyncio.sleep, "something"):
                    await asyncio.sleep(20.0)
        assert other.result() == "done"

    run_virtual(story())


def test_the_loops_clock_is_the_loops() -> None:
    async def story():
        clock = loop_clock(lambda: 7)
        start_s = clock.monotonic_s()
        await clock.sleep(3.0)
        assert (clock.monotonic_s() - start_s, clock.now_ns()) == (3.0, 7)

    run_virtual(story())
