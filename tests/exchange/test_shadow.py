"""The shadow book: its rules, a book kept by hand, and the venue on the same ticks."""

from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from venue_nouns import AT_ONCE, MS, NQ, a_decision, a_signal, order_of, tape

from fabio.exchange.assumptions import Assumptions
from fabio.exchange.shadow import ShadowBook, ShadowSnapshot, shadow_id
from fabio.exchange.shadow_kernel import shadow_is_quiet, shadow_tick
from fabio.exchange.venue import Exchange
from fabio.model.command import SubmitOrder
from fabio.model.event import OrderExpired, OrderFilled
from fabio.model.order import ShadowTrade
from fabio.model.signal import Signal


def feed(book: ShadowBook, *ticks: tuple[int, int]) -> int:
    """Live through (ts_ns, price_ticks); give how many exits wait."""
    waiting = 0
    for ts_ns, price in ticks:
        if not shadow_is_quiet(book.b, ts_ns, price):
            waiting = shadow_tick(book.b, book.slots, ts_ns, price)
    return waiting


Outcome = tuple[str, int, int, int, int]


def outcome(trade: ShadowTrade) -> Outcome:
    """Leg, entry time and price, exit time and price."""
    return trade.exit_leg, trade.entry_ns, trade.entry_ticks, trade.exit_ns, trade.exit_ticks


def test_a_shadow_enters_one_latency_later_and_ends_at_its_target() -> None:
    book = ShadowBook(NQ)
    assert book.open(a_decision(a_signal()), 0, 1000) == 0
    assert feed(book, (49 * MS, 1003), (50 * MS, 1010), (60 * MS, 1020)) == 0  # in at 1004; target 1020
    assert feed(book, (70 * MS, 1021)) == 1
    [trade] = book.drain()
    assert outcome(trade) == ("target", 50 * MS, 1004, 70 * MS, 1020)
    assert (trade.gross_pnl, trade.fees, trade.net_pnl) == (Decimal(80), Decimal("3.80"), Decimal("76.20"))
    assert trade.r_multiple == pytest.approx(76.2 / 40)
    assert (trade.id, trade.decision_id, trade.regime) == (shadow_id("D1"), "D1", "")
    assert (book.open_count, book.drain()) == (0, [])


def test_a_blocked_signals_shadow_says_who_refused_it() -> None:
    book = ShadowBook(NQ, AT_ONCE)
    book.open(a_decision(a_signal(side=-1), approved=False), 0, 1000)
    feed(book, (MS, 1007))
    [trade] = book.drain()
    assert (trade.approved, trade.refused_by, outcome(trade)) == (
        False, ("cooldown",), ("stop", 0, 999, MS, 1008))


def test_one_shadow_is_open_per_strategy_and_setup() -> None:
    book = ShadowBook(NQ, AT_ONCE)
    assert book.open(a_decision(a_signal()), 0, 1000) == 0
    assert book.open(a_decision(a_signal(), "D2"), 0, 1000) is None
    assert book.open(a_decision(a_signal(setup="other"), "D3"), 0, 1000) == 1
    feed(book, (MS, 900))
    assert [trade.decision_id for trade in book.drain()] == ["D1", "D3"]
    assert book.open(a_decision(a_signal(), "D4"), 2 * MS, 900) == 0


@pytest.mark.parametrize("signal", [a_signal(stop=0), a_signal(stop=-3), a_signal(target=0)])
def test_a_bracket_on_the_wrong_side_has_no_shadow(signal: Signal) -> None:
    assert ShadowBook(NQ).open(a_decision(signal), 0, 1000) is None


def test_a_limit_that_is_not_traded_through_in_time_is_never_filled_and_costs_nothing() -> None:
    book = ShadowBook(NQ, AT_ONCE)
    book.open(a_decision(a_signal(entry_ticks=995, limit=True)), 0, 1000, good_until_ns=5 * MS)
    assert feed(book, (MS, 995), (5 * MS, 900)) == 1
    [trade] = book.drain()
    assert outcome(trade) == ("never_filled", 5 * MS, 995, 5 * MS, 995)
    assert (trade.gross_pnl, trade.fees, trade.net_pnl, trade.r_multiple) == (0, 0, 0, 0.0)


