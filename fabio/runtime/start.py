"""Start: from what a person asked to an agent that is ready to live, the folder's past included."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from fabio import __version__
from fabio.adapters.data.session_rules import read_rules
from fabio.adapters.data.tapes import open_tape
from fabio.engine.seams import MarketConfig
from fabio.journal.inbox import Inbox
from fabio.journal.tape import TapeReader
from fabio.journal.world import Claim, World, claim, read_world
from fabio.model.event import HistoryLoaded
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.step import Step
from fabio.runtime.agent import Agent
from fabio.runtime.board import Board
from fabio.runtime.demo import Demo
from fabio.runtime.demo_names import DEFAULT_SEED, WATCHED_S
from fabio.runtime.drive import Driver
from fabio.runtime.feeds import DemoFeed, FileFeed, world_feed
from fabio.runtime.folder import FolderSink
from fabio.runtime.history import keep_history
from fabio.runtime.paced import PacedLife
from fabio.runtime.recovery import Recovered, RecoveryFailed, recover
from fabio.runtime.telling import Telling
from fabio.runtime.until import until_ns
from fabio.runtime.wiring import build_driver, engine_config, instrument_of, instruments_of
from fabio.settings.load import Settings
from fabio.settings.places import config_file
from fabio.settings.show import rows

DEMO = "demo"
ACCOUNT = "paper"
WARM_UP_TICKS = 5_000


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked for.

    Parameters
    ----------
    feed
        `demo` or a tape's path.
    symbol
        None takes the folder's, else the configured one (for a tape: what the tape says).
    seed
        None takes the folder's, else the default.
    speed
        Exchange seconds per second; infinity for as fast as it goes; None for the feed's default.
    until
        `HH:MM` of the exchange or an ISO time; empty for the end.
    changes
        `--set` and `--without`, for the record.
    """

    logs: Path
    feed: str = DEMO
    symbol: str | None = None
    seed: int | None = None
    speed: float | None = None
    until: str = ""
    changes: tuple[str, ...] = ()


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


def warm_up(settings: Settings) -> None:
    """Let every kernel be compiled, on a session that is thrown away."""
    instrument = instrument_of(settings, "MNQ")
    demo = Demo(settings, instrument, DEFAULT_SEED)
    driver = build_driver(engine_config(settings, [MarketConfig(instrument=instrument, table=demo.table)]))
    driver.feed(demo.day(0, WARM_UP_TICKS).ticks)
    demo.history()


def prepare(plan: RunPlan, settings: Settings, say: Callable[[str], None]) -> Ready:
    """Open the folder, bring its past back, and make the feed ready.

    Parameters
    ----------
    say
        Takes the lines that tell what happens.

    Raises
    ------
    OtherWorld, FolderBusy, RecoveryFailed, TapeError, ConfigError
        See each; the folder is let go of.
    """
    opened = _open_demo(plan, settings) if plan.feed == DEMO else _open_file(plan, settings)
    held = claim(plan.logs, opened.world, time.time_ns())
    try:
        return _recovered(plan, settings, opened, held, say)
    except BaseException:
        held.release()
        raise


class _Opened(msgspec.Struct, frozen=True):
    world: World
    instrument: Instrument
    table: SessionTable
    first_day: str
    source: Demo | FileFeed
    speed: float | None


def _open_demo(plan: RunPlan, settings: Settings) -> _Opened:
    theirs = read_world(plan.logs)
    ours = theirs is not None and theirs.feed.startswith(f"{DEMO}:")
    seed = plan.seed
    if seed is None:
        seed = int(theirs.feed.partition(":")[2]) if theirs is not None and ours else DEFAULT_SEED
    symbol = plan.symbol
    if symbol is None:
        is_default = settings.origins["agent.symbol"].where == "default"
        symbol = theirs.instruments[0] if theirs is not None and ours and is_default else settings.agent.symbol
    instrument = instrument_of(settings, symbol)
    demo = Demo(settings, instrument, seed)
    world = World(mode="test", feed=f"{DEMO}:{seed}", account=ACCOUNT, instruments=(instrument.symbol,))
    return _Opened(world, instrument, demo.table, demo.session(0).date, demo, plan.speed)


def _open_file(plan: RunPlan, settings: Settings) -> _Opened:
    path = Path(plan.feed)
    tape = open_tape(path, instruments_of(settings), plan.symbol)
    feed = FileFeed(settings, tape, None if plan.speed is None or plan.speed == float("inf") else plan.speed)
    world = World(mode="test", feed=world_feed(path), account=ACCOUNT, instruments=(tape.instrument.symbol,))
    day = feed.table.session(feed.table.index_at(tape.first_ns)).date
    return _Opened(world, tape.instrument, feed.table, day, feed, plan.speed)


