"""Orders of any kind in one market; an entry with a bracket trades as the paper venue trades it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from venue_nouns import AT_ONCE, MS, NQ, an_order, tape

from fabio.exchange.assumptions import Assumptions
from fabio.exchange.pit import Pit
from fabio.exchange.ticket import Executed, Over, Ticket, Working
from fabio.exchange.venue import Exchange
from fabio.model.command import SubmitOrder
from fabio.model.event import OrderFilled
from fabio.model.order import Order

ENTRY, STOP, TARGET = 1, 2, 3


def family(order: Order, first_id: int = ENTRY) -> list[Ticket]:
    """An order with its bracket as three tickets."""
    stop_id, target_id = first_id + 1, first_id + 2
    return [
        Ticket(id=first_id, side=order.side, kind=order.kind, left_steps=order.size_steps,
               price_ticks=order.limit_ticks, children=(stop_id, target_id)),
        Ticket(id=stop_id, side=-order.side, kind="stop", offset_ticks=order.stop_offset_ticks, parent_id=first_id,
               sibling_id=target_id),
        Ticket(id=target_id, side=-order.side, kind="limit", offset_ticks=order.target_offset_ticks,
               parent_id=first_id, sibling_id=stop_id),
    ]


def alone(kind: str, side: int, price_ticks: int | None, steps: int = 1, trail_ticks: int | None = None) -> Ticket:
    assert kind in ("market", "limit", "stop")
    return Ticket(id=9, side=side, kind=kind, left_steps=steps, price_ticks=price_ticks,  # type: ignore[arg-type]
                  trail_ticks=trail_ticks)


def pit(assumptions: Assumptions = AT_ONCE) -> Pit:
    return Pit(assumptions)


def fills(some: Pit) -> list[tuple[int, int, int]]:
    return [(each.ticket_id, each.steps, each.price_ticks) for each in some.reports if isinstance(each, Executed)]


def over(some: Pit) -> list[tuple[int, str]]:
    return [(each.ticket_id, each.reason) for each in some.reports if isinstance(each, Over)]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Assumptions, list[tuple[int, Order]], list[tuple[int, int, int, int]]]:
    """Assumptions, orders with their arrival times, and prints."""
    assumptions = Assumptions(
        order_latency_ns=0, market_slippage_ticks=draw(st.integers(0, 9)), stop_slippage_ticks=draw(st.integers(0, 2)),
        queue_ahead_steps=draw(st.sampled_from([None, 0, 1, 4])),
    )
    rows, price = [(0, 1000, 1, 0)], 1000
    for place in range(1, draw(st.integers(5, 60))):
        price += draw(st.integers(-7, 7))
        rows.append((place * MS, price, draw(st.integers(1, 6)), 0))
    orders = []
    for number in range(draw(st.integers(1, 3))):
        limit = draw(st.sampled_from([None, *range(990, 1011)]))
        order = an_order(f"O{number}", draw(st.sampled_from([1, -1])), draw(st.integers(1, 5)), limit)
        orders.append((draw(st.integers(0, len(rows))) * MS + draw(st.sampled_from([0, MS // 2])), order))
    return assumptions, sorted(orders, key=lambda row: row[0]), rows


@settings(max_examples=300)
@given(worlds())
def test_an_entry_with_a_bracket_gets_the_fills_that_the_paper_venue_gives(
    world: tuple[Assumptions, list[tuple[int, Order]], list[tuple[int, int, int, int]]],
) -> None:
    assumptions, orders, rows = world
    exchange, some = Exchange([NQ], assumptions), pit(assumptions)
    wanted, last_ticks, left = [], 0, list(orders)
    for ts_ns, price, size, _ in [*rows, (10**12, 0, 0, 0)]:
        while left and left[0][0] <= ts_ns and last_ticks:
            due_ns, order = left.pop(0)
            due_ns = max(due_ns, 1)  # not before the first print
            exchange.submit(SubmitOrder(order=order), due_ns)
            wanted += exchange.on_time(due_ns)
            some.enter(family(order, 10 * int(order.id[1:])), due_ns, last_ticks)
        if size:
            wanted += exchange.on_ticks(tape([(ts_ns, price, size, 0)]))
            low, high = some.bounds()
            if price <= low or price >= high:  # what bounds() leaves out must not matter
                some.trade(ts_ns, price, size)
            last_ticks = price
    legs = {0: "entry", 1: "stop", 2: "target"}
    assert [
        (each.fill.order_id, each.fill.leg, each.fill.size_steps, each.fill.price_ticks, each.ts_ns)
        for each in wanted if isinstance(each, OrderFilled)
    ] == [
        (f"O{each.ticket_id // 10}", legs[each.ticket_id % 10], each.steps, each.price_ticks, each.ts_ns)
        for each in some.reports if isinstance(each, Executed)
    ]


@pytest.mark.parametrize(("ticket", "at", "fill"), [
    (alone("market", 1, None), 1000, 1001), (alone("market", -1, None), 1000, 999),
    (alone("limit", 1, 1003), 1000, 1001), (alone("limit", -1, 1000), 1003, 1002),
    (alone("stop", 1, 1000), 1002, 1003), (alone("stop", -1, 1000), 998, 997),
])
def test_what_is_through_on_arrival_trades_at_once(ticket: Ticket, at: int, fill: int) -> None:
    some = pit()
    some.enter([ticket], 0, at)
    assert fills(some) == [(9, 1, fill)]
    assert some.tickets == {}


@pytest.mark.parametrize(("ticket", "near", "at", "fill"), [
    (alone("limit", 1, 990), 990, 989, 990), (alone("limit", -1, 1010), 1010, 1011, 1010),
    (alone("stop", 1, 1010), 1009, 1010, 1011), (alone("stop", -1, 990), 991, 985, 984),
])
def test_a_resting_order_trades_when_its_price_comes(ticket: Ticket, near: int, at: int, fill: int) -> None:
    some = pit()
    some.enter([ticket], 0, 1000)
    some.trade(MS, near, 5)
    assert some.reports == [Working(9, 0, 1, ticket.price_ticks)]
    some.trade(2 * MS, at, 5)
    assert fills(some) == [(9, 1, fill)]


@pytest.mark.parametrize("side", [1, -1])
def test_a_trailing_stop_follows_the_best_price_and_never_goes_back(side: int) -> None:
    some = pit()
    stop = Ticket(id=9, side=-side, kind="stop", left_steps=1, price_ticks=1000 - 10 * side, trail_ticks=10)
    some.enter([stop], 0, 1000)
    for price in (1000, 1004, 1002, 1008, 999):
        reached = 1000 + side * (price - 1000)
        low, high = some.bounds()
        if reached <= low or reached >= high:
            some.trade(MS, reached, 1)
    assert stop.price_ticks == 1000 - 2 * side
    some.trade(MS, 1000 - 2 * side, 1)
    assert fills(some) == [(9, 1, 1000 - 3 * side)]


def test_a_child_trails_too() -> None:
    some = pit()
    entry, stop, target = family(an_order())
    stop.trail_ticks = 8
    some.enter([entry, stop, target], 0, 1000)
    assert stop.price_ticks == 993
    some.trade(MS, 1011, 1)
    assert stop.price_ticks == 1003
    some.trade(2 * MS, 1003, 1)
    assert fills(some) == [(ENTRY, 2, 1001), (STOP, 2, 1002)]
    assert over(some) == [(TARGET, "the other child filled")]


def test_children_wait_without_prices_until_their_entry_fills() -> None:
    some = pit()
    entry, stop, target = family(an_order(limit_ticks=990))
    some.enter([entry, stop, target], 0, 1000)
    assert (stop.price_ticks, target.price_ticks, stop.left_steps) == (None, None, 0)
    some.change(STOP, MS, 1000, price_ticks=1)
    assert stop.price_ticks is None
    some.trade(2 * MS, 989, 1)
    assert (stop.price_ticks, target.price_ticks, stop.left_steps) == (982, 1006, 2)


def test_a_cancelled_entry_takes_its_waiting_children_with_it() -> None:
    some = pit()
    some.enter(family(an_order(limit_ticks=990)), 0, 1000)
    some.cancel(ENTRY, MS, "asked")
    assert over(some) == [(ENTRY, "asked"), (STOP, "its entry is gone"), (TARGET, "its entry is gone")]
    assert some.tickets == {}


def test_a_cancelled_child_leaves_its_sibling_working_alone() -> None:
    some = pit()
    some.enter(family(an_order()), 0, 1000)
    some.cancel(STOP, MS, "asked")
    some.trade(2 * MS, 900, 1)  # far through where the stop was
    assert list(some.tickets) == [TARGET]
    some.trade(3 * MS, 1018, 1)
    assert fills(some)[1:] == [(TARGET, 2, 1017)]


def test_a_change_moves_a_stop_either_way_and_trades_it_where_the_market_is_through() -> None:
    some = pit()
    some.enter(family(an_order()), 0, 1000)
    some.change(STOP, MS, 1000, price_ticks=980)
    some.trade(2 * MS, 985, 1)
    assert len(fills(some)) == 1
    some.change(STOP, 3 * MS, 985, price_ticks=990)
    assert fills(some)[1:] == [(STOP, 2, 984)]


def test_a_change_of_size_leaves_the_rest_and_of_a_limit_through_the_market_trades() -> None:
    some = pit()
    some.enter([alone("limit", 1, 990, steps=3)], 0, 1000)
    some.change(9, MS, 1000, left_steps=2)
    some.change(9, MS, 1000, price_ticks=1005)
    assert fills(some) == [(9, 2, 1001)]
    some.enter([alone("limit", 1, 990, steps=3)], 0, 1000)
    some.change(9, MS, 1000, left_steps=0)
    assert over(some) == [(9, "no size is left")]


def test_a_smaller_child_that_fills_leaves_its_sibling_the_rest() -> None:
    some = pit()
    some.enter(family(an_order(size_steps=3)), 0, 1000)
    some.change(TARGET, MS, 1000, left_steps=1)
    some.trade(2 * MS, 1018, 1)
    assert fills(some)[1:] == [(TARGET, 1, 1017)]
    assert some.tickets[STOP].left_steps == 2
    some.trade(3 * MS, 993, 1)
    assert fills(some)[2:] == [(STOP, 2, 992)]


def test_little_liquidity_splits_fills_over_prints_and_children_keep_up() -> None:
    some = pit()
    some.most_steps = 1
    some.enter(family(an_order(size_steps=3)), 0, 1000)
    assert fills(some) == [(ENTRY, 1, 1001)]
    assert some.tickets[STOP].left_steps == 1
    some.trade(MS, 1001, 1)
    assert some.tickets[STOP].left_steps == 2
    some.trade(2 * MS, 992, 1)  # the entry's last step, then the stop's first: as in one tick on paper
    assert fills(some)[2:] == [(ENTRY, 1, 993), (STOP, 1, 991)]
    assert some.tickets[STOP].left_steps == some.tickets[TARGET].left_steps == 2
    some.trade(3 * MS, 995, 1)
    some.trade(4 * MS, 995, 1)
    assert fills(some)[4:] == [(STOP, 1, 994), (STOP, 1, 994)]
    assert some.tickets == {}
    assert over(some) == [(TARGET, "the other child filled")]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(980, 1020), st.integers(1, 3)), max_size=40))
def test_nothing_trades_more_than_was_ordered(steps: list[tuple[int, int, int]]) -> None:
    some = pit(Assumptions(order_latency_ns=0, queue_ahead_steps=2))
    some.most_steps = 2
    some.enter(family(an_order(size_steps=4)), 0, 1000)
    for place, (deed, price, size) in enumerate(steps):
        if deed < 3:
            some.trade(place, price, size)
        elif deed == 3:
            some.cancel(size, place, "asked")
        else:
            some.change(size, place, price, price_ticks=price)
    filled = {ticket: sum(row[1] for row in fills(some) if row[0] == ticket) for ticket in (ENTRY, STOP, TARGET)}
    assert filled[ENTRY] <= 4
    assert filled[STOP] + filled[TARGET] <= filled[ENTRY]
    assert all(ticket.left_steps >= 0 for ticket in some.tickets.values())