def test_a_gap_through_a_limit_and_its_stop_opens_and_stops_in_one_tick() -> None:
    book = ShadowBook(NQ, AT_ONCE)
    book.open(a_decision(a_signal(entry_ticks=995, limit=True)), 0, 1000)
    assert feed(book, (MS, 1000), (2 * MS, 980)) == 1
    assert outcome(book.drain()[0]) == ("stop", 2 * MS, 995, 2 * MS, 979)


def test_closing_all_ends_open_shadows_at_market_and_the_others_unfilled() -> None:
    book = ShadowBook(NQ)
    book.open(a_decision(a_signal(setup="open")), 0, 1000)
    book.open(a_decision(a_signal(setup="limit", entry_ticks=990, limit=True), "D2"), 0, 1000)
    feed(book, (60 * MS, 1002))
    book.open(a_decision(a_signal(setup="in flight"), "D3"), 60 * MS, 1002)
    trades = book.close_all(70 * MS, 1003)
    assert [outcome(trade) for trade in trades] == [
        ("close", 50 * MS, 1001, 70 * MS, 1002), ("never_filled", 70 * MS, 990, 70 * MS, 990),
        ("never_filled", 70 * MS, 1000, 70 * MS, 1000)]
    assert book.open_count == 0
    assert feed(book, (200 * MS, 500)) == 0


def test_closing_all_first_does_what_was_due() -> None:
    book = ShadowBook(NQ)
    book.open(a_decision(a_signal()), 0, 1000)
    assert outcome(book.close_all(90 * MS, 1000)[0]) == ("close", 50 * MS, 1001, 90 * MS, 999)


def test_the_book_grows_and_reuses_its_slots() -> None:
    book = ShadowBook(NQ, AT_ONCE, capacity=1)
    for place in range(5):
        decision = a_decision(a_signal(setup=f"S{place}", stop=8 + place), f"D{place}")
        assert book.open(decision, 0, 1000) == place
    assert feed(book, (MS, 991)) == 3
    assert [trade.decision_id for trade in book.drain()] == ["D0", "D1", "D2"]
    assert book.open(a_decision(a_signal(setup="S9"), "D9"), MS, 991) == 0
    assert book.open_count == 3


def test_an_empty_book_watches_nothing() -> None:
    book = ShadowBook(NQ)
    assert feed(book, (MS, 1), (2 * MS, 1 << 40)) == 0


# -- against a book kept by hand --------------------------------------------------------


class Plan(NamedTuple):
    """A signal at tick `at` of a walk; `life` in ms for a limit."""

    at: int
    side: int
    distance: int | None
    stop: int
    target: int
    life: int | None


PLANS = st.lists(st.builds(
    Plan, at=st.integers(0, 60), side=st.sampled_from([1, -1]), distance=st.none() | st.integers(-3, 6),
    stop=st.integers(1, 12), target=st.integers(1, 12), life=st.none() | st.integers(0, 30)), max_size=12)
WALKS = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), min_size=1, max_size=120)
ASSUMPTIONS = st.builds(Assumptions, order_latency_ns=st.sampled_from([0, MS, 5 * MS]),
                        market_slippage_ticks=st.integers(0, 3), stop_slippage_ticks=st.integers(0, 2))


def walk(moves: list[tuple[int, int]]) -> list[tuple[int, int]]:
    ticks, now_ns, price = [], 0, 1000
    for wait, move in moves:
        now_ns, price = now_ns + wait * MS, price + move
        ticks.append((now_ns, price))
    return ticks


def by_hand(plan: Plan, ticks: list[tuple[int, int]], rules: Assumptions) -> Outcome | None:
    """Walk one signal through the ticks after it, in the plainest way there is."""
    start_ns, last = ticks[plan.at]
    side, slip, stop_slip = plan.side, rules.market_slippage_ticks, rules.stop_slippage_ticks
    limit = None if plan.distance is None else last - side * plan.distance
    arrival_ns = start_ns + rules.order_latency_ns
    end_ns = None if plan.life is None or limit is None else start_ns + plan.life * MS
    arrived, entry = False, None
    for ts_ns, price in ticks[plan.at + 1:]:
        if not arrived and ts_ns >= arrival_ns:
            arrived = True
            if end_ns is not None and end_ns <= arrival_ns:
                return "never_filled", arrival_ns, limit or 0, arrival_ns, limit or 0
            if limit is None:
                entry = (arrival_ns, last + side * slip)
            elif (limit - last) * side > 0:
                entry = (arrival_ns, limit if slip >= abs(limit - last) else last + side * slip)
            if entry is not None and (last - entry[1] + side * plan.stop) * side <= 0:
                return "stop", *entry, arrival_ns, last - side * stop_slip
        if arrived and entry is None and limit is not None:
            if end_ns is not None and ts_ns >= end_ns:
                return "never_filled", end_ns, limit, end_ns, limit
            if (limit - price) * side > 0:
                entry = (ts_ns, limit)
        last = price
        if entry is not None:
            if (price - entry[1] + side * plan.stop) * side <= 0:
                return "stop", *entry, ts_ns, price - side * stop_slip
            if (price - entry[1] - side * plan.target) * side > 0:
                return "target", *entry, ts_ns, entry[1] + side * plan.target
    return None


