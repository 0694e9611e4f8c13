"""The line of `fabio features`, and when lines are due."""

import json
from datetime import date

import pytest
from random_tapes import START, TABLE
from tapes import LTC, NQ, S, ticks_of, utc_table

from fabio.features.hours import Gap
from fabio.features.line import lines, reading
from fabio.features.market import MarketFeatures

T = START * S
KEYS = {
    "profile": ["poc", "vah", "val", "total_volume", "lvn", "hvn"],
    "poc_cross_stats": ["count_last_5min", "count_last_15min", "count_last_30min", "session_total",
                        "time_since_last_cross_sec", "current_side", "time_near_poc_last_30min_sec"],
    "market_stats": ["session_high", "session_low", "session_range_ticks", "session_range_percentile",
                     "distance_to_poc_ticks", "distance_to_vah_ticks", "distance_to_val_ticks",
                     "time_in_value_sec", "time_above_value_sec", "time_below_value_sec",
                     "time_in_value_sec_last_30min", "time_above_value_sec_last_30min",
                     "time_below_value_sec_last_30min", "cvd", "cvd_slope_5min", "cvd_slope_15min",
                     "cvd_slope_5min_norm", "cvd_slope_15min_norm", "vwap", "realized_vol_5min",
                     "avg_bar_range_ticks_5min", "avg_bar_range_ticks_15min"],
    "orderflow": ["delta_1min", "volume_1min", "trades_1min", "big_prints", "buy_absorption",
                  "sell_absorption", "buy_exhaustion", "sell_exhaustion"],
}


def times(source, every_s=60, table=TABLE, instrument=NQ):
    return [line["ts_ns"] / S - START for line in lines(MarketFeatures(instrument, table), source, every_s)]


def test_the_line_has_the_promised_keys_in_price_and_contract_units():
    market = MarketFeatures(NQ, TABLE)
    market.update(ticks_of([(T, 80001, 3, 1), (T + S, 80003, 2, -1)]))
    line = reading(market, T + 2 * S)
    for group, keys in KEYS.items():
        assert set(keys) <= set(line[group])
    assert (line["ts_ns"], line["symbol"], line["session"]) == (T + 2 * S, "NQ", "2023-11-15")
    assert (line["last_price"], line["profile"]["poc"]) == (20000.75, 20000.25)
    assert (line["profile"]["total_volume"], line["market_stats"]["cvd"]) == (5, 1)
    assert type(line["market_stats"]["cvd"]) is int
    assert line["market_stats"]["vwap"] == pytest.approx(20000.45)
    assert line["market_stats"]["vwap_bands"]["upper_2"] == pytest.approx(20000.45 + 2 * 0.24494897427831783)
    assert line["market_stats"]["time_in_value_sec"] == 2.0
    assert line["poc_cross_stats"]["current_side"] == "above_poc"
    assert json.loads(json.dumps(line)) == line


def test_fractional_sizes_come_out_in_coins():
    table = utc_table(date(2025, 6, 21), 1)
    market = MarketFeatures(LTC, table)
    market.update(ticks_of([(int(table.opens_ns[0]), 8449, 1390, 1)]))
    line = reading(market, 0)
    assert (line["last_price"], line["profile"]["total_volume"], line["market_stats"]["cvd"]) == (84.49, 1.39, 1.39)


def test_lines_are_due_at_whole_multiples_and_at_the_last_trade():
    tape = ticks_of([(T + 10 * S, 1, 1, 1), (T + 60 * S, 2, 1, 1), (T + 60 * S + 1, 3, 1, 1), (T + 200 * S, 4, 1, 1)])
    market = MarketFeatures(NQ, TABLE)
    got = [(line["ts_ns"] / S - START, line["orderflow"]["trades_1min"], line["last_price"])
           for line in lines(market, [tape], 60)]
    assert got == [(60, 2, 0.5), (120, 1, 0.75), (180, 0, 0.75), (200, 1, 1.0)]


def test_a_last_trade_on_a_multiple_gives_one_line():
    assert times([ticks_of([(T, 1, 1, 1), (T + 60 * S, 2, 1, 1)])]) == [0, 60]


def test_no_lines_in_breaks_closed_hours_and_gaps():
    tape = [ticks_of([(T + 19 * 60 * S, 1, 1, 1), (T + 26 * 60 * S, 1, 1, 1)]),
            Gap(T + 27 * 60 * S, T + 29 * 60 * S),
            ticks_of([(T + 48 * 60 * S, 1, 1, 1), (T + 3660 * S, 1, 1, 1)])]
    minutes = [time / 60 for time in times(tape)]
    assert minutes == [19, 24, 25, 26, *range(29, 50), 60, 61]     # closed from minute 50 to 60


def test_lines_do_not_depend_on_how_the_tape_is_cut():
    rows = [(T + i * 7 * S + i, 1000 + i * i % 11, 1 + i % 3, (-1) ** i) for i in range(300)]
    rows[30] = (T + 30_000 * S, 1000, 0, 1)
    whole = list(lines(MarketFeatures(NQ, TABLE), [ticks_of(rows)], 30))
    for size in (1, 7, 100):
        parts = [ticks_of(rows[i : i + size]) for i in range(0, len(rows), size)]
        assert list(lines(MarketFeatures(NQ, TABLE), parts, 30)) == whole
    assert whole[-1]["rejected_ticks"] == 1


def test_bad_ticks_before_the_first_trade_give_no_line():
    assert times([ticks_of([(T, 0, 1, 1), (T + 5 * S, 1, 1, 1)])]) == [5]
    assert times([ticks_of([(T, 0, 1, 1)])]) == []


def test_the_step_must_be_a_second_at_least():
    with pytest.raises(ValueError, match="at least 1 s"):
        list(lines(MarketFeatures(NQ, TABLE), [], 0))
