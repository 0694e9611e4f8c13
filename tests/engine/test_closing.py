"""Closing and killing, asked directly: what is asked of the venue, how much of it, and what has to be proven."""

import pytest
from engine_worlds import Scripted
from live_worlds import Desk

from fabio.engine.halting import close_market, flatten
from fabio.engine.turn import Turn
from fabio.model.command import ClosePosition, TakePicture
from fabio.model.fact import ExitAsked
from fabio.model.venue_fact import FlatWanted


def turn_of(desk: Desk) -> Turn:
    turn = desk.drive.engine._turn
    turn.begin()
    return turn


def observing(markets: int = 1) -> Desk:
    """A desk that knows its venue, holds nothing and wishes nothing."""
    desk = Desk(Scripted(lambda view: None), markets=markets)
    desk.tick(1000)
    desk.connect()
    desk.picture()
    return desk


def test_a_kill_of_a_flat_account_closes_nothing_and_wants_the_proof_of_every_market_once() -> None:
    turn = turn_of(observing(markets=2))
    flatten(turn, "a person", kill=True)
    wanted = [fact for fact in turn.facts if isinstance(fact, FlatWanted)]
    assert [(fact.market, fact.closing, fact.kill) for fact in wanted] == [(0, False, True), (1, False, True)]
    assert [type(command) for command in turn.commands] == [TakePicture]
    turn.begin()
    flatten(turn, "a person again", kill=True)
    assert (turn.facts, turn.commands) == ([], [])


def test_a_kill_behind_a_close_still_wants_its_own_proof() -> None:
    turn = turn_of(Desk().holding())
    close_market(turn, 0, "flat-by time")
    flatten(turn, "a person", kill=True)
    wanted = [(fact.closing, fact.kill) for fact in turn.facts if isinstance(fact, FlatWanted)]
    assert wanted == [(True, False), (False, True)]
    unproven = turn.state.markets[0].care.unproven
    assert unproven is not None
    assert (unproven.closing, unproven.kill) == (True, True)


@pytest.mark.parametrize("armed", [True, False])
def test_a_flat_market_is_asked_nothing(armed: bool) -> None:
    desk = observing()
    if armed:
        desk.arm()
    turn = turn_of(desk)
    close_market(turn, 0, "flat-by time")
    flatten(turn, "not a kill")
    assert (turn.facts, turn.commands) == ([], [])


def test_where_nobody_else_holds_anything_all_of_the_market_is_closed_once() -> None:
    turn = turn_of(Desk().holding())
    for _ in range(2):
        close_market(turn, 0, "flat-by time")
    assert [command.size_steps for command in turn.commands if isinstance(command, ClosePosition)] == [0]


def test_beside_somebody_elses_position_entries_that_work_are_no_reason_to_close_it() -> None:
    turn = turn_of(Desk().entered())
    turn.state.venue.foreign_steps = {0: 1}
    close_market(turn, 0, "flat-by time")
    assert turn.commands == []
    assert [fact.closing for fact in turn.facts if isinstance(fact, FlatWanted)] == [True]
    assert not [fact for fact in turn.facts if isinstance(fact, ExitAsked)]
