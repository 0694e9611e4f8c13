"""Positions are sums of fills in any order; trades are worth what the prices say."""

from decimal import Decimal

import pytest
from holding_nouns import BTC, NQ, a_fill, an_order
from hypothesis import given
from hypothesis import strategies as st

from fabio.model.instrument import Instrument
from fabio.model.order import Fill, Leg, Position
from fabio.portfolio.positions import (
    TradeContext,
    book_fill,
    close_out,
    fold_fill,
    open_pnl,
    risk_money,
    with_bracket,
)

CONTEXT = TradeContext(id="T", setup="reclaim", confidence=0.6, regime="range", reason="a reason",
                       risk_money=Decimal(120), balance=Decimal(50_000), mae_ticks=3, mfe_ticks=17)


def fold(fills: list[Fill], side: int = 1) -> Position | None:
    position: Position | None = None
    for fill in fills:
        position = book_fill(position, fill, an_order(side))
    return position


def test_partial_fills_average_the_entry() -> None:
    position = fold([a_fill("entry", 1, 1, 1000, 1), a_fill("entry", 1, 2, 1003, 2)])
    assert position is not None
    assert (position.size_steps, position.entry_ticks, position.opened_ns) == (3, 1002.0, 1)
    assert (position.planned_stop_ticks, position.stop_ticks, position.fees) == (992, None, Decimal("5.70"))


def test_the_planned_stop_of_a_limit_hangs_on_its_limit() -> None:
    position = book_fill(None, a_fill("entry", 1, 1, 997), an_order(limit_ticks=1000))
    assert position is not None
    assert position.planned_stop_ticks == 992


def test_a_finished_position_is_none() -> None:
    assert fold([a_fill("entry", -1, 2, 1000), a_fill("target", 1, 2, 984)], side=-1) is None


def test_a_stop_and_a_close_that_both_filled_leave_what_is_truly_held() -> None:
    held = [a_fill("entry", 1, 2, 1000), a_fill("target", -1, 1, 1016), a_fill("stop", -1, 1, 992)]
    position = fold_fill(None, held[0], an_order())
    for fill in [*held[1:], a_fill("close", -1, 1, 991)]:
        position = fold_fill(position, fill, an_order())
    assert (position.size_steps, position.side) == (-1, -1)


def test_an_exit_that_overtakes_its_entry_ends_flat_and_worth_the_same() -> None:
    entry, leave = a_fill("entry", 1, 2, 1000, 1), a_fill("stop", -1, 2, 991, 2)
    early = book_fill(None, leave, an_order())
    assert early is not None
    assert early.size_steps == -2
    late = close_out(early, entry, an_order(), NQ, CONTEXT)
    assert book_fill(early, entry, an_order()) is None
    assert (late.net_pnl, late.entry_price, late.exit_price) == (
        Decimal("-97.60"), Decimal("250.00"), Decimal("247.75"))


def test_the_bracket_is_noted_on_the_position() -> None:
    position = with_bracket(fold_fill(None, a_fill("entry", 1, 2, 1000), an_order()), 992, 1016)
    assert (position.stop_ticks, position.target_ticks) == (992, 1016)


def test_a_trade_says_what_its_fills_were_worth() -> None:
    position = fold([a_fill("entry", 1, 3, 1000, 1), a_fill("target", -1, 1, 1016, 2)])
    trade = close_out(position, a_fill("stop", -1, 2, 995, 3), an_order(), NQ, CONTEXT)
    assert (trade.side, trade.size, trade.exit_leg) == (1, 3, "stop")
    assert (trade.entry_ns, trade.exit_ns) == (1, 3)
    assert trade.entry_price == 250
    assert trade.exit_price == Decimal("0.25") * 3006 / 3
    assert (trade.gross_pnl, trade.fees, trade.net_pnl) == (30, Decimal("11.40"), Decimal("18.60"))
    assert trade.r_multiple == pytest.approx(0.155)
    assert trade.roi == pytest.approx(18.6 / 50_000)
    assert (trade.mae_ticks, trade.mfe_ticks, trade.setup, trade.regime) == (3, 17, "reclaim", "range")


def test_what_is_not_flat_is_no_trade() -> None:
    with pytest.raises(ValueError, match="A-F2 leaves 1 steps of NQ"):
        close_out(fold([a_fill("entry", 1, 2, 1000)]), a_fill("stop", -1, 1, 992, 2), an_order(), NQ, CONTEXT)


def test_one_r_is_the_stop_distance_in_money() -> None:
    assert risk_money(NQ, 8, 3) == 120


@st.composite
def round_trips(draw: st.DrawFn) -> tuple[int, list[Fill], Instrument]:
    """A side and its fills, entries and exits of one sum, in any order of delivery."""
    side = draw(st.sampled_from([1, -1]))
    instrument = draw(st.sampled_from([NQ, BTC]))
    entries = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    left, exits = sum(entries), []
    while left > 0:
        exits.append(draw(st.integers(1, left)))
        left -= exits[-1]
    legs: list[tuple[Leg, int, int]] = [("entry", side, steps) for steps in entries]
    legs += [(draw(st.sampled_from(["stop", "target", "close"])), -side, steps) for steps in exits]
    fills = [a_fill(leg, leg_side, steps, draw(st.integers(-200, 90_000)), number, instrument)
             for number, (leg, leg_side, steps) in enumerate(legs)]
    return side, draw(st.permutations(fills)), instrument


@given(round_trips())
def test_a_round_trip_is_worth_its_price_differences_less_fees_in_any_order(  # I10, I14
        trip: tuple[int, list[Fill], Instrument]) -> None:
    side, fills, instrument = trip
    position: Position | None = None
    for place, fill in enumerate(fills[:-1]):
        position = fold_fill(position, fill, an_order(side))
        assert position.size_steps == sum(done.side * done.size_steps for done in fills[:place + 1])
    trade = close_out(position, fills[-1], an_order(side), instrument, CONTEXT)
    cash = sum((-fill.side * instrument.size(fill.size_steps) * instrument.price(fill.price_ticks)
                for fill in fills), Decimal(0)) * instrument.tick_value / instrument.tick_size
    fees = sum((fill.fees for fill in fills), Decimal(0))
    assert trade.gross_pnl == cash
    assert trade.net_pnl == cash - fees
    assert trade.side == side


@given(round_trips(), st.integers(0, 9), st.integers(-200, 90_000))
def test_open_pnl_is_what_closing_now_would_give(trip: tuple[int, list[Fill], Instrument], keep: int,
                                                 last_ticks: int) -> None:
    side, fills, instrument = trip
    position: Position | None = None
    for fill in fills[:keep]:
        position = fold_fill(position, fill, an_order(side))
    if position is not None and position.size_steps != 0:
        cash = sum(-fill.side * fill.size_steps * fill.price_ticks for fill in fills[:keep])
        expected = instrument.money(cash + position.size_steps * last_ticks)
        assert open_pnl(position, instrument, last_ticks) == expected
