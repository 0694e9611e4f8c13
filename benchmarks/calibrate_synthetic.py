"""Compare the synthetic market with real tapes.

    python benchmarks/calibrate_synthetic.py FOLDER [--sessions 40] [--symbol MNQ] [--json]

FOLDER holds the recorded tapes named below (`docs/synthetic.md` says what they are). Prints a
table of real against synthetic figures; `--json` prints them as JSON. Nothing is written.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from fabio.adapters.data.synthetic import SyntheticSession, synthetic_session
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable

HOUR_NS, MINUTE_NS, SECOND_NS = 3_600 * 10**9, 60 * 10**9, 10**9
FLOATS = NDArray[np.float64]
INTS = NDArray[np.int64]

NQ_BARS = "nq_bars_1m_tv_202408_202512.parquet"
NQ_VOLUME = "nq_bars_5m_volume_tv_202412_202512.parquet"
NQ_DELTA = "nq_ninjatrader_1m_volumetric_20260205_20260216.csv.gz"
NQ_TRADES = "nq_databento_trades_20250504.csv.gz"
NQ_MIDDAY = "nq_trades_20251009_30min.parquet"
ES_VOLUME = "es_bars_5m_bidask_2016_2019.parquet"
ES_DELTA = "es_bars_1m_delta_rth_2026_public.parquet"
ES_TRADES = "es_trades_20130901_20130903.parquet"


@dataclass
class Prints:
    """Columns of one tape: ns UTC, ticks, size, side (all 0 where the tape has none)."""

    ts_ns: INTS
    price: INTS
    size: INTS
    side: INTS

    def between(self, start_ns: int, end_ns: int) -> "Prints":
        """Keep the prints in `[start_ns, end_ns)`."""
        a, b = np.searchsorted(self.ts_ns, [start_ns, end_ns])
        return Prints(self.ts_ns[a:b], self.price[a:b], self.size[a:b], self.side[a:b])


@dataclass
class Bars:
    """1-minute bars: session number, minute of the session (0 at 17:00 Chicago), prices in ticks."""

    session: INTS
    minute: INTS
    open: FLOATS
    high: FLOATS
    low: FLOATS
    close: FLOATS
    volume: FLOATS
    delta: FLOATS

    def where(self, keep: NDArray[np.bool_]) -> "Bars":
        """Keep some rows."""
        return Bars(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))

    @property
    def regular(self) -> "Bars":
        """The bars of 08:30 to 15:00 Chicago."""
        return self.where((self.minute >= 930) & (self.minute < 1320))


# ---------------------------------------------------------------- figures

def autocorrelation(values: FLOATS, lag: int) -> float:
    """Correlation of a series with itself `lag` places later."""
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def kurtosis(values: FLOATS) -> float:
    """Excess kurtosis: 0 for a normal distribution."""
    centred = values - values.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - 3)


def bar_figures(bars: Bars) -> dict[str, float]:
    """Ranges, tails, clustering and trendiness of 1-minute bars."""
    out: dict[str, float] = {}
    width_bp = (bars.high - bars.low) / bars.close * 1e4
    for hour in range(23):
        out[f"range_bp {(17 + hour) % 24:02d}h"] = float(width_bp[bars.minute // 60 == hour].mean())
    regular = bars.regular
    returns, sizes, er = [], [], []
    for number in np.unique(regular.session):
        rows = regular.session == number
        close = regular.close[rows]
        if len(close) != 390:
            continue
        change = np.diff(close)
        returns.append(change / change.std())
        sizes.append((regular.high[rows].max() - regular.low[rows].min())
                     / (regular.high[rows] - regular.low[rows]).mean())
        path = np.convolve(np.abs(change), np.ones(20), "valid")
        er.append(np.abs(close[20:] - close[:-20]) / np.maximum(path, 1e-9))
    pooled = np.concatenate(returns)
    out["1 min return kurtosis"] = kurtosis(pooled)
    out["1 min return autocorrelation"] = autocorrelation(pooled, 1)
    for lag in (1, 5, 10, 30, 60):
        out[f"abs 1 min return autocorrelation lag {lag}"] = float(
            np.mean([autocorrelation(np.abs(one), lag) for one in returns]))
    out["range over abs return"] = float((regular.high - regular.low).mean()
                                         / np.abs(regular.close - regular.open).mean())
    out["regular range over mean bar range, median"] = float(np.median(sizes))
    pooled_er = np.concatenate(er)
    for share in (50, 75, 90):
        out[f"abs er20 q{share}"] = float(np.percentile(pooled_er, share))
    days, day_bp, whole = np.unique(bars.session), [], []
    for number in days:
        rows = bars.session == number
        if rows.sum() < 1200:
            continue
        day_bp.append(width_bp[rows].mean())
        whole.append((bars.high[rows].max() - bars.low[rows].min()) / bars.close[rows][-1] * 1e4)
    out["daily range bp, median"] = float(np.median(whole))
    logs = np.log(day_bp)
    behind = [logs[i] - np.log(np.median(day_bp[i - 20:i])) for i in range(20, len(logs))]
    out["log day range over 20 days' median, deviation"] = float(np.std(behind)) if behind else float("nan")
    return out


def flow_figures(bars: Bars) -> dict[str, float]:
    """Order flow of the regular hours, per minute and per 5 minutes."""
    regular = bars.regular
    share = regular.delta / regular.volume
    change = regular.close - regular.open
    fives = np.arange(0, len(share) - 4, 5)
    five = np.abs(np.add.reduceat(regular.delta, fives) / np.add.reduceat(regular.volume, fives))
    return {
        "delta-return correlation 1 min": float(np.corrcoef(regular.delta, change)[0, 1]),
        "delta share deviation 1 min": float(share.std()),
        "delta autocorrelation 1 min": autocorrelation(regular.delta, 1),
        "abs delta share 5 min q50": float(np.quantile(five, 0.5)),
        "abs delta share 5 min q95": float(np.quantile(five, 0.95)),
        "log volume - log range correlation": float(
            np.corrcoef(np.log(regular.volume), np.log(regular.high - regular.low + 1))[0, 1]),
    }


def print_figures(prints: Prints) -> dict[str, float]:
    """Tick level: clusters, sizes, sides, tails at 1 s and 10 s."""
    out: dict[str, float] = {}
    gaps = np.diff(prints.ts_ns)
    same = gaps == 0
    out["prints per second"] = len(prints.ts_ns) / ((prints.ts_ns[-1] - prints.ts_ns[0]) / SECOND_NS)
    out["same-time share"] = float(same.mean())
    for share in (10, 50, 90, 99):
        out[f"gap q{share} over mean"] = float(np.percentile(gaps[~same], share) / gaps[~same].mean())
    out["size 1 share"] = float((prints.size == 1).mean())
    for share in (90.0, 99.0, 99.9):
        out[f"size q{share:g}"] = float(np.percentile(prints.size, share))
    moves = np.abs(np.diff(prints.price))
    for ticks in (0, 1, 2, 3):
        out[f"move of {ticks} ticks share"] = float((moves == ticks).mean())
    if prints.side.any():
        for lag in (1, 5, 20):
            out[f"side autocorrelation lag {lag}"] = autocorrelation(prints.side.astype(float), lag)
    for seconds in (1, 10):
        out |= _second_figures(prints, seconds)
    return out


def _second_figures(prints: Prints, seconds: int) -> dict[str, float]:
    step = prints.ts_ns // (seconds * SECOND_NS)
    step -= step[0]
    count = np.bincount(step).astype(float)
    delta = np.bincount(step, weights=prints.size * prints.side)
    ends = np.cumsum(count).astype(int) - 1
    change = np.diff(prints.price[ends].astype(float))
    out = {
        f"{seconds} s return kurtosis": kurtosis(change),
        f"{seconds} s return deviation ticks": float(change.std()),
        f"{seconds} s return autocorrelation": autocorrelation(change, 1),
        f"{seconds} s abs return autocorrelation": autocorrelation(np.abs(change), 1),
    }
    if prints.side.any():
        out[f"delta-return correlation {seconds} s"] = float(np.corrcoef(delta[1:], change)[0, 1])
    if seconds == 1:
        out["prints per second variance over mean"] = float(count.var() / count.mean())
        out["prints per second autocorrelation"] = autocorrelation(count, 1)
    return out


def volume_shares(minute: INTS, volume: FLOATS) -> dict[str, float]:
    """Share of the volume per half hour."""
    total = np.bincount(minute // 30, weights=volume, minlength=46)[:46]
    return {f"volume share {(17 * 60 + 30 * row) // 60 % 24:02d}:{30 * (row % 2):02d}": float(part)
            for row, part in enumerate(total / total.sum())}


# ---------------------------------------------------------------- real tapes

def rows(sql: str) -> dict[str, NDArray[np.generic]]:
    """Run a query and give its columns."""
    return duckdb.sql(sql).fetchnumpy()


def bars_of(folder: Path, name: str, time_sql: str, columns: str) -> Bars:
    """Read bars; `time_sql` gives each bar's start as a timestamptz."""
    local = f"(({time_sql}) AT TIME ZONE 'America/Chicago')"
    source = f"read_csv('{folder / name}')" if name.endswith(".csv.gz") else f"'{folder / name}'"
    data = rows(f"""
        SELECT date_diff('day', TIMESTAMP '2000-01-01', {local} + INTERVAL 7 HOUR) AS session,
               (date_part('hour', {local}) * 60 + date_part('minute', {local}) + 420)::INT % 1440 AS minute,
               open * 4.0 AS open, high * 4.0 AS high, low * 4.0 AS low, close * 4.0 AS close, {columns}
        FROM {source} ORDER BY {time_sql}""")
    ints = [np.asarray(data[name], dtype=np.int64) for name in ("session", "minute")]
    names = ("open", "high", "low", "close", "volume", "delta")
    floats = [np.asarray(data[name], dtype=np.float64) for name in names]
    bars = Bars(*ints, *floats)
    return bars.where(bars.minute < 1380)


