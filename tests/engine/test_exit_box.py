"""The exit in the machine: what the box is asked with, what closes everything by itself, and who is never asked."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from engine_worlds import FLAT_BY, HOUR, INSTRUMENT, OPEN, SECOND, config, driver, enter_once, ticks
from live_worlds import Desk, enter_each_bar, folds_again

from fabio.engine import entries
from fabio.engine.leaving import NEVER, leaving_of
from fabio.engine.limits import check_money
from fabio.engine.turn import Turn
from fabio.model import event as events
from fabio.model import fact as facts
from fabio.model.command import ClosePosition, MoveStop, SubmitOrder
from fabio.model.fact import Halted, SignalApproved, SignalBlocked
from fabio.model.session import Session
from fabio.model.signal import Signal, Tighten
from fabio.model.strategy import StrategyState
from fabio.model.view import View
from fabio.portfolio.account import AccountSettings
from fabio.portfolio.sizing import stop_cost

SIGNAL = Signal(strategy="scripted", setup="test", side=1, entry_ticks=1000, stop_ticks=980, target_ticks=1040,
                confidence=0.7, reason="made")


def turn_of(desk: Desk) -> Turn:
    return desk.drive.engine._turn


def account_of(turn: Turn, **changes: Any) -> None:
    turn.state.account = msgspec.structs.replace(turn.state.account, **changes)


def flat_desk(**changes: Any) -> Desk:
    desk = Desk(enter_each_bar(), **changes)
    desk.tick(1000)
    return desk


def test_the_box_is_asked_with_what_the_state_knows() -> None:
    desk = flat_desk()
    turn, now = turn_of(desk), desk.now_ns
    state = turn.state
    record = state.markets[0]
    record.last_signal_ns["scripted/test/1"], record.last_exit_ns, record.feed_lost_since_ns = now - 3, now - 4, now - 5
    state.entry_times, state.entry_ids, state.command_times = [now - 6], ["O1"], [now - 7]
    state.losses_in_a_row, state.now_ns = 4, now + SECOND
    account_of(turn, balance=Decimal(49_900), halted="why")
    leaving = leaving_of(turn, SIGNAL, 0, 2, "O2")
    assert msgspec.structs.asdict(leaving) == {
        "signal": SIGNAL, "order_id": "O2", "entry_ids": ["O1"], "size_steps": 2, "most_steps": 2, "minis": Decimal(2),
        "most_minis": Decimal(5), "risk_usd": 2 * stop_cost(SIGNAL, INSTRUMENT, 2), "room_usd": Decimal(1_900),
        "least_room_usd": Decimal(300), "day_loss_usd": Decimal(100), "day_loss_limit_usd": Decimal(800),
        "last_ticks": 1000, "last_trade_ns": now, "now_ns": now + SECOND, "opens_ns": OPEN, "ends_ns": FLAT_BY,
        "is_open": True, "entry_times": [now - 6], "command_times": [now - 7], "last_same_ns": now - 3,
        "last_exit_ns": now - 4, "losses_in_a_row": 4, "feed_lost_since_ns": now - 5, "opposed": False,
        "halted": "why",
    }
    assert leaving.risk_usd == 2 * ((20 + 2) * 5 + 2 * Decimal("1.5"))


def test_what_is_held_takes_its_part_of_the_size_and_of_the_tier() -> None:
    desk = Desk().holding()
    leaving = leaving_of(turn_of(desk), SIGNAL, 0, 1, "O2")
    assert (desk.order().size_steps, leaving.most_steps, leaving.minis) == (2, 0, Decimal(3))


def test_the_tier_holds_where_the_account_says_more() -> None:
    turn = turn_of(flat_desk(account=AccountSettings(mini_limit=Decimal(99))))
    assert leaving_of(turn, SIGNAL, 0, 1, "O2").most_minis == 5
    account_of(turn, position_limit=Decimal(3))
    assert leaving_of(turn, SIGNAL, 0, 1, "O2").most_minis == 3


def test_a_day_that_won_has_lost_nothing() -> None:
    turn = turn_of(flat_desk())
    account_of(turn, balance=Decimal(50_500))
    assert leaving_of(turn, SIGNAL, 0, 1, "O2").day_loss_usd == 0


@pytest.mark.parametrize(("side", "opposed"), [(1, False), (-1, True)])
def test_against_a_position_or_a_working_entry_nothing_is_sent(side: int, opposed: bool) -> None:
    wish = msgspec.structs.replace(SIGNAL, side=side)
    holds, works = turn_of(Desk().holding()), turn_of(Desk().entered())
    assert leaving_of(holds, wish, 0, 1, "O2").opposed is opposed
    assert works.state.markets[0].position is None
    assert leaving_of(works, wish, 0, 1, "O2").opposed is opposed


def test_an_order_that_is_done_or_another_markets_opposes_nothing() -> None:
    against = msgspec.structs.replace(SIGNAL, side=-1)
    desk = Desk(markets=2).entered()
    desk.tick(1000)
    desk.drive.feed(ticks((0, 1000), start_ns=desk.now_ns, market=1))
    turn = turn_of(desk)
    assert leaving_of(turn, against, 0, 1, "O2").opposed
    assert not leaving_of(turn, against, 1, 1, "O2").opposed
    desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="no"))
    assert not leaving_of(turn, against, 0, 1, "O2").opposed


@pytest.mark.parametrize(("regular", "flat_by", "ends"), [
    (7, 5, 5), (7, None, 9), (None, 5, 5), (None, None, NEVER),
])
def test_entries_end_before_the_flat_by_time_else_before_the_close_and_never_where_nothing_closes(
    regular: int | None, flat_by: int | None, ends: int
) -> None:
    desk = flat_desk()
    market = turn_of(desk).markets[0]
    market._session = Session(0, "2024-10-04", 1, 9, None if regular is None else 2, regular, flat_by)
    assert leaving_of(turn_of(desk), SIGNAL, 0, 1, "O2").ends_ns == ends


def test_outside_the_sessions_of_the_dated_table_the_exchange_does_not_trade() -> None:
    turn = turn_of(flat_desk())
    turn.state.now_ns = OPEN + 23 * HOUR - 1
    assert leaving_of(turn, SIGNAL, 0, 1, "O2").is_open
    turn.state.now_ns += 1
    assert not leaving_of(turn, SIGNAL, 0, 1, "O2").is_open


# -- what closes everything by itself -----------------------------------------------------


def halted_by(usd: str, **changes: Any) -> list[Halted]:
    """Give what a flat account that has so much is halted with."""
    turn = turn_of(flat_desk())
    turn.begin()
    account_of(turn, **({"balance": Decimal(usd)} | changes))
    check_money(turn)
    return [fact for fact in turn.facts if isinstance(fact, Halted)]


@pytest.mark.parametrize(("balance", "halts"), [("49200.01", False), ("49200.00", True), ("49199.99", True)])
def test_four_fifths_of_the_allowed_daily_loss_halt_the_trade_date(balance: str, halts: bool) -> None:
    found = halted_by(balance)
    assert bool(found) is halts
    if halts:
        assert (found[0].until_trade_date, "daily loss limit 800" in found[0].reason) == ("2024-10-04", True)


@pytest.mark.parametrize(("balance", "halts"), [("48300.01", False), ("48300.00", True), ("48299.99", True)])
def test_fifteen_percent_of_the_room_left_close_everything_until_a_person_resumes(balance: str, halts: bool) -> None:
    found = halted_by(balance, day_start_balance=Decimal(48_500))
    assert bool(found) is halts
    if halts:
        assert (found[0].until_trade_date, "above the loss floor" in found[0].reason) == ("", True)


@pytest.mark.parametrize(("balance", "touched"), [("48000.01", False), ("48000.00", True)])
def test_at_the_floor_itself_the_floor_is_named(balance: str, touched: bool) -> None:
    found = halted_by(balance)
    assert ("touched the loss floor" in found[0].reason) is touched


def test_what_is_halted_and_flat_is_not_halted_again() -> None:
    assert halted_by("48000", halted="a person") == []


def test_what_is_held_is_closed_though_trading_was_halted_before() -> None:
    desk = Desk(account=AccountSettings(loss_limit=Decimal(20_000))).holding()
    turn = turn_of(desk)
    account_of(turn, halted="a person", loss_floor=turn.account().equity - 100)
    desk.tick(1000)
    desk.next_bar()
    assert desk.sent(ClosePosition)


def test_a_trade_that_closes_beyond_the_daily_loss_halts_though_nothing_is_held_any_more() -> None:
    account = AccountSettings(daily_loss=Decimal(100))
    drive, kept = driver(config(enter_once(stop=15, target=60), account=account))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (63, 980), (64, 980)))  # a gap through the stop
    assert drive.engine.state.markets[0].position is None
    assert "daily loss limit 80" in drive.engine.state.account.halted
    assert kept.facts(Halted)


def test_i33_a_day_that_lost_what_it_may_takes_no_entry_though_a_person_resumes_or_it_restarts() -> None:
    roomy = AccountSettings(loss_limit=Decimal(20_000), daily_loss=Decimal(1_000))
    desk = flat_desk(account=roomy)
    turn = turn_of(desk)
    account_of(turn, balance=Decimal(49_100), halted="day's P&L")
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="resume"))
    assert turn.state.account.halted == ""
    desk.next_bar()
    assert "day_loss" in desk.decisions()[-1].verdicts[-1].reason
    again = Desk(enter_each_bar(), account=roomy)
    again.drive.engine.restore(desk.drive.engine.snapshot())
    again.now_ns = desk.now_ns
    again.next_bar()
    assert "day_loss" in again.decisions()[-1].verdicts[-1].reason
    account_of(again.drive.engine._turn, day_start_balance=Decimal(49_100))
    again.next_bar()
    assert again.decisions()[-1].approved


# -- commands are counted -----------------------------------------------------------------


def test_every_command_to_whoever_has_the_orders_is_counted_and_only_a_minute_of_them() -> None:
    desk = Desk().holding()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    times = turn_of(desk).state.command_times
    assert len(times) == len(desk.sent(SubmitOrder)) + len(desk.sent(ClosePosition)) == 2
    desk.filled("close", price=1000)
    desk.wait(61)
    assert folds_again(desk)
    turn = turn_of(desk)
    turn.note(facts.StopTightened(market=0, strategy="scripted", stop_ticks=1, reason="made"))
    assert turn.state.command_times == [turn.state.now_ns]


def test_never_more_of_them_are_kept_than_any_setting_counts() -> None:
    turn = turn_of(flat_desk())
    for _ in range(200):
        turn.note(facts.StopTightened(market=0, strategy="scripted", stop_ticks=1, reason="made"))
    assert len(turn.state.command_times) == 140


def test_a_new_trade_date_counts_its_entries_anew() -> None:
    desk = Desk().holding()
    state = turn_of(desk).state
    assert (len(state.entry_times), state.entry_ids) == (1, [desk.order().id])
    desk.drive.feed(ticks((0, 1000), start_ns=OPEN + 24 * HOUR))
    assert (state.entry_times, state.entry_ids) == ([], [])


def test_where_commands_are_too_many_entries_wait_and_exits_leave() -> None:
    desk = Desk(enter_each_bar()).armed()
    turn_of(desk).state.command_times = [desk.now_ns + 60 * SECOND] * 6
    desk.next_bar()
    assert "command_rate" in desk.decisions()[-1].verdicts[-1].reason
    assert not desk.sent(SubmitOrder)
    desk.wait(61)
    desk.picture()
    desk.next_bar()
    desk.accepted()
    desk.filled()
    desk.bracket()
    turn_of(desk).state.command_times = [desk.now_ns] * 140
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    assert desk.sent(ClosePosition)


# -- one decision, one order ----------------------------------------------------------------


def test_i01_a_decision_leaves_once_and_one_that_was_not_approved_never() -> None:
    desk = flat_desk()
    desk.next_bar()
    approved = desk.facts(SignalApproved)[0].decision
    with pytest.raises(ValueError, match="left before"):
        desk.drive.engine.process_trade_decision(approved)
    blocked = Desk(enter_each_bar(), guards=(False,))
    blocked.tick(1000)
    blocked.next_bar()
    refused = blocked.facts(SignalBlocked)[0].decision
    with pytest.raises(ValueError, match="was not approved"):
        blocked.drive.engine.process_trade_decision(refused)
    assert not blocked.facts(facts.OrderBooked)


def test_i31_exits_and_tighter_stops_leave_whatever_every_guard_and_the_box_would_say() -> None:
    desk = Desk(enter_once(), guards=(True,)).holding()
    turn = turn_of(desk)
    state = turn.state
    for named in turn.policy.guards:
        named.part.passed = False  # type: ignore[attr-defined]
    account_of(turn, halted="a person")
    record = state.markets[0]
    record.last_exit_ns = record.feed_lost_since_ns = desk.now_ns
    state.entry_times, state.command_times, state.losses_in_a_row = [desk.now_ns] * 99, [desk.now_ns] * 140, 99
    turn.begin()
    entries.tighten(turn, 0, Tighten(strategy="scripted", stop_ticks=985, reason="closer"))
    entries.ask_exit(turn, 0, "scripted", "done")
    assert [type(command) for command in turn.commands] == [MoveStop, ClosePosition]


def test_the_stop_of_another_strategy_is_not_moved_and_none_is_moved_away() -> None:
    desk = Desk(enter_once()).holding()
    turn = turn_of(desk)
    turn.begin()
    for wish in (Tighten(strategy="other", stop_ticks=985, reason="x"),
                 Tighten(strategy="scripted", stop_ticks=980, reason="x"),
                 Tighten(strategy="scripted", stop_ticks=979, reason="x")):
        entries.tighten(turn, 0, wish)
    entries.ask_exit(turn, 0, "other", "x")
    assert turn.commands == []


@pytest.mark.parametrize(("done", "allowed", "may"), [
    (None, 1, True), (None, 0, False), (3, 4, True), (4, 4, False), (5, 4, False),
])
def test_a_strategy_may_trade_until_its_last_trade_of_the_session(done: int | None, allowed: int, may: bool) -> None:
    desk = flat_desk(state=StrategyState(max_trades_per_session=allowed))
    if done is not None:
        turn_of(desk).state.markets[0].entries_by_strategy["scripted"] = done
    assert desk.drive.engine.can_trade("scripted") is may


def test_a_stop_moves_by_a_single_tick() -> None:
    desk = Desk(enter_once()).holding()
    turn = turn_of(desk)
    turn.begin()
    entries.tighten(turn, 0, Tighten(strategy="scripted", stop_ticks=981, reason="x"))
    assert [type(command) for command in turn.commands] == [MoveStop]


def test_sizes_are_counted_in_the_instruments_steps() -> None:
    turn = turn_of(flat_desk())
    turn.markets[0].instrument = msgspec.structs.replace(INSTRUMENT, size_step=Decimal("0.5"))
    assert leaving_of(turn, SIGNAL, 0, 1, "O2").most_steps == 4


def test_too_many_entries_end_arming_and_anything_else_does_not() -> None:
    desk = Desk(enter_each_bar()).armed()
    turn_of(desk).state.losses_in_a_row = 10
    desk.next_bar()
    assert "loss_streak" in desk.decisions()[-1].verdicts[-1].reason
    assert desk.venue.phase == "armed"
    turn_of(desk).state.entry_times = [desk.now_ns] * 6
    desk.picture()
    desk.next_bar()
    assert desk.venue.phase != "armed"


def test_a_view_says_nothing_to_the_box() -> None:
    """A strategy that shows a view of its own making moves nothing at the exit."""
    assert "view" not in leaving_of.__annotations__
    assert View not in leaving_of.__annotations__.values()
