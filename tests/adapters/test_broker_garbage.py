"""What the venue could say wrongly: whatever it is, the broker lives, and the next good word counts."""

import asyncio

from broker_venue import CONTRACT, FakeVenue
from broker_world import entry, running
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.topstepx.records import HalfTurn, Order, Position
from fabio.model import command as commands
from fabio.model.event import OrderFilled
from fabio.research.reliability.virtual_time import run_virtual

TARGETS = ("GatewayUserTrade", "GatewayUserOrder", "GatewayUserPosition", "GatewayUserAccount")
values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.sampled_from([0, 1, -1, 7, 10**18]),
    st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8), st.lists(st.integers(), max_size=2),
    st.sampled_from([CONTRACT, "F.US.MNQ", "fab7-O261120-1", "fab7-O261120-1-SL", "2026-11-20T15:00:00Z", "NaN"]),
)
names = st.sampled_from([
    "id", "accountId", "contractId", "creationTimestamp", "updateTimestamp", "status", "type", "side", "size",
    "limitPrice", "stopPrice", "fillVolume", "filledPrice", "customTag", "parentOrderId", "price", "fees",
    "commissions", "voided", "orderId", "averagePrice", "balance", "canTrade",
])
good_order = {"id": 5, "accountId": 7, "contractId": CONTRACT, "status": 1, "type": 2, "side": 0, "size": 1}
good_trade = {"id": 6, "accountId": 7, "contractId": CONTRACT, "price": 20_000, "side": 0, "size": 1, "orderId": 5}
records = st.builds(lambda base, more: {**base, **more}, st.sampled_from([{}, good_order, good_trade]),
                    st.dictionaries(names, values, max_size=8))


@given(st.lists(st.tuples(st.sampled_from(TARGETS), records, st.booleans()), min_size=1, max_size=20))
@settings(max_examples=300)
def test_h22_no_word_of_the_hub_ends_the_broker(words):
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            for target, record, wraps in words:
                venue._arrive(target, {"action": 1, "data": record} if wraps else record)
            await asyncio.sleep(30)
            told = len(world.of(OrderFilled))
            world.submit(commands.SubmitOrder(order=entry(77),
                                              generation=world.broker.generation))
            world.submit(commands.ClosePosition(market=0, reason="test"))
            await asyncio.sleep(40)
            assert len(world.of(OrderFilled)) >= told
            assert world.broker.is_up
    run_virtual(story())


@given(st.lists(st.sampled_from(["orders", "trades", "positions"]), min_size=1, max_size=6), st.data())
@settings(max_examples=100)
def test_h22_no_record_of_rest_ends_the_broker(kinds, data):
    ids = st.sampled_from([0, -1, 1, 5, 2**31, 2**63, 2**70])
    small = st.sampled_from([-1, 0, 1, 2, 5, 8, 99])

    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            for kind in kinds:
                if kind == "orders":
                    number = data.draw(ids)
                    venue.orders[number] = Order(
                        id=number, contract_id=data.draw(st.sampled_from([CONTRACT, "", "x"])), status=data.draw(small),
                        type=data.draw(small), side=data.draw(small), size=data.draw(small),
                        custom_tag=data.draw(st.sampled_from([None, "fab7-O261120-1", "fab7-O261120-1-SL", "x"])),
                        parent_order_id=data.draw(st.one_of(st.none(), ids)), creation_timestamp=venue.stamp(),
                    )
                elif kind == "trades":
                    venue.trades.append(HalfTurn(
                        id=data.draw(ids), contract_id=CONTRACT, side=data.draw(small), size=data.draw(small),
                        order_id=data.draw(ids), creation_timestamp=venue.stamp(),
                    ))
                else:
                    venue.foreign_positions.append(Position(
                        id=data.draw(ids), contract_id=data.draw(st.sampled_from([CONTRACT, "", "x"])),
                        type=data.draw(small), size=data.draw(small),
                    ))
            world.submit(commands.TakePicture(reason="test"))
            world.submit(commands.LookUpOrder(order_id="O261120-1", market=0))
            world.submit(commands.CancelOrder(order_id="O261120-1", market=0))
            world.submit(commands.ClosePosition(market=0, reason="test"))
            for number in (0, -1, 2**70, "x"):
                world.submit(commands.CancelVenueOrder(venue_id=str(number), market=0, reason="test"))
            await asyncio.sleep(60)
    run_virtual(story())