def real_figures(folder: Path, symbol: str) -> dict[str, dict[str, float]]:
    """Measure the tapes of a family, by group of figures."""
    if symbol in ("ES", "MES"):
        five = bars_of(folder, ES_VOLUME, "ts_utc", "volume, buy_volume - sell_volume AS delta")
        delta = bars_of(folder, ES_DELTA, "minute_utc", "volume, delta")
        tape = rows(f"SELECT epoch_ns(ts_event) AS t, round(price * 4)::BIGINT AS p, size AS s "
                    f"FROM '{folder / ES_TRADES}'")
        prints = _prints(tape)
        start = int(datetime(2013, 9, 3, 13, 30, tzinfo=UTC).timestamp()) * SECOND_NS
        return {"volume": volume_shares(five.minute, five.volume), "flow": flow_figures(delta),
                "prints regular": print_figures(prints.between(start, start + 6 * HOUR_NS))}
    bars = bars_of(folder, NQ_BARS, "ts_utc", "0.0 AS volume, 0.0 AS delta")
    five = bars_of(folder, NQ_VOLUME, "ts_utc", "volume, 0.0 AS delta")
    delta = bars_of(folder, NQ_DELTA, "(timestamp - INTERVAL 1 MINUTE) AT TIME ZONE 'America/New_York'",
                    "volume, vol_delta AS delta")
    evening = rows(f"""
        SELECT epoch_ns(ts_event::TIMESTAMP_NS) AS t, round(price::DOUBLE * 4)::BIGINT AS p, size::INT AS s,
               CASE side WHEN 'B' THEN 1 WHEN 'A' THEN -1 ELSE 0 END AS side
        FROM read_csv('{folder / NQ_TRADES}', all_varchar = true) WHERE symbol = 'NQM5'""")
    midday = rows(f"SELECT epoch_ns(ts_event) AS t, round(price * 4)::BIGINT AS p, size AS s "
                  f"FROM '{folder / NQ_MIDDAY}'")
    return {"volume": volume_shares(five.minute, five.volume), "bars": bar_figures(bars),
            "flow": flow_figures(delta), "prints evening": print_figures(_prints(evening)),
            "prints midday": print_figures(_prints(midday))}


