"""What a request is answered before it is journaled: refused, with the reason, or nothing."""

from typing import Any

import msgspec
import pytest

from fabio.engine.entries import OF_MODEL
from fabio.engine.mind import Change
from fabio.engine.state import MarketRecord, OrderRecord, State, apply
from fabio.journal.inbox import Request
from fabio.model.fact import StrategyChanged, ZonesSet
from fabio.model.order import Order, OrderState
from fabio.model.signal import Decision, Signal
from fabio.model.strategy import Claim, Note, NoteStatus, StrategyState
from fabio.model.zone import Zone
from fabio.portfolio.account import AccountSettings, open_account
from fabio.runtime.requests import answer_of

ON, OFF = StrategyState(), StrategyState(enabled=False)
ZONES = (Zone("shelf", 100, 4, 12),)


def world() -> State:
    return State(
        account=open_account(AccountSettings(), "2026-06-03"), markets=[MarketRecord()], strategies={"probe": ON},
        performance={},
    )


def why_not(state: State, wanted: str) -> str:
    """The reason given; empty where the request is to act."""
    request = Request(id="r1", ts_ns=0, verb="undo", name=wanted)
    answer = answer_of(request, state, halted_by_file=False, ts_ns=1)
    assert answer is None or answer.outcome == "refused"
    return "" if answer is None else answer.message


@pytest.mark.parametrize(("verb", "unwritable", "refused"), [
    ("arm", "", False), ("arm", "No space left on device", True), ("disarm", "No space left on device", False),
    ("halt", "No space left on device", False),
])
def test_nobody_arms_where_the_record_cannot_be_written(verb: str, unwritable: str, refused: bool) -> None:
    answer = answer_of(Request(id="r1", ts_ns=0, verb=verb), world(), False, 1, unwritable)
    assert (answer is not None) is refused
    if answer is not None:
        assert (answer.outcome, unwritable in answer.message) == ("refused", True)


def change(state: State, id_: str, **changes: Any) -> None:
    before = state.strategies["probe"]
    after = msgspec.structs.replace(before, **changes)
    apply(state, StrategyChanged(id=id_, name="probe", before=before, after=after, source="rules", reason="so"))


def decided(setup: str) -> Decision:
    signal = Signal(strategy="probe", setup=setup, side=1, entry_ticks=100, stop_ticks=90, target_ticks=130,
                    confidence=0.5, reason="so")
    return Decision(id="260603-1", ts_ns=0, tape_pos=1, market=0, symbol="MNQ", session="2026-06-03", signal=signal,
                    verdicts=(), approved=True, refused_by=(), size_steps=1, size_reason="so", regime=None,
                    stats=None)  # type: ignore[arg-type]  # nobody looks


def ordered(state: State, setup: str, moved: OrderState) -> None:
    state.open_decisions["260603-1"] = decided(setup)
    state.orders["O1"] = OrderRecord(Order(
        id="O1", decision_id="260603-1", strategy="probe", market=0, symbol="MNQ", side=1, kind="market", size_steps=1,
        limit_ticks=None, stop_offset_ticks=-10, target_offset_ticks=30, ts_ns=0), moved)


def test_nothing_of_that_name_is_refused() -> None:
    for wanted in ("", "C260603-1", "probe"):
        assert "nothing that still stands has the id" in why_not(world(), wanted)


def test_a_change_may_be_undone_while_any_part_of_it_stands() -> None:
    state = world()
    change(state, "C260603-1", risk_fraction=0.006, min_rr=2.0)
    change(state, "C260603-2", risk_fraction=0.007)
    assert why_not(state, "C260603-1") == ""
    assert why_not(state, "C260603-2") == ""
    change(state, "C260603-3", min_rr=1.0)
    assert why_not(state, "C260603-1") == ("risk_fraction, min_rr of probe was changed again since C260603-1, last by "
                                           "C260603-3")


def test_a_change_of_nothing_but_who_switched_it_off_names_the_verb_that_helps() -> None:
    state = world()
    change(state, "C260603-1", enabled=False)
    change(state, "C260603-2", enabled=False)
    assert "fabio strategy enable probe" in why_not(state, "C260603-2")


def test_zones_may_be_undone_until_they_are_set_again_or_their_session_ends() -> None:
    state = world()
    apply(state, ZonesSet(id="C260603-1", market=0, zones=ZONES, before=(), source="gpt-test"))
    assert why_not(state, "C260603-1") == ""
    apply(state, ZonesSet(id="C260603-2", market=0, zones=(), before=ZONES, source="operator"))
    assert "set again since" in why_not(state, "C260603-1")
    assert why_not(state, "C260603-2") == ""
    state.account = msgspec.structs.replace(state.account, trade_date="2026-06-04")
    assert "ended with their session" in why_not(state, "C260603-2")  # yesterday's shelf does not come back


@pytest.mark.parametrize(("status", "may"), [("pending", True), ("supported", True), ("contradicted", False),
                                             ("expired", False), ("retired", False)])
def test_a_note_may_be_retired_while_it_lives(status: NoteStatus, may: bool) -> None:
    state = world()
    state.notes = [Note(id="N1", ts_ns=0, claim=Claim(text="so"), source="rules", status=status)]
    assert why_not(state, "N1") == ("" if may else f"note N1 is {status} already")


def test_a_models_trade_may_be_closed_while_its_order_works_and_a_strategys_own_never_by_undo() -> None:
    state = world()
    ordered(state, OF_MODEL, "working")
    assert why_not(state, "260603-1") == ""
    ordered(state, OF_MODEL, "cancelled")
    assert "nothing is held and no order works" in why_not(state, "260603-1")
    ordered(state, "pullback", "working")
    assert "fabio flatten" in why_not(state, "260603-1")
    ordered(state, OF_MODEL, "working")
    state.markets[0].exit_asked = True
    assert "was asked for already" in why_not(state, "260603-1")


def test_what_is_older_than_the_changes_that_are_kept_is_refused() -> None:
    state = world()
    change(state, "C260603-1", min_rr=2.0)
    for number in range(2, 103):
        change(state, f"C260603-{number}", risk_fraction=0.005 if number % 2 else 0.006)
    assert isinstance(state.last_changes[0], Change)
    assert "not among the last 100 changes" in why_not(state, "C260603-1")
    assert why_not(state, "C260603-102") == ""
