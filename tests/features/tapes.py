"""Instruments, session tables and tapes for the tests of this room."""

import csv
import gzip
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest

from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable
from fabio.model.tick import Ticks

S = 1_000_000_000
DATA = Path(__file__).parents[2].parent / "shared" / "data"
CHICAGO = ZoneInfo("America/Chicago")

NQ = Instrument(
    symbol="NQ", description="E-mini Nasdaq-100", tick_size=Decimal("0.25"), tick_value=Decimal(5),
    size_step=Decimal(1), product_group="equity", trading_seconds_per_year=252 * 23 * 3600,
    poc_cross_band_ticks=4,
)
ES = Instrument(
    symbol="ES", description="E-mini S&P 500", tick_size=Decimal("0.25"), tick_value=Decimal("12.5"),
    size_step=Decimal(1), product_group="equity", trading_seconds_per_year=252 * 23 * 3600,
    poc_cross_band_ticks=2,
)
CL = Instrument(
    symbol="CL", description="Crude oil", tick_size=Decimal("0.01"), tick_value=Decimal(10),
    size_step=Decimal(1), product_group="energy", trading_seconds_per_year=252 * 23 * 3600,
    poc_cross_band_ticks=2, big_print_size=Decimal(7), allows_negative_price=True,
)
LTC = Instrument(
    symbol="LTCUSDT", description="Litecoin", tick_size=Decimal("0.01"), tick_value=Decimal("0.01"),
    size_step=Decimal("0.001"), product_group="crypto", trading_seconds_per_year=365 * 86400,
    poc_cross_band_ticks=2,
)


def table_of(sessions, breaks=()) -> SessionTable:
    """Build a table from rows of (date, open, close, regular open or None), in seconds."""
    dates, opens, closes, regular = zip(*sessions, strict=True)
    times = [np.array(column, dtype=np.int64) * S for column in (opens, closes)]
    regular_ns = np.array([NO_TIME if time is None else time * S for time in regular], dtype=np.int64)
    none = np.full(len(dates), NO_TIME, dtype=np.int64)
    return SessionTable(
        "test", np.array(dates, dtype=np.int64), *times, regular_ns, none, none,
        np.array(breaks, dtype=np.int64).reshape(-1, 2) * S,
    )


def chicago_table(first: date, days: int) -> SessionTable:
    """Sessions from 17:00 of the day before to 16:00, Monday to Friday, 08:30 the regular open."""
    rows = []
    for i in range(days):
        day = first + timedelta(days=i)
        if day.weekday() < 5:
            before = day - timedelta(days=1)
            times = [datetime(*d.timetuple()[:3], hour, minute, tzinfo=CHICAGO).timestamp()
                     for d, hour, minute in ((before, 17, 0), (day, 16, 0), (day, 8, 30))]
            rows.append((int(day.strftime("%Y%m%d")), *map(int, times)))
    return table_of(rows)


def utc_table(first: date, days: int) -> SessionTable:
    """UTC days without regular hours."""
    start = int(datetime(first.year, first.month, first.day, tzinfo=ZoneInfo("UTC")).timestamp())
    dates = [int((first + timedelta(days=i)).strftime("%Y%m%d")) for i in range(days)]
    return table_of([(d, start + i * 86400, start + (i + 1) * 86400, None) for i, d in enumerate(dates)])


def ticks_of(rows) -> Ticks:
    """Columns from rows of (ts_event, price, size, side)."""
    ts, price, size, side = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Ticks(ts, ts, price, size, side.astype(np.int8), np.zeros(len(ts), dtype=np.int8))


def rows_of(ticks: Ticks):
    """Rows of (ts_event, price, size, side) from columns."""
    columns = (ticks.ts_event_ns, ticks.price_ticks, ticks.size_steps, ticks.side)
    return list(zip(*[column.tolist() for column in columns], strict=True))


def real_file(name: str) -> Path:
    """Give a file of the real tapes, or skip the test."""
    if not (DATA / name).exists():
        pytest.skip(f"real market data is not here: {DATA / name}")
    return DATA / name


def read_parquet(name: str, instrument: Instrument, where: str = "true") -> Ticks:
    """Read a real tape; a missing side is unknown."""
    path = real_file(name)
    with duckdb.connect() as connection:
        names = [row[0] for row in connection.sql(f"describe from '{path}'").fetchall()]
        side = "case side when 'B' then 1 when 'A' then -1 else 0 end" if "side" in names else "0"
        stamp = "epoch_ns(ts_event)" if not _is_integer(connection, path) else "ts_event"
        columns = connection.sql(
            f"select {stamp} ts, round(price / {instrument.tick_size})::bigint price, "
            f"round(size / {instrument.size_step})::bigint size, ({side})::tinyint side "
            f"from '{path}' where {where}"
        ).fetchnumpy()
    ts = np.ascontiguousarray(columns["ts"], dtype=np.int64)
    return Ticks(ts, ts, np.ascontiguousarray(columns["price"]), np.ascontiguousarray(columns["size"]),
                 np.ascontiguousarray(columns["side"]), np.zeros(len(ts), dtype=np.int8))


def _is_integer(connection, path: Path) -> bool:
    kind = connection.sql(f"select typeof(ts_event) from '{path}' limit 1").fetchall()[0][0]
    return "INT" in kind


def es_tape() -> Ticks:
    return read_parquet("es_trades_20130901_20130903.parquet", ES)


def nq_tape() -> Ticks:
    return read_parquet("nq_trades_20251127_full_session.parquet", NQ)


def ltc_tape() -> Ticks:
    return read_parquet("ltcusdt_trades_20250621.parquet", LTC)


def databento_tape() -> Ticks:
    """Trades of NQM5 alone: the file also holds NQU5 and their spread."""
    rows = []
    with gzip.open(real_file("nq_databento_trades_20250504.csv.gz"), "rt") as file:
        for row in csv.DictReader(file):
            if row["symbol"] == "NQM5" and row["action"] == "T":
                moment, fraction = row["ts_event"].rstrip("Z").split(".")
                seconds = int(datetime.fromisoformat(moment + "+00:00").timestamp())
                rows.append((seconds * S + int(fraction.ljust(9, "0")), NQ.price_ticks(Decimal(row["price"])),
                             int(row["size"]), {"B": 1, "A": -1, "N": 0}[row["side"]]))
    return ticks_of(rows)