def signal_of(plan: Plan, price: int, setup: str) -> Signal:
    entry = price if plan.distance is None else price - plan.side * plan.distance
    return a_signal(plan.side, entry, plan.stop, plan.target, plan.distance is not None, setup)


@settings(max_examples=300, deadline=None)
@given(plans=PLANS, moves=WALKS, rules=ASSUMPTIONS, restart_at=st.integers(0, 120), drained=st.booleans())
def test_the_kernel_gives_what_a_book_kept_by_hand_gives(
        plans: list[Plan], moves: list[tuple[int, int]], rules: Assumptions, restart_at: int,
        drained: bool) -> None:
    ticks = walk(moves)
    plans = [plan for plan in plans if plan.at < len(ticks)]
    book = ShadowBook(NQ, rules, capacity=1)
    trades: list[ShadowTrade] = []
    for place, (ts_ns, price) in enumerate(ticks):
        waiting = feed(book, (ts_ns, price))
        if drained and waiting > 0:
            trades += book.drain()
        for name, plan in enumerate(plans):
            if plan.at == place:
                book.open(a_decision(signal_of(plan, price, f"S{name}"), f"D{name}"), ts_ns, price,
                          None if plan.life is None or plan.distance is None else ts_ns + plan.life * MS)
        if place == restart_at:
            raw = msgspec.json.encode(book.snapshot())
            book = ShadowBook(NQ, rules, capacity=1)
            book.restore(msgspec.json.decode(raw, type=ShadowSnapshot))
    trades += book.drain()
    expected = {f"D{name}": by_hand(plan, ticks, rules) for name, plan in enumerate(plans)}
    assert {trade.decision_id: outcome(trade) for trade in trades} == {
        name: result for name, result in expected.items() if result is not None}
    assert book.open_count == sum(result is None for result in expected.values())


@settings(max_examples=200, deadline=None)
@given(plan=PLANS.filter(lambda plans: len(plans) > 0).map(lambda plans: plans[0]), moves=WALKS,
       rules=ASSUMPTIONS)
def test_the_shadow_of_an_approved_trade_fills_where_the_venue_fills(
        plan: Plan, moves: list[tuple[int, int]], rules: Assumptions) -> None:
    ticks = walk(moves)
    at = plan.at % len(ticks)
    ts_ns, price = ticks[at]
    decision = a_decision(signal_of(plan, price, "S"))
    good_until_ns = None if plan.life is None else ts_ns + plan.life * MS
    rows = [(time_ns, trade, 1, 0) for time_ns, trade in ticks]
    exchange, book = Exchange([NQ], rules), ShadowBook(NQ, rules)
    exchange.on_ticks(tape(rows[:at + 1]))
    exchange.submit(SubmitOrder(order=order_of(decision, 3, good_until_ns)), ts_ns)
    book.open(decision, ts_ns, price, good_until_ns)
    events = exchange.on_ticks(tape(rows[at + 1:]))
    feed(book, *ticks[at + 1:])
    fills = [event.fill for event in events if isinstance(event, OrderFilled)]
    trades = book.drain()
    if trades and trades[0].exit_leg == "never_filled":
        assert fills == []
        assert [event.ts_ns for event in events if isinstance(event, OrderExpired)] == [trades[0].exit_ns]
    elif trades:
        entry, leave = fills
        assert outcome(trades[0]) == (
            leave.leg, entry.ts_ns, entry.price_ticks, leave.ts_ns, leave.price_ticks)
    else:
        assert len(fills) < 2
