"""Shared by the tape tests: the shipped tables, the real tapes, and small files to read."""

from pathlib import Path

import duckdb
import pytest

from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.data.tapes import Tape, open_tape

ROOT = Path(__file__).parents[2]
INSTRUMENTS = load_instruments(ROOT / "config" / "instruments.toml")
SESSIONS = ROOT / "config" / "sessions.toml"
NS = 1_000_000_000
START_NS = 1_746_396_000 * NS  # 2025-05-04T22:00:00Z
HEADER = "ts_event,price,size,side\n"


def real_tape(name: str) -> Path:
    """Give a real file of the data folder beside the repository, or skip the test."""
    path = ROOT.parent / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name} beside the repository")
    return path


def csv_tape(folder: Path, text: str | bytes, symbol: str | None = "NQ", name: str = "tape.csv") -> Tape:
    """Write a CSV file and open it."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_tape(path, INSTRUMENTS, symbol)


def parquet_tape(folder: Path, query: str, symbol: str | None = "NQ", name: str = "tape.parquet") -> Tape:
    """Write the rows of a query as Parquet and open it."""
    path = folder / name
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"copy ({query}) to '{path}' (format parquet)")
    return open_tape(path, INSTRUMENTS, symbol)


def trade(second: float, price: str = "20000.25", size: str = "1", side: str = "B") -> str:
    """Write one CSV line of a trade `second` seconds after the start."""
    return f"{START_NS + round(second * NS)},{price},{size},{side}\n"
