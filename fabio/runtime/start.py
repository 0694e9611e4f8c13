"""Start: from what a person asked to an agent that is ready to live, the folder's past included."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from fabio.adapters.data.tapes import open_tape
from fabio.engine.seams import MarketConfig
from fabio.journal.room import check_room
from fabio.journal.tape import TapeReader
from fabio.journal.world import Claim, World, claim, read_world
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.runtime.answering import chosen_model
from fabio.runtime.board import Board
from fabio.runtime.demo import Demo
from fabio.runtime.demo_names import DEFAULT_SEED, WATCHED_S
from fabio.runtime.drive import Driver
from fabio.runtime.feeds import DemoFeed, FileFeed, world_feed
from fabio.runtime.live_start import prepare_live
from fabio.runtime.paced import PacedLife
from fabio.runtime.recovery import Recovered, RecoveryFailed
from fabio.runtime.reopen import DEMO, TOPSTEPX, Loaded, Place, Ready, RunPlan, load_history, reopen
from fabio.runtime.until import until_ns
from fabio.runtime.wiring import build_driver, engine_config, instrument_of, instruments_of
from fabio.settings.load import Settings

ACCOUNT = "paper"
WARM_UP_TICKS = 5_000


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
    NoRoom, OtherWorld, FolderBusy, RecoveryFailed, TapeError, ConfigError
        See each; the folder is let go of.
    """
    check_room(plan.logs, is_live=plan.mode == "live")
    chosen_model(settings, plan.model)  # whose key is missing, before anything is opened
    if plan.feed == TOPSTEPX:
        return prepare_live(plan, settings, say)
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
    is_demo = isinstance(opened.source, Demo)
    back = reopen(plan, settings, Place(
        world=opened.world, instrument=opened.instrument, table=opened.table, first_day=opened.first_day,
        one_session=is_demo, live=None,
    ), say)
    driver = back.driver
    if back.is_new and isinstance(opened.source, Demo):
        history = opened.source.history()
        load_history(back, plan.logs, history, Loaded(
            ts_ns=opened.source.session(0).open_ns, source=opened.source.source,
            sessions=len(history.running_range_ticks),
        ))
    feed = _feed(opened, driver, back.board, back.recovered, plan.logs)
    start_ns = driver.engine.state.now_ns if back.recovered.ticks else _first_ns(feed)
    life = PacedLife(driver, feed, until_ns(plan.until, back.zone, start_ns) if plan.until else None)
    return back.ready(plan.logs, life, held, {"mode": "test", "feed": plan.feed, "speed": feed.speed},
                      start_ns)


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
    last = next(iter(TapeReader(folder).read(position - 1, position)), None)
    if last is None:
        return  # the power has taken it
    there = next(iter(feed.tape.batches(start=position - 1)), None)
    if there is None or there.row(0) != last.row(0):
        raise RecoveryFailed(
            f"{feed.tape.path} is not the tape that {folder} has lived through: tick {position} differs; "
            "use another --logs"
        )


def _first_ns(feed: DemoFeed | FileFeed) -> int:
    return feed.day.session.open_ns if isinstance(feed, DemoFeed) else feed.tape.first_ns
