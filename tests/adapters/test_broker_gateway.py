"""The broker at the simulated gateway: the real wire, in one process and in virtual time."""

import asyncio

import msgspec
import pytest
from broker_at_gateway import WORLD, Trader, at_gateway
from gateway_worlds import ACCOUNT, LAST, NQ_ID

from fabio.adapters.gateway.faults.script import Script, chaos
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.broker.tags import Tags
from fabio.model import command as commands
from fabio.model import event as events
from fabio.model.order import Order
from fabio.research.reliability.virtual_time import run_virtual

FAULTY_S = 180.0


def order(number=1, side=1, size=1, stop=20, target=40, **fields):
    return Order(
        id=f"O260601-{number}", decision_id="D", strategy="test", market=0, symbol="NQ", side=side,
        **{"kind": "market", "limit_ticks": None, **fields}, size_steps=size, stop_offset_ticks=-side * stop,
        target_offset_ticks=side * target, ts_ns=1,
    )


def half_turns(world):
    return [each for _, each in world.gateway.accounts[ACCOUNT].half_turns
            if each.contract_id == NQ_ID and not each.voided]


async def enter(world, **fields):
    world.broker.submit(commands.SubmitOrder(order=order(**fields), generation=world.broker.generation))
    await asyncio.sleep(0.5)


def test_an_entry_lives_and_ends_at_the_gateway_as_it_is_told():
    async def story():
        async with at_gateway(seconds=1) as world:
            await world.until(lambda: world.pictures)
            await enter(world, size=2, side=-1)
            (filled,) = world.of(events.OrderFilled)
            (bracket,) = world.of(events.BracketWorking)
            assert (filled.fill.order_id, filled.fill.leg, filled.fill.size_steps) == ("O260601-1", "entry", 2)
            assert bracket.stop_ticks == filled.fill.price_ticks + 20
            assert bracket.target_ticks == filled.fill.price_ticks - 40
            assert 0 <= bracket.ts_ns - filled.ts_ns <= 50_000_000
            (true,) = half_turns(world)
            assert filled.fill.fees == true.fees + true.commissions > 0
            world.broker.submit(commands.MoveStop(order_id="O260601-1", market=0, stop_ticks=LAST + 10))
            await asyncio.sleep(0.5)
            assert world.of(events.BracketWorking)[-1].stop_ticks == LAST + 10
            world.broker.submit(commands.ClosePosition(market=0, reason="test"))
            await asyncio.sleep(1.5)
            assert world.held == 0
            assert not world.own_live()
            assert [each.fill.leg for each in world.of(events.OrderFilled)] == ["entry", "close"]
            assert not world.of(events.CommandFailed)
            assert not world.of(events.BracketLost)
    run_virtual(story())


@pytest.mark.parametrize(("fields", "words"), [
    ({"stop": 3}, "ORDER_REJECTED"), ({"size": 40}, "ORDER_REJECTED"), ({"kind": "limit", "limit_ticks": None}, "sent"),
])
def test_what_the_gateway_refuses_is_told_with_its_words(fields, words):
    async def story():
        async with at_gateway(seconds=1) as world:
            await world.until(lambda: world.pictures)
            await enter(world, **fields)
            (rejected,) = world.of(events.OrderRejected)
            assert words in rejected.reason
    run_virtual(story())


def test_position_brackets_mode_is_a_refusal_in_words():
    async def story():
        async with at_gateway(seconds=1, switches=Switches(position_brackets=True)) as world:
            await world.until(lambda: world.pictures)
            await enter(world)
            assert "Position Brackets" in world.of(events.OrderRejected)[0].reason
    run_virtual(story())


