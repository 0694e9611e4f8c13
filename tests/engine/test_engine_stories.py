"""Stories: ticks and events in, whole steps out."""

from decimal import Decimal

import msgspec
import pytest
from engine_worlds import CLOSING, FLAT_BY, HOUR, MINUTE, OPEN, SECOND, Scripted, config, driver, enter_once, ticks

from fabio.exchange.assumptions import Assumptions
from fabio.model import event as events
from fabio.model import fact as facts
from fabio.model.command import ClosePosition, MoveStop, SubmitOrder
from fabio.model.order import Fill
from fabio.model.signal import Exit, Signal, Tighten
from fabio.model.strategy import StrategyState, StrategyUpdate
from fabio.model.view import View
from fabio.portfolio.account import AccountSettings

NOW = OPEN + 9 * HOUR
BEGIN = ["SessionRolled", "TradeDateBegan"]
ENTER = ["SignalApproved", "ShadowOpened", "OrderBooked", "OrderMoved", "FillBooked", "OrderMoved", "StopPlaced"]


def quiet() -> Scripted:
    return Scripted(lambda view: None)


def test_a_signal_that_passes_becomes_an_order_a_fill_and_a_protected_position() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001)))
    assert kept.names() == BEGIN + ENTER
    position = drive.engine.state.markets[0].position
    assert position is not None
    assert (position.size_steps, position.entry_ticks) == (1, 1002)  # one tick of slippage
    assert (position.stop_ticks, position.target_ticks) == (982, 1042)  # from the fill, as venues do


def test_the_order_leaves_only_after_its_booking_and_carries_the_decisions_id() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001)))
    step = next(step for step in kept.steps if any(isinstance(command, SubmitOrder) for command in step.commands))
    booked = [fact for fact in step.facts if isinstance(fact, facts.OrderBooked)]
    sent = [command for command in step.commands if isinstance(command, SubmitOrder)]
    assert [fact.order for fact in booked] == [command.order for command in sent]
    decision = next(fact.decision for fact in step.facts if isinstance(fact, facts.SignalApproved))
    assert sent[0].order.decision_id == decision.id == "241004-1"
    assert sent[0].order.id == "O241004-1"


def test_a_stop_that_is_touched_closes_the_trade_at_a_loss_with_fees() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (70, 1010), (80, 980), (90, 990)))
    trade = kept.facts(facts.TradeClosed)[0].trade
    assert (trade.exit_leg, trade.side, trade.size) == ("stop", 1, Decimal(1))
    assert trade.entry_price == Decimal("250.50")  # 1002 ticks
    assert trade.exit_price == Decimal("244.75")  # the touching tick 980 is worse than 982, less a tick
    assert trade.fees == Decimal("3.00")
    assert trade.gross_pnl == Decimal("-115.00")  # 23 ticks of 5 USD
    assert trade.net_pnl == Decimal("-118.00")
    assert (trade.mae_ticks, trade.mfe_ticks) == (22, 8)
    assert drive.engine.state.account.balance == Decimal("49882.00")
    assert drive.engine.state.markets[0].position is None
    assert drive.engine.state.losses_in_a_row == 1


def test_a_target_fills_only_when_price_trades_through_it() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (70, 1042), (80, 1041)))
    assert not kept.facts(facts.TradeClosed)
    drive.feed(ticks((90, 1043)))
    trade = kept.facts(facts.TradeClosed)[0].trade
    assert (trade.exit_leg, trade.exit_price) == ("target", Decimal("260.50"))
    assert drive.engine.state.performance["scripted"].wins == 1


def test_a_blocked_signal_leaves_no_order_but_runs_in_the_shadow_book() -> None:
    drive, kept = driver(config(enter_once(), guards=(True, False, False)))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (70, 980), (125, 990)))
    decision = kept.facts(facts.SignalBlocked)[0].decision
    assert decision.refused_by == ("says", "says")
    assert len(decision.verdicts) == 3  # all speak
    assert not kept.facts(facts.OrderBooked)
    shadow = kept.facts(facts.ShadowClosed)[0].shadow
    assert (shadow.decision_id, shadow.exit_leg, shadow.approved) == (decision.id, "stop", False)


def test_a_taken_signal_and_its_shadow_make_the_same_trade() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (70, 1010), (80, 980), (125, 990)))
    trade = kept.facts(facts.TradeClosed)[0].trade
    shadow = kept.facts(facts.ShadowClosed)[0].shadow
    tick = Decimal("0.25")
    assert (trade.entry_price, trade.exit_price) == (shadow.entry_ticks * tick, shadow.exit_ticks * tick)
    assert trade.net_pnl == shadow.net_pnl


def test_a_size_of_zero_is_a_refusal_that_says_which_bound_made_it() -> None:
    drive, kept = driver(config(enter_once(stop=100)))  # 505 USD against 200 of room and 250 of risk
    drive.feed(ticks((0, 1000), (61, 1001)))
    decision = kept.facts(facts.SignalBlocked)[0].decision
    assert decision.refused_by == ("sizing",)
    assert decision.size_reason.startswith("loss_room allows 0")


