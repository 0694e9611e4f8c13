"""What an entry is made of and takes of the limits, and between which moments it may leave."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from engine_worlds import INSTRUMENT
from live_worlds import Desk, enter_each_bar, names

from fabio.engine.entries import governed
from fabio.engine.venue.arming import entry_refusal, leave_when_flat
from fabio.model import event as events
from fabio.model.signal import Signal
from fabio.model.strategy import StrategyState
from fabio.model.venue_fact import Disarmed


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("stop", "target", "distances"), [
    (None, None, (20, 40)), (10, None, (10, 40)), (None, 30, (20, 30)), (10, 30, (10, 30)),
])
def test_each_distance_of_the_strategys_state_stands_for_the_wished_level_where_it_is_set(
    side: int, stop: int | None, target: int | None, distances: tuple[int, int]
) -> None:
    wish = Signal(strategy="scripted", setup="test", side=side, entry_ticks=1000, stop_ticks=1000 - 20 * side,
                  target_ticks=1000 + 40 * side, confidence=0.7, reason="made")
    made = governed(wish, StrategyState(stop_ticks=stop, target_ticks=target))
    assert ((made.entry_ticks - made.stop_ticks) * side, (made.target_ticks - made.entry_ticks) * side) == distances


def test_of_an_entry_that_filled_in_part_the_rest_still_takes_its_part_of_the_limits() -> None:
    desk = Desk(markets=2).entered()
    turn = desk.drive.engine._turn
    turn.markets[0].instrument = msgspec.structs.replace(INSTRUMENT, mini_equivalent=Decimal("0.1"))
    desk.accepted()
    assert desk.order().size_steps == 2
    desk.filled(steps=1)
    position = desk.position()
    assert position is not None
    assert position.size_steps == 1
    assert (turn.held(0).size, turn.held(0).mini_equivalents) == (2, Decimal("0.2"))
    assert (turn.held(1).size, turn.held(1).mini_equivalents) == (0, Decimal("0.2"))


@pytest.mark.parametrize(("before_ns", "leaves"), [(1, True), (0, False), (-1, False)])
def test_from_the_moment_at_which_arming_ends_no_entry_leaves(before_ns: int, leaves: bool) -> None:
    desk = Desk(enter_each_bar()).armed()
    state = desk.drive.engine.state
    state.now_ns = state.venue.picture_ns = state.venue.until_ns - before_ns
    assert (entry_refusal(state, 0) == "") is leaves


def test_while_trading_ends_the_same_account_is_armed_again_and_no_other() -> None:
    desk = Desk(enter_each_bar()).holding()
    desk.happen(events.DisarmAsked(ts_ns=desk.now_ns, id="1"))
    assert desk.venue.phase == "leaving"
    step = desk.arm(account="OTHER")
    assert step.facts[0].reason == "the orders of PRAC-1 are not settled yet"  # type: ignore[union-attr]
    desk.wait(31)  # for arming a picture may be 30 s old
    desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=2)
    assert names(desk.arm()) == ["Armed"]
    assert desk.venue.phase == "armed"


def leaves_when(desk: Desk, **changes: Any) -> bool:
    """Tell whether it observes again, trading having ended, on an agreed picture from behind the last change."""
    turn = desk.drive.engine._turn
    turn.state.markets[0].care.touched_ns = 1000
    for name, value in ({"phase": "leaving", "picture_ns": 1001} | changes).items():
        setattr(turn.state.venue, name, value)
    turn.begin()
    leave_when_flat(turn)
    return [type(fact) for fact in turn.facts] == [Disarmed]


@pytest.mark.parametrize(("changes", "leaves"), [
    ({}, True), ({"picture_ns": 1000}, False), ({"picture_ns": None}, False), ({"agreed": 0}, False),
    ({"phase": "armed"}, False),
])
def test_it_observes_again_on_an_agreed_picture_from_behind_the_last_change(
    changes: dict[str, Any], leaves: bool
) -> None:
    assert leaves_when(Desk(enter_each_bar()).armed(), **changes) is leaves


def test_while_an_entry_may_still_fill_at_the_venue_it_does_not_observe() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=4)).entered()
    assert not leaves_when(desk)
    desk.accepted()
    assert not leaves_when(desk)
    desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="asked"))
    assert leaves_when(desk)
