"""Records to nouns and orders to records: every kind and side, byte for byte, and nothing guessed."""

from decimal import Decimal

import msgspec
import pytest
from broker_venue import ACCOUNT, CONTRACT, MNQ, START_NS
from broker_world import entry
from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.topstepx.broker.tags import Tag
from fabio.adapters.topstepx.broker.traded import TradedContract, TradedContracts
from fabio.adapters.topstepx.broker.translate import (
    cost,
    fill_of,
    place_entry,
    place_stop,
    venue_order,
    venue_position,
)
from fabio.adapters.topstepx.errors import BadRequest, WireError
from fabio.adapters.topstepx.records import HalfTurn, Order, Position
from fabio.adapters.topstepx.rest.requests import check_place
from fabio.adapters.topstepx.rest.wire import encode
from fabio.model.command import PlaceStop
from fabio.model.venue import NO_MARKET

TRADED = TradedContract(market=0, contract_id=CONTRACT, instrument=MNQ)
ENTRY = {
    (1, "market"): b'{"accountId":7,"contractId":"CON.F.US.MNQ.Z26","type":2,"side":0,"size":2,"customTag":"t",'
                   b'"stopLossBracket":{"ticks":-20,"type":4},"takeProfitBracket":{"ticks":40,"type":1}}',
    (-1, "market"): b'{"accountId":7,"contractId":"CON.F.US.MNQ.Z26","type":2,"side":1,"size":2,"customTag":"t",'
                    b'"stopLossBracket":{"ticks":20,"type":4},"takeProfitBracket":{"ticks":-40,"type":1}}',
    (1, "limit"): b'{"accountId":7,"contractId":"CON.F.US.MNQ.Z26","type":1,"side":0,"size":2,"limitPrice":19999.75,'
                  b'"customTag":"t","stopLossBracket":{"ticks":-20,"type":4},"takeProfitBracket":{"ticks":40,"type":1}}',
    (-1, "limit"): b'{"accountId":7,"contractId":"CON.F.US.MNQ.Z26","type":1,"side":1,"size":2,"limitPrice":19999.75,'
                   b'"customTag":"t","stopLossBracket":{"ticks":20,"type":4},"takeProfitBracket":{"ticks":-40,"type":1}}',
}


@pytest.mark.parametrize(("side", "kind"), ENTRY)
def test_h10_an_entry_of_every_kind_and_side_has_its_golden_bytes(side, kind):
    order = entry(1, side=side, size=2, kind=kind, limit_ticks=79_999 if kind == "limit" else None)
    body = place_entry(order, TRADED, ACCOUNT, "t")
    check_place(body)
    assert encode(body) == ENTRY[side, kind]


@pytest.mark.parametrize(("side", "wire"), [(1, 0), (-1, 1)])
def test_h10_a_stop_of_its_own_is_a_stop_and_has_its_golden_bytes(side, wire):
    stop = PlaceStop(order_id="O1", market=0, side=side, size_steps=1, stop_ticks=79_980, number=1)
    body = place_stop(stop, TRADED, ACCOUNT, "t")
    check_place(body)
    assert encode(body) == (b'{"accountId":7,"contractId":"CON.F.US.MNQ.Z26","type":4,"side":%d,"size":1,'
                            b'"stopPrice":19995.00,"customTag":"t"}' % wire)


@given(st.sampled_from([1, -1]), st.integers(4, 1000), st.integers(4, 1000))
def test_h11_the_protective_leg_is_a_stop_on_the_loss_side(side, stop, target):
    body = place_entry(entry(1, side=side, stop=stop, target=target), TRADED, ACCOUNT, "t")
    check_place(body)  # refuses a bracket on the wrong side
    assert body.stop_loss_bracket.type == 4
    assert body.stop_loss_bracket.ticks * side < 0 < body.take_profit_bracket.ticks * side


@pytest.mark.parametrize("field", [{"kind": "stop"}, {"side": 0}, {"side": 2}])
def test_h10_what_the_wire_has_no_number_for_is_never_sent(field):
    with pytest.raises(BadRequest):
        place_entry(msgspec.structs.replace(entry(1), **field), TRADED, ACCOUNT, "t")


def record(**fields):
    return Order(id=9, account_id=ACCOUNT, contract_id=CONTRACT, **{"side": 0, "size": 3, **fields})


def test_an_order_reads_in_steps_and_ticks():
    order = venue_order(
        record(type=1, status=1, limit_price=Decimal("20000.25"), fill_volume=1, filled_price=Decimal("20000.30"),
               custom_tag="fab7-O1", creation_timestamp="2026-11-20T15:00:00Z"),
        Tag("O1", "entry"), TRADED,
    )
    assert (order.venue_id, order.order_id, order.leg, order.market) == ("9", "O1", "entry", 0)
    assert (order.side, order.size_steps, order.filled_steps, order.limit_ticks) == (1, 3, 1, 80_001)
    assert order.filled_ticks == pytest.approx(80_001.2)
    assert order.created_ns == START_NS
    assert (order.status, order.kind, order.is_ours, order.is_live) == ("working", "limit", True, True)