FAULTS = [  # name, rate, surface, options
    *((name, 0.3, "", {}) for name in (
        "delay_reply", "reply_twice", "duplicate", "reorder", "delay", "drift", "rest_drift", "stale", "empty",
        "drop_request", "drop_reply", "delay_request", "rest_half_open", "reset", "too_many",
        "server_error", "refuse", "garble", "cut_body", "trickle", "bracket_refused", "proxy", "child_missing",
        "child_rejected", "child_cancelled", "partial_fills", "late_cancels", "pause_market", "skew")),
    *((name, 0.05, "user", {}) for name in ("half_open", "mute", "close_frame", "drop", "malformed", "cut_frame",
                                            "split", "off_tick_fills")),
    *((name, 1.0, "", {"every_s": 40.0}) for name in ("tokens_die", "partial_reject", "manual_trade", "foreign_order",
                                                      "manual_flatten", "overfill", "log_out")),
    ("lock_account", 1.0, "", {}), ("unauthorised", 0.3, "mutation", {}),
]
DROPS = FaultSpec(name="drop", surface="user", rate=0.05, from_s=20.0, until_s=FAULTY_S)


async def trade_under(script, seed):
    async with at_gateway(script, seed=seed, seconds=int(FAULTY_S) + 90) as world:
        trader = Trader(world, seed)
        await trader.run(asyncio.get_running_loop().time() + FAULTY_S + 20)
        await trader.finish()
        check(world, trader)
        return world, trader


def check(world, trader):
    """What must hold at the end, whatever the wire did."""
    tags = Tags(WORLD)
    assert {tag: count for tag, count in world.watching.placed.items() if count > 1} == {}  # I01
    true = {str(each.id): each for each in half_turns(world)}
    assert set(trader.fills) == set(true)  # I10: none lost, none invented
    told = [each.fill.id for each in world.of(events.OrderFilled)]
    assert len(told) == len(set(told))  # H05
    for fill in trader.fills.values():
        record = world.gateway.orders.get(true[fill.id].order_id)
        tag = tags.read(record.custom_tag)
        assert (fill.order_id, fill.leg) == ((tag.order_id, tag.leg) if tag else ("", "close"))
        assert (fill.size_steps, fill.side) == (true[fill.id].size, 1 if true[fill.id].side == 0 else -1)
    picture = world.pictures[-1]
    assert sum(each.size_steps for each in picture.positions if each.market == 0) == world.held == trader.held  # I11
    assert not world.own_live()  # H07, I15
    for order_id in world.watching.touched:  # H12
        assert tags.read(world.gateway.orders.get(order_id).custom_tag), f"{order_id} is foreign, and was touched"
    for event in world.of(events.OrderRejected):  # I05
        tag = tags.entry(event.order_id)
        live = [each for each in world.gateway.orders.of(ACCOUNT, world.gateway.now_ns)
                if each.custom_tag == tag and each.fill_volume]
        assert not live, f"{event.order_id} was told as rejected ({event.reason}), and filled"


@pytest.mark.parametrize(("name", "rate", "surface", "options"), FAULTS, ids=[each[0] for each in FAULTS])
def test_under_each_fault_nothing_doubles_nothing_is_lost_and_the_end_is_flat(name, rate, surface, options):
    fault = FaultSpec(name=name, surface=surface, rate=rate, options=options, from_s=20.0, until_s=FAULTY_S)

    async def story():
        world, trader = await trade_under(Script(seed=5, faults=(fault,)), seed=len(name))
        assert world.held == 0
        assert trader.number >= 1
    run_virtual(story())


@pytest.mark.parametrize("name", ["subscribe_lost", "refuse_upgrade"])
def test_a_hub_that_comes_back_with_difficulty_loses_nothing(name):
    fault = FaultSpec(name=name, surface="user", rate=0.5, from_s=20.0, until_s=FAULTY_S)

    async def story():
        world, _ = await trade_under(Script(seed=5, faults=(fault, DROPS)), seed=3)
        assert world.broker.generation >= 2
    run_virtual(story())


def drawn(seed):
    """A mix of three faults; a login that is refused for minutes is not among them, but all else answered with 401."""
    script = chaos(seed, FAULTY_S)
    return msgspec.structs.replace(script, faults=tuple(
        msgspec.structs.replace(each, surface="mutation") if each.name == "unauthorised" else each
        for each in script.faults
    ))


