"""Reopen: a folder's past brought back, whatever the feed: what every start has in common."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from fabio import __version__
from fabio.adapters.data.session_rules import read_rules
from fabio.engine.seams import MarketConfig
from fabio.features.remembered import History
from fabio.journal.inbox import Inbox
from fabio.journal.room import lay_ballast
from fabio.journal.sync import SYSTEM, Disk
from fabio.journal.world import Claim, World
from fabio.model.event import HistoryLoaded
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.step import Step
from fabio.portfolio.account import AccountSettings
from fabio.runtime.agent import Agent
from fabio.runtime.answering import OPENAI, chosen_model, tell
from fabio.runtime.board import Board
from fabio.runtime.drive import Driver
from fabio.runtime.folder import FolderSink
from fabio.runtime.history import keep_history
from fabio.runtime.life import Life
from fabio.runtime.recovery import Recovered, recover
from fabio.runtime.reloading import (
    IN_PLACE,
    STARTED,
    Reloading,
    change_of,
    first_values,
    put_in_force,
    settings_hash,
)
from fabio.runtime.snapshots import Snapshots
from fabio.runtime.telling import Telling
from fabio.runtime.wiring import build_driver, engine_config
from fabio.settings.load import Settings
from fabio.settings.places import config_file
from fabio.settings.show import texts

DEMO, TOPSTEPX = "demo", "topstepx"


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked for.

    Parameters
    ----------
    mode
        `test` or `live`.
    feed
        `demo`, `topstepx`, or a tape's path.
    symbol
        None takes the folder's, else the configured one (for a tape: what the tape says).
    seed
        None takes the folder's, else the default.
    speed
        Exchange seconds per second; infinity for as fast as it goes; None for the feed's default.
    until
        `HH:MM` of the exchange or an ISO time; empty for the end.
    model
        `rules` or `openai`; None takes a model where a key is set.
    changes
        `--set` and `--without`, for the record.
    reload
        Reads all configuration again when its files change; None leaves it as it is.
    """

    logs: Path
    mode: str = "test"
    feed: str = DEMO
    symbol: str | None = None
    seed: int | None = None
    speed: float | None = None
    until: str = ""
    model: str | None = None
    changes: tuple[str, ...] = ()
    reload: Callable[[], Settings] | None = None


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that can run, and what to let go of afterwards."""

    agent: Agent
    driver: Driver
    sink: FolderSink
    claim: Claim
    board: Board
    zone: ZoneInfo
    recovered: Recovered
    words: tuple[str, ...]

    def close(self) -> None:
        """Let go of the folder."""
        self.sink.close()
        self.claim.release()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder is opened for.

    Parameters
    ----------
    first_day
        Trading day that a new folder begins with.
    one_session
        Whether the summary is of the running session alone.
    live
        The account's settings where there is a venue.
    disk
        The file layer.
    """

    world: World
    instrument: Instrument
    table: SessionTable
    first_day: str
    one_session: bool
    live: AccountSettings | None
    disk: Disk = SYSTEM


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """A folder whose past is back; `is_new` where it had none."""

    plan: RunPlan
    settings: Settings
    driver: Driver
    sink: FolderSink
    board: Board
    zone: ZoneInfo
    recovered: Recovered
    is_new: bool
    words: tuple[str, ...]
    snapshots: Snapshots

    def ready(self, folder: Path, life: Life, held: Claim, identity: Mapping[str, Any], since_ns: int = 0) -> Ready:
        """Put the agent together, with the model outside where one is asked; its first tick comes at `since_ns`."""
        self._take_settings_of_now(max(life.now_ns, since_ns))
        agent = Agent(self.driver, self.sink, life, self.board, Inbox(folder, self.recovered.acted), folder, identity)
        agent.snapshots = self.snapshots
        if self.plan.reload is not None:
            reloading = Reloading(self.settings, self.plan.reload, self.driver, lambda: max(life.now_ns, since_ns),
                                  self.board)
            agent.tasks["settings"] = reloading.run
        if chosen_model(self.settings, self.plan.model) == OPENAI:
            from fabio.runtime.advising import connect  # clients, and the reader: not for a run on the rules

            adviser = connect(self.settings, self.plan.mode, self.driver, lambda: max(life.now_ns, since_ns), folder)
            agent.tasks["model"] = adviser.run
        else:
            tell(self.driver, max(life.now_ns, since_ns), None)
        return Ready(agent=agent, driver=self.driver, sink=self.sink, claim=held, board=self.board, zone=self.zone,
                     recovered=self.recovered, words=self.words)

    def _take_settings_of_now(self, ts_ns: int) -> None:
        event = change_of(self.snapshots.values, self.settings, self.driver.engine, ts_ns)
        if event is not None:
            put_in_force(self.driver, event, self.settings)


def reopen(plan: RunPlan, settings: Settings, place: Place, say: Callable[[str], None]) -> Back:
    """Build a machine and bring the folder's past back into it; the folder is claimed already.

    Raises
    ------
    RecoveryFailed, JournalDamaged, TapeDamaged, HistoryMissing
        See each.
    """
    folder, instrument = plan.logs, place.instrument
    zone = exchange_zone(settings, instrument)
    lay_ballast(folder, place.disk)
    sink = FolderSink(folder, [instrument], place.disk)
    is_new = sink.journal.last_seq == 0 and sink.tape.pos == 0
    sink.journal.roll(place.first_day)
    began_with = first_values(folder)
    then = settings if began_with is None else settings.with_values(began_with, IN_PLACE)
    driver = build_driver(engine_config(then, [MarketConfig(instrument=instrument, table=place.table)]))
    telling = Telling([instrument], zone, say)
    board = Board(driver.engine, one_session=place.one_session, live=place.live)
    snapshots = Snapshots(driver, sink, then)
    driver.sinks = (sink, board, telling, snapshots)
    words: tuple[str, ...] = () if sink.journal.repair is None else (
        f"the journal's last line was torn and is kept in {sink.journal.repair.kept_in}",)

    def witness(step: Step) -> None:
        board.recalled(step)
        telling.recalled(step)
        snapshots.step(step, b"")

    recovered = recover(driver, sink, folder, settings, witness)
    if recovered.lost:
        words += (f"{recovered.lost:,} ticks of the tape went with the power; the statistics lack them, the journal "
                  "is whole",)
    sink.journal.remark(STARTED, time.time_ns(), {
        "version": __version__, "feed": place.world.feed, "settings": settings_hash(settings),
        "values": texts(settings), "changes": list(plan.changes), "resumed_at": recovered.ticks,
    })
    return Back(plan=plan, settings=settings, driver=driver, sink=sink, board=board, zone=zone, recovered=recovered,
                is_new=is_new, words=words, snapshots=snapshots)


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal tells of a history that is put behind a market; `ts_ns` is the runtime clock."""

    ts_ns: int
    source: str
    sessions: int


def load_history(back: Back, folder: Path, history: History, loaded: Loaded) -> None:
    """Put a history behind the market, keep its content, and journal it before any tick can reach the tape."""
    content_hash = keep_history(folder, history)
    back.driver.engine.markets[0].load_history(history)
    back.driver.happen(HistoryLoaded(
        ts_ns=loaded.ts_ns, market=0, source=loaded.source, sessions=loaded.sessions, content_hash=content_hash,
    ))
    back.sink.journal.sync()


def exchange_zone(settings: Settings, instrument: Instrument) -> ZoneInfo:
    """Give the time zone in which an instrument's hours are written."""
    rules = read_rules(config_file(settings.folder, "sessions.toml"), instrument.product_group)
    return ZoneInfo("UTC") if rules.always_open else rules.time_zone