def test_the_strategy_states_distances_govern_the_order() -> None:
    state = StrategyState(stop_ticks=10, target_ticks=30)
    drive, kept = driver(config(enter_once(), state=state))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001)))
    order = kept.facts(facts.OrderBooked)[0].order
    assert (order.stop_offset_ticks, order.target_offset_ticks) == (-10, 30)


def managed(*wishes: Tighten | Exit) -> Scripted:
    """Enter at the first bar, then wish these, one a bar."""
    entry = enter_once()
    queue = list(wishes)

    def wish(view: View) -> Signal | Tighten | Exit | None:
        if view.position is None:
            return entry.wish(view)
        return queue.pop(0) if queue else None

    return Scripted(wish)


def test_a_stop_is_moved_closer_and_never_further() -> None:
    closer = Tighten(strategy="scripted", stop_ticks=990, reason="strong")
    further = Tighten(strategy="scripted", stop_ticks=970, reason="hope")
    drive, kept = driver(config(managed(further, closer, further)))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (125, 1001), (185, 1001), (245, 1001), (250, 1001)))
    moves = [command for step in kept.steps for command in step.commands if isinstance(command, MoveStop)]
    assert [move.stop_ticks for move in moves] == [990]
    position = drive.engine.state.markets[0].position
    assert position is not None
    assert position.stop_ticks == 990


def test_an_exit_closes_the_position_without_asking_any_guard() -> None:
    drive, kept = driver(config(managed(Exit(strategy="scripted", reason="done"))))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (125, 1005), (126, 1005)))
    trade = kept.facts(facts.TradeClosed)[0].trade
    assert (trade.exit_leg, trade.exit_price) == ("close", Decimal("251.00"))


def test_before_the_flat_by_time_everything_is_closed_even_if_no_tick_comes() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), start_ns=FLAT_BY - 30 * MINUTE))
    drive.pass_time(CLOSING - 1)
    assert not kept.facts(facts.ExitAsked, facts.ShadowClosed)
    drive.pass_time(CLOSING + SECOND)
    assert kept.facts(facts.ExitAsked)[0].reason == "flat-by time"
    assert kept.facts(facts.TradeClosed)[0].trade.exit_leg == "close"
    assert kept.facts(facts.ShadowClosed)[0].shadow.exit_leg == "close"
    assert drive.engine.state.markets[0].position is None


def test_touching_the_loss_floor_flattens_at_once_and_halts_until_a_person_resumes() -> None:
    account = AccountSettings(start_balance=Decimal(50_000), loss_limit=Decimal(2000), size_limit=Decimal(1))
    drive, kept = driver(config(enter_once(stop=30, target=60), account=account))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001)))
    state = drive.engine.state
    state.account = type(state.account)(**{
        name: getattr(state.account, name) for name in state.account.__struct_fields__
    } | {"loss_floor": Decimal(49_950)})  # 50 USD away
    drive.happen(events.TimerFired(ts_ns=state.now_ns))
    drive.feed(ticks((70, 1000), (71, 995), (72, 992), (73, 991), (74, 991), start_ns=NOW))
    assert state.account.halted.startswith("equity")
    assert kept.facts(facts.TradeClosed)[0].trade.exit_leg == "close"
    drive.happen(events.OperatorAsked(ts_ns=state.now_ns, id="1", verb="resume"))
    assert state.account.halted == ""


def test_the_daily_loss_halts_for_the_day_and_the_next_session_begins_unhalted() -> None:
    account = AccountSettings(daily_loss=Decimal(50))
    drive, kept = driver(config(enter_once(stop=30, target=60), account=account))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (121, 990), (122, 990), (123, 990)))
    assert "daily loss limit" in drive.engine.state.account.halted
    assert kept.facts(facts.TradeClosed)
    drive.feed(ticks((0, 990), start_ns=OPEN + 24 * HOUR))
    assert drive.engine.state.account.halted == ""
    assert drive.engine.state.account.trade_date == "2024-10-05"


def test_the_loss_floor_rises_at_the_end_of_a_winning_day_and_stops_at_the_start() -> None:
    drive, _ = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (90, 1043), (91, 1043)))
    assert drive.engine.state.account.loss_floor == Decimal(48_000)
    drive.feed(ticks((0, 1043), start_ns=OPEN + 24 * HOUR))
    gained = drive.engine.state.account.balance - Decimal(50_000)
    assert gained == Decimal("197.00")  # 40 ticks of 5 USD less 3 of fees
    assert drive.engine.state.account.loss_floor == Decimal(48_000) + gained


def test_the_same_fill_reported_twice_counts_once() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001)))
    fill: Fill = kept.facts(facts.FillBooked)[0].fill
    step = drive.happen(events.OrderFilled(ts_ns=NOW + 63 * SECOND, market=0, fill=fill))
    assert step.facts == ()
    assert drive.engine.state.markets[0].position.size_steps == 1


