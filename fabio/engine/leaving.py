"""The exit: an entry that strategies, guards and sizing agreed on, held against the box as it leaves."""

from decimal import Decimal

from fabio.engine.halting import end_arming
from fabio.engine.turn import LIVE_ENTRY_STATES, Turn
from fabio.model.session import Session
from fabio.model.signal import Signal, Verdict
from fabio.portfolio.order_policy import day_loss_limit, least_room, tier_minis
from fabio.portfolio.pretrade import Leaving, outside_box, too_many
from fabio.portfolio.sizing import stop_cost

NEVER = (1 << 63) - 1


def exit_verdict(turn: Turn, signal: Signal, index: int, steps: int, order_id: str) -> Verdict | None:
    """Say why an entry does not leave, None where it does.

    Too many of them end live trading until a person arms it.
    """
    verdict = outside_box(leaving_of(turn, signal, index, steps, order_id), turn.policy.orders)
    if verdict is not None and too_many(turn.state.entry_times, turn.state.now_ns, turn.policy.orders) is not None:
        end_arming(turn, verdict.reason)
    return verdict


def leaving_of(turn: Turn, signal: Signal, index: int, steps: int, order_id: str) -> Leaving:
    """Put together what the box is asked with, from the state alone: no view, no strategy, no model."""
    state, market, policy = turn.state, turn.markets[index], turn.policy
    record, instrument, account = state.markets[index], market.instrument, turn.account()
    held = turn.held(index)
    return Leaving(
        signal=signal,
        order_id=order_id,
        entry_ids=state.entry_ids,
        size_steps=steps,
        most_steps=int((policy.sizing.size_limit - held.size) / instrument.size_step),
        minis=held.mini_equivalents + instrument.size(steps) * instrument.mini_equivalent,
        most_minis=min(account.position_limit, tier_minis(policy.account)),
        risk_usd=steps * stop_cost(signal, instrument, policy.sizing.slippage_reserve_ticks),
        room_usd=account.room,
        least_room_usd=least_room(policy.account, policy.orders),
        day_loss_usd=max(-account.day_pnl, Decimal(0)),
        day_loss_limit_usd=day_loss_limit(policy.account, policy.orders),
        last_ticks=market.last_ticks(),
        last_trade_ns=market.latest_ns(),
        now_ns=state.now_ns,
        opens_ns=market.session.open_ns,
        ends_ns=_ends_ns(market.session),
        is_open=market.is_open(state.now_ns),
        entry_times=state.entry_times,
        command_times=state.command_times,
        last_same_ns=record.last_signal_ns.get(f"{signal.strategy}/{signal.setup}/{signal.side}"),
        last_exit_ns=record.last_exit_ns,
        losses_in_a_row=state.losses_in_a_row,
        feed_lost_since_ns=record.feed_lost_since_ns,
        opposed=_is_opposed(turn, index, signal.side),
        halted=account.halted,
    )


def _ends_ns(session: Session) -> int:
    """By when all has to be flat; the close where nothing demands it, and never where nothing closes."""
    if session.flat_by_ns is not None:
        return session.flat_by_ns
    return session.close_ns if session.regular_close_ns is not None else NEVER


def _is_opposed(turn: Turn, index: int, side: int) -> bool:
    """Tell whether something of ours is held, or may still fill, on the other side of a market."""
    position = turn.state.markets[index].position
    if position is not None and position.size_steps * side < 0:
        return True
    return any(
        record.order.market == index and record.order.side != side and record.state in LIVE_ENTRY_STATES
        for record in turn.state.orders.values()
    )
