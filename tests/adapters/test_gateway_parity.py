"""The gateway fills an entry with its bracket exactly as the paper venue does."""

from decimal import Decimal

from gateway_worlds import ACCOUNT, LAST, MS, NQ, NQ_ID, SECOND, START_NS, Client, client
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.gateway.plan import Switches, exact_switches
from fabio.adapters.topstepx.enums import OrderType
from fabio.exchange.assumptions import Assumptions
from fabio.exchange.venue import Exchange
from fabio.model.command import CancelOrder, ClosePosition, MoveStop, SubmitOrder
from fabio.model.event import OrderFilled, VenueEvent
from fabio.model.order import Order
from fabio.model.tick import Tick, Ticks
from fabio.portfolio.account import AccountSettings

RICH = AccountSettings(start_balance=Decimal(10_000_000), loss_limit=Decimal(9_000_000), mini_limit=Decimal(1000))

Deed = tuple[str, int, int, int | None]  # what, order's number, size or stop, limit
SWITCHES = Switches(
    stamp_digits=(9, 9), print_delay_ns=0, bracket_delay_ns=0, rate_limits=False, close_cancels_brackets=True)

deeds = st.one_of(
    st.tuples(st.just("buy"), st.integers(0, 9), st.integers(1, 3), st.sampled_from([None, -6, -2, 0, 3])),
    st.tuples(st.just("sell"), st.integers(0, 9), st.integers(1, 3), st.sampled_from([None, 6, 2, 0, -3])),
    st.tuples(st.just("move"), st.integers(0, 9), st.integers(-12, 12), st.none()),
    st.tuples(st.just("cancel"), st.integers(0, 9), st.just(0), st.none()),
)


def paper_order(number: int, deed: Deed, last_ticks: int, ts_ns: int) -> Order:
    side = 1 if deed[0] == "buy" else -1
    limit = None if deed[3] is None else last_ticks + deed[3]
    return Order(
        id=f"O{number}", decision_id="", strategy="", market=0, symbol="NQ", side=side,
        kind="market" if limit is None else "limit", size_steps=deed[2], limit_ticks=limit,
        stop_offset_ticks=-8 * side, target_offset_ticks=12 * side, ts_ns=ts_ns)


def wire_fills(some: Client) -> list[tuple[str, int, int, int, Decimal]]:
    """Tag, signed size, price in ticks, time, fees."""
    account = some.gateway.accounts[ACCOUNT]
    found = []
    for ts_ns, turn in account.half_turns:
        tag = some.gateway.orders.get(turn.order_id).custom_tag or ""
        assert turn.fees is not None
        assert turn.commissions is not None
        found.append((tag, turn.size * (1 if turn.side == 0 else -1), NQ.price_ticks(turn.price), ts_ns,
                      turn.fees + turn.commissions))
    return found


def paper_fills(events: list[VenueEvent]) -> list[tuple[str, int, int, int, Decimal]]:
    endings = {"entry": "", "stop": "-SL", "target": "-TP", "close": "close"}
    return [(event.fill.order_id + endings[event.fill.leg], event.fill.side * event.fill.size_steps,
             event.fill.price_ticks, event.ts_ns, event.fill.fees)
            for event in events if isinstance(event, OrderFilled)]


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 4), st.lists(deeds, max_size=2)), min_size=5, max_size=40),
    st.sampled_from([0, 50 * MS, 130 * MS]), st.sampled_from([None, 0, 3]), st.integers(0, 3),
)
def test_same_orders_same_arrivals_same_ticks_same_fills(
    story: list[tuple[int, int, list[Deed]]], latency_ns: int, queue: int | None, slippage: int,
) -> None:
    assumed = {"order_latency_ns": latency_ns, "queue_ahead_steps": queue, "market_slippage_ticks": slippage}
    some = client(SWITCHES, RICH, **assumed)
    exchange = Exchange([NQ], Assumptions(**assumed))
    paper = list(exchange.on_ticks(_tick(START_NS - SECOND, LAST, 1)))
    wire_ids: dict[int, int] = {}  # order's number -> id at the gateway
    price, now_ns = LAST, START_NS
    for change, size, wishes in story:
        price, now_ns = price + change, now_ns + 100 * MS
        some.gateway.supply(_tick(now_ns, price, size))
        some.gateway.advance(now_ns)
        paper += exchange.on_ticks(_tick(now_ns, price, size))
        for wish in wishes:
            _do(wish, some, exchange, wire_ids, price, now_ns)
    some.gateway.advance(now_ns + SECOND)
    paper += exchange.on_time(now_ns + SECOND)
    assert wire_fills(some) == paper_fills(paper)
    held = some.gateway.accounts[ACCOUNT].held_steps(NQ_ID)
    assert held == exchange.held_steps(0)


