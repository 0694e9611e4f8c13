"""The simulated venue, one failure or rule at a time."""

import pytest
from venue_nouns import AT_ONCE, MS, NQ, an_order, prints

from fabio.exchange.assumptions import NEVER_NS, Assumptions
from fabio.exchange.venue import Exchange
from fabio.model.command import CancelOrder, ClosePosition, MoveStop, SubmitOrder
from fabio.model.event import (
    BracketWorking,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    VenueEvent,
)
from fabio.model.order import Order

QUEUE = Assumptions(order_latency_ns=0, queue_ahead_steps=5)


def names(events: list[VenueEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def fills(events: list[VenueEvent]) -> list[tuple[str, int, int, int]]:
    return [(event.fill.leg, event.fill.side * event.fill.size_steps, event.fill.price_ticks, event.ts_ns)
            for event in events if isinstance(event, OrderFilled)]


def traded(*prices: int, assumptions: Assumptions = AT_ONCE) -> Exchange:
    exchange = Exchange([NQ], assumptions)
    exchange.on_ticks(prints(*prices))
    return exchange


def entered(order: Order, at: int = 1000, assumptions: Assumptions = AT_ONCE) -> Exchange:
    exchange = traded(at, assumptions=assumptions)
    exchange.submit(SubmitOrder(order=order), 0)
    exchange.on_time(0)
    return exchange


@pytest.mark.parametrize("side", [1, -1])
def test_a_market_entry_fills_one_latency_later_with_slippage_and_its_bracket_works(side: int) -> None:
    exchange = traded(1000, assumptions=Assumptions())
    exchange.submit(SubmitOrder(order=an_order(side=side)), 10 * MS)
    assert exchange.next_due_ns() == 60 * MS
    assert exchange.on_ticks(prints(1003, start_ns=59 * MS)) == []
    events = exchange.on_time(60 * MS)
    fill_ticks = 1003 + side
    assert names(events) == ["OrderAccepted", "OrderFilled", "BracketWorking"]
    assert fills(events) == [("entry", 2 * side, fill_ticks, 60 * MS)]
    assert events[2] == BracketWorking(ts_ns=60 * MS, market=0, order_id="A", size_steps=2,
                                       stop_ticks=fill_ticks - 8 * side, target_ticks=fill_ticks + 16 * side)
    assert exchange.next_due_ns() == NEVER_NS


def test_what_is_due_at_the_time_of_a_tick_comes_before_the_tick() -> None:
    exchange = traded(1000, assumptions=Assumptions())
    exchange.submit(SubmitOrder(order=an_order()), 0)
    assert fills(exchange.on_ticks(prints(1010, start_ns=50 * MS))) == [("entry", 2, 1001, 50 * MS)]


def test_fills_carry_their_own_ids_and_the_fees_of_their_side() -> None:
    exchange = entered(an_order())
    [event] = exchange.on_ticks(prints(990, start_ns=MS))
    assert isinstance(event, OrderFilled)
    assert (event.fill.id, event.fill.order_id, str(event.fill.fees)) == ("A-F2", "A", "3.80")


@pytest.mark.parametrize(("side", "tick", "fill"), [
    (1, 993, 992), (1, 985, 984),     # long from 1001, stop 993: at it; gapped through it
    (-1, 1007, 1008), (-1, 1020, 1021),
])
def test_a_stop_fills_at_the_worse_of_stop_and_tick_with_slippage(side: int, tick: int, fill: int) -> None:
    exchange = entered(an_order(side=side))
    assert fills(exchange.on_ticks(prints(tick, start_ns=MS))) == [("stop", -2 * side, fill, MS)]
    assert exchange.working_prices(0) == []
    assert exchange.on_ticks(prints(1100, 900, start_ns=2 * MS)) == []  # one cancels the other


def test_a_touched_target_does_not_fill_and_one_traded_through_fills_at_its_price() -> None:
    exchange = entered(an_order())  # target 1017
    assert exchange.on_ticks(prints(1017, start_ns=MS)) == []
    assert fills(exchange.on_ticks(prints(1018, start_ns=2 * MS))) == [("target", -2, 1017, 2 * MS)]
    assert exchange.held_steps(0) == 0


def test_working_prices_are_where_a_tick_can_matter() -> None:
    exchange = entered(an_order())
    exchange.submit(SubmitOrder(order=an_order("B", limit_ticks=990)), 0)
    exchange.on_time(0)
    assert exchange.working_prices(0) == [989, 993, 1018]


def test_a_limit_fills_only_when_price_trades_through_it() -> None:
    exchange = entered(an_order(limit_ticks=995))
    assert exchange.on_ticks(prints(996, 995, 995, start_ns=MS)) == []
    assert fills(exchange.on_ticks(prints(994, start_ns=9 * MS))) == [("entry", 2, 995, 9 * MS)]


def test_a_gap_through_a_limit_and_its_stop_opens_and_stops_in_one_tick() -> None:
    exchange = entered(an_order(limit_ticks=995))
    events = exchange.on_ticks(prints(980, start_ns=MS))
    assert names(events) == ["OrderFilled", "BracketWorking", "OrderFilled"]
    assert fills(events) == [("entry", 2, 995, MS), ("stop", -2, 979, MS)]


def test_a_marketable_limit_fills_on_arrival_never_beyond_its_limit() -> None:
    slippery = Assumptions(order_latency_ns=0, market_slippage_ticks=3)
    exchange = traded(1000, assumptions=slippery)
    exchange.submit(SubmitOrder(order=an_order(limit_ticks=1002)), 0)
    exchange.submit(SubmitOrder(order=an_order("B", limit_ticks=1010)), 0)
    assert [row[2] for row in fills(exchange.on_time(0))] == [1002, 1003]


def test_slippage_beyond_the_stop_stops_at_once() -> None:
    slippery = Assumptions(order_latency_ns=0, market_slippage_ticks=8)
    exchange = traded(1000, assumptions=slippery)
    exchange.submit(SubmitOrder(order=an_order()), 0)  # filled at 1008, so the stop is the last price
    assert fills(exchange.on_time(0)) == [("entry", 2, 1008, 0), ("stop", -2, 999, 0)]


def test_in_a_queue_a_limit_fills_by_what_trades_after_its_turn_came() -> None:
    exchange = entered(an_order(limit_ticks=995, size_steps=4), assumptions=QUEUE)
    assert exchange.on_ticks(prints(995, start_ns=MS, size_steps=3)) == []
    events = exchange.on_ticks(prints(995, start_ns=2 * MS, size_steps=3))
    assert fills(events) == [("entry", 1, 995, 2 * MS)]
    events = exchange.on_ticks(prints(995, start_ns=3 * MS, size_steps=9))
    assert fills(events) == [("entry", 3, 995, 3 * MS)]
    assert isinstance(events[-1], BracketWorking)
    assert events[-1].size_steps == 4


def test_a_limit_at_the_last_price_waits_for_its_turn() -> None:
    exchange = entered(an_order(limit_ticks=1000), assumptions=QUEUE)
    assert exchange.working_prices(0) == [1000]
    assert fills(exchange.on_ticks(prints(1000, start_ns=MS, size_steps=6))) == [("entry", 1, 1000, MS)]


def test_a_partly_filled_target_leaves_a_bracket_for_the_rest() -> None:
    exchange = entered(an_order(size_steps=3), assumptions=QUEUE)  # target 1017
    events = exchange.on_ticks(prints(1017, start_ns=MS, size_steps=7))
    assert fills(events) == [("target", -2, 1017, MS)]
    assert isinstance(events[-1], BracketWorking)
    assert (events[-1].size_steps, exchange.held_steps(0)) == (1, 1)
    assert fills(exchange.on_ticks(prints(990, start_ns=2 * MS))) == [("stop", -1, 989, 2 * MS)]


def test_partly_filled_then_cancelled_keeps_the_bracket_of_what_was_filled() -> None:
    exchange = entered(an_order(limit_ticks=995, size_steps=4), assumptions=QUEUE)
    exchange.on_ticks(prints(995, start_ns=MS, size_steps=6))
    exchange.submit(CancelOrder(order_id="A", market=0), MS)
    assert names(exchange.on_time(MS)) == ["OrderCancelled"]
    assert exchange.working_prices(0) == [987, 1011]
    assert fills(exchange.on_ticks(prints(986, start_ns=2 * MS))) == [("stop", -1, 985, 2 * MS)]


def test_a_bracket_that_closed_a_part_cancels_the_rest_of_its_entry() -> None:
    exchange = entered(an_order(limit_ticks=995, size_steps=4), assumptions=QUEUE)
    exchange.on_ticks(prints(995, start_ns=MS, size_steps=6))
    events = exchange.on_ticks(prints(1012, start_ns=2 * MS))
    assert names(events) == ["OrderFilled", "OrderCancelled"]
    assert exchange.on_ticks(prints(900, start_ns=3 * MS)) == []


def test_a_cancel_that_lost_its_race_against_the_fill_is_harmless() -> None:
    exchange = entered(an_order(limit_ticks=995), assumptions=Assumptions(order_latency_ns=0))
    exchange.on_ticks(prints(994, start_ns=MS))
    exchange.submit(CancelOrder(order_id="A", market=0), MS)
    assert exchange.on_time(MS) == []
    assert exchange.held_steps(0) == 2


def test_cancels_twice_and_of_unknown_ids_are_harmless() -> None:
    exchange = entered(an_order(limit_ticks=995))
    for order_id in ("A", "A", "nobody"):
        exchange.submit(CancelOrder(order_id=order_id, market=0), MS)
    exchange.submit(MoveStop(order_id="nobody", market=0, stop_ticks=1), MS)
    assert exchange.on_time(MS) == [OrderCancelled(ts_ns=MS, market=0, order_id="A", reason="asked")]


def test_a_cancel_never_overtakes_its_order() -> None:
    exchange = traded(1000, assumptions=Assumptions())
    exchange.submit(SubmitOrder(order=an_order(limit_ticks=990)), 5 * MS)
    exchange.submit(CancelOrder(order_id="A", market=0), 1 * MS)  # a clock that went back
    assert exchange.next_due_ns() == 55 * MS
    assert names(exchange.on_time(55 * MS)) == ["OrderAccepted", "OrderCancelled"]


def test_an_order_sent_twice_lives_once() -> None:
    exchange = entered(an_order())
    exchange.submit(SubmitOrder(order=an_order()), MS)
    assert exchange.on_time(MS) == []
    exchange.on_ticks(prints(990, start_ns=2 * MS))
    exchange.submit(SubmitOrder(order=an_order()), 3 * MS)
    assert exchange.on_time(3 * MS) == []
    assert exchange.held_steps(0) == 0


def test_a_stop_moves_closer_and_never_wider() -> None:
    exchange = entered(an_order())  # stop 993
    exchange.submit(MoveStop(order_id="A", market=0, stop_ticks=997), MS)
    exchange.submit(MoveStop(order_id="A", market=0, stop_ticks=990), 2 * MS)
    events = exchange.on_time(2 * MS)
    assert [event.stop_ticks for event in events if isinstance(event, BracketWorking)] == [997, 997]
    assert exchange.working_prices(0) == [997, 1018]


def test_a_stop_moved_beyond_the_market_fills_at_once() -> None:
    exchange = entered(an_order())
    exchange.submit(MoveStop(order_id="A", market=0, stop_ticks=1005), MS)
    events = exchange.on_time(MS)
    assert names(events) == ["BracketWorking", "OrderFilled"]
    assert fills(events) == [("stop", -2, 999, MS)]


def test_moving_the_stop_of_a_closed_order_is_ignored() -> None:
    exchange = entered(an_order())
    exchange.on_ticks(prints(990, start_ns=MS))
    exchange.submit(MoveStop(order_id="A", market=0, stop_ticks=997), MS)
    assert exchange.on_time(MS) == []


def test_closing_cancels_entries_and_brackets_and_closes_what_is_held() -> None:
    exchange = entered(an_order())
    exchange.submit(SubmitOrder(order=an_order("B", limit_ticks=990)), 0)
    exchange.on_time(0)
    exchange.submit(ClosePosition(market=0, reason="flat by"), MS)
    events = exchange.on_time(MS)
    assert fills(events) == [("close", -2, 999, MS)]
    assert OrderCancelled(ts_ns=MS, market=0, order_id="B", reason="close: flat by") in events
    assert exchange.working_prices(0) == []
    assert exchange.on_ticks(prints(900, 1100, start_ns=2 * MS)) == []


def test_a_close_that_lost_its_race_against_the_stop_sells_nothing_twice() -> None:
    exchange = entered(an_order(), assumptions=Assumptions(order_latency_ns=0))
    exchange.submit(ClosePosition(market=0, reason="exit"), 5 * MS)
    events = exchange.on_ticks(prints(990, 990, start_ns=4 * MS, step_ns=2 * MS))
    assert fills(events) == [("stop", -2, 989, 4 * MS)]
    assert exchange.held_steps(0) == 0


def test_an_entry_after_a_close_is_its_own() -> None:
    exchange = entered(an_order())
    exchange.submit(ClosePosition(market=0, reason="exit"), MS)
    exchange.submit(SubmitOrder(order=an_order("B", side=-1)), MS)
    exchange.on_time(MS)
    assert exchange.held_steps(0) == -2


def test_an_unfilled_entry_expires_before_the_tick_of_that_time() -> None:
    exchange = entered(an_order(limit_ticks=995, good_until_ns=5 * MS))
    assert exchange.next_due_ns() == 5 * MS
    events = exchange.on_ticks(prints(990, start_ns=5 * MS))
    assert events == [OrderExpired(ts_ns=5 * MS, market=0, order_id="A")]
    assert exchange.next_due_ns() == NEVER_NS


def test_an_order_that_arrives_after_its_good_until_never_works() -> None:
    exchange = traded(1000, assumptions=Assumptions())
    exchange.submit(SubmitOrder(order=an_order(good_until_ns=20 * MS)), 0)
    assert names(exchange.on_time(50 * MS)) == ["OrderExpired"]


def test_at_its_good_until_a_partly_filled_entry_loses_only_its_rest() -> None:
    exchange = entered(an_order(limit_ticks=995, size_steps=4, good_until_ns=5 * MS), assumptions=QUEUE)
    exchange.on_ticks(prints(995, start_ns=MS, size_steps=6))
    assert names(exchange.on_time(5 * MS)) == ["OrderCancelled"]
    assert exchange.held_steps(0) == 1


def test_a_stop_moved_between_two_partial_fills_stays_moved() -> None:
    exchange = entered(an_order(limit_ticks=995, size_steps=4), assumptions=QUEUE)
    exchange.on_ticks(prints(995, start_ns=MS, size_steps=6))
    exchange.submit(MoveStop(order_id="A", market=0, stop_ticks=990), MS)
    events = exchange.on_ticks(prints(995, start_ns=2 * MS, size_steps=3))
    assert events[-1] == BracketWorking(ts_ns=2 * MS, market=0, order_id="A", stop_ticks=990,
                                        target_ticks=1011, size_steps=4)


@pytest.mark.parametrize(("changes", "words"), [
    ({"size_steps": 0}, "size of 0 steps"),
    ({"stop_offset_ticks": 8}, "invalid stop-loss"),
    ({"target_offset_ticks": -1}, "invalid take-profit"),
    ({"kind": "limit"}, "limit price None"),
    ({"limit_ticks": 990}, "market order with limit price 990"),
])
def test_an_order_that_cannot_be_is_rejected(changes: dict[str, object], words: str) -> None:
    order = Order(**({name: getattr(an_order(), name) for name in Order.__struct_fields__} | changes))
    exchange = traded(1000)
    exchange.submit(SubmitOrder(order=order), 0)
    [event] = exchange.on_time(0)
    assert isinstance(event, OrderRejected)
    assert words in event.reason


def test_entries_are_rejected_before_the_first_trade_and_in_a_halted_market() -> None:
    exchange = Exchange([NQ], AT_ONCE)
    exchange.submit(SubmitOrder(order=an_order()), 0)
    exchange.on_time(0)
    exchange.on_ticks(prints(1000))
    exchange.halt_market(0, "instrument not in an active trading status")
    exchange.submit(SubmitOrder(order=an_order("B")), 0)
    [event] = exchange.on_time(0)
    assert event == OrderRejected(ts_ns=0, market=0, order_id="B",
                                  reason="instrument not in an active trading status")
    exchange.resume_market(0)
    exchange.submit(SubmitOrder(order=an_order("C")), 0)
    assert isinstance(exchange.on_time(0)[0], OrderAccepted)


def test_a_halted_market_still_closes() -> None:
    exchange = entered(an_order())
    exchange.halt_market(0, "halt")
    exchange.submit(ClosePosition(market=0, reason="flat by"), MS)
    assert fills(exchange.on_time(MS)) == [("close", -2, 999, MS)]


def test_markets_do_not_touch_each_other() -> None:
    exchange = Exchange([NQ, NQ], AT_ONCE)
    exchange.on_ticks(prints(1000))
    exchange.on_ticks(prints(500, market=1))
    exchange.submit(SubmitOrder(order=an_order()), 0)
    exchange.submit(SubmitOrder(order=an_order("B", market=1)), 0)
    exchange.on_time(0)
    assert exchange.on_ticks(prints(1001, start_ns=MS)) == []
    assert fills(exchange.on_ticks(prints(490, start_ns=MS, market=1))) == [("stop", -2, 489, MS)]
    assert (exchange.held_steps(0), exchange.held_steps(1)) == (2, 0)


def test_negative_assumptions_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="stop_slippage_ticks is -1"):
        Assumptions(stop_slippage_ticks=-1)


def test_a_snapshot_of_another_number_of_markets_is_refused() -> None:
    with pytest.raises(ValueError, match="1 markets, this venue 2"):
        Exchange([NQ, NQ]).restore(Exchange([NQ]).snapshot())
