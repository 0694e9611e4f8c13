"""The simulated venue against its invariants, on any commands and any ticks."""

from dataclasses import dataclass, field

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from venue_nouns import MS, NQ, an_order, tape

from fabio.exchange.assumptions import Assumptions
from fabio.exchange.venue import AccountCommand, Exchange, ExchangeSnapshot
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
from fabio.model.order import DONE_STATES, Fill, Order, OrderState
from fabio.portfolio.orders import Happening, fill_happening, next_state

ANSWERS: dict[type, Happening] = {
    OrderAccepted: "accepted", OrderRejected: "rejected", OrderCancelled: "cancelled",
    OrderExpired: "expired",
}
ASSUMPTIONS = st.builds(
    Assumptions, order_latency_ns=st.sampled_from([0, MS, 3 * MS]), market_slippage_ticks=st.integers(0, 3),
    stop_slippage_ticks=st.integers(0, 2), queue_ahead_steps=st.sampled_from([None, 0, 4]),
)


@dataclass
class Seen:
    """What an agent knows of one order from its reports alone."""

    order: Order
    state: OrderState = "in_flight"
    filled: int = 0
    held: int = 0
    stop_ticks: int | None = None
    stop_steps: int = 0
    fills: list[Fill] = field(default_factory=list)

    def report(self, event: VenueEvent) -> None:
        if isinstance(event, BracketWorking):
            if self.stop_ticks is not None:  # I21
                assert (event.stop_ticks - self.stop_ticks) * self.order.side >= 0
            self.stop_ticks, self.stop_steps = event.stop_ticks, event.size_steps
            return
        if isinstance(event, OrderFilled):
            assert event.fill.id not in {fill.id for fill in self.fills}
            self.fills.append(event.fill)
            self.held += event.fill.side * event.fill.size_steps * self.order.side
            if event.fill.leg != "entry":
                assert event.fill.side == -self.order.side
                self.stop_steps = self.held if self.held == 0 else self.stop_steps
                return
            self.filled += event.fill.size_steps
        happening = (fill_happening(self.order.size_steps, self.filled) if isinstance(event, OrderFilled)
                     else ANSWERS[type(event)])
        move = next_state(self.state, happening)
        assert move.surprise == ""  # I03, I04: a venue that reports in order never surprises
        self.state = move.state


class Trading(RuleBasedStateMachine):
    """Orders, moves, cancels, closes, ticks and time in any order, with restarts in between."""

    def __init__(self) -> None:
        super().__init__()
        self.assumptions = Assumptions(order_latency_ns=2 * MS, queue_ahead_steps=3)
        self.exchange = Exchange([NQ], self.assumptions)
        self.now_ns = 0
        self.price = 1000
        self.seen: dict[str, Seen] = {}
        self.hear(self.exchange.on_ticks(tape([(0, self.price, 1, 0)])))

    def hear(self, events: list[VenueEvent]) -> None:
        for event in events:
            order_id = event.fill.order_id if isinstance(event, OrderFilled) else event.order_id
            self.seen[order_id].report(event)

    @rule(side=st.sampled_from([1, -1]), size=st.integers(1, 5), distance=st.none() | st.integers(-3, 6),
          life=st.none() | st.integers(0, 20))
    def enters(self, side: int, size: int, distance: int | None, life: int | None) -> None:
        order = an_order(
            f"O{len(self.seen)}", side=side, size_steps=size,
            limit_ticks=None if distance is None else self.price - side * distance,
            good_until_ns=None if life is None else self.now_ns + life * MS)
        self.seen[order.id] = Seen(order)
        self.exchange.submit(SubmitOrder(order=order), self.now_ns)

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), offset=st.integers(-10, 10))
    def moves_a_stop(self, data: st.DataObject, offset: int) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.seen)))
        move = MoveStop(order_id=order_id, market=0, stop_ticks=self.price + offset)
        self.exchange.submit(move, self.now_ns)

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def cancels(self, data: st.DataObject) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.seen)))
        self.exchange.submit(CancelOrder(order_id=order_id, market=0), self.now_ns)

    @rule()
    def closes(self) -> None:
        self.exchange.submit(ClosePosition(market=0, reason="exit"), self.now_ns)

    @rule(moves=st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 6), st.integers(0, 3)), max_size=6))
    def trades(self, moves: list[tuple[int, int, int]]) -> None:
        rows = []
        for move, size, wait in moves:
            self.price += move
            self.now_ns += wait * MS
            rows.append((self.now_ns, self.price, size, 0))
        self.hear(self.exchange.on_ticks(tape(rows)))

    @rule(wait=st.integers(0, 6))
    def waits(self, wait: int) -> None:
        self.now_ns += wait * MS
        self.hear(self.exchange.on_time(self.now_ns))

    @rule()
    def restarts(self) -> None:
        raw = msgspec.json.encode(self.exchange.snapshot())
        self.exchange = Exchange([NQ], self.assumptions)
        self.exchange.restore(msgspec.json.decode(raw, type=ExchangeSnapshot))

    @invariant()
    def the_position_is_the_sum_of_the_fills(self) -> None:  # I10
        total = sum(fill.side * fill.size_steps for seen in self.seen.values() for fill in seen.fills)
        assert total == self.exchange.held_steps(0)

    @invariant()
    def never_more_is_closed_than_was_opened_nor_filled_than_ordered(self) -> None:  # I04
        for seen in self.seen.values():
            assert 0 <= seen.held <= seen.filled <= seen.order.size_steps

    @invariant()
    def one_stop_covers_exactly_what_is_open(self) -> None:  # I20, I23
        assert all(seen.stop_steps == seen.held for seen in self.seen.values())

    @invariant()
    def stops_lie_on_the_loss_side_of_the_market(self) -> None:  # I22
        for seen in self.seen.values():
            if seen.held > 0:
                assert seen.stop_ticks is not None
                assert (self.price - seen.stop_ticks) * seen.order.side > 0

    def teardown(self) -> None:
        """A close ends everything, whatever came before."""
        self.exchange.submit(ClosePosition(market=0, reason="end"), self.now_ns)
        self.hear(self.exchange.on_time(self.now_ns + 1000 * MS))
        assert self.exchange.working_prices(0) == []
        assert all(seen.held == 0 for seen in self.seen.values())
        assert all(seen.state in DONE_STATES for seen in self.seen.values())


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