def _do(wish: Deed, some: Client, exchange: Exchange, wire_ids: dict[int, int], price: int, now_ns: int) -> None:
    what, number, amount, _ = wish
    if what in ("buy", "sell"):
        order = paper_order(len(wire_ids), wish, price, now_ns)
        kind, prices = OrderType.MARKET, {}
        if order.limit_ticks is not None:
            kind, prices = OrderType.LIMIT, {"limitPrice": float(NQ.price(order.limit_ticks))}
        answer = some.place(kind, order.side, order.size_steps, stop=order.stop_offset_ticks,
                            target=order.target_offset_ticks, tag=order.id, **prices)
        assert answer["success"], answer
        wire_ids[len(wire_ids)] = answer["orderId"]
        exchange.submit(SubmitOrder(order=order), now_ns)
    elif number in wire_ids:
        order_id = wire_ids[number]
        if what == "cancel":
            some.cancel(order_id)
            exchange.submit(CancelOrder(order_id=f"O{number}", market=0), now_ns)
        else:
            _move(some, exchange, (number, order_id + 1), price + amount, now_ns)


def _move(some: Client, exchange: Exchange, ids: tuple[int, int], stop_ticks: int, now_ns: int) -> None:
    """Move a stop closer, as an agent does: never wider, never through the market."""
    number, stop_id = ids
    order = some.order(stop_id)
    working = order["stopPrice"]
    side = 1 if order["side"] == 1 else -1
    if working is None or order["status"] != 1:
        return
    if (stop_ticks - NQ.price_ticks(Decimal(str(working)))) * side <= 0:
        return
    if some.modify(stop_id, stopPrice=float(NQ.price(stop_ticks)))["success"]:
        exchange.submit(MoveStop(order_id=f"O{number}", market=0, stop_ticks=stop_ticks), now_ns)


def test_a_close_fills_at_the_same_price_and_time() -> None:
    some, exchange = client(SWITCHES), Exchange([NQ], Assumptions(order_latency_ns=8 * MS))
    paper = list(exchange.on_ticks(_tick(START_NS - SECOND, LAST, 1)))
    some.place(size=2, stop=-8, target=12, tag="O0")
    exchange.submit(SubmitOrder(order=paper_order(0, ("buy", 0, 2, None), LAST, START_NS)), START_NS)
    some.gateway.advance(START_NS + SECOND)
    paper += exchange.on_time(START_NS + SECOND)
    some.close()
    exchange.submit(ClosePosition(market=0, reason="asked"), START_NS + SECOND)
    some.gateway.advance(START_NS + 2 * SECOND)
    paper += exchange.on_time(START_NS + 2 * SECOND)
    assert [fill[1:] for fill in wire_fills(some)] == [fill[1:] for fill in paper_fills(paper)]
    assert not some.gateway.operator.live_orders(ACCOUNT)


def test_the_switches_for_lock_step_delay_and_round_nothing() -> None:
    switches = exact_switches()
    assert (switches.print_delay_ns, switches.bracket_delay_ns, switches.stamp_digits) == (0, 0, (9, 9))


def _tick(ts_ns: int, price_ticks: int, size: int) -> Ticks:
    return Ticks.of([Tick(ts_ns, ts_ns, price_ticks, size, 1)])
