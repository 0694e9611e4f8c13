"""The inbox between socket and owner: bounded, and nothing that counts is dropped."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.topstepx.events import EventReader
from fabio.adapters.topstepx.feed.quote_merging import QuoteMerging
from fabio.adapters.topstepx.signalr.inbox import Arrival, Inbox
from fabio.adapters.topstepx.signalr.protocol import invocation
from fabio.research.reliability.virtual_time import run_virtual


def an_inbox(capacity):
    lagged = []
    return Inbox(capacity, QuoteMerging(), lagged.append), lagged


def trade(number, generation=1):
    return Arrival("market", generation, number, invocation("GatewayTrade", "A", {"volume": number}))


def quote(number, contract="A", generation=1, **fields):
    return Arrival("market", generation, number, invocation("GatewayQuote", contract, fields))


def test_below_its_capacity_nothing_is_merged() -> None:
    inbox, lagged = an_inbox(3)
    arrivals = [quote(1, bestBid=1), quote(2, bestBid=2), trade(3)]
    assert all(inbox.offer(each) for each in arrivals)
    assert inbox.take_waiting() == arrivals
    assert lagged == []


def test_full_it_merges_quotes_of_a_contract_at_the_place_of_the_newest() -> None:
    inbox, lagged = an_inbox(4)
    for each in (quote(1, bestBid=1, bestAsk=5), trade(2), quote(3, "B", bestBid=9), quote(4, bestBid=2), trade(5)):
        assert inbox.offer(each)
    assert inbox.take_waiting() == [trade(2), quote(3, "B", bestBid=9), quote(4, bestBid=2, bestAsk=5), trade(5)]
    assert (lagged, inbox.merges, inbox.laggings) == ([4], 1, 1)


def test_full_of_what_may_not_be_merged_it_refuses_and_keeps_everything() -> None:
    inbox, lagged = an_inbox(2)
    assert inbox.offer(trade(1))
    assert inbox.offer(trade(2))
    assert not inbox.offer(trade(3))
    assert not inbox.offer(quote(4, bestBid=1))
    assert inbox.take_waiting() == [trade(1), trade(2)]
    assert (lagged, inbox.refusals) == ([2], 2)


def test_while_full_a_quote_still_finds_the_one_it_replaces() -> None:
    inbox, _ = an_inbox(2)
    assert inbox.offer(quote(1, bestBid=1))
    assert inbox.offer(trade(2))
    for number in range(3, 100):
        assert inbox.offer(quote(number, bestBid=number))
    assert not inbox.offer(trade(100))
    assert inbox.take_waiting() == [trade(2), quote(99, bestBid=99)]


def test_quotes_of_two_connections_are_never_made_one() -> None:
    inbox, _ = an_inbox(2)
    assert inbox.offer(quote(1, generation=1, bestBid=1))
    assert inbox.offer(quote(2, generation=2, bestAsk=2))
    assert not inbox.offer(trade(3))
    assert len(inbox.take_waiting()) == 2


def test_lagging_is_told_once_until_the_inbox_has_been_emptied() -> None:
    inbox, lagged = an_inbox(1)
    for _ in range(3):
        assert inbox.offer(trade(1))
        assert not inbox.offer(trade(2))
        assert not inbox.offer(trade(3))
        inbox.take_waiting()
    assert lagged == [1, 1, 1]


def test_put_waits_for_room_and_take_for_something() -> None:
    async def story():
        inbox, _ = an_inbox(1)
        taken = []

        async def taker():
            while len(taken) < 100:
                taken.extend(await inbox.take())
                await asyncio.sleep(1.0)

        async def putter(start):
            for number in range(start, start + 50):
                await inbox.put(trade(number))

        async with asyncio.TaskGroup() as group:
            group.create_task(taker())
            group.create_task(putter(0))
            group.create_task(putter(50))
        numbers = [each.recv_ns for each in taken]
        assert sorted(numbers) == list(range(100))
        for start in (0, 50):  # each sender's own order is kept
            assert [number for number in numbers if start <= number < start + 50] == list(range(start, start + 50))

    run_virtual(story())


def test_an_inbox_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        an_inbox(0)


moves = st.lists(
    st.one_of(
        st.just("take"),
        st.tuples(st.just("trade"), st.just("A")),
        st.tuples(st.sampled_from(["bestBid", "bestAsk", "lastPrice"]), st.sampled_from("AB")),
    ),
    max_size=80,
)


@given(moves, st.integers(1, 6))
def test_whatever_is_merged_the_owner_ends_with_the_same_quotes_and_every_trade_in_order(played, capacity) -> None:
    inbox, _ = an_inbox(capacity)
    sent, taken, last_sent, last_taken = [], [], {}, {}

    def take():
        for arrival in inbox.take_waiting():
            if arrival.invocation.target == "GatewayTrade":
                taken.append(arrival.recv_ns)
                continue
            [change] = EventReader().read(arrival.invocation)
            for name in ("best_bid", "best_ask", "last_price"):
                if getattr(change, name) is not None:
                    last_taken[change.contract_id, name] = getattr(change, name)

    names = {"bestBid": "best_bid", "bestAsk": "best_ask", "lastPrice": "last_price"}
    for number, move in enumerate(played, start=1):
        if move == "take":
            take()
            continue
        what, contract = move
        arrival = trade(number) if what == "trade" else quote(number, contract, **{what: number})
        if not inbox.offer(arrival):
            take()
            assert inbox.offer(arrival)
        assert len(inbox) <= capacity
        if what == "trade":
            sent.append(number)
        else:
            last_sent[contract, names[what]] = number
    take()
    assert taken == sent
    assert last_taken == last_sent
