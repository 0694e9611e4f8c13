"""The order table: every row, and its invariants on any stream of reports."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.model.order import DONE_STATES, OrderState
from fabio.portfolio.orders import TABLE, Happening, fill_happening, next_state

STATES: tuple[OrderState, ...] = get_args(OrderState)
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)


def test_the_table_has_a_row_for_every_state_and_happening() -> None:
    assert set(TABLE) == {(state, happening) for state in STATES for happening in HAPPENINGS}


@pytest.mark.parametrize("happening", HAPPENINGS)
@pytest.mark.parametrize("state", sorted(DONE_STATES))
def test_a_final_state_never_changes(state: OrderState, happening: Happening) -> None:  # I03
    assert next_state(state, happening).state == state


@pytest.mark.parametrize("state", STATES)
def test_only_a_rejection_rejects_and_only_where_nothing_traded_or_worked(state: OrderState) -> None:  # I05
    for happening in HAPPENINGS:
        if state != "rejected" and next_state(state, happening).state == "rejected":
            assert (state, happening) in {("in_flight", "rejected"), ("unknown", "rejected")}


@pytest.mark.parametrize("state", sorted(DONE_STATES))
@pytest.mark.parametrize("happening", ["part_filled", "filled", "over_filled"])
def test_a_fill_after_the_end_is_a_surprise(state: OrderState, happening: Happening) -> None:
    assert next_state(state, happening).surprise


@pytest.mark.parametrize("state", STATES)
def test_a_fill_beyond_the_size_always_asks_for_a_halt(state: OrderState) -> None:
    assert "halt" in next_state(state, "over_filled").surprise


def test_nothing_goes_back_in_flight() -> None:
    assert all(move.state != "in_flight" for move in TABLE.values())


@pytest.mark.parametrize(("stream", "end"), [
    (["accepted", "part_filled", "filled"], "filled"),
    (["filled", "accepted"], "filled"),                      # a market order whose fill overtook its accept
    (["part_filled", "accepted", "cancelled"], "cancelled"),
    (["accepted", "filled", "cancelled"], "filled"),         # the cancel lost its race
    (["accepted", "cancelled", "filled"], "cancelled"),      # the fill lost it; the position has it
    (["no_answer", "accepted", "filled"], "filled"),
    (["no_answer", "rejected"], "rejected"),
    (["accepted", "rejected"], "unknown"),
    (["accepted", "rejected", "filled"], "filled"),
    (["expired", "filled"], "expired"),
])
def test_streams_of_reports_end_where_they_should(stream: list[Happening], end: OrderState) -> None:
    state: OrderState = "in_flight"
    for happening in stream:
        state = next_state(state, happening).state
    assert state == end


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6), data=st.data())
def test_reports_of_fills_end_filled_wherever_the_accept_comes(sizes: list[int], data: st.DataObject) -> None:
    ordered, filled = sum(sizes), 0
    accept_at = data.draw(st.integers(0, len(sizes)))
    state: OrderState = "in_flight"
    for place, size in enumerate(sizes):
        if place == accept_at:
            state = next_state(state, "accepted").state
        filled += size
        move = next_state(state, fill_happening(ordered, filled))
        assert move.surprise == ""
        state = move.state
    assert state == "filled"
