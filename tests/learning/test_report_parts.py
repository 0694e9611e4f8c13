"""The parts a report is drawn from: axes, bars, daily returns, changes."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.learning.report.equity import daily_returns
from fabio.learning.report.learning import adaptation_speed
from fabio.learning.report.lines import TradeLine
from fabio.learning.report.market import MOST_BARS, _thinned
from fabio.learning.report.records import DayBegan
from fabio.learning.report.svg import NS, Safe, TimeScale, ValueScale, tag

HOUR = 3_600 * NS
CHICAGO = ZoneInfo("America/Chicago")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 10**6), max_size=60), st.lists(st.integers(-100, 10**6 + 100), min_size=2, max_size=20))
def test_time_never_runs_backwards_or_off_the_picture(traded_s: list[int], asked_s: list[int]) -> None:
    scale = TimeScale(sorted(each * NS for each in set(traded_s)), 0, 10**6 * NS, 50.0, 950.0)
    places = [scale(each * NS) for each in sorted(asked_s)]
    assert places == sorted(places)
    assert all(50.0 <= each <= 950.0 + 1e-6 for each in places)


def test_a_weekend_is_a_sliver_and_has_no_label() -> None:
    friday, sunday = 1_780_606_800 * NS, 1_780_779_600 * NS  # 2026-06-04 and -06, 21:00Z
    traded = [*range(friday, friday + 3 * HOUR, 60 * NS), *range(sunday, sunday + 3 * HOUR, 60 * NS)]
    scale = TimeScale(traded, traded[0], traded[-1], 0.0, 1000.0)
    assert scale(sunday) - scale(friday + 3 * HOUR) < 30
    assert scale(friday + HOUR) == pytest.approx(1000 * 3600 / (6 * 3600 + 540 - 60), rel=0.02)
    labels = scale.ticks(CHICAGO, 50)
    assert [label for _, label, is_day in labels if is_day] == ["4 Jun", "6 Jun"]
    assert all(after[0] - before[0] >= 50 for before, after in pairwise(labels))


def test_labels_keep_to_the_wall_clock_over_the_change_to_summer_time() -> None:
    first = 1_772_928_000 * NS  # 2026-03-08T00:00Z; at 08:00Z Chicago's clocks go from 2 to 3
    scale = TimeScale([], first, first + 24 * HOUR, 0.0, 1000.0)
    assert {label[-3:] for _, label, is_day in scale.ticks(CHICAGO, 60) if not is_day} == {":00"}


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (5.0, 5.0), (-3.0, 2.0), (24_000.0, 24_900.0), (0.0, 0.0004)])
def test_round_values_lie_on_the_axis(low: float, high: float) -> None:
    scale = ValueScale(low, high, 0.0, 100.0)
    ticks = scale.ticks(4)
    assert 2 <= len(ticks) <= 12
    assert all(scale.low - 1e-9 <= each <= scale.high + 1e-9 for each in ticks)
    assert scale(high) <= scale(low)


def test_joined_bars_keep_every_extreme_and_the_last_close() -> None:
    bars = [[minute, minute % 7 + 10, minute % 5, minute % 6 + 4] for minute in range(3 * MOST_BARS)]
    joined, minutes = _thinned(bars)
    assert len(joined) <= MOST_BARS
    assert minutes == 5
    assert max(bar[1] for bar in joined) == max(bar[1] for bar in bars)
    assert min(bar[2] for bar in joined) == min(bar[2] for bar in bars)
    assert [bar[3] for bar in joined] == [bars[place][3] for place in range(4, len(bars), 5)]


def trade(net_pnl: float, balance: float, exit_ts_ns: int = 0) -> TradeLine:
    return TradeLine(seq=1, id="T", decision_id="D", symbol="MNQ", strategy="s", side="long", size=1, net_pnl=net_pnl,
                     fees=0.0, entry_ts_ns=0, entry_price=1.0, exit_ts_ns=exit_ts_ns, exit_price=1.0, exit_leg="stop",
                     balance=balance)


def test_a_day_without_a_trade_returned_nothing_and_a_cut_day_is_left_out() -> None:
    days = [DayBegan(10, "2026-06-01", 1000.0), DayBegan(20, "2026-06-02", 1100.0), DayBegan(30, "2026-06-03", 1100.0)]
    dated = [("2026-06-01", trade(100.0, 1100.0)), ("2026-06-03", trade(-55.0, 1045.0))]
    assert daily_returns(days, dated, 0) == {"2026-06-01": 0.1, "2026-06-02": 0.0, "2026-06-03": -0.05}
    assert daily_returns(days, dated, 15) == {"2026-06-02": 0.0, "2026-06-03": -0.05}


def test_without_a_journal_a_day_begins_with_its_first_trades_balance() -> None:
    dated = [("2026-06-01", trade(100.0, 1100.0)), ("2026-06-01", trade(50.0, 1150.0))]
    assert daily_returns([], dated, 0) == {"2026-06-01": 0.15}


def test_what_a_person_changed_is_no_adaptation() -> None:
    change = {"source": "operator", "outcomes_since_last_change": 3, "after_latest_outcome_s": 2.0}
    assert adaptation_speed([change])["changes"] == 0
    assert adaptation_speed([change])["reason"]
    own = adaptation_speed([change, {**change, "source": "rules", "outcomes_since_last_change": 30}])
    assert (own["changes"], own["median_outcomes"], own["median_after_latest_outcome_s"]) == (1, 30, 2.0)


def test_only_html_of_ours_is_left_as_it_is() -> None:
    assert tag("p", "<b>", Safe("<i></i>"), class_='"><script>') == (
        '<p class="&quot;&gt;&lt;script&gt;">&lt;b&gt;<i></i></p>')