def _recovered(
    plan: RunPlan, settings: Settings, opened: _Opened, held: Claim, say: Callable[[str], None],
) -> Ready:
    folder, instrument = plan.logs, opened.instrument
    zone = exchange_zone(settings, instrument)
    sink = FolderSink(folder, {instrument.symbol: instrument}, [instrument])
    is_new = sink.journal.last_seq == 0 and sink.tape.pos == 0
    sink.journal.roll(opened.first_day)
    driver = build_driver(engine_config(settings, [MarketConfig(instrument=instrument, table=opened.table)]))
    telling = Telling([instrument], zone, say)
    board = Board(driver.engine, one_session=isinstance(opened.source, Demo))
    driver.sinks = (sink, board, telling)
    words = [] if sink.journal.repair is None else [
        f"the journal's last line was torn and is kept in {sink.journal.repair.kept_in}"]

    def witness(step: Step) -> None:
        board.recalled(step)
        telling.recalled(step)

    recovered = recover(driver, sink, folder, witness)
    sink.journal.remark("run", time.time_ns(), {
        "version": __version__, "feed": opened.world.feed, "settings": settings_hash(settings),
        "changes": list(plan.changes), "resumed_at": recovered.ticks,
    })
    if is_new and isinstance(opened.source, Demo):
        _load_history(driver, sink, folder, opened.source)
    feed = _feed(opened, driver, board, recovered, folder)
    inbox = Inbox(folder, recovered.acted)
    start_ns = driver.engine.state.now_ns if recovered.ticks else _first_ns(feed)
    identity = {"mode": "test", "feed": plan.feed, "speed": feed.speed}
    life = PacedLife(driver, feed, until_ns(plan.until, zone, start_ns) if plan.until else None)
    agent = Agent(driver, sink, life, board, inbox, folder, identity)
    return Ready(agent=agent, driver=driver, sink=sink, claim=held, board=board, zone=zone, recovered=recovered,
                 words=tuple(words))


def _feed(
    opened: _Opened, driver: Driver, board: Board, recovered: Recovered, folder: Path,
) -> DemoFeed | FileFeed:
    source, state = opened.source, driver.engine.state
    if isinstance(source, FileFeed):
        source.position = recovered.ticks
        _check_same_tape(source, folder, recovered.ticks)
        return source
    number, position = 0, 0
    if state.markets[0].session:
        number = source.number_of(state.markets[0].session)
        position = recovered.ticks - board.session_pos
    day = source.day(number)
    if position >= len(day.ticks):
        driver.pass_time(day.end_ns)  # what a kill between the last tick and the day's end left undone
        day, position = source.day(number + 1), 0
    speed = day.watched_s / WATCHED_S if opened.speed is None else opened.speed
    return DemoFeed(source, day, position, None if speed == float("inf") else speed)


def _check_same_tape(feed: FileFeed, folder: Path, position: int) -> None:
    """Refuse a file that has another content than what was lived through."""
    if position == 0:
        return
    last = next(iter(TapeReader(folder).read(position - 1, position)))
    there = next(iter(feed.tape.batches(start=position - 1)), None)
    if there is None or there.row(0) != last.row(0):
        raise RecoveryFailed(
            f"{feed.tape.path} is not the tape that {folder} has lived through: tick {position} differs; "
            "use another --logs"
        )


def _load_history(driver: Driver, sink: FolderSink, folder: Path, demo: Demo) -> None:
    history = demo.history()
    content_hash = keep_history(folder, history)
    driver.engine.markets[0].load_history(history)
    driver.happen(HistoryLoaded(
        ts_ns=demo.session(0).open_ns, market=0, source=demo.source,
        sessions=len(history.running_range_ticks), content_hash=content_hash,
    ))
    sink.journal.sync()  # before any tick can reach the tape


def _first_ns(feed: DemoFeed | FileFeed) -> int:
    return feed.day.session.open_ns if isinstance(feed, DemoFeed) else feed.tape.first_ns


def exchange_zone(settings: Settings, instrument: Instrument) -> ZoneInfo:
    """Give the time zone in which an instrument's hours are written."""
    rules = read_rules(config_file(settings.folder, "sessions.toml"), instrument.product_group)
    return ZoneInfo("UTC") if rules.always_open else rules.time_zone


def settings_hash(settings: Settings) -> str:
    """Hash every setting that is no secret."""
    text = "\n".join(f"{row.path}={row.value}" for row in rows(settings))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
