"""Guards' settings stop exactly where they say, and verdicts tell the numbers that were compared."""

from importlib import import_module
from typing import Any

import pytest
from guard_rows import ROWS, Row
from test_guards_conformance import build

RANGES: tuple[tuple[str, str, float, float], ...] = (
    # guard, setting, least and most that it may be
    ("cooldown", "after_exit_s", 0, 86_400),
    ("daily_loss", "limit_usd", 1e-9, 999_999_999),
    ("duplicate_signal", "within_s", 0, 86_400),
    ("loss_streak", "pause_after", 1, 4),
    ("loss_streak", "pause_min", 0, 1_440),
    ("loss_streak", "stop_after", 4, 10**6),
    ("max_loss_limit", "keep_usd", 0, 999_999_999),
    ("max_trades_per_session", "all_strategies", 0, 10_000),
    ("min_confidence", "minimum", 0, 1),
    ("min_reward_risk", "least", 0, 100),
    ("regime_mismatch", "balanced_share", 0, 1),
    ("session_hours", "before_flat_by_min", 0, 600),
    ("session_hours", "before_regular_close_min", 0, 600),
    ("session_hours", "after_open_min", 0, 600),
    ("stale_data", "max_age_regular_s", 0, 3_600),
    ("stale_data", "max_age_s", 0, 3_600),
    ("stale_data", "max_skew_s", 0, 3_600),
    ("volatility", "bars", 1, 32),
    ("volatility", "max_ratio", 1e-9, 100),
)
BEYOND: dict[tuple[str, str], tuple[float, float]] = {
    ("daily_loss", "limit_usd"): (0, 1e9), ("max_loss_limit", "keep_usd"): (-1e-9, 1e9),
    ("volatility", "max_ratio"): (0, 100.01), ("loss_streak", "stop_after"): (3, float("nan")),
}
"""What is refused, where it is not one step of 1 beyond the range."""
COMPARED: dict[tuple[str, str], tuple[float | None, float | None]] = {
    # value and threshold in the verdict, at the limit
    ("session_hours", "20 min before flat-by"): (20, 20),
    ("session_hours", "10 min before the regular close"): (10, 10),
    ("session_hours", "the regular open"): (400, 20),
    ("session_hours", "5 min after the open"): (395, 20),
    ("daily_loss", "500 USD lost"): (500, 500),
    ("max_loss_limit", "300 USD kept, in cents"): (300, 300),
    ("max_position", "one mini under, at and over the limit of 2"): (2, 2),
    ("max_trades_per_session", "the strategy's 4"): (4, 4),
    ("max_trades_per_session", "all strategies' 20"): (20, 20),
    ("min_reward_risk", "30 ticks against 20, one and a half"): (1.5, 1.5),
    ("volatility", "bars of 75 ticks against usual 30"): (2.5, 2.5),
    ("stale_data", "3 s in regular hours"): (3, 3),
    ("stale_data", "15 s outside them"): (15, 15),
    ("stale_data", "a clock 10 s ahead"): (10, 10),
    ("stale_data", "feed lost from 0 on"): (0, 0),
    ("cooldown", "60 s after an exit"): (60, 60),
    ("loss_streak", "3 losses start a pause"): (1, 30),
    ("loss_streak", "30 min of it"): (30, 30),
    ("loss_streak", "5 losses end the day"): (5, 5),
    ("duplicate_signal", "5 s after the same one"): (5, 5),
    ("duplicate_signal", "a working entry"): (1, 0),
    ("regime_mismatch", "600 of 1000 s in value"): (0.6, 0.6),
    ("min_confidence", "0.5, in hundredths"): (0.5, 0.5),
}
KEYED = [row for row in ROWS if (row.guard, row.what) in COMPARED]


@pytest.mark.parametrize(("name", "field", "least", "most"), RANGES, ids=[f"{row[0]}.{row[1]}" for row in RANGES])
def test_a_setting_stops_exactly_where_it_says(name: str, field: str, least: float, most: float) -> None:
    for value in (least, most):
        build(name, **{field: value})
    default = getattr(import_module(f"fabio.guards.{name}").Settings(), field)
    step: float = 1 if isinstance(default, int) else 1e-6
    for value in BEYOND.get((name, field), (least - step, most + step)):
        if value == value:
            with pytest.raises(ValueError, match=field):
                build(name, **{field: value})


def test_every_number_among_the_settings_has_its_range_here() -> None:
    known = {(name, field) for name, field, _, _ in RANGES}
    numbers = set()
    for row in ROWS:
        defaults = import_module(f"fabio.guards.{row.guard}").Settings()
        numbers |= {(row.guard, field) for field in defaults.__struct_fields__
                    if isinstance(getattr(defaults, field), int | float)}
    assert known == numbers


@pytest.mark.parametrize("row", KEYED, ids=[f"{row.guard}: {row.what}" for row in KEYED])
def test_a_verdict_tells_the_numbers_that_were_compared(row: Row) -> None:
    verdict: Any = build(row.guard, **row.settings).check(*row.case(0))
    assert (verdict.value, verdict.threshold) == pytest.approx(COMPARED[row.guard, row.what])


def test_every_case_with_numbers_is_told() -> None:
    assert {(row.guard, row.what) for row in KEYED} == set(COMPARED)
