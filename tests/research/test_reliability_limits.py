"""The bars of the limits at small sizes: they hold, and they would not if the exit were taken away."""

import pytest

from fabio.portfolio import pretrade
from fabio.research.reliability.bar import Bar
from fabio.research.reliability.limits import bars as limit_bars


def quiet(words: str) -> None:
    """Say nothing."""


def figures(bars: list[Bar]) -> dict[str, Bar]:
    return {bar.name: bar for bar in bars}


def test_i30_what_leaves_is_what_a_small_model_of_the_box_accepts() -> None:
    bars = figures(limit_bars.orders_against_the_box(2_000, quiet))
    assert all(bar.holds for bar in bars.values()), bars
    assert 0.1 < bars["entries_refused_inside_the_box"].n / 2_000 < 0.9


@pytest.mark.parametrize("rule", [rule.__name__ for rule in pretrade.RULES])
def test_a_rule_taken_out_of_the_box_breaks_the_bar(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = tuple(each for each in pretrade.RULES if each.__name__ != rule)
    monkeypatch.setattr(pretrade, "RULES", rules)
    found = figures(limit_bars.orders_against_the_box(2_000, quiet))
    assert not found["entries_outside_the_box"].holds


def test_i31_no_exit_is_refused_whatever_the_trouble() -> None:
    bar = limit_bars.exits_under_trouble(25, quiet)[0]
    assert bar.holds, bar


def test_i32_no_entry_leaves_while_stale_unreconciled_halted_or_out_of_session() -> None:
    bars = limit_bars.entries_in_bad_states(45, quiet)
    assert all(bar.holds for bar in bars), bars


def test_without_the_exit_entries_leave_in_bad_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrade, "RULES", ())
    assert not limit_bars.entries_in_bad_states(45, quiet)[0].holds


def test_h13_a_runaway_strategy_is_locked_after_six_entries() -> None:
    bars = limit_bars.runaways(3, quiet)
    assert all(bar.holds for bar in bars), bars
    assert bars[0].value == 6


def test_h13_without_the_exit_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrade, "RULES", ())
    assert not limit_bars.runaways(1, quiet)[0].holds