@pytest.mark.parametrize(("status", "word", "live"), [
    (0, "unknown", True), (1, "working", True), (2, "filled", False), (3, "cancelled", False), (4, "expired", False),
    (5, "rejected", False), (6, "pending", True), (7, "pending", True), (8, "suspended", True), (99, "unknown", True),
])
def test_every_status_reads_and_an_unknown_one_may_still_work(status, word, live):
    order = venue_order(record(type=2, status=status), None, TRADED)
    assert (order.status, order.is_live) == (word, live)


@pytest.mark.parametrize(("number", "kind"), [(1, "limit"), (2, "market"), (4, "stop"), (5, "other"), (0, "other")])
def test_every_kind_reads(number, kind):
    assert venue_order(record(type=number, status=1), None, TRADED).kind == kind


def test_a_foreign_order_in_a_foreign_contract_is_told_as_it_stands():
    order = venue_order(record(type=1, status=1, limit_price=Decimal(5), custom_tag="x"), None, None)
    assert (order.market, order.is_ours, order.leg) == (NO_MARKET, False, "close")
    assert (order.limit_ticks, order.tag, order.contract) == (None, "x", CONTRACT)


def test_a_position_reads_with_its_sign_and_flat_is_none():
    def position(kind, size):
        return Position(id=1, contract_id=CONTRACT, type=kind, size=size, average_price=Decimal("20000.25"))
    assert venue_position(position(1, 2), TRADED).size_steps == 2
    assert venue_position(position(2, 2), TRADED).size_steps == -2
    assert venue_position(position(2, 2), TRADED).entry_ticks == 80_001
    assert venue_position(position(0, 0), TRADED) is None
    with pytest.raises(WireError, match="type 3"):
        venue_position(position(3, 1), TRADED)


def half_turn(**fields):
    return HalfTurn(**{"id": 5, "contract_id": CONTRACT, "price": Decimal("20000.25"), "size": 2, "order_id": 9,
                       "creation_timestamp": "2026-11-20T15:00:00.5Z", **fields})


def test_an_execution_reads_with_fees_and_commission():
    fill = fill_of(half_turn(side=1, fees=Decimal("0.72"), commissions=Decimal("0.50")), Tag("O1", "stop"), TRADED, 1)
    assert (fill.id, fill.order_id, fill.leg, fill.side) == ("5", "O1", "stop", -1)
    assert (fill.size_steps, fill.price_ticks, fill.fees) == (2, 80_001, Decimal("1.22"))
    assert fill.ts_ns == START_NS + 500_000_000


@pytest.mark.parametrize(("told", "total", "source"), [
    ({}, "1.22", "table"), ({"fees": Decimal("0.80")}, "1.30", "partly"),
    ({"commissions": Decimal(0)}, "0.72", "partly"), ({"fees": Decimal(1), "commissions": Decimal(0)}, "1", "venue"),
])
def test_fees_that_are_not_told_come_from_the_table(told, total, source):
    assert cost(half_turn(**told), TRADED) == (Decimal(total), source)


def test_an_untagged_execution_closes_and_one_without_a_time_is_stamped_now():
    fill = fill_of(half_turn(creation_timestamp=None), None, TRADED, 77)
    assert (fill.order_id, fill.leg, fill.ts_ns) == ("", "close", 77)


def test_h46_an_execution_off_the_grid_is_money_at_the_nearest_tick():
    assert fill_of(half_turn(price=Decimal("20000.30")), None, TRADED, 1).price_ticks == 80_001


@pytest.mark.parametrize("wrong", [{"side": 2}, {"size": 0}, {"size": -1}])
def test_an_execution_that_says_nothing_is_refused(wrong):
    with pytest.raises(WireError, match="half-turn 5"):
        fill_of(half_turn(**wrong), None, TRADED, 1)


def test_contracts_are_known_by_long_and_short_id_and_never_by_prefix():
    traded = TradedContracts([TRADED])
    assert traded.named(CONTRACT) is TRADED
    assert traded.named("F.US.MNQ") is TRADED
    assert traded.named("CON.F.US.MNQ.H27") is None
    assert traded.named("F.US.MN") is None
    assert traded.of_market(0) is TRADED
    with pytest.raises(BadRequest, match="market 1"):
        traded.of_market(1)
    traded.change(0, "CON.F.US.MNQ.H27")
    assert traded.named("CON.F.US.MNQ.H27").market == 0
    assert traded.named(CONTRACT) is None
    with pytest.raises(ValueError, match="one contract a market"):
        TradedContracts([TRADED, TRADED])
