"""The first line of a run, said before anything heavy is imported."""

import os
from pathlib import Path

import typer

from fabio import __version__


def symbol_is_certain(config: Path | None) -> bool:
    """Tell whether no file and no variable can name another symbol than the default."""
    if config is not None or Path(".env").exists() or Path("config/fabio.toml").exists():
        return False
    return "SYMBOL" not in os.environ and "FABIO_AGENT__SYMBOL" not in os.environ


def first_line(
    logs: Path, feed: str, symbol: str | None, seed: int | None, speed: float | None, mode: str = "test",
) -> None:
    """Say what begins: which market, which money."""
    if feed == "topstepx":
        money = "live mode, observing: no order goes to the venue before `fabio arm`" if mode == "live" else (
            "paper money (test mode)")
        _print(f"fabio {__version__}: {money}; {symbol} at TopstepX")
        return
    head = f"fabio {__version__}: paper money (test mode)"
    if feed != "demo":
        pace = "as fast as it goes" if speed is None or speed == float("inf") else f"{speed:g}x"
        name = f", {symbol}" if symbol else ""
        _print(f"{head}; tape {feed}{name}, {pace}")
        return
    from fabio.journal.world import read_status, read_world
    from fabio.runtime.demo_names import DEFAULT_SEED, DEFAULT_SYMBOL, FIRST_DATE, WATCHED_S

    try:
        world = read_world(logs)
    except OSError:
        world = None  # the run itself will say what is wrong with the folder
    ours = world is not None and world.feed.startswith("demo:")
    if world is not None and ours:
        seed = int(world.feed.partition(":")[2]) if seed is None else seed
        symbol = world.instruments[0] if symbol is None else symbol
    status = (read_status(logs) or {}) if ours else {}
    day = "session after " if status.get("finished") else "session "
    day += status.get("session") or FIRST_DATE.isoformat()
    if speed is None:
        pace = f"{WATCHED_S:g} s for its regular hours"
    else:
        pace = "as fast as it goes" if speed == float("inf") else f"{speed:g}x"
    _print(f"{head}; synthetic {day} of {symbol or DEFAULT_SYMBOL}, seed "
           f"{DEFAULT_SEED if seed is None else seed}, {pace}: made by a generator, not market data")


def _print(line: str) -> None:
    typer.echo(line)
