"""Live start: from what a person asked to an agent at the venue, observing, the folder's past included."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.journal.world import World, claim
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable, date_text
from fabio.runtime.arming import Arming
from fabio.runtime.live import LiveLife
from fabio.runtime.paging import Pager
from fabio.runtime.reopen import TOPSTEPX, Back, Place, Ready, RunPlan, reopen
from fabio.runtime.until import until_ns
from fabio.runtime.venue import Doors, Sight, Venue, doors_of, look
from fabio.runtime.wiring import instrument_of, sessions_between
from fabio.settings.load import Settings

NS_PER_DAY = 86_400_000_000_000
SESSIONS_BEHIND_DAYS, SESSIONS_AHEAD_DAYS = 40, 20


class VenueSilent(Exception):
    """The venue cannot be asked now (exit code 5)."""


def prepare_live(plan: RunPlan, settings: Settings, say: Callable[[str], None]) -> Ready:
    """Look at the venue, open the folder, and make the agent ready; it begins observing.

    Raises
    ------
    ConfigError
        Credentials, account, contract, settings: a person's turn.
    VenueSilent
        If the venue cannot be asked.
    OtherWorld, FolderBusy, RecoveryFailed, ...
        As a start on paper.
    """
    instrument = instrument_of(settings, plan.symbol or settings.agent.symbol)
    doors = doors_of(settings)
    try:
        sight = asyncio.run(look(doors, settings.topstepx, instrument))
    except (TemporaryError, WireError, PermanentError) as error:
        raise VenueSilent(f"{settings.topstepx.api_url} cannot be asked: {error}") from None
    return ready_at(doors, sight, plan, settings, say)


def ready_at(
    doors: Doors, sight: Sight, plan: RunPlan, settings: Settings, say: Callable[[str], None],
) -> Ready:
    """Open the folder for what was seen, and make the agent ready."""
    instrument = instrument_of(settings, plan.symbol or settings.agent.symbol)
    now_ns = sight.clock.now_ns()
    table = sessions_between(settings, instrument, now_ns - SESSIONS_BEHIND_DAYS * NS_PER_DAY,
                             now_ns + SESSIONS_AHEAD_DAYS * NS_PER_DAY)
    world = World(mode=plan.mode, feed=TOPSTEPX, account=str(sight.account.id), instruments=(instrument.symbol,))
    held = claim(plan.logs, world, time.time_ns())
    try:
        day = date_text(int(table.dates[table.index_at(now_ns)]))
        back = reopen(plan, settings, Place(
            world=world, instrument=instrument, table=table, first_day=day, one_session=True,
            live=settings.account if plan.mode == "live" else None,
        ), say)
        back.sink.journal.sync()
        life = _life(plan, settings, _Scene(doors, sight, instrument, table, back))
        identity = {"mode": plan.mode, "feed": TOPSTEPX, "speed": sight.clock.rate, "contract": sight.contract.id}
        return back.ready(plan.logs, life, held, identity)
    except BaseException:
        held.release()
        raise


class _Scene(msgspec.Struct, frozen=True):
    doors: Doors
    sight: Sight
    instrument: Instrument
    table: SessionTable
    back: Back


def _life(plan: RunPlan, settings: Settings, scene: _Scene) -> LiveLife:
    driver, clock, sight = scene.back.driver, scene.sight.clock, scene.sight
    name = f"{sight.contract.name or sight.contract.id} at TopstepX, account {sight.account.name}"
    until = until_ns(plan.until, scene.back.zone, clock.now_ns()) if plan.until else None
    life = LiveLife(driver, clock, scene.instrument, name, until)
    features = driver.engine.markets[0]
    known = features.has_session
    venue = Venue(
        scene.doors, settings.topstepx, sight, scene.instrument, scene.table, world=world_tag(plan.logs),
        emit=life.tell, since_ns=lambda: _day_began_ns(scene.table, life.now_ns),
        latest_ns=features.latest_ns(), reference_ticks=features.last_ticks() if known else None,
    )
    tasks = {**venue.tasks, "ticks": lambda: _carry(venue, life)}
    if plan.mode == "live":
        driver.broker = venue.broker
        life.arming = Arming(driver, life, settings.account, scene.table, sight.account.name, venue.money)
    if settings.notify.command is not None:
        pager = Pager(settings.notify.command, settings.notify.timeout_s, plan.logs, [scene.instrument])
        driver.sinks = (*driver.sinks, pager)
        tasks["pager"] = pager.run
    life.tasks = tasks
    return life


async def _carry(venue: Venue, life: LiveLife) -> None:
    """Carry what the feed gives to the machine's line."""
    while True:
        for item in await venue.feed.take():
            life.tell(item)


def _day_began_ns(table: SessionTable, now_ns: int) -> int:
    return int(table.opens_ns[table.index_at(now_ns)])


def world_tag(folder: Path) -> str:
    """Name a folder's record in order tags: another record is another agent, whose orders are not ours.

    The journal's first line stands for it, wherever the folder is moved to.
    """
    first = min((folder / "journal").glob("*.jsonl"))
    with first.open("rb") as file:
        return hashlib.sha256(file.readline()).hexdigest()[:10]