def _prints(columns: dict[str, NDArray[np.generic]]) -> Prints:
    t, p, s = (np.asarray(columns[name], dtype=np.int64) for name in ("t", "p", "s"))
    side = np.asarray(columns.get("side", np.zeros(len(t))), dtype=np.int64)
    return Prints(t, p, s, side)


# ---------------------------------------------------------------- synthetic tapes

def example_instrument(symbol: str) -> Instrument:
    """A contract with a quarter point's tick; money plays no part here."""
    return Instrument(
        symbol=symbol, description="", tick_size=Decimal("0.25"), tick_value=Decimal("0.5"),
        size_step=Decimal(1), product_group="equity_index", trading_seconds_per_year=252 * 23 * 3600,
        poc_cross_band_ticks=4,
    )


def example_table(count: int) -> SessionTable:
    """Weekdays from 2025-03-10, Chicago summer time: 17:00 to 16:00, regular hours 08:30 to 15:00."""
    days: list[date] = []
    day = date(2025, 3, 10)
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    midnights = [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) * SECOND_NS for d in days]
    midnight = np.array(midnights, dtype=np.int64)
    return SessionTable(
        "equity_index", np.array([d.year * 10000 + d.month * 100 + d.day for d in days], dtype=np.int64),
        midnight - 2 * HOUR_NS, midnight + 21 * HOUR_NS, midnight + 13 * HOUR_NS + 30 * MINUTE_NS,
        midnight + 20 * HOUR_NS, np.full(count, NO_TIME, dtype=np.int64), np.zeros((0, 2), dtype=np.int64),
    )


