"""Reloading: settings that come into force while the agent runs, and with each start.

A person edits `config/fabio.toml`; the agent reads all layers again, and what may change in
place becomes one journaled event with every value. What does not validate is refused, and the old
stays. A start goes the same way: the folder's past is brought back under the settings of then, and
those of now follow as an event, so that a record can always be lived through again.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from watchfiles import awatch

from fabio.engine.machine import Engine, EngineConfig
from fabio.journal.reader import read_remarks
from fabio.model.errors import ConfigError
from fabio.model.event import SettingsChanged
from fabio.model.strategy import StateConfigured
from fabio.runtime.board import Board
from fabio.runtime.drive import Driver
from fabio.runtime.wiring import engine_config
from fabio.settings.load import Settings
from fabio.settings.places import MAIN_FILE
from fabio.settings.show import rows, texts

IN_PLACE = frozenset({
    "guards", "strategies", "orders", "cadence", "zones", "regime", "learning", "notes", "budget", "material",
})
"""Sections that only the machine reads. The others belong to connections, the account or the paper exchange."""
OUTSIDE = frozenset({"notify", "openai", "sinks", "topstepx"})
"""Sections on which no decision depends."""
SETTLE_MS = 200
"""An editor writes a file in several strokes."""
STARTED = "run"
"""Kind of the remark with which every run begins."""

logger = logging.getLogger("fabio.settings")


def values_in_place(settings: Settings) -> dict[str, str]:
    """Give every setting that may change while the agent runs, as text."""
    return {path: text for path, text in texts(settings).items() if path.partition(".")[0] in IN_PLACE}


def first_values(folder: Path) -> dict[str, str] | None:
    """Give the settings with which a folder began; None where it does not say, or has not begun."""
    for remark in read_remarks(folder):
        if remark.kind == STARTED:
            values = remark.data.get("values")
            return {str(path): str(text) for path, text in values.items()} if isinstance(values, dict) else None
    return None


def settings_hash(settings: Settings) -> str:
    """Hash every setting that is no secret."""
    text = "\n".join(f"{row.path}={row.value}" for row in rows(settings))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def config_with(values: Mapping[str, str], settings: Settings, engine: Engine) -> EngineConfig:
    """Build a machine's configuration with what may change in place as a record has it, the rest as in `settings`."""
    return engine_config(settings.with_values(values, IN_PLACE), engine.config.markets)


def change_of(before: Mapping[str, str], now: Settings, engine: Engine, ts_ns: int) -> SettingsChanged | None:
    """Put into an event what is in force now and was not before; None where nothing is.

    Parameters
    ----------
    before
        What `values_in_place` gave then.
    engine
        Still with the settings of then.
    """
    after = values_in_place(now)
    changed = tuple(sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path)))
    if not changed:
        return None
    then = {each.name: each.state for each in engine.config.policy.strategies}
    states = tuple(
        StateConfigured(name=each.name, before=then[each.name], after=each.state)
        for each in now.strategies if each.state != then[each.name]
    )
    return SettingsChanged(ts_ns=ts_ns, values=after, changed=changed, states=states)


def put_in_force(driver: Driver, event: SettingsChanged, settings: Settings) -> None:
    """Let a machine go by the settings whose event it is, and let the event happen."""
    driver.engine.reconfigure(engine_config(settings, driver.engine.config.markets))
    driver.happen(event)


class Reloading:
    """Watches the configuration, and hands on what changed.

    Parameters
    ----------
    settings
        In force now.
    load
        Reads all layers again.
    driver
        Whose machine goes by them.
    now_ns
        The runtime clock.
    board
        Tells why the latest change of the files was not taken.
    """

    def __init__(
        self, settings: Settings, load: Callable[[], Settings], driver: Driver, now_ns: Callable[[], int],
        board: Board,
    ) -> None:
        self._settings = settings
        self._load = load
        self._driver = driver
        self._now_ns = now_ns
        self._board = board

    async def run(self) -> None:
        """Watch until cancelled: for `asyncio`, one root task."""
        async for _ in _changes(self._settings.folder):
            self.read_again()

    def read_again(self) -> None:
        """Read the configuration, and take over what may change in place."""
        try:
            now = self._load()
        except ConfigError as error:
            self._board.settings_refused = str(error)
            logger.warning("settings refused, the old ones stay: %s", error)
            return
        self._board.settings_refused = ""
        event = change_of(values_in_place(self._settings), now, self._driver.engine, self._now_ns())
        before = texts(self._settings)
        waiting = sorted(
            path for path, text in texts(now).items()
            if path.partition(".")[0] not in IN_PLACE and before.get(path) != text
        )
        if waiting:
            logger.warning("settings that wait for the next start: %s", ", ".join(waiting))
        if event is None:
            return
        self._settings = self._settings.with_values(event.values, IN_PLACE)
        put_in_force(self._driver, event, self._settings)


async def _changes(folder: Path) -> AsyncIterator[None]:
    """Give a word each time the configuration may have changed: its files, or `.env` here."""
    names = {MAIN_FILE, ".env"}
    stop = asyncio.Event()
    try:
        async for _ in awatch(
            folder, Path(), recursive=False, debounce=SETTLE_MS, stop_event=stop,
            watch_filter=lambda _, path: Path(path).name in names,
        ):
            yield
    finally:
        stop.set()