@pytest.mark.parametrize("seed", range(8))
def test_chaos_of_three_faults_at_once(seed):
    run_virtual(trade_under(drawn(seed), seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_chaos_of_three_faults_at_once_in_400_runs(block):
    for seed in range(100 + 20 * block, 120 + 20 * block):
        try:
            run_virtual(trade_under(drawn(seed), seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize("seed", range(5))
def test_h24_a_token_that_dies_mid_trade_costs_no_protection(seed):
    async def story():
        async with at_gateway(seed=seed, seconds=60) as world:
            loop = asyncio.get_running_loop()
            await world.until(lambda: world.pictures)
            await enter(world, stop=100, target=100)
            stop_ticks = world.of(events.BracketWorking)[-1].stop_ticks + 5
            world.gateway.tokens.end_all()
            asked_s = loop.time()
            world.broker.submit(commands.MoveStop(order_id="O260601-1", market=0, stop_ticks=stop_ticks))
            await world.until(lambda: world.of(events.BracketWorking)[-1].stop_ticks == stop_ticks, 5.0)
            world.gateway.tokens.end_all()
            world.broker.submit(commands.ClosePosition(market=0, reason="test"))
            await world.until(lambda: world.held == 0, 5.0)
            assert loop.time() - asked_s < 10
            assert world.watching.calls["/api/Auth/loginKey"] == 3  # H24: one login for each dead token
    run_virtual(story())


OUTAGES = [("too_many", {}), ("too_many", {"retry_after_s": 90}), ("server_error", {}), ("drop_request", {}),
           ("drop_reply", {}), ("rest_half_open", {}), ("reset", {}), ("cut_body", {})]
ASKED_AGAIN_S = (1.0, 1.0, 2.0, 4.0, 8.0, 15.0)
"""When an engine asks again for a market that is not proven flat."""


async def kill(world, until_s):
    """Ask for the close as an engine does: by its timer, and when a picture shows that something is held or works."""
    loop = asyncio.get_running_loop()
    due_s, tries, read = loop.time(), 0, len(world.told)
    while world.held or world.own_live():
        seen = [each.picture for each in world.told[read:] if isinstance(each, events.VenueSeen)]
        read = len(world.told)
        if loop.time() >= due_s or any(each.complete and (each.positions or each.orders) for each in seen):
            world.broker.submit(commands.ClosePosition(market=0, reason="kill"))
            world.broker.submit(commands.TakePicture(reason="kill"))
            due_s = loop.time() + ASKED_AGAIN_S[min(tries, 5)]
            tries += 1
        await asyncio.sleep(0.1)
        assert loop.time() < until_s, f"{world.held} held, {len(world.own_live())} orders work"


@pytest.mark.parametrize(("name", "options"), OUTAGES, ids=[f"{each[0]} {each[1]}" for each in OUTAGES])
@pytest.mark.parametrize("hub_away", [False, True])
def test_h16_a_kill_during_an_outage_is_flat_within_10_s_of_its_end(name, options, hub_away):
    ends_s = 65.0
    faults = [FaultSpec(name=name, surface="rest", options=options, from_s=5.0, until_s=ends_s)]
    if hub_away:
        faults.append(FaultSpec(name="drop", surface="user", from_s=5.0, most=1))
        faults.append(FaultSpec(name="refuse_upgrade", surface="user", options={"status": 503}, from_s=5.0))

    async def story():
        async with at_gateway(Script(seed=1, faults=tuple(faults)), seconds=120) as world:
            begun_s = asyncio.get_running_loop().time()
            await world.until(lambda: world.pictures)
            await enter(world, size=2, stop=400, target=400)
            assert world.held == 2
            await asyncio.sleep(15)
            await kill(world, begun_s + ends_s + 10)
            assert world.watching.calls["/api/Position/closeContract"] <= 15
            await asyncio.sleep(40)
            assert world.held == 0
    run_virtual(story())
