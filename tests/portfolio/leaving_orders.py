"""Entries about to leave, for the tests of the box: a sound one, and changes to it."""

from decimal import Decimal
from typing import Any

from holding_nouns import a_signal
from hypothesis import strategies as st

from fabio.portfolio.order_policy import OrderPolicy
from fabio.portfolio.pretrade import HOUR_NS, NS, Leaving

POLICY = OrderPolicy()
NOW_NS = 100 * HOUR_NS
PRICE = 100_000


def a_leaving(stop: int = 20, away: int = 0, side: int = 1, **changes: Any) -> Leaving:
    """An entry in the middle of the box, with changes; `away` is where the last trade stands of its price."""
    values: dict[str, Any] = {
        "signal": a_signal(stop=stop, side=side, entry_ticks=PRICE), "order_id": "O1-9", "entry_ids": ("O1-1", "O1-2"),
        "size_steps": 1, "most_steps": 2, "minis": Decimal(1), "most_minis": Decimal(5), "risk_usd": Decimal(110),
        "room_usd": Decimal(2_000), "least_room_usd": Decimal(300), "day_loss_usd": Decimal(0),
        "day_loss_limit_usd": Decimal(800), "last_ticks": PRICE + away, "last_trade_ns": NOW_NS, "now_ns": NOW_NS,
        "opens_ns": NOW_NS - 10 * HOUR_NS, "ends_ns": NOW_NS + 3 * HOUR_NS, "is_open": True, "entry_times": (),
        "command_times": (), "last_same_ns": None, "last_exit_ns": None, "losses_in_a_row": 0,
        "feed_lost_since_ns": None, "opposed": False, "halted": "",
    }
    return Leaving(**(values | changes))


_rare = st.sampled_from([False] * 9 + [True])


def _near(limit_s: int) -> st.SearchStrategy[int]:
    """Times around `limit_s` seconds, often at it to the nanosecond."""
    return st.one_of(
        st.integers(-1, 1).map(lambda off: limit_s * NS + off), st.integers(0, 4 * limit_s).map(lambda s: s * NS),
        st.just(10**6 * NS),
    )


def _usually(value: Any, other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Three times in four what is sound, so that many draws differ from a sound entry in a few things only."""
    return st.integers(0, 3).flatmap(lambda draw: other if draw == 0 else st.just(value))


@st.composite
def any_leaving(draw: st.DrawFn) -> Leaving:
    """Any entry, most of it sound."""
    ages = draw(_usually([], st.lists(st.integers(0, 3 * HOUR_NS), max_size=25)))
    commands = draw(_usually([], st.lists(st.integers(0, 90 * NS), max_size=70)))
    last_same, last_exit = draw(st.none() | _near(5)), draw(st.none() | _near(5))
    return a_leaving(
        stop=draw(_usually(20, st.integers(-5, 250))), away=draw(_usually(0, st.integers(-60, 60))),
        side=draw(st.sampled_from([1, -1])),
        order_id=draw(_usually("O1-9", st.just("O1-2"))),
        size_steps=draw(_usually(1, st.integers(-1, 4))), minis=Decimal(draw(_usually(1, st.integers(0, 7)))),
        risk_usd=Decimal(draw(_usually(110, st.integers(0, 700)))),
        room_usd=Decimal(draw(_usually(2_000, st.sampled_from([299, 300, 301, 1_100, 5_000, 5_010, 9_000])))),
        day_loss_usd=Decimal(draw(_usually(0, st.integers(790, 810)))),
        last_trade_ns=NOW_NS - draw(st.sampled_from([1, -1])) * draw(_usually(0, _near(60) | _near(30))),
        opens_ns=NOW_NS + draw(_usually(-HOUR_NS, st.integers(-1, 1))),
        ends_ns=NOW_NS + draw(_usually(HOUR_NS, _near(1200))), is_open=not draw(_rare),
        entry_times=tuple(sorted(NOW_NS - age for age in ages)),
        command_times=tuple(sorted(NOW_NS - age for age in commands)),
        last_same_ns=None if last_same is None else NOW_NS - last_same,
        last_exit_ns=None if last_exit is None else NOW_NS - last_exit,
        losses_in_a_row=draw(_usually(0, st.integers(0, 12))),
        feed_lost_since_ns=NOW_NS if draw(_rare) else None, opposed=draw(_rare),
        halted="a person" if draw(_rare) else "",
    )