def bars_from(sessions: list[SyntheticSession], table: SessionTable) -> Bars:
    """Build 1-minute bars of synthetic sessions."""
    parts: list[tuple[NDArray[np.generic], ...]] = []
    for number, session in enumerate(sessions):
        ticks = session.ticks
        minute = (ticks.ts_event_ns - table.opens_ns[number]) // MINUTE_NS
        first = np.flatnonzero(np.diff(minute, prepend=-1))
        last = np.append(first[1:], len(minute)) - 1
        signed = ticks.size_steps * ticks.side
        parts.append((
            np.full(len(first), number), minute[first], ticks.price_ticks[first],
            np.maximum.reduceat(ticks.price_ticks, first), np.minimum.reduceat(ticks.price_ticks, first),
            ticks.price_ticks[last], np.add.reduceat(ticks.size_steps, first), np.add.reduceat(signed, first),
        ))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Bars(columns[0].astype(np.int64), columns[1].astype(np.int64),
                *(column.astype(np.float64) for column in columns[2:]))


def synthetic_figures(symbol: str, count: int, seed: int = 1) -> dict[str, dict[str, float]]:
    """Measure `count` synthetic sessions the same way; each starts at the same price."""
    table, instrument = example_table(count), example_instrument(symbol)
    start_price = 27_000 if symbol in ("ES", "MES") else 84_000
    sessions = [synthetic_session(instrument, table, row, seed, start_price) for row in range(count)]
    bars = bars_from(sessions, table)
    out = {"volume": volume_shares(bars.minute, bars.volume), "bars": bar_figures(bars),
           "flow": flow_figures(bars)}
    cuts: dict[str, Callable[[int], tuple[int, int]]] = {
        "prints evening": lambda row: (int(table.opens_ns[row]), int(table.opens_ns[row]) + 2 * HOUR_NS),
        "prints midday": lambda row: (int(table.opens_ns[row]) + 18 * HOUR_NS,
                                      int(table.opens_ns[row]) + 18 * HOUR_NS + HOUR_NS // 2),
        "prints regular": lambda row: (int(table.regular_opens_ns[row]), int(table.regular_closes_ns[row])),
    }
    for name, cut in cuts.items():
        each = []
        for row, session in enumerate(sessions[:20]):
            ticks = session.ticks
            prints = Prints(ticks.ts_event_ns, ticks.price_ticks, ticks.size_steps,
                            ticks.side.astype(np.int64))
            each.append(print_figures(prints.between(*cut(row))))
        out[name] = {key: float(np.median([one[key] for one in each])) for key in each[0]}
    return out


def main() -> int:
    """Print both sides."""
    parser = argparse.ArgumentParser(description="Compare the synthetic market with real tapes.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--symbol", default="MNQ")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"{options.folder} is not a folder of tapes", file=sys.stderr)  # noqa: T201
        return 2
    both = {"real": real_figures(options.folder, options.symbol),
            "synthetic": synthetic_figures(options.symbol, options.sessions)}
    if options.json:
        print(json.dumps(both))  # noqa: T201
        return 0
    for group, figures in both["synthetic"].items():
        real = both["real"].get(group, {})
        print(f"\n{group:<48}{'real':>10}{'synthetic':>12}")  # noqa: T201
        for name, value in figures.items():
            print(f"{name:<48}{real.get(name, float('nan')):>10.4g}{value:>12.4g}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
