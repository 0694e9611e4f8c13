"""Steps and ticks in any number, for whoever writes journals to see them break."""

from decimal import Decimal

import numpy as np

from fabio.model.command import ClosePosition, Command, SubmitOrder
from fabio.model.fact import ExitAsked, Fact, OrderBooked, SessionRolled, TradeDateBegan
from fabio.model.instrument import Instrument
from fabio.model.order import Order
from fabio.model.step import Step
from fabio.model.tick import Ticks

START_NS = 1_800_000_000_000_000_000
SECOND_NS = 1_000_000_000
TICKS_PER_STEP = 7
MADE = Instrument(
    symbol="MADE", description="nothing real", tick_size=Decimal("0.25"), tick_value=Decimal("0.5"),
    size_step=Decimal(1), product_group="equity", trading_seconds_per_year=5_000_000, poc_cross_band_ticks=2,
)


def made_step(seq: int, steps_per_day: int = 1_000_000, longest: int = 300) -> Step:
    """Make a step a second after the one before; each fifth one orders, each seventh closes.

    Parameters
    ----------
    longest
        Characters of text in the longest of them.
    """
    facts: tuple[Fact, ...] = (SessionRolled(market=0, session="made" + "-" * (seq * 37 % longest)),)
    commands: tuple[Command, ...] = ()
    if seq % steps_per_day == 1:
        day = f"2027-01-{1 + seq // steps_per_day % 28:02d}"
        facts = (TradeDateBegan(trade_date=day, day_start_balance=Decimal(50_000), loss_floor=Decimal(48_000)), *facts)
    elif seq % 5 == 0:
        order = made_order(seq)
        facts, commands = (OrderBooked(order=order),), (SubmitOrder(order=order),)
    elif seq % 7 == 0:
        facts, commands = (ExitAsked(market=0, reason="made"),), (ClosePosition(market=0, reason=f"made {seq}"),)
    return Step(seq=seq, ts_ns=START_NS + seq * SECOND_NS, tape_pos=seq * TICKS_PER_STEP, consumed=TICKS_PER_STEP,
                event=None, wake=1, facts=facts, commands=commands)


def made_order(seq: int) -> Order:
    """Make the order of a step."""
    return Order(id=f"O{seq}", decision_id=f"D{seq}", strategy="made", market=0, symbol="MADE", side=1, kind="market",
                 size_steps=1, limit_ticks=None, stop_offset_ticks=-12, target_offset_ticks=24, ts_ns=START_NS)


def made_ticks(seq: int) -> Ticks:
    """Make the ticks before a step: those from `(seq - 1) * TICKS_PER_STEP` on."""
    return ticks_between((seq - 1) * TICKS_PER_STEP, seq * TICKS_PER_STEP)


def ticks_between(start: int, stop: int) -> Ticks:
    """Make the ticks `[start, stop)` of the tape that every made day has."""
    index = np.arange(start, stop, dtype=np.int64)
    times = START_NS + index * 1_000_000
    return Ticks(times, times + 500, 6_500 + index % 97, 1 + index % 7, (index % 3 - 1).astype(np.int8),
                 np.zeros(len(index), dtype=np.int8))
