"""The book against a picture: pure comparison, and settlements that always add up."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.model.order import OrderState
from fabio.model.venue import NO_MARKET, VenueOrder, VenuePicture, VenuePosition
from fabio.portfolio.reconcile import Book, BookOrder, Difference, Findings, compare, settle_gap


def a_book(held: int = 0, state: OrderState = "filled", filled: int = 2, foreign: int = 0) -> Book:
    return Book(
        held={0: held} if held else {}, held_by={0: "A"} if held else {},
        orders={"A": BookOrder(market=0, side=1, state=state, filled_steps=filled)},
        foreign={0: foreign} if foreign else {},
    )


def an_order(leg: str = "entry", status: str = "working", **changes: Any) -> VenueOrder:
    values: dict[str, Any] = {
        "venue_id": f"v-{leg}", "tag": f"A-{leg}", "order_id": "A", "leg": leg, "market": 0,
        "kind": "stop" if leg == "stop" else "limit", "side": 1 if leg == "entry" else -1, "size_steps": 2,
        "stop_ticks": 980 if leg == "stop" else None, "limit_ticks": None if leg == "stop" else 1040,
        "status": status, "filled_steps": 2 if status == "filled" else 0,
    }
    return VenueOrder(**(values | changes))


def a_picture(*orders: VenueOrder, held: int = 0, **changes: Any) -> VenuePicture:
    positions = (VenuePosition(market=0, size_steps=held, entry_ticks=1000.0),) if held else ()
    values: dict[str, Any] = {
        "generation": 1, "taken_ns": 1, "complete": True, "balance": Decimal(0), "orders": orders,
        "positions": positions,
    }
    return VenuePicture(**(values | changes))


ENTRY, STOP, TARGET = an_order(status="filled"), an_order("stop"), an_order("target")


def test_a_protected_position_that_both_have_agrees() -> None:
    findings = compare(a_book(2), a_picture(ENTRY, STOP, TARGET, held=2))
    assert findings.agree
    assert [(sight.stop_ticks, sight.target_ticks, sight.size_steps) for sight in findings.sights] == [(980, 1040, 2)]


def test_flat_and_nothing_working_agrees() -> None:
    assert compare(a_book(), a_picture(ENTRY)).agree


def test_what_differs_is_named() -> None:
    assert compare(a_book(2), a_picture(ENTRY)).differences == (Difference(market=0, held_steps=2, venue_steps=0),)
    assert compare(a_book(), a_picture(ENTRY, held=-1)).differences[0].venue_steps == -1
    assert compare(a_book(2), a_picture(ENTRY, held=2)).bare == (0,)
    assert compare(a_book(state="working", filled=0), a_picture()).missing == ("A",)


def test_a_suspended_stop_protects_nothing_yet() -> None:
    stop = an_order("stop", "suspended", stop_ticks=None)
    assert compare(a_book(2), a_picture(ENTRY, stop, held=2)).bare == (0,)


def test_legs_of_an_entry_that_may_still_fill_are_no_orphans() -> None:
    picture = a_picture(an_order(), an_order("stop", "suspended"), an_order("target", "suspended"))
    assert compare(a_book(state="working", filled=0), picture).orphans == ()
    assert len(compare(a_book(state="cancelled", filled=0), picture).orphans) == 3


def test_a_leg_is_no_orphan_while_the_venue_holds_what_the_book_does_not() -> None:
    assert compare(a_book(), a_picture(ENTRY, STOP, held=2)).orphans == ()
    assert compare(a_book(), a_picture(ENTRY, STOP)).orphans == (STOP,)


def test_an_order_of_ours_that_the_book_does_not_know_is_an_orphan_and_a_foreign_one_never() -> None:
    unknown = an_order(order_id="Z")
    foreign = an_order(order_id="", tag="")
    assert compare(a_book(), a_picture(unknown, foreign)).orphans == (unknown,)
    assert len(compare(a_book(), a_picture(foreign)).foreign) == 1


def test_a_done_order_of_somebody_else_is_nobodys_business() -> None:
    assert compare(a_book(), a_picture(an_order(order_id="", status="filled"))).agree


def test_contracts_that_we_do_not_trade_are_foreign() -> None:
    other = VenuePosition(market=NO_MARKET, contract="MESZ6", size_steps=1, entry_ticks=1.0)
    findings = compare(a_book(), a_picture(positions=(other,)))
    assert findings.foreign == ("position of +1 MESZ6",)
    assert findings.differences == ()


def test_an_entry_that_filled_more_than_was_booked_differs_even_where_positions_agree() -> None:
    findings = compare(a_book(state="unknown", filled=0), a_picture(ENTRY))
    assert findings.ahead == {"A": 2}
    assert findings.differences == (Difference(market=0, held_steps=0, venue_steps=0),)
    found = settle_gap(a_book(state="unknown", filled=0), findings.differences[0], findings.ahead)
    assert (found.entries, found.exit_steps, found.foreign_steps) == ((("A", 2),), 2, 0)


def test_what_is_gone_of_ours_was_closed_and_what_is_too_much_is_somebody_elses() -> None:
    book = a_book(2)
    for venue, exit_steps, foreign in ((0, 2, 0), (1, 1, 0), (-1, 2, -1), (3, 0, 1)):
        found = settle_gap(book, Difference(market=0, held_steps=2, venue_steps=venue), {})
        assert (found.exit_steps, found.foreign_steps) == (exit_steps, foreign), venue


def test_where_somebody_else_holds_too_the_difference_is_theirs_until_all_is_flat() -> None:
    book = a_book(2, foreign=1)
    assert settle_gap(book, Difference(market=0, held_steps=2, venue_steps=5), {}).foreign_steps == 3
    gone = settle_gap(book, Difference(market=0, held_steps=2, venue_steps=0), {})
    assert (gone.exit_steps, gone.foreign_steps) == (2, 0)


SIGNED = st.integers(-5, 5)


@settings(max_examples=500)
@given(held=SIGNED, venue=SIGNED, ahead=st.integers(0, 3), side=st.sampled_from([1, -1]))
def test_i11_a_settlement_always_adds_up_to_what_the_venue_holds(held: int, venue: int, ahead: int, side: int) -> None:
    book = Book(held={0: held} if held else {}, held_by={}, foreign={},
                orders={"A": BookOrder(market=0, side=side, state="unknown", filled_steps=0)})
    found = settle_gap(book, Difference(market=0, held_steps=held, venue_steps=venue), {"A": ahead} if ahead else {})
    with_entries = held + sum(side * steps for _, steps in found.entries)
    exits = found.exit_steps if with_entries > 0 else -found.exit_steps
    assert with_entries - exits + found.foreign_steps == venue
    assert 0 <= found.exit_steps <= abs(with_entries)


STATES = st.sampled_from(["in_flight", "working", "partly_filled", "filled", "cancelled", "unknown", "never_accepted"])
STATUSES = st.sampled_from(["suspended", "pending", "working", "filled", "cancelled", "expired", "rejected", "unknown"])


@st.composite
def books(draw: st.DrawFn) -> Book:
    filled = draw(st.integers(0, 2))
    held = draw(st.integers(0, filled))
    return a_book(held, draw(STATES), filled)


@st.composite
def pictures(draw: st.DrawFn) -> VenuePicture:
    orders = [an_order(status=draw(STATUSES), filled_steps=draw(st.integers(0, 2)))] if draw(st.booleans()) else []
    legs = draw(st.lists(st.sampled_from(["stop", "target"]), unique=True))
    orders += [an_order(leg, draw(STATUSES)) for leg in legs]
    if draw(st.booleans()):
        orders.append(an_order("stop", draw(STATUSES), native=False, venue_id="v-own"))
    if draw(st.booleans()):
        orders.append(an_order(status=draw(STATUSES), order_id="", tag="", venue_id="v-foreign"))
    return a_picture(*orders, held=draw(st.integers(-3, 3)))


def taken_over(book: Book, picture: VenuePicture, findings: Findings) -> Book:
    """The book after the findings: as the engine books them."""
    order = book.orders["A"]
    for _, happening in findings.moves:
        state = {"accepted": "working"}.get(happening, happening)
        order = msgspec.structs.replace(order, state=state)
    held, foreign = dict(book.held), dict(book.foreign)
    for difference in findings.differences:
        found = settle_gap(book, difference, findings.ahead)
        mine = difference.held_steps + sum(steps for _, steps in found.entries)
        order = msgspec.structs.replace(
            order, filled_steps=order.filled_steps + sum(steps for _, steps in found.entries))
        held[0] = mine - (found.exit_steps if mine > 0 else -found.exit_steps)
        foreign[0] = found.foreign_steps
    held = {market: steps for market, steps in held.items() if steps}
    foreign = {market: steps for market, steps in foreign.items() if steps}
    return Book(held=held, held_by=dict.fromkeys(held, "A"), orders={"A": order}, foreign=foreign)


@settings(max_examples=500)
@given(book=books(), picture=pictures())
def test_i12_what_was_taken_over_is_not_found_again(book: Book, picture: VenuePicture) -> None:
    findings = compare(book, picture)
    again = compare(taken_over(book, picture, findings), picture)
    assert again.differences == ()
    assert again.moves == ()
    assert again.ahead == {}


@settings(max_examples=500)
@given(book=books(), picture=pictures())
def test_h12_no_foreign_order_is_ever_an_orphan_and_every_orphan_lives(book: Book, picture: VenuePicture) -> None:
    findings = compare(book, picture)
    assert all(order.is_ours and order.is_live for order in findings.orphans)
    held = {sight.market for sight in findings.sights}
    assert held <= set(book.held)
    assert set(findings.bare) | held == set(book.held)
