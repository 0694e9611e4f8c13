"""The caps on a paid model hold over every order of questions, answers, failures and restarts."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.model.session import Session
from fabio.regime.budget import (
    HOUR_NS,
    BudgetSettings,
    Ledger,
    begin_date,
    in_hours,
    may_ask,
    reserve,
    settle,
    share,
)

SETTINGS = BudgetSettings()
NOW_NS = 500_000 * HOUR_NS + 7
CENT = Decimal("0.01")
START = begin_date(Ledger(), "2026-06-01")
WIDE = BudgetSettings(calls_per_day=100_000, calls_per_hour=100_000, quiet_from_share=1.0)


def asked(ledger, count, usd=CENT, each=None):
    """Let `count` questions leave and be settled, one an hour."""
    for place in range(count):
        ledger = settle(reserve(ledger, NOW_NS + place * HOUR_NS, usd), usd if each is None else each)
    return ledger


def restarted(ledger):
    """Come back from a snapshot: what was in flight is charged in full."""
    return settle(msgspec.msgpack.decode(msgspec.msgpack.encode(ledger), type=Ledger), None)


def test_an_empty_ledger_may_ask():
    assert may_ask(START, SETTINGS, NOW_NS, CENT, is_event=False) == ""


def test_a_second_question_waits_for_the_first_paid_or_not():
    flying = reserve(START, NOW_NS, CENT)
    for is_paid in (True, False):
        assert "in flight" in may_ask(flying, SETTINGS, NOW_NS, CENT, is_event=True, is_paid=is_paid)
    with pytest.raises(ValueError, match=r"0\.01 USD reserved"):
        reserve(flying, NOW_NS, CENT)


def test_calls_of_the_day_end_with_the_numbers_named():
    spent = asked(START, 300, Decimal("0.001"))
    later = NOW_NS + 400 * HOUR_NS
    assert may_ask(spent, SETTINGS, later, Decimal("0.001"), is_event=True) == "300 of 300 calls today"
    assert may_ask(spent, SETTINGS, later, CENT, is_event=False, is_paid=False) == ""
    assert may_ask(begin_date(spent, "2026-06-02"), SETTINGS, later, CENT, is_event=False) == ""


def test_from_the_quiet_share_on_only_events_ask():
    spent = asked(START, 240, Decimal("0.001"))
    later = NOW_NS + 400 * HOUR_NS
    why = may_ask(spent, SETTINGS, later, Decimal("0.001"), is_event=False)
    assert why == "from 80% on only events ask: 240 of 300 calls, 0.240 of 1.50 USD today"
    assert may_ask(spent, SETTINGS, later, Decimal("0.001"), is_event=True) == ""
    assert may_ask(asked(START, 239, Decimal("0.001")), SETTINGS, later, Decimal("0.001"), is_event=False) == ""
    loud = BudgetSettings(quiet_from_share=1.0)
    assert may_ask(spent, loud, later, Decimal("0.001"), is_event=False) == ""


def test_money_makes_it_quiet_before_calls_do():
    spent = asked(START, 24, Decimal("0.05"))
    assert share(spent, SETTINGS) == pytest.approx(0.8)
    assert "only events" in may_ask(spent, SETTINGS, NOW_NS + 400 * HOUR_NS, CENT, is_event=False)


def test_a_call_that_does_not_fit_under_the_cap_is_not_asked():
    spent = asked(START, 29, Decimal("0.05"))
    later = NOW_NS + 400 * HOUR_NS
    assert may_ask(spent, SETTINGS, later, Decimal("0.05"), is_event=True) == ""
    over = may_ask(asked(spent, 1, CENT), SETTINGS, later, Decimal("0.05"), is_event=True)
    assert over == "1.46 of 1.50 USD today, and a call may cost 0.05 USD"
    assert "per call" in may_ask(START, SETTINGS, NOW_NS, Decimal("0.0501"), is_event=True)


def test_five_seconds_apart_the_hours_cap_leaves_calls_for_the_afternoon():
    ledger, left = START, 0
    for second in range(0, 3600, 5):
        now_ns = NOW_NS + second * 10**9
        if may_ask(ledger, SETTINGS, now_ns, Decimal("0.001"), is_event=True) == "":
            ledger, left = settle(reserve(ledger, now_ns, Decimal("0.001")), None), left + 1
    assert left == 60
    assert "60 of 60 calls this hour" in may_ask(ledger, SETTINGS, NOW_NS, Decimal("0.001"), is_event=True)
    assert may_ask(ledger, SETTINGS, NOW_NS + HOUR_NS, Decimal("0.001"), is_event=True) == ""


def test_a_clock_that_stands_still_or_goes_back_never_gives_calls_back():
    ledger = START
    for place in range(60):
        ledger = settle(reserve(ledger, NOW_NS - (place % 3) * HOUR_NS, Decimal("0.001")), None)
    for now_ns in (NOW_NS, NOW_NS - 5 * HOUR_NS):
        assert "this hour" in may_ask(ledger, SETTINGS, now_ns, Decimal("0.001"), is_event=True)
    assert ledger.hour == NOW_NS // HOUR_NS


def test_an_unknown_cost_is_charged_in_full_and_a_known_one_as_it_is():
    flying = reserve(START, NOW_NS, Decimal("0.04"))
    assert flying.committed == Decimal("0.04")
    assert settle(flying, None).spent == Decimal("0.04")
    assert settle(flying, Decimal("0.0123")).spent == Decimal("0.0123")
    assert settle(flying, Decimal("0.07")).spent == Decimal("0.07")
    assert settle(settle(flying, None), Decimal(1)).spent == Decimal("0.04")  # a second report charges nothing


def test_an_amount_that_is_none_is_refused():
    for usd in (Decimal("-0.01"), Decimal("NaN"), Decimal("Infinity")):
        with pytest.raises(ValueError, match="expected an amount"):
            reserve(START, NOW_NS, usd)
        with pytest.raises(ValueError, match="expected an amount"):
            settle(reserve(START, NOW_NS, CENT), usd)


def test_a_question_in_flight_at_the_days_end_is_charged_to_the_new_day():
    flying = reserve(asked(START, 5), NOW_NS + 9 * HOUR_NS, Decimal("0.05"))
    tomorrow = begin_date(flying, "2026-06-02")
    assert (tomorrow.calls, tomorrow.spent, tomorrow.reserved) == (1, Decimal(0), Decimal("0.05"))
    assert settle(tomorrow, None).spent == Decimal("0.05")
    assert begin_date(tomorrow, "2026-06-02") is tomorrow


def test_ten_thousand_forced_failures_stay_under_the_cap():
    ledger, charged = START, Decimal(0)
    for place in range(10_000):
        now_ns = NOW_NS + place * 5 * 10**9
        if may_ask(ledger, WIDE, now_ns, Decimal("0.0037"), is_event=True) == "":
            ledger = reserve(ledger, now_ns, Decimal("0.0037"))
            assert ledger.committed <= WIDE.usd_per_day
            ledger = restarted(ledger) if place % 7 == 0 else settle(ledger, None)
            charged += Decimal("0.0037")
    assert ledger.spent == charged == 405 * Decimal("0.0037")  # the 406th would pass 1.50
    assert WIDE.usd_per_day - ledger.spent < Decimal("0.0037")


COSTS = st.decimals(0, Decimal("0.05"), places=6)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "answer", "fail", "kill", "roll"]), COSTS, st.floats(0, 1), st.booleans(),
        st.integers(-2, 2),
    ),
    max_size=120,
)


@given(steps=STEPS, calls=st.integers(1, 40), hourly=st.integers(1, 20), cap=st.decimals("0.05", "0.6", places=3))
def test_no_order_of_events_passes_a_cap(steps, calls, hourly, cap):
    settings = BudgetSettings(calls_per_day=calls, calls_per_hour=hourly, usd_per_day=cap)
    ledger, now_ns, day = START, NOW_NS, 1
    charged, by_hour = {1: Decimal(0)}, {}
    for kind, usd, part, is_event, hours in steps:
        now_ns += hours * HOUR_NS // 2
        if kind == "ask" and may_ask(ledger, settings, now_ns, usd, is_event) == "":
            ledger = reserve(ledger, now_ns, usd)
            by_hour[ledger.hour] = by_hour.get(ledger.hour, 0) + 1
        elif kind == "roll":
            day += 1
            ledger = begin_date(ledger, f"day {day}")
            charged[day] = Decimal(0)
        elif kind != "ask":
            cost = ledger.reserved * Decimal(part).quantize(Decimal("0.001")) if kind == "answer" else ledger.reserved
            charged[day] += cost
            ledger = restarted(ledger) if kind == "kill" else settle(ledger, cost if kind == "answer" else None)
        assert ledger.committed <= cap
        assert ledger.calls <= calls
        assert ledger.spent == charged[day]
    assert max(charged.values()) <= cap
    assert max(by_hour.values(), default=0) <= hourly


def test_only_regular_hours_are_paid_for_unless_all_are():
    session = Session(0, "2026-06-01", 0, 100, 40, 60, 55)
    assert [in_hours(SETTINGS, session, now) for now in (39, 40, 59, 60)] == [False, True, True, False]
    assert in_hours(BudgetSettings(hours="all"), session, 5)
    assert not in_hours(SETTINGS, Session(0, "2026-06-01", 0, 100, None, None, None), 50)


@pytest.mark.parametrize("wrong", [
    {"calls_per_day": 0}, {"calls_per_hour": 100_001}, {"usd_per_day": Decimal("0.01")},
    {"usd_per_call": Decimal(0)}, {"usd_per_call": Decimal("NaN")}, {"quiet_from_share": 0.0},
    {"quiet_from_share": 1.1}, {"hours": "night"},
])
def test_a_wrong_setting_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BudgetSettings(**wrong)
