"""Sizes: the smallest bound wins, and a size of 0 says which."""

from decimal import Decimal

import msgspec
import pytest
from holding_nouns import BTC, MNQ, NQ, a_signal
from hypothesis import given
from hypothesis import strategies as st

from fabio.model.strategy import StrategyState
from fabio.portfolio.account import AccountSettings, mark, open_account
from fabio.portfolio.sizing import Held, SizeLimits, size_steps, stop_cost

ACCOUNT = open_account(AccountSettings(), "2026-11-20")
STATE, LIMITS = StrategyState(), SizeLimits()
WIDE = SizeLimits(size_limit=Decimal(1000))


def test_a_step_costs_the_stop_the_slippage_reserve_and_both_sides_fees() -> None:
    assert stop_cost(a_signal(stop=20), NQ, 2) == 22 * 5 + Decimal("3.80")


def test_the_position_limit_caps_what_risk_would_allow() -> None:
    sizing = size_steps(a_signal(stop=5), NQ, STATE, ACCOUNT, LIMITS)  # 35 + 3.80 a step
    assert (sizing.steps, sizing.limited_by) == (2, "size_limit")


def test_the_room_to_the_loss_floor_caps_before_the_risk_fraction() -> None:
    sizing = size_steps(a_signal(stop=20), NQ, STATE, ACCOUNT, LIMITS)  # 200 of room against 250 of risk
    assert (sizing.steps, sizing.limited_by) == (1, "loss_room")


def test_the_risk_fraction_caps_a_timid_strategy() -> None:
    sizing = size_steps(a_signal(stop=20), MNQ, StrategyState(risk_fraction=0.001), ACCOUNT, WIDE)
    assert (sizing.steps, sizing.limited_by) == (4, "risk_fraction")  # 50 over 12.24


def test_a_size_of_zero_is_a_refusal_with_its_numbers() -> None:
    sizing = size_steps(a_signal(stop=60), NQ, STATE, ACCOUNT, LIMITS)
    assert (sizing.steps, sizing.limited_by) == (0, "loss_room")
    assert sizing.reason == ("loss_room allows 0 NQ: 10% of the 2000.00 USD above the loss floor is 200.00, "
                             "a step risks 313.80")


def test_no_room_left_refuses() -> None:
    sizing = size_steps(a_signal(), NQ, STATE, mark(ACCOUNT, Decimal(-2100)), LIMITS)
    assert (sizing.steps, sizing.limited_by) == (0, "loss_room")


@pytest.mark.parametrize("stop", [0, -5])
def test_a_stop_on_the_wrong_side_refuses(stop: int) -> None:
    assert size_steps(a_signal(stop=stop), NQ, STATE, ACCOUNT, LIMITS).limited_by == "stop"


def test_what_is_held_uses_up_the_limits() -> None:
    sizing = size_steps(a_signal(stop=5), NQ, STATE, ACCOUNT, LIMITS, Held(size=Decimal(2)))
    assert (sizing.steps, sizing.limited_by) == (0, "size_limit")
    sizing = size_steps(a_signal(stop=5), MNQ, STATE, ACCOUNT, WIDE, Held(mini_equivalents=Decimal("4.75")))
    assert (sizing.steps, sizing.limited_by) == (2, "position_limit")


def test_more_held_than_allowed_refuses_rather_than_going_negative() -> None:
    assert size_steps(a_signal(stop=5), NQ, STATE, ACCOUNT, LIMITS, Held(size=Decimal(7))).steps == 0


def test_fractions_of_a_coin_are_whole_steps_and_weigh_no_minis() -> None:
    signal = a_signal(stop=5_000, entry_ticks=600_000)  # 500 USD below 60,000
    sizing = size_steps(signal, BTC, STATE, ACCOUNT, LIMITS)
    cost = Decimal("0.5002") + Decimal("0.0299750") * 1 + Decimal("0.02975")
    assert (sizing.steps, sizing.limited_by) == (int(200 // cost), "loss_room")


@given(stop=st.integers(1, 400), risk=st.floats(0.0001, 0.01), pnl=st.integers(-1999, 5000),
       size_limit=st.integers(0, 50), held=st.integers(0, 6), side=st.sampled_from([1, -1]))
def test_a_size_keeps_every_bound_and_one_step_more_would_break_the_named_one(
        stop: int, risk: float, pnl: int, size_limit: int, held: int, side: int) -> None:
    account = mark(ACCOUNT, Decimal(pnl))
    state = msgspec.structs.replace(STATE, risk_fraction=risk)
    limits = SizeLimits(size_limit=Decimal(size_limit))
    signal, used = a_signal(stop, side), Held(size=Decimal(held), mini_equivalents=Decimal(held))
    sizing = size_steps(signal, NQ, state, account, limits, used)
    cost = stop_cost(signal, NQ, limits.slippage_reserve_ticks)

    def kept(steps: int) -> dict[str, bool]:
        return {
            "risk_fraction": steps * cost <= account.balance * Decimal(repr(risk)),
            "loss_room": steps * cost <= account.room / 10,
            "size_limit": held + steps <= size_limit,
            "position_limit": held + steps <= 5,
        }

    assert sizing.steps >= 0
    assert sizing.steps == 0 or all(kept(sizing.steps).values())
    assert not kept(sizing.steps + 1)[sizing.limited_by]
