"""The traps found in the real tapes (../shared/data/INDEX.md), one test each."""

import gzip
from pathlib import Path

import duckdb
import numpy as np
import pytest
from tape_writing import INSTRUMENTS, START_NS, csv_tape, parquet_tape, real_tape

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tapes import open_tape


def test_databento_side_a_is_the_selling_aggressor() -> None:
    ticks = open_tape(real_tape("nq_databento_trades_20250504.csv.gz"), INSTRUMENTS).ticks()
    assert [int(np.count_nonzero(ticks.side == side)) for side in (1, -1, 0)] == [4933, 4912, 1]
    assert int(ticks.size_steps.sum()) == 13_046
    assert int((ticks.size_steps * ticks.side).sum()) == -240
    # buyers lift the price, sellers press it: read the other way round this is negative
    minute = (ticks.ts_event_ns - START_NS) // 60_000_000_000
    delta = np.bincount(minute, weights=ticks.size_steps * ticks.side, minlength=120)
    last = np.array([ticks.price_ticks[minute == place][-1] for place in range(120)])
    assert np.corrcoef(np.diff(last), delta[1:])[0, 1] > 0.4


def test_other_expiries_and_the_calendar_spread_are_never_mixed_in() -> None:
    path = real_tape("nq_databento_trades_20250504.csv.gz")
    tape = open_tape(path, INSTRUMENTS)
    assert (tape.contract, tape.rows, tape.left_out) == ("NQM5", 9846, {"NQU5": 27, "NQM5-NQU5": 14})
    assert tape.ticks().price_ticks.min() > 4 * 19_000
    assert len(open_tape(path, INSTRUMENTS, "NQU5").ticks()) == 27


def test_databento_times_keep_their_nanoseconds_and_the_action_is_no_boolean() -> None:
    path = real_tape("nq_databento_trades_20250504.csv.gz")
    ticks = open_tape(path, INSTRUMENTS).ticks()
    with gzip.open(path, "rt") as file:
        lines = [line.rstrip("\n").split(",") for line in file][1:]
    expected = [line for line in lines if line[-1] == "NQM5"]
    assert len(expected) == len(ticks)
    for row in range(0, len(ticks), 111):
        recv, event = expected[row][0], expected[row][1]
        assert f"{ticks.ts_recv_ns[row] % 10**9:09d}Z" == recv.split(".")[1]
        assert f"{ticks.ts_event_ns[row] % 10**9:09d}Z" == event.split(".")[1]
        assert ticks.price_ticks[row] == float(expected[row][8]) * 4


@pytest.mark.parametrize(
    "name", ["nq_trades_20251009_30min.parquet", "nq_trades_20251127_full_session.parquet"]
)
def test_a_side_derived_from_lagged_quotes_is_not_taken_for_the_aggressor(name: str) -> None:
    tape = open_tape(real_tape(name), INSTRUMENTS)
    assert not tape.ticks().side.any()
    assert "column lado_derived is not taken as the aggressor" in tape.describe()
    assert tape.bad_rows == {}


def test_back_adjusted_prices_are_refused_row_by_row(tmp_path: Path) -> None:
    bars = real_tape("nq_bars_1m_tv_202408_202512.parquet")
    query = f"select ts_utc as ts_event, close::double * 1.0431 as price, 1 as size from '{bars}' limit 5000"
    tape = parquet_tape(tmp_path, query)
    kept = len(tape.ticks())
    assert tape.bad_rows["off_grid"] > 0.9 * 5000
    assert kept + tape.bad_rows["off_grid"] == 5000
    query = f"select ts_utc as ts_event, close as price, 1 as size from '{bars}' limit 5000"
    assert len(parquet_tape(tmp_path, query, name="plain.parquet").ticks()) == 5000


def test_prints_repeated_within_a_millisecond_keep_their_volume() -> None:
    path = real_tape("es_trades_20130901_20130903.parquet")
    ((total,),) = duckdb.sql(f"select sum(size) from '{path}'").fetchall()
    assert int(open_tape(path, INSTRUMENTS).ticks().size_steps.sum()) == total


def test_the_quiet_holiday_tape_has_two_highest_rows_in_its_regular_hours() -> None:
    ticks = open_tape(real_tape("nq_trades_20251127_full_session.parquet"), INSTRUMENTS).ticks()
    regular = (
        ticks.ts_event_ns >= ticks.ts_event_ns[0] // 86_400_000_000_000 * 86_400_000_000_000 + 138_600 * 10**9
    )
    volumes = np.bincount(ticks.price_ticks[regular], weights=ticks.size_steps[regular])
    assert np.count_nonzero(volumes == volumes.max()) == 2


def test_every_real_trade_tape_is_read_whole() -> None:
    rows = {
        "btcusdt_perp_trades_20240808.parquet": 21_313,
        "ltcusdt_trades_20250621.parquet": 53_325,
        "nq_trades_20251009_30min.parquet": 19_794,
        "nq_trades_20251127_full_session.parquet": 43_719,
    }
    for name, count in rows.items():
        tape = open_tape(real_tape(name), INSTRUMENTS)
        assert len(tape.ticks()) == count
        assert tape.bad_rows == {}


def test_off_cent_prints_of_another_market_are_counted() -> None:
    # a stock's tape read as if its tick were a quarter: most rows miss the grid, none is lost silently
    tape = open_tape(real_tape("spy_trades_20131008.parquet"), INSTRUMENTS, "ES")
    assert len(tape.ticks()) + sum(tape.bad_rows.values()) == 451_545


@pytest.mark.parametrize(
    "name",
    [
        "es_sierra_tbt_20220124.txt.gz",
        "nq_ninjatrader_1m_volumetric_20260205_20260216.csv.gz",
        "nq_daily_tradestation_indicators.csv.gz",
        "nq_bars_1m_tv_202408_202512.parquet",
    ],
)
def test_bars_and_foreign_exports_are_refused_by_column(name: str) -> None:
    with pytest.raises(TapeError, match=r"column ts_event.* missing"):
        open_tape(real_tape(name), INSTRUMENTS, "NQ")


def test_a_databento_file_without_the_symbol_column_needs_no_guess_about_the_spread(tmp_path: Path) -> None:
    with gzip.open(real_tape("nq_databento_trades_20250504.csv.gz"), "rt") as file:
        text = "".join(line.rsplit(",", 1)[0] + "\n" for line in file)
    tape = csv_tape(tmp_path, text, symbol="NQM5")
    assert (len(tape.ticks()), tape.left_out) == (9846, {"id 42008487": 27, "id 42009338": 14})
