"""The queue of commands: order within a lane, exits before entries, bounds."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.topstepx.broker.errands import MOST_ERRANDS, Changes, Errands
from fabio.adapters.topstepx.broker.lanes import ENTRIES_AT_ONCE, MOST_ENTRIES_WAITING, Job, Lanes
from fabio.adapters.topstepx.signalr.timing import loop_clock
from fabio.research.reliability.virtual_time import run_virtual


class Bench:
    def __init__(self):
        self.lanes = Lanes()
        self.done = []
        self.dropped = []
        self.at_once = 0
        self.most_at_once = 0

    def job(self, name, lane, takes_s=1.0, **fields):
        async def work():
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(takes_s)
            self.at_once -= 1
            self.done.append(name)
        return Job(lane=lane, market=fields.pop("market", 0), work=work,
                   drop=lambda reason: self.dropped.append((name, reason)), **fields)

    async def __aenter__(self):
        self._task = asyncio.create_task(self.lanes.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.wait({self._task})


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.floats(0, 2)), max_size=30))
def test_jobs_of_a_lane_follow_each_other_and_all_are_done(jobs):
    async def story():
        async with Bench() as bench:
            for number, (lane, is_entry, takes_s) in enumerate(jobs):
                bench.lanes.put(bench.job((lane, number), str(lane), takes_s, is_entry=is_entry))
            await asyncio.sleep(100)
            assert sorted(number for _, number in bench.done) == list(range(len(jobs)))
            for lane in range(5):
                mine = [number for each, number in bench.done if each == lane]
                assert mine == sorted(mine)
    run_virtual(story())


def test_an_exit_never_waits_for_entries():
    async def story():
        async with Bench() as bench:
            for number in range(20):
                bench.lanes.put(bench.job(number, f"entry {number}", 60.0, is_entry=True))
            bench.lanes.put(bench.job("exit", "exit", 0.1))
            await asyncio.sleep(1)
            assert bench.done == ["exit"]
            assert bench.most_at_once == ENTRIES_AT_ONCE + 1
    run_virtual(story())


def test_exits_of_many_orders_run_side_by_side():
    async def story():
        async with Bench() as bench:
            for number in range(20):
                bench.lanes.put(bench.job(number, str(number), 1.0))
            await asyncio.sleep(1.5)
            assert len(bench.done) == 20
    run_virtual(story())


def test_an_exit_of_the_lane_of_an_entry_follows_it():
    async def story():
        async with Bench() as bench:
            bench.lanes.put(bench.job("entry", "a", 5.0, is_entry=True))
            bench.lanes.put(bench.job("cancel", "a", 0.1))
            await asyncio.sleep(10)
            assert bench.done == ["entry", "cancel"]
    run_virtual(story())


def test_a_job_that_repeats_a_waiting_one_takes_its_place():
    async def story():
        async with Bench() as bench:
            for number in range(5):
                bench.lanes.put(bench.job(number, "stop", same_as="move"))
            await asyncio.sleep(10)
            assert bench.done == [0, 4]
    run_virtual(story())


def test_entries_beyond_the_bound_are_dropped_soon_but_not_at_once():
    async def story():
        async with Bench() as bench:
            for number in range(MOST_ENTRIES_WAITING + ENTRIES_AT_ONCE + 3):
                bench.lanes.put(bench.job(number, str(number), 60.0, is_entry=True))
            assert bench.dropped == []
            await asyncio.sleep(0.01)
            assert len(bench.dropped) == 3
            bench.lanes.drop(lambda job: job.is_entry, "not any more")
            await asyncio.sleep(0.01)
            assert [reason for _, reason in bench.dropped[3:]] == ["not any more"] * MOST_ENTRIES_WAITING
            assert len(bench.lanes) == 0
    run_virtual(story())


def test_what_is_put_in_before_it_runs_is_carried_out_then():
    async def story():
        bench = Bench()
        bench.lanes.put(bench.job("early", "a", 0.1))
        async with bench:
            await asyncio.sleep(1)
            assert bench.done == ["early"]
    run_virtual(story())


def test_errands_are_one_for_each_purpose_and_bounded_but_for_what_must_be():
    async def story():
        errands, ended = Errands(), []

        async def errand():
            await asyncio.sleep(1)
            ended.append(1)

        assert errands.go("early", errand)
        task = asyncio.create_task(errands.run())
        await asyncio.sleep(0)
        assert errands.go("early", errand)
        assert len(errands) == 1
        assert all(errands.go(str(number), errand) for number in range(MOST_ERRANDS - 1))
        assert not errands.go("one more", errand)
        assert errands.turned_away == 1
        assert errands.go("a close", errand, always=True)
        await asyncio.sleep(2)
        assert len(ended) == MOST_ERRANDS + 1
        assert len(errands) == 0
        task.cancel()
        await asyncio.wait({task})
    run_virtual(story())


def test_whoever_waits_for_a_change_is_woken_by_it_or_by_the_limit():
    async def story():
        loop = asyncio.get_running_loop()
        changes, seen = Changes(loop_clock(lambda: 0)), []
        loop.call_later(1.0, changes.happened)
        loop.call_later(2.0, lambda: (seen.append(1), changes.happened()))
        begun_s = loop.time()
        assert await changes.until(lambda: bool(seen), 5.0)
        assert loop.time() - begun_s == 2.0
        assert not await changes.until(lambda: len(seen) > 1, 5.0)
        assert loop.time() - begun_s == 7.0
        assert await changes.until(lambda: True, 5.0)
    run_virtual(story())
