"""A whole agent lives through minutes at the simulated gateway; `fabio bench reliability` has a whole day of it."""

from fabio.research.reliability.chaos.soak import soak


def test_nothing_of_an_agent_that_trades_grows() -> None:
    bars = soak(12, lambda line: None)
    assert [bar.name for bar in bars] == ["memory_growth_mb", "open_files_growth", "journal_files"]
    assert all(bar.holds for bar in bars), bars
    assert " 0 trades" not in bars[0].note


def test_an_agent_that_was_armed_before_the_regular_hours_trades_in_them() -> None:
    (memory, *_) = soak(20, lambda line: None, before_min=12)
    assert " 0 trades" not in memory.note