def test_a_fill_of_no_known_order_halts_instead_of_being_guessed_at() -> None:
    drive, _ = driver(config(quiet()))
    drive.feed(ticks((0, 1000)))
    fill = Fill(id="X-F1", order_id="X", leg="entry", market=0, side=1, size_steps=1, price_ticks=1000,
                fees=Decimal(0), ts_ns=NOW)
    drive.happen(events.OrderFilled(ts_ns=NOW, market=0, fill=fill))
    assert "no known order" in drive.engine.state.account.halted
    assert drive.engine.state.markets[0].position is None


def test_flatten_is_asked_once_however_often_it_is_wanted() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001)))
    for number in range(3):
        drive.happen(events.OperatorAsked(ts_ns=NOW + 63 * SECOND, id=str(number), verb="flatten"))
    closes = [command for step in kept.steps for command in step.commands if isinstance(command, ClosePosition)]
    assert len(closes) == 1
    drive.pass_time(NOW + 64 * SECOND)
    assert drive.engine.state.markets[0].position is None


def test_stop_closes_the_position_and_halt_is_sticky_over_the_next_session() -> None:
    drive, _ = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001)))
    drive.happen(events.OperatorAsked(ts_ns=NOW + 63 * SECOND, id="1", verb="halt", reason="news"))
    drive.pass_time(NOW + 64 * SECOND)
    assert drive.engine.state.markets[0].position is None
    drive.feed(ticks((0, 1000), start_ns=OPEN + 24 * HOUR))
    assert drive.engine.state.account.halted == "news"


def test_risk_stays_under_its_ceiling_whatever_an_update_says() -> None:
    drive, _ = driver(config(quiet()))
    update = StrategyUpdate(name="scripted", reason="greed", risk_fraction=0.5)
    unknown = StrategyUpdate(name="nobody", reason="?", enabled=False)
    step = drive.engine.apply_strategy_updates((update, unknown), "model")
    assert drive.engine.state.strategies["scripted"].risk_fraction == 0.01
    assert len(step.facts) == 1


def test_a_disabled_strategy_cannot_trade_and_performance_is_given_by_name() -> None:
    drive, _ = driver(config(quiet()))
    assert drive.engine.can_trade("scripted")
    drive.happen(events.OperatorAsked(ts_ns=NOW, id="1", verb="disable", name="scripted"))
    assert not drive.engine.can_trade("scripted")
    assert drive.engine.get_performance_stats()["scripted"].trades == 0


def test_every_question_leaves_one_exchange_in_its_final_shape() -> None:
    drive, kept = driver(config(quiet()))
    drive.feed(ticks((0, 1000), (31, 1001), (62, 1002)))
    assert len(kept.exchanges) == len(kept.facts(facts.RegimeAsked)) >= 2
    response = msgspec.json.decode(kept.exchanges[-1].response)
    assert {"market_assessment", "strategy_updates", "importance_zones", "notes_to_future_self"} <= set(response)


def test_while_the_feed_is_lost_guards_are_told_since_when() -> None:
    strategy = enter_once(at_bar=2)
    drive, _ = driver(config(strategy))
    drive.feed(ticks((0, 1000), (61, 1001)))
    drive.happen(events.FeedLost(ts_ns=NOW + 70 * SECOND, market=0, from_ns=NOW + 61 * SECOND, reason="silent"))
    drive.feed(ticks((121, 1001)))
    assert strategy.views[-1].recent.feed_lost_since_ns == NOW + 70 * SECOND
    drive.happen(events.FeedRestored(ts_ns=NOW + 130 * SECOND, market=0, from_ns=NOW + 61 * SECOND,
                                     to_ns=NOW + 130 * SECOND))
    assert drive.engine.state.markets[0].feed_lost_since_ns is None


def test_a_rejected_tick_moves_no_order() -> None:
    drive, kept = driver(config(enter_once()))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001), (70, 1001)))
    drive.feed(ticks((60, 900)))  # ten seconds late: bad input, far through the stop
    drive.feed(ticks((71, 1001)))
    assert not kept.facts(facts.TradeClosed)
    assert sum(drive.engine.markets[0].rejected().values()) == 1


def test_an_order_arrives_one_latency_later_at_the_price_of_then() -> None:
    slow = Assumptions(order_latency_ns=5 * SECOND)
    drive, _ = driver(config(enter_once(), assumptions=slow))
    drive.feed(ticks((0, 1000), (61, 1001), (63, 1010), (65, 1005), (67, 1020)))
    position = drive.engine.state.markets[0].position
    assert position is not None
    assert position.entry_ticks == 1006  # 1005 was the last price when it arrived at 66 s, plus one


@pytest.mark.parametrize("count", [1, 2])
def test_one_account_holds_several_markets(count: int) -> None:
    drive, kept = driver(config(enter_once(), markets=count))
    for market in range(count):
        drive.feed(ticks((0 + market, 1000), (61 + market, 1001), (62.5 + market, 1001), market=market))
    assert len({fact.market for fact in kept.facts(facts.SessionRolled)}) == count
    assert sum(record.position is not None for record in drive.engine.state.markets) == 1
    assert len(kept.facts(facts.TradeDateBegan)) == 1