Script = list[tuple[tuple[int, int, int, int], list[AccountCommand]]]


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Ticks of two markets, each with the commands that leave at its time."""
    count = draw(st.integers(2, 30))
    now_ns, prices, script, orders = 0, [1000, 1000], [], 0
    for _ in range(count):
        now_ns += draw(st.integers(0, 3)) * MS
        market = draw(st.integers(0, 1))
        prices[market] += draw(st.integers(-6, 6))
        commands: list[AccountCommand] = []
        kind = draw(st.sampled_from(["none", "none", "enter", "enter", "move", "cancel", "close"]))
        order_id = f"O{draw(st.integers(0, max(orders - 1, 0)))}"
        if kind == "enter":
            side = draw(st.sampled_from([1, -1]))
            distance = draw(st.none() | st.integers(-2, 5))
            commands.append(SubmitOrder(order=an_order(
                f"O{orders}", side=side, size_steps=draw(st.integers(1, 3)), market=market,
                limit_ticks=None if distance is None else prices[market] - side * distance,
                good_until_ns=draw(st.none() | st.just(now_ns + 5 * MS)))))
            orders += 1
        elif kind == "move":
            commands.append(MoveStop(order_id=order_id, market=market, stop_ticks=prices[market] - 3))
        elif kind == "cancel":
            commands.append(CancelOrder(order_id=order_id, market=market))
        elif kind == "close":
            commands.append(ClosePosition(market=market, reason="exit"))
        script.append(((now_ns, prices[market], draw(st.integers(1, 5)), market), commands))
    return script


@settings(max_examples=150, deadline=None)
@given(script=scripts(), assumptions=ASSUMPTIONS, cuts=st.sets(st.integers(0, 30)))
def test_reports_do_not_depend_on_how_ticks_are_cut_nor_on_who_tells_the_time(
        script: Script, assumptions: Assumptions, cuts: set[int]) -> None:
    one_by_one, in_slices = Exchange([NQ, NQ], assumptions), Exchange([NQ, NQ], assumptions)
    expected: list[VenueEvent] = []
    got: list[VenueEvent] = []
    waiting: list[tuple[int, int, int, int]] = []
    for place, (row, commands) in enumerate(script):
        expected += one_by_one.on_time(row[0])
        expected += one_by_one.on_ticks(tape([row]))
        waiting.append(row)
        if commands or place in cuts:
            got += in_slices.on_ticks(tape(waiting))
            waiting = []
        for command in commands:
            one_by_one.submit(command, row[0])
            in_slices.submit(command, row[0])
    end_ns = script[-1][0][0] + 100 * MS
    expected += one_by_one.on_time(end_ns)
    got += in_slices.on_ticks(tape(waiting)) + in_slices.on_time(end_ns)
    assert got == expected
    assert [event.ts_ns for event in got] == sorted(event.ts_ns for event in got)


@settings(max_examples=150, deadline=None)
@given(script=scripts(), assumptions=ASSUMPTIONS)
def test_nothing_happens_at_a_tick_that_neither_is_due_nor_touches_a_working_price(
        script: Script, assumptions: Assumptions) -> None:
    exchange = Exchange([NQ, NQ], assumptions)
    last: dict[int, int] = {}
    for (ts_ns, price, size, market), commands in script:
        before = last.get(market, price)
        watched = exchange.working_prices(market)
        touched = any(price <= low for low in watched if low <= before) or any(
            price >= high for high in watched if high >= before)
        due = exchange.next_due_ns() <= ts_ns
        events = exchange.on_ticks(tape([(ts_ns, price, size, market)]))
        assert touched or due or events == []
        last[market] = price
        for command in commands:
            exchange.submit(command, ts_ns)
