"""Files and variables that a person or another program writes: settings, tables, requests, tapes."""

import datetime as dt
import gzip
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.data.sessions import load_sessions
from fabio.adapters.data.tape_source import connect
from fabio.adapters.data.tapes import open_tape
from fabio.journal.inbox import Answer, Inbox
from fabio.model.errors import ConfigError
from fabio.research.reliability.inputs.surface import Surface
from fabio.settings.load import load
from fabio.settings.places import shipped_folder
from fabio.settings.show import env_example, toml_example


def _uncommented(text: str) -> bytes:
    """Make an example's defaults count: take the `# ` before each setting away."""
    return re.sub(r"^# (\w+ ?=)", r"\1", text, flags=re.MULTILINE).encode()


def _parts(text: bytes) -> tuple[bytes, ...]:
    """Give the sections of an example, each a small file that is whole: a change is sooner one that is read."""
    return tuple(re.split(rb"\n\n(?=\S)|\n(?=\[\w)", text))


SHORT_TOML = b"""[agent]
mode = "test"
symbol = "MNQ"
[account]
start_balance = 50000
loss_limit = 2000.0
[guards.cooldown]
enabled = true
after_exit_s = 60
[strategies.mean_reversion]
risk_fraction = 0.005
stop_ticks = 20
[zones]
inner_floor_ticks = 4
[topstepx]
account_id = 12345
api_url = "https://api.topstepx.com"
"""
ENV_LINES = (b"MODE=live", b"SYMBOL=MNQ", b"FABIO_GUARDS__COOLDOWN__AFTER_EXIT_S=60", b"TOPSTEP_ACCOUNT_ID=77",
             b"OPENAI_API_KEY=sk-abcdefghijkl", b"ACCOUNT_BALANCE=50000", b"LLM_DECISION_INTERVAL_DEFAULT=300",
             b"OPENAI_BASE_URL=https://host.example/v1", b"FABIO_ZONES__INNER_FLOOR_TICKS=4")


@contextmanager
def settings_file(folder: Path) -> Iterator[Surface]:
    """`config/fabio.toml`."""
    path = folder / "config" / "fabio.toml"
    path.parent.mkdir()

    def read(text: bytes) -> None:
        path.write_bytes(text)
        load(environment={}, directory=folder)

    whole = _uncommented(toml_example())
    yield Surface(samples=(SHORT_TOML, whole, *_parts(whole), SHORT_TOML), read=read, refusals=(ConfigError,))


@contextmanager
def settings_environment(folder: Path) -> Iterator[Surface]:
    """Variables: one a line, name and value as the system hands them over."""
    _small_settings(folder)

    def read(text: bytes) -> None:
        lines = text.decode("utf-8", "surrogateescape").split("\n")
        pairs = (line.partition("=") for line in dict.fromkeys(lines) if line)
        load(environment={name: value for name, _, value in pairs}, directory=folder)

    yield Surface(samples=(*ENV_LINES, b"\n".join(ENV_LINES)), read=read, refusals=(ConfigError,))


@contextmanager
def dotenv(folder: Path) -> Iterator[Surface]:
    """`.env`."""
    path = folder / ".env"
    _small_settings(folder)

    def read(text: bytes) -> None:
        path.write_bytes(text)
        load(environment={}, directory=folder)

    whole = _uncommented(env_example())
    short = b"# mine\nMODE='live'\n\nexport SYMBOL=\"NQ\"\n"
    yield Surface(samples=(b"\n".join(ENV_LINES), short, whole, *_parts(whole)), read=read, refusals=(ConfigError,))


def _small_settings(folder: Path) -> None:
    """Write a short `fabio.toml`, as the shipped one takes longer to read than what is tried."""
    (folder / "config").mkdir()
    (folder / "config" / "fabio.toml").write_bytes(b"[agent]\nsymbol = \"MNQ\"\n")


@contextmanager
def tables(folder: Path) -> Iterator[Surface]:
    """`instruments.toml` and `sessions.toml`."""
    first, last = dt.date(2026, 10, 1), dt.date(2026, 10, 9)
    path = folder / "table.toml"

    def read(text: bytes) -> None:
        path.write_bytes(text)
        for reading in (load_instruments, lambda at: load_sessions(at, "cme_equity", first, last)):
            try:
                reading(path)
            except ConfigError:
                continue

    contracts, hours = ((shipped_folder() / name).read_bytes() for name in ("instruments.toml", "sessions.toml"))
    three = contracts[contracts.index(b"[NQ]"):contracts.index(b"[ES]")] + contracts[contracts.index(b"[BTCUSDT]"):]
    short = b"""[topstepx]
flat_by = "15:10"
time_zone = "America/Chicago"
[cme_equity]
time_zone = "America/Chicago"
calendars = ["CME Globex Equity"]
regular = ["08:30", "15:00"]
[[cme_equity.hours]]
from = 2012-11-19
open = "17:00"
close = "16:15"
breaks = [["15:15", "15:30"]]
[[cme_equity.corrections]]
dates = [2026-10-05]
close = "12:15"
source = "a test"
"""
    # the shipped ones take fifty times as long: one input in fifty is made of them
    yield Surface(samples=(short, contracts, hours, *(short, three) * 48, short), read=read)


@contextmanager
def inbox_file(folder: Path) -> Iterator[Surface]:
    """`inbox/ID.json`."""
    inbox = Inbox(folder)
    path = folder / "inbox" / "1-aaaa.json"

    def read(text: bytes) -> None:
        path.write_bytes(text)
        for found in inbox.pending(10**18):
            if isinstance(found, Answer):
                inbox.answer(found)
            inbox._taken.discard(found.id)  # the same file comes again and again
        (folder / "inbox" / "done" / path.name).unlink(missing_ok=True)

    good = {"id": "1-aaaa", "ts_ns": 10**18, "verb": "flatten", "name": "x", "reason": "lunch", "data": {"a": [1]}}
    yield Surface(samples=(json.dumps(good).encode(),), read=read)


@contextmanager
def tape_file(folder: Path) -> Iterator[Surface]:
    """A tape, whatever its first bytes say it is: CSV, Parquet, DBN, packed or not."""
    instruments = load_instruments(shipped_folder() / "instruments.toml")
    path = folder / "tape.csv"
    database = connect()  # tapes that are open share it, and a new one takes as long as ten small tapes

    def read(text: bytes) -> None:
        nonlocal database
        path.write_bytes(text)
        try:
            open_tape(path, instruments, "NQ").ticks()
        finally:
            try:
                database.execute("select 1")
            except duckdb.Error:
                database = connect()

    # a file that a person hands over and that is read before anything runs: a database reads it
    before, tempfile.tempdir = tempfile.tempdir, str(folder)  # what a CSV becomes first: in memory, as the tape
    try:
        yield Surface(samples=_tapes(folder), read=read, refusals=(TapeError,), mebibyte_ms=2000.0)
    finally:
        database.close()
        tempfile.tempdir = before


def _tapes(folder: Path) -> tuple[bytes, ...]:
    start_ns = 1_746_396_000_000_000_000
    rows = "".join(f"{start_ns + at * 10**9},{20_000 + at * 0.25},{1 + at % 3},{'BAN'[at % 3]}\n" for at in range(30))
    text = ("ts_event,price,size,side\n" + rows).encode()
    wanted = folder / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select {start_ns} + i * 1000000000 as ts_event, 20000.25::double as price, 1::bigint as size, "
            f"'B' as side from range(30) t(i)) to '{wanted}' (format parquet)")
    return text, text, gzip.compress(text, mtime=0), wanted.read_bytes(), wanted.read_bytes()
