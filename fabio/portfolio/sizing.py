"""Sizing: how many steps a signal is worth, and which bound said so.

The size is the smallest of what the strategy may risk (balance x risk_fraction), what
the loss floor allows (a share of the room above it) and the position limits, over what
the stop costs one step in the worst foreseen case. Rounded down; 0 is a refusal.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from fabio.model.account import Account
from fabio.model.instrument import Instrument
from fabio.model.signal import Signal
from fabio.model.strategy import StrategyState

Bound = Literal["stop", "risk_fraction", "loss_room", "most_risk", "size_limit", "position_limit"]


class SizeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that hold for every signal.

    Parameters
    ----------
    room_share
        Most of the room above the loss floor that one trade may risk, (0, 1].
    slippage_reserve_ticks
        Ticks added to the stop's distance: adverse slippage of entry and stop together.
    size_limit
        Most contracts (or coins) of one instrument.
    most_risk_usd
        Most USD that one trade may risk, None for no such bound.
    """

    room_share: Decimal = Decimal("0.10")
    slippage_reserve_ticks: int = 2
    size_limit: Decimal = Decimal(2)
    most_risk_usd: Decimal | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is held or ordered already; it uses up the position limits.

    Parameters
    ----------
    size
        Of this instrument, in contracts or coins, unsigned.
    mini_equivalents
        Over all instruments.
    """

    size: Decimal = Decimal(0)
    mini_equivalents: Decimal = Decimal(0)


NOTHING_HELD = Held()


class Sizing(msgspec.Struct, frozen=True):
    """The size, the bound that made it so, and a sentence with the numbers; 0 steps refuse."""

    steps: int
    limited_by: Bound
    reason: str


def stop_cost(signal: Signal, instrument: Instrument, slippage_reserve_ticks: int) -> Decimal:
    """Give what one step loses in USD when the stop fills: distance, slippage reserve, both sides' fees."""
    return (
        instrument.money(signal.risk_ticks + slippage_reserve_ticks)
        + instrument.fees(1, signal.entry_ticks)
        + instrument.fees(1, signal.stop_ticks)
    )


def size_steps(signal: Signal, instrument: Instrument, state: StrategyState, account: Account,
               limits: SizeLimits, held: Held = NOTHING_HELD) -> Sizing:
    """Size a signal.

    Parameters
    ----------
    signal
        Its stop has to lie on the losing side.
    state
        Of the signal's strategy: its `risk_fraction`.
    account
        Its balance, room and position limit (mini-equivalents).
    limits
        Bounds for every signal.
    held
        What uses up the position limits already.

    Returns
    -------
    Sizing
        The tightest bound is named, before rounding down.
    """
    if signal.risk_ticks <= 0:
        return Sizing(0, "stop", f"the stop is {signal.risk_ticks} ticks on the losing side, 1 is needed")
    cost = stop_cost(signal, instrument, limits.slippage_reserve_ticks)
    risk_budget = account.balance * Decimal(repr(state.risk_fraction))
    room_budget = account.room * limits.room_share
    # (what the bound allows, what of it a step takes, name, why)
    bounds: list[tuple[Decimal, Decimal, Bound, str]] = [
        (risk_budget, cost, "risk_fraction",
         f"{state.risk_fraction:.2%} of {account.balance:.2f} USD is {risk_budget:.2f}, "
         f"a step risks {cost:.2f}"),
        (room_budget, cost, "loss_room",
         f"{limits.room_share:.0%} of the {account.room:.2f} USD above the loss floor is {room_budget:.2f}, "
         f"a step risks {cost:.2f}"),
        (limits.size_limit - held.size, instrument.size_step, "size_limit",
         f"at most {limits.size_limit} of {instrument.symbol}, {held.size} held or ordered"),
    ]
    if limits.most_risk_usd is not None:
        bounds.append((limits.most_risk_usd, cost, "most_risk",
                       f"at most {limits.most_risk_usd} USD a trade, a step risks {cost:.2f}"))
    minis_per_step = instrument.size_step * instrument.mini_equivalent
    if minis_per_step > 0:
        bounds.append((
            account.position_limit - held.mini_equivalents, minis_per_step, "position_limit",
            f"at most {account.position_limit} mini-equivalents, {held.mini_equivalents} held or ordered"))
    allowed, per_step, limited_by, why = min(bounds, key=lambda bound: bound[0] / bound[1])
    steps = int(allowed // per_step) if allowed > 0 else 0
    size = instrument.size(steps)
    return Sizing(steps, limited_by, f"{limited_by} allows {size} {instrument.symbol}: {why}")
