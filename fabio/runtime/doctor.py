"""Doctor: what is missing, what is wrong, and how to mend it, by name."""

import datetime as dt
import importlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.data.sessions import load_sessions
from fabio.model.errors import ConfigError
from fabio.runtime.kernels import is_warm, prepare_cache
from fabio.settings.load import Settings, load
from fabio.settings.places import config_file, config_folder, shipped_folder

LEAST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1_000_000_000
"""A day of ticks and records is some 100 MB."""
DAYS_AHEAD = 60
BUILT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""No clock that is right shows an earlier time."""
IMPORT_NAMES = {"pydantic-settings": "pydantic_settings"}
_READING = (ConfigError, OSError)


class Check(msgspec.Struct, frozen=True):
    """One thing looked at; `cure` is empty where nothing has to be done."""

    name: str
    ok: bool
    found: str
    cure: str = ""


def examine(config: Path | None, logs: Path) -> Iterator[Check]:
    """Look at everything, cheapest first.

    Parameters
    ----------
    config
        `--config DIR`, None for the folder that a run would take.
    logs
        Where a run would record.
    """
    yield _python()
    yield _packages()
    yield _kernels()
    yield from check_configuration(config)
    yield _time_zones()
    yield from _folder(logs)
    yield _terminal()
    yield _clock()
    yield _account(config)


def check_configuration(config: Path | None) -> list[Check]:
    """Read settings, contracts and sessions as a run would."""
    folder = _folder_of(config)
    return [
        _reading("configuration", lambda: _settings_words(load(config=config)), "mend it there; `fabio config show` "
                 "lists every setting, `fabio config init` copies the shipped files"),
        _reading("instruments", lambda: _instruments_words(config_file(folder, "instruments.toml")),
                 "mend the table named, or take the file away: the shipped one counts then"),
        _reading("sessions", lambda: _sessions_words(folder), "mend the table named, or take the file away: the "
                 "shipped one counts then; an old calendar library: pip install -U pandas_market_calendars"),
    ]


def _folder_of(config: Path | None) -> Path:
    """Give the folder in force; the shipped one where the one asked for is not there (said by another check)."""
    try:
        return config_folder(config)
    except ConfigError:
        return shipped_folder()


def _reading(name: str, read: Callable[[], str], cure: str) -> Check:
    try:
        return Check(name, True, read())
    except _READING as error:
        return Check(name, False, str(error), cure)


def _settings_words(settings: Settings) -> str:
    changed = sum(origin.where != "default" for origin in settings.origins.values())
    words = [f"{settings.folder}: {changed} of {len(settings.values)} settings are not the default", *settings.warnings]
    return "; ".join(words)


def _instruments_words(path: Path) -> str:
    return f"{path}: {len(load_instruments(path))} contracts"


def _sessions_words(folder: Path) -> str:
    path = config_file(folder, "sessions.toml")
    groups = sorted({each.product_group for each in load_instruments(config_file(folder, "instruments.toml")).values()})
    today = dt.datetime.now(tz=dt.UTC).date()
    last = today + dt.timedelta(days=DAYS_AHEAD)
    for group in groups:
        table = load_sessions(path, group, today, last)
        if not len(table.dates):
            raise ConfigError(f"{path}, [{group}]: the calendars know no session from {today} to {last}")
    return (f"{path}: {len(groups)} product groups have sessions up to {last} (pandas_market_calendars "
            f"{version('pandas_market_calendars')})")


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("python", sys.version_info >= LEAST_PYTHON, f"{found} at {sys.executable}",
                 "" if sys.version_info >= LEAST_PYTHON else "install Python 3.11 or later")


def _packages() -> Check:
    wanted = [line for line in requires("fabio") or [] if "extra ==" not in line]
    missing = []
    for line in wanted:
        name = line.split(";")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        try:
            importlib.import_module(IMPORT_NAMES.get(name, name))
            version(name)
        except (ImportError, PackageNotFoundError, OSError) as error:
            missing.append(f"{name} ({error})")
    if missing:
        return Check("packages", False, "cannot be imported: " + ", ".join(missing), "pip install -U fabio")
    return Check("packages", True, f"all {len(wanted)} can be imported")


def _kernels() -> Check:
    folder = prepare_cache()
    if folder is None:
        return Check("kernels", False, "no folder can be written: kernels are compiled at each start (half a minute)",
                     "make ~/.cache writable, or set NUMBA_CACHE_DIR to a folder that is")
    if not is_warm(folder):
        return Check("kernels", True, f"{folder}: nothing compiled yet, the first run takes half a minute longer")
    files = [each for each in folder.rglob("*.nb*") if each.is_file()]
    spent = max(each.stat().st_mtime for each in files) - min(each.stat().st_mtime for each in files)
    size = sum(each.stat().st_size for each in files) / 1e6
    return Check("kernels", True, f"{folder}: warm, {len(files)} files, {size:.1f} MB, compiled within {spent:.0f} s")


def _time_zones() -> Check:
    try:
        ZoneInfo("America/Chicago")
    except (ZoneInfoNotFoundError, OSError) as error:
        return Check("time_zones", False, str(error), "pip install tzdata")
    return Check("time_zones", True, "America/Chicago is known")


def _folder(logs: Path) -> Iterator[Check]:
    place = logs.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    cure = "name another folder with --logs, or change who owns this one"
    try:
        if not place.is_dir():
            raise NotADirectoryError(20, "it is a file", str(place))
        with tempfile.TemporaryFile(dir=place):
            pass
        what = f"{logs} can be written" if place == logs.absolute() else f"{logs} can be made in {place}"
        yield Check("logs", True, what)
    except OSError as error:
        yield Check("logs", False, f"{place} cannot be written: {error.strerror}", cure)
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        yield Check("disk", False, f"{place}: {error.strerror}", cure)
        return
    enough = free >= LEAST_FREE_BYTES
    yield Check("disk", enough, f"{free / 1e9:.1f} GB free at {place}",
                "" if enough else f"make {LEAST_FREE_BYTES / 1e9:.0f} GB free, or name another folder with --logs")


def _terminal() -> Check:
    encoding = sys.stdout.encoding or "ascii"
    kind = "a terminal, live panel" if sys.stdout.isatty() else "no terminal, plain lines"
    try:
        "─│".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return Check("terminal", False, f"{kind}; {encoding} has no lines to draw tables with",
                     "set PYTHONUTF8=1, or a locale with UTF-8 (LANG=C.UTF-8)")
    size = shutil.get_terminal_size()
    return Check("terminal", True, f"{kind}; {size.columns} x {size.lines}, {encoding}")


def _clock() -> Check:
    now = dt.datetime.now(tz=dt.UTC)
    shown = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    before, first = time.monotonic(), time.time()
    time.sleep(0.05)
    drift = abs((time.time() - first) - (time.monotonic() - before))
    if not BUILT <= now <= BUILT + dt.timedelta(days=3650):
        return Check("clock", False, f"{shown} cannot be right", "set the clock, best by NTP")
    if drift > 0.02:
        return Check("clock", False, f"{shown}; it jumped by {drift * 1000:.0f} ms in 50 ms", "let NTP slew, not step")
    return Check("clock", True, shown)


def _account(config: Path | None) -> Check:
    """Say which keys of the venue's are there; their values are never looked at."""
    try:
        settings = load(config=config)
    except _READING:
        settings = None
    live = settings is not None and settings.agent.mode == "live"
    username = settings is not None and settings.topstepx.username is not None
    key = settings is not None and settings.topstepx.api_key is not None
    found = f"TOPSTEP_USERNAME is {_set(username)}, TOPSTEP_API_KEY is {_set(key)}"
    if os.environ.get("TOPSTEP_PASSWORD"):
        found += "; TOPSTEP_PASSWORD is set and not read: the venue takes an API key"
    missing = live and not (username and key)
    return Check("venue", not missing, found + ("" if live else "; not needed in test mode"),
                 "set both in the environment or in .env" if missing else "")


def _set(there: bool) -> str:
    return "set" if there else "not set"
