"""A small model of the box at the exit, written apart from it, and orders at random to hold both against."""

import random
from decimal import Decimal

from fabio.model.signal import Signal
from fabio.portfolio.pretrade import Leaving

NS = 1_000_000_000
NOW_NS = 100 * 3600 * NS
PRICE = 100_000


def box_accepts(x: Leaving) -> bool:
    """Say what the box with its defaults has to say, in twenty lines that share nothing with it."""
    s, age_ns = x.signal, x.now_ns - x.last_trade_ns
    lost_if_stopped = (s.entry_ticks - s.stop_ticks) if s.side == 1 else (s.stop_ticks - s.entry_ticks)
    return not (
        x.halted or x.opposed or not x.is_open or x.feed_lost_since_ns is not None or x.order_id in x.entry_ids
        or x.size_steps < 1 or x.size_steps > x.most_steps or x.minis > x.most_minis
        or s.entry_ticks > x.last_ticks + 40 or s.entry_ticks < x.last_ticks - 40
        or lost_if_stopped not in range(8, 201)
        or x.risk_usd > 500 or x.risk_usd * 10 > x.room_usd
        or x.day_loss_usd >= x.day_loss_limit_usd or x.room_usd <= x.least_room_usd
        or len([t for t in x.entry_times if x.now_ns - t < 3600 * NS]) > 5 or len(x.entry_times) > 19
        or len([t for t in x.command_times if x.now_ns - t < 10 * NS]) > 5
        or len([t for t in x.command_times if x.now_ns - t < 60 * NS]) > 59
        or (x.last_same_ns is not None and x.now_ns - x.last_same_ns < 5 * NS)
        or (x.last_exit_ns is not None and x.now_ns - x.last_exit_ns < 5 * NS)
        or x.losses_in_a_row > 9 or age_ns > 60 * NS or age_ns < -30 * NS
        or x.now_ns < x.opens_ns or x.now_ns > x.ends_ns - 1200 * NS
    )


def any_order(draw: random.Random) -> Leaving:
    """Give an order that differs from a sound one in a few things, often by one unit around a limit."""

    def around(sound: int, *limits: int) -> int:
        return sound if draw.random() < 0.85 else draw.choice(limits) + draw.choice((-1, 0, 1, draw.randint(-60, 60)))

    def rarely() -> bool:
        return draw.random() < 0.03

    def usd(sound: int, *limits: int) -> Decimal:
        cents = sound * 100 if draw.random() < 0.85 else draw.choice(limits) * 100 + draw.randint(-1, 1)
        return Decimal(cents) / 100

    def ago(limit_s: int) -> int | None:
        return None if draw.random() < 0.5 else NOW_NS - draw.choice((1, 1, 3)) * limit_s * NS + draw.randint(-1, 1)

    def times(limit_s: int, *counts: int) -> tuple[int, ...]:
        count = 0 if draw.random() < 0.7 else max(0, draw.choice(counts) + draw.randint(-1, 1))
        return tuple(sorted(NOW_NS - draw.choice((1, limit_s * NS - 1, limit_s * NS, 2 * limit_s * NS))
                            for _ in range(count)))

    side = draw.choice((1, -1))
    return Leaving(
        signal=Signal(strategy="any", setup="any", side=side, entry_ticks=PRICE,
                      stop_ticks=PRICE - side * around(20, 8, 200, -20), target_ticks=PRICE + side * 40,
                      confidence=0.6, reason="drawn"),
        order_id="O-2" if rarely() else "O-9", entry_ids=("O-1", "O-2"), size_steps=around(1, 0, 2), most_steps=2,
        minis=usd(1, 5), most_minis=Decimal(5),
        risk_usd=usd(draw.choice((10, 110)), 200, 500), room_usd=usd(2_000, 300, 1_100, 9_000),
        least_room_usd=Decimal(300), day_loss_usd=usd(0, 800), day_loss_limit_usd=Decimal(800),
        last_ticks=PRICE + around(0, -40, 40), now_ns=NOW_NS,
        last_trade_ns=NOW_NS if draw.random() < 0.85 else NOW_NS - draw.choice((60, -30)) * NS + draw.randint(-1, 1),
        opens_ns=NOW_NS + around(-3600 * NS, 0), ends_ns=NOW_NS + around(3600 * NS, 1200 * NS), is_open=not rarely(),
        entry_times=times(3600, 6, 20), command_times=times(draw.choice((10, 60)), 6, 60), last_same_ns=ago(5),
        last_exit_ns=ago(5), losses_in_a_row=max(0, around(0, 10)), feed_lost_since_ns=NOW_NS if rarely() else None,
        opposed=rarely(), halted="halted" if rarely() else "",
    )
