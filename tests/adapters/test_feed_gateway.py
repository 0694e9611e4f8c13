"""The feed at the simulated gateway, in virtual time: every tick of its tape, and every fault of its hub."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import pytest
from gateway_worlds import HOUR, LAST, NQ, NQ_ID, SECOND, START_NS, gateway, prints, sessions
from pydantic import SecretStr

from fabio.adapters.gateway.core import Gateway
from fabio.adapters.gateway.faults.layer import Faults
from fabio.adapters.gateway.faults.script import Script
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.adapters.gateway.front import Front
from fabio.adapters.gateway.inprocess import Dial, Transport
from fabio.adapters.gateway.pace import Pace
from fabio.adapters.gateway.plan import Switches, exact_switches
from fabio.adapters.topstepx.feed.items import FeedItem
from fabio.adapters.topstepx.feed.lane import FeedMarket
from fabio.adapters.topstepx.feed.market import MarketFeed
from fabio.adapters.topstepx.feed.past import PastMarket, fetch_past, make_past
from fabio.adapters.topstepx.feed.probe import Probe
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.rest.session import open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock
from fabio.adapters.topstepx.roll import decide_roll
from fabio.adapters.topstepx.signalr.hub import HubSettings, Outside
from fabio.adapters.topstepx.signalr.timing import loop_clock
from fabio.features.market import MarketFeatures
from fabio.model.event import FeedLost, FeedRestored
from fabio.model.tick import Tick, Ticks
from fabio.research.reliability.virtual_time import run_virtual

FIRST_NS = START_NS + 2 * SECOND
"""The tape begins when the feed has had time to subscribe."""


def walk(seconds: float, every_s: float = 0.1, start_ns: int = FIRST_NS, seed: int = 1) -> Ticks:
    """A tape that walks, with prints of one time and repeated prices among them."""
    rng = random.Random(seed)
    rows, at_ns, price = [], start_ns, LAST
    while at_ns < start_ns + int(seconds * SECOND):
        price += rng.randrange(-2, 3)
        rows += [Tick(at_ns, at_ns, price, rng.randrange(1, 9), rng.choice((1, -1)))
                 for _ in range(rng.choice((1, 1, 1, 2, 5)))]
        at_ns += int(every_s * SECOND * rng.uniform(0.2, 1.8)) // 100 * 100  # the venue's stamps end at 100 ns
    return Ticks.of(rows)


def rows_of(ticks: Ticks) -> list[tuple[int, int, int, int]]:
    return list(zip(ticks.ts_event_ns.tolist(), ticks.price_ticks.tolist(), ticks.size_steps.tolist(),
                    ticks.side.tolist(), strict=True))


@dataclass
class World:
    gateway: Gateway
    rest: Rest
    feed: MarketFeed
    items: list[tuple[int, FeedItem]] = field(default_factory=list)  # the gateway's clock, what

    @property
    def taken(self) -> list[tuple[int, int, int, int]]:
        return [row for _, item in self.items if isinstance(item, Ticks) for row in rows_of(item)]

    def times(self, kind: type, after_s: float = -1.0) -> list[float]:
        """When items of a kind came, in seconds since the start."""
        found = [(at_ns - START_NS) / SECOND for at_ns, item in self.items if isinstance(item, kind)]
        return [at_s for at_s in found if at_s > after_s]

    async def until(self, seconds: float) -> None:
        await asyncio.sleep(START_NS / SECOND + seconds - self.gateway.now_ns / SECOND)


def story(
    test: Callable[[World], Awaitable[None]], *faults: FaultSpec, tape: Ticks | None = None,
    switches: Switches | None = None,
) -> World:
    """Let a feed live at a gateway with these faults."""
    async def whole() -> World:
        made = gateway(switches or exact_switches())
        if tape is not None:
            made.supply(tape)
        pace = Pace(made, 1.0)
        front = Front(made, Faults(made, Script(faults=faults)), pace)
        now_s = asyncio.get_running_loop().time
        rest = open_rest("https://gateway.invalid", Credentials("demo", SecretStr("0123456789")),
                         Clock(now_s, now_s), lambda: 0.0, carrier=Transport(front))

        async def token(dead: str | None) -> str:
            return (await rest.tokens.bearer()).get_secret_value()

        outside = Outside(token, Dial(front), loop_clock(front.time.now_ns), random.Random(0).random)
        market = FeedMarket(instrument=NQ, table=sessions(), contract_id=NQ_ID)
        feed = MarketFeed(HubSettings(name="market", url="wss://gateway.invalid/hubs/market"), outside, [market],
                          Probe(rest, False, asyncio.sleep), lambda: 0.0)
        world = World(made, rest, feed)

        async def take() -> None:
            while True:
                world.items += [(made.now_ns, item) for item in await feed.take()]

        tasks = [asyncio.create_task(each) for each in (pace.run(), feed.run(), take())]
        try:
            await test(world)
            for task in tasks:
                assert not task.done(), task
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await rest.aclose()
        return world

    return run_virtual(whole())


def until(seconds: float) -> Callable[[World], Awaitable[None]]:
    async def wait(world: World) -> None:
        await world.until(seconds)

    return wait


def test_every_tick_of_the_tape_arrives_as_it_is() -> None:
    tape = walk(60)
    world = story(until(65), tape=tape)
    assert world.taken == rows_of(tape)
    assert len(world.times(FeedLost)) - len(world.times(FeedRestored)) in (0, 1)  # the tape's end is a silence


@pytest.mark.parametrize("seed", range(3))
def test_the_venue_s_own_manners_change_nothing_but_the_last_digits_of_a_time(seed: int) -> None:
    tape = walk(30, every_s=0.03, seed=seed)
    world = story(until(34), tape=tape, switches=Switches())
    assert [row[1:] for row in world.taken] == [row[1:] for row in rows_of(tape)]
    shift_ns = [abs(mine[0] - theirs[0]) for mine, theirs in zip(world.taken, rows_of(tape), strict=True)]
    assert max(shift_ns) <= 1_000_000
    assert world.feed.quote(0).bid_ticks is not None


@pytest.mark.parametrize("fault", ["mute", "half_open"])
def test_a_deaf_hub_is_noticed_while_the_market_trades(fault: str) -> None:
    tape = walk(100)
    world = story(until(95), FaultSpec(name=fault, surface="market", from_s=20.0, until_s=50.0), tape=tape)
    lost = world.times(FeedLost, after_s=20.0)
    assert lost[0] <= 23.0
    assert world.feed.status().counts["probes missed"] >= 1
    assert world.feed.status().counts["reconnections asked for"] >= 1
    back = world.times(FeedRestored, after_s=50.0)
    assert 50.0 <= back[0] <= 66.0
    rows = rows_of(tape)
    early = [row for row in rows if row[0] < START_NS + 20 * SECOND]
    late = [row for row in rows if START_NS + 67 * SECOND < row[0] < START_NS + 90 * SECOND]
    assert world.taken[: len(early)] == early
    assert [row for row in world.taken if START_NS + 67 * SECOND < row[0] < START_NS + 90 * SECOND] == late
    restored = next(item for at_ns, item in world.items
                    if isinstance(item, FeedRestored) and at_ns > START_NS + 50 * SECOND)
    missing = [row for row in rows if row not in world.taken and row[0] < START_NS + 67 * SECOND]
    assert restored.from_ns <= missing[0][0]
    assert missing[-1][0] <= restored.to_ns


def test_a_quiet_market_is_not_taken_for_a_deaf_hub() -> None:
    """Ten seconds without a print, as in a velocity halt; quotes stand still too."""
    before, after = walk(20), walk(20, start_ns=START_NS + 32 * SECOND, seed=2)
    world = story(until(53), tape=Ticks.joined([before, after]))
    counts = world.feed.status().counts
    assert counts["probes quiet"] >= 1
    assert counts.get("reconnections asked for", 0) == 0
    assert world.feed.status().generation == 1
    assert world.taken == rows_of(before) + rows_of(after)
    gaps = [item for _, item in world.items if isinstance(item, FeedRestored)][1:]
    assert all(item.from_ns == item.to_ns for item in gaps)


@pytest.mark.parametrize(("fault", "options"), [
    ("drop", {}), ("close_frame", {}), ("malformed", {}), ("cut_frame", {}), ("drift", {}), ("split", {}),
    ("burst", {}), ("bad_prices", {}), ("delay", {"seconds": (0.1, 3.0)}), ("reorder", {}), ("subscribe_lost", {}),
])
def test_after_any_fault_of_the_hub_ticks_are_true_and_whole_again(fault: str, options: dict[str, object]) -> None:
    tape = walk(140, every_s=0.2)
    rate = 0.02 if fault in ("drop", "close_frame") else 0.3
    spec = FaultSpec(name=fault, surface="market", rate=rate, from_s=5.0, until_s=60.0, options=options)
    world = story(until(135), spec, tape=tape)
    true = set(rows_of(tape))
    strange = [row for row in world.taken if row not in true]
    if fault in ("malformed", "cut_frame", "drift", "bad_prices"):
        # a damaged print may still be a possible one: a price that moved a little
        assert all(abs(row[1] - LAST) < LAST // 5 + 1_000 for row in strange)
    else:
        assert strange == []
    whole_ns = START_NS + 100 * SECOND
    end_ns = START_NS + 130 * SECOND
    assert [row for row in world.taken if whole_ns < row[0] < end_ns] == [
        row for row in rows_of(tape) if whole_ns < row[0] < end_ns]
    assert not world.feed.status().markets[0].lost


CHAOS = ("mute", "half_open", "drop", "close_frame", "malformed", "cut_frame", "split", "burst", "delay", "reorder",
         "subscribe_lost")


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(each, marks=pytest.mark.slow) for each in range(4, 200))])
def test_three_faults_at_once_leave_true_ticks_and_a_feed_that_heals(seed: int) -> None:
    dice = random.Random(seed)
    faults = [FaultSpec(name=name, surface="market", rate=0.02 if name in ("drop", "close_frame") else dice.random(),
                        from_s=dice.uniform(3, 60), until_s=dice.uniform(60, 90)) for name in dice.sample(CHAOS, 3)]
    faults.append(FaultSpec(name="server_error", surface="bars", rate=0.5, until_s=90.0))
    tape = walk(260, every_s=0.25, seed=seed)
    world = story(until(255), *faults, tape=tape)
    true = rows_of(tape)
    if not {"malformed", "cut_frame"} & {each.name for each in faults}:
        assert set(world.taken) <= set(true)
    assert not world.feed.status().markets[0].lost
    whole = [row for row in true if START_NS + 200 * SECOND < row[0] < START_NS + 250 * SECOND]
    assert [row for row in world.taken if START_NS + 200 * SECOND < row[0] < START_NS + 250 * SECOND] == whole
    losses, restorations = world.times(FeedLost), world.times(FeedRestored)
    assert len(losses) == len(restorations)
    assert all(lost_s <= back_s for lost_s, back_s in zip(losses, restorations, strict=True))


def test_what_a_hub_says_twice_on_one_connection_counts_twice() -> None:
    """Known and documented: nothing on the wire tells a repeated event from a repeated trade."""
    tape = walk(30)
    world = story(until(35), FaultSpec(name="duplicate", surface="market", from_s=10.0, until_s=20.0), tape=tape)
    assert set(world.taken) == set(rows_of(tape))
    assert len(world.taken) > len(tape)


def test_a_logout_is_obeyed_and_survived() -> None:
    tape = walk(200, every_s=0.5)

    async def test(world: World) -> None:
        await world.until(20)
        world.gateway.operator.log_out()
        await world.until(190)

    world = story(test, tape=tape)
    assert world.feed.status().counts["logouts"] >= 1
    assert world.times(FeedRestored, after_s=20.0)[0] >= 45.0
    assert not world.feed.status().markets[0].lost


def test_history_the_roll_and_the_feed_make_one_session() -> None:
    """An agent that starts at 14:00: what its market knows afterwards, against one that saw every tick."""
    opens_ns = int(sessions().opens_ns[0])
    missed = walk((START_NS - opens_ns) / SECOND, every_s=5.0, start_ns=opens_ns, seed=3)
    tape = walk(40, seed=4)
    found: list[MarketFeatures] = []

    async def test(world: World) -> None:
        world.gateway.supply_history(0, missed)
        contracts = await world.rest.available_contracts()
        roll = decide_roll(contracts, NQ, np.datetime64("2026-06-01").item())
        assert roll.contract_id == NQ_ID
        market = MarketFeatures(NQ, sessions())
        asked = PastMarket(instrument=NQ, table=sessions(), contract_id=NQ_ID, live=False,
                           remembered=market.remembered())
        now_ns = world.gateway.now_ns
        past = make_past(asked, await fetch_past(world.rest, asked, now_ns), now_ns)
        assert past.history is not None
        market.load_history(past.history)
        found.append(market)
        await world.until(45)

    world = story(test, tape=tape)
    [market] = found
    for _, item in world.items:
        if isinstance(item, Ticks):
            market.update(item)
    whole = MarketFeatures(NQ, sessions())
    whole.update(Ticks.joined([missed, prints(LAST, start_ns=START_NS - SECOND), tape]))
    mine, true = market.stats(), whole.stats()
    for name in ("session_high_ticks", "session_low_ticks", "last_ticks", "volume_steps"):
        assert getattr(mine, name) == getattr(true, name), name
    assert abs(mine.vah_ticks - true.vah_ticks) <= 6
    assert abs(mine.val_ticks - true.val_ticks) <= 6
    assert (START_NS - opens_ns) // HOUR == 16
    assert market.is_approximate
    assert not whole.is_approximate
