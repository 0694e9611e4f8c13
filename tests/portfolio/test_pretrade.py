"""The box at the exit: every rule exact at its limit, and all of them equal to a small model."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from leaving_orders import NOW_NS, POLICY, a_leaving, any_leaving

from fabio.portfolio.account import AccountSettings
from fabio.portfolio.order_policy import RANGES, OrderPolicy, day_loss_limit, least_room, tier_minis
from fabio.portfolio.pretrade import HOUR_NS, NS, RULES, outside_box
from fabio.research.reliability.limits.box_model import box_accepts

BELOW, UP_TO, FROM = (True, False, False), (True, True, False), (False, True, True)
LIMITS: tuple[tuple[str, str, Any, tuple[bool, bool, bool]], ...] = (
    # rule, what, the entry `k` units off the limit, whether it fits at -1, 0 and +1
    ("kill_switch", "halted from 0 on", lambda k: {"halted": "" if k < 0 else "x"}, BELOW),
    ("intent", "an id that left", lambda k: {"order_id": f"O1-{1 + k}", "entry_ids": ("O1-1", "O1-2")}, BELOW),
    ("size", "two steps", lambda k: {"size_steps": 2 + k}, UP_TO),
    ("size", "one step", lambda k: {"size_steps": 1 + k}, FROM),
    ("tier", "five minis, in tenths", lambda k: {"minis": Decimal(50 + k) / 10}, UP_TO),
    ("collar", "40 ticks above", lambda k: {"away": -40 - k}, UP_TO),
    ("collar", "40 ticks below", lambda k: {"away": 40 + k}, UP_TO),
    ("stop_distance", "8 ticks", lambda k: {"stop": 8 + k}, FROM),
    ("stop_distance", "200 ticks", lambda k: {"stop": 200 + k}, UP_TO),
    ("risk", "a tenth of the room, in cents", lambda k: {"risk_usd": Decimal(20_000 + k) / 100}, UP_TO),
    ("risk", "500 USD, in cents",
     lambda k: {"risk_usd": Decimal(50_000 + k) / 100, "room_usd": Decimal(10_000)}, UP_TO),
    ("day_loss", "800 USD, in cents", lambda k: {"day_loss_usd": Decimal(80_000 + k) / 100}, BELOW),
    ("floor_room", "300 USD, in cents",
     lambda k: {"room_usd": Decimal(30_000 + k) / 100, "risk_usd": Decimal(1)}, (False, False, True)),
    ("entry_rate", "six in an hour", lambda k: {"entry_times": (NOW_NS - HOUR_NS + 1,) * (6 + k)}, BELOW),
    ("entry_rate", "the edge of the hour", lambda k: {"entry_times": (NOW_NS - HOUR_NS - k,) * 6}, FROM),
    ("entry_rate", "twenty on a date",
     lambda k: {"entry_times": tuple(HOUR_NS * place for place in range(20 + k))}, BELOW),
    ("command_rate", "six in 10 s", lambda k: {"command_times": (NOW_NS - 10 * NS + 1,) * (6 + k)}, BELOW),
    ("command_rate", "the edge of 10 s", lambda k: {"command_times": (NOW_NS - 10 * NS - k,) * 6}, FROM),
    ("command_rate", "sixty in 60 s", lambda k: {"command_times": (NOW_NS - 60 * NS + 1,) * (60 + k)}, BELOW),
    ("command_rate", "the edge of 60 s", lambda k: {"command_times": (NOW_NS - 60 * NS - k,) * 60}, FROM),
    ("duplicate", "5 s after the same", lambda k: {"last_same_ns": NOW_NS - 5 * NS - k}, FROM),
    ("cooldown", "5 s after an exit", lambda k: {"last_exit_ns": NOW_NS - 5 * NS - k}, FROM),
    ("loss_streak", "ten in a row", lambda k: {"losses_in_a_row": 10 + k}, BELOW),
    ("stale_data", "60 s old", lambda k: {"last_trade_ns": NOW_NS - 60 * NS - k}, UP_TO),
    ("stale_data", "30 s ahead", lambda k: {"last_trade_ns": NOW_NS + 30 * NS + k}, UP_TO),
    ("stale_data", "a lost feed", lambda k: {"feed_lost_since_ns": None if k < 0 else NOW_NS}, BELOW),
    ("session", "its opening", lambda k: {"opens_ns": NOW_NS - k}, FROM),
    ("session", "20 min before its end", lambda k: {"ends_ns": NOW_NS + 1200 * NS + k}, FROM),
    ("session", "a pause", lambda k: {"is_open": k < 0}, BELOW),
    ("self_opposition", "something opposite", lambda k: {"opposed": k >= 0}, BELOW),
)
STRICTER_ABOVE = {
    "least_stop_ticks", "least_room_percent", "repeat_after_s", "after_exit_s", "before_flat_by_s",
}
"""Settings that forbid more the larger they are; all others allow more."""
BESIDE: dict[str, dict[str, Any]] = {
    "least_stop_ticks": {"most_stop_ticks": 2000}, "most_stop_ticks": {"least_stop_ticks": 1},
    "before_flat_by_s": {"close_before_flat_by_s": 120}, "close_before_flat_by_s": {"before_flat_by_s": 7200},
}
"""What has to stand beside a setting so that all of its range is allowed."""


@pytest.mark.parametrize(("rule", "what", "case", "passes"), LIMITS, ids=[f"{row[0]}: {row[1]}" for row in LIMITS])
@pytest.mark.parametrize("side", [1, -1])
def test_every_limit_of_the_box_is_exact_to_the_unit(
    rule: str, what: str, case: Any, passes: tuple[bool, ...], side: int
) -> None:
    verdicts = [outside_box(a_leaving(side=side, **case(off)), POLICY) for off in (-1, 0, 1)]
    assert tuple(verdict is None for verdict in verdicts) == passes
    for verdict in verdicts:
        if verdict is not None:
            assert verdict.guard == "order_box"
            assert not verdict.passed
            assert verdict.reason.startswith(f"{rule}: ")


def test_every_rule_has_a_limit_that_is_tried() -> None:
    assert {row[0] for row in LIMITS} == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize(("changes", "value", "limit", "reason"), [
    ({"stop": 7}, 7, 8, "stop_distance: 7 ticks to the stop, at least 8 needed"),
    ({"stop": 201}, 201, 200, "stop_distance: 201 ticks to the stop, at most 200 allowed"),
    ({"away": 41}, 41, 40, "collar: 41 ticks from the last trade, at most 40 allowed"),
    ({"away": -43}, 43, 40, "collar: 43 ticks from the last trade, at most 40 allowed"),
    ({"size_steps": 3}, 3, 2, "size: 3 size steps, at least 1 and at most 2 allowed"),
    ({"minis": Decimal("5.1")}, 5.1, 5, "tier: 5.1 mini-equivalents with this order, at most 5 allowed"),
    ({"risk_usd": Decimal(201)}, 201, 200, "risk: 201.00 USD at risk, at most 200.00 of the room to the floor allowed"),
    ({"risk_usd": Decimal(501), "room_usd": Decimal(9_000)}, 501, 500,
     "risk: 501.00 USD at risk, at most 500 a trade allowed"),
    ({"day_loss_usd": Decimal(801)}, 801, 800,
     "day_loss: 801.00 USD lost on this trade date, the hard limit is 800.00"),
    ({"room_usd": Decimal(290), "risk_usd": Decimal(1)}, 290, 300,
     "floor_room: 290.00 USD above the loss floor, more than 300.00 needed"),
    ({"entry_times": (NOW_NS,) * 7}, 7, 6, "entry_rate: 7 entries in the last hour, 6 allowed"),
    ({"entry_times": tuple(range(21))}, 21, 20, "entry_rate: 21 entries on this trade date, 20 allowed"),
    ({"command_times": (NOW_NS,) * 7}, 7, 6, "command_rate: 7 commands to the venue in 10 s, entries wait from 6 on"),
    ({"command_times": (NOW_NS - 20 * NS,) * 61}, 61, 60,
     "command_rate: 61 commands to the venue in 60 s, entries wait from 60 on"),
    ({"last_same_ns": NOW_NS - 3 * NS}, 3, 5,
     "duplicate: 3 s since the same entry of the same setup, at least 5 needed"),
    ({"last_exit_ns": NOW_NS - 3 * NS}, 3, 5, "cooldown: 3 s since the last exit, at least 5 needed"),
    ({"losses_in_a_row": 11}, 11, 10, "loss_streak: 11 losses in a row, 10 end the trade date"),
    ({"feed_lost_since_ns": NOW_NS - 7 * NS}, 7, 0, "stale_data: the feed is lost since 7 s"),
    ({"last_trade_ns": NOW_NS - 61 * NS}, 61, 60, "stale_data: the last trade is 61 s old, at most 60 allowed"),
    ({"last_trade_ns": NOW_NS + 33 * NS}, 33, 30, "stale_data: the exchange's clock is 33 s ahead, at most 30 allowed"),
    ({"opens_ns": NOW_NS + 9 * NS}, 9, 0, "session: the session opens in 9 s"),
    ({"is_open": False}, 0, 1, "session: the exchange does not trade now"),
    ({"ends_ns": NOW_NS + 200 * NS}, 200, 1200, "session: 200 s until all has to be flat, at least 1200 needed"),
    ({"halted": "asked"}, 1, 0, "kill_switch: trading is halted: asked"),
    ({"opposed": True}, 1, 0, "self_opposition: something of ours is held or works on the other side"),
    ({"order_id": "O1-2"}, 1, 0, "intent: an order O1-2 left before"),
])
def test_a_verdict_says_what_it_saw_and_what_was_allowed(
    changes: dict[str, Any], value: float, limit: float, reason: str
) -> None:
    verdict = outside_box(a_leaving(**changes), POLICY)
    assert verdict is not None
    assert (verdict.value, verdict.threshold, verdict.reason) == (value, limit, reason)


@pytest.mark.parametrize("key", RANGES)
def test_no_setting_leaves_its_range_and_the_refusal_says_the_range(key: str) -> None:
    least, most = RANGES[key]
    for bad in (least - 1, most + 1):
        with pytest.raises(ValueError, match=f"{key} is {bad}; it must lie in {least} to {most}"):
            OrderPolicy(**{key: bad})
    fitting = BESIDE.get(key, {})
    for good in (least, most):
        assert getattr(OrderPolicy(**{**fitting, key: good}), key) == good


def test_the_ranges_in_code_are_these() -> None:
    assert RANGES == {
        "collar_ticks": (1, 400), "least_stop_ticks": (1, 2000), "most_stop_ticks": (1, 2000),
        "most_room_percent": (1, 25), "most_risk_usd": (1, 2500), "most_day_loss_percent": (10, 100),
        "least_room_percent": (5, 90), "entries_per_hour": (1, 60), "entries_per_day": (1, 200),
        "commands_per_10s": (1, 30), "commands_per_minute": (1, 140), "repeat_after_s": (1, 3600),
        "after_exit_s": (1, 3600), "most_losses_in_a_row": (1, 20), "most_age_s": (1, 300), "most_skew_s": (1, 60),
        "before_flat_by_s": (120, 7200), "close_before_flat_by_s": (120, 3600),
    }


def test_the_least_stop_may_not_lie_above_the_most() -> None:
    with pytest.raises(ValueError, match="least_stop_ticks is 300"):
        OrderPolicy(least_stop_ticks=300, most_stop_ticks=200)
    assert OrderPolicy(least_stop_ticks=200, most_stop_ticks=200).least_stop_ticks == 200


def test_what_is_being_closed_takes_no_entries() -> None:
    with pytest.raises(ValueError, match=r"before_flat_by_s is 299, below close_before_flat_by_s \(300\)"):
        OrderPolicy(before_flat_by_s=299, close_before_flat_by_s=300)
    assert OrderPolicy(before_flat_by_s=300, close_before_flat_by_s=300).before_flat_by_s == 300


@pytest.mark.parametrize(("start", "minis"), [(50_000, 5), (50_001, 10), (100_000, 10), (150_000, 15), (10**6, 15)])
def test_the_tier_follows_the_start_balance(start: int, minis: int) -> None:
    assert tier_minis(AccountSettings(start_balance=Decimal(start))) == minis


def test_an_account_of_one_dollar_is_no_express_account() -> None:
    assert tier_minis(AccountSettings(start_balance=Decimal(1), loss_limit=Decimal(9_000))) == 5


@pytest.mark.parametrize(("loss", "minis"), [(2_000, 5), (2_001, 10), (3_000, 10), (4_500, 15), (9_000, 15)])
def test_the_tier_of_an_express_account_follows_its_loss_limit(loss: int, minis: int) -> None:
    assert tier_minis(AccountSettings(start_balance=Decimal(0), loss_limit=Decimal(loss))) == minis


def test_the_day_may_lose_a_share_of_what_is_allowed_and_never_more_than_the_account() -> None:
    assert day_loss_limit(AccountSettings(), POLICY) == 800
    assert day_loss_limit(AccountSettings(daily_loss=Decimal(600)), POLICY) == 480
    assert day_loss_limit(AccountSettings(daily_loss=Decimal(9_999)), POLICY) == 1_600
    assert least_room(AccountSettings(loss_limit=Decimal(3_000)), POLICY) == 450


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(any_leaving())
def test_i30_h15_what_leaves_lies_in_the_box_exactly(leaving: Any) -> None:
    assert (outside_box(leaving, POLICY) is None) == box_accepts(leaving)


@pytest.mark.slow
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(any_leaving())
def test_i30_h15_ten_thousand_orders_against_the_box(leaving: Any) -> None:
    assert (outside_box(leaving, POLICY) is None) == box_accepts(leaving)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(any_leaving())
def test_i35_the_same_entry_meets_the_same_verdict(leaving: Any) -> None:
    before = msgspec.structs.asdict(leaving)
    assert outside_box(leaving, POLICY) == outside_box(leaving, POLICY)
    assert outside_box(leaving, OrderPolicy()) == outside_box(leaving, POLICY)
    assert msgspec.structs.asdict(leaving) == before


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(leaving=any_leaving(), key=st.sampled_from(sorted(RANGES)), places=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_i36_raising_a_limit_never_refuses_what_was_accepted(
    leaving: Any, key: str, places: tuple[float, float]
) -> None:
    least, most = RANGES[key]
    low, high = sorted(least + round(place * (most - least)) for place in places)
    tight, loose = (high, low) if key in STRICTER_ABOVE else (low, high)
    others = BESIDE.get(key, {})
    if outside_box(leaving, OrderPolicy(**{**others, key: tight})) is None:
        assert outside_box(leaving, OrderPolicy(**{**others, key: loose})) is None
