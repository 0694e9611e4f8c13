"""Live start: from what a person asked to an agent at the venue, observing, the folder's past included."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.feed.past import Past, PastMarket
from fabio.journal.world import Claim, World, claim
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.runtime.arming import Arming
from fabio.runtime.gate import Gate
from fabio.runtime.live import LiveLife, Uncertain
from fabio.runtime.paging import Pager
from fabio.runtime.reopen import TOPSTEPX, Back, Loaded, Place, Ready, RunPlan, load_history, reopen
from fabio.runtime.until import until_ns
from fabio.runtime.venue import Doors, Sight, Venue, ask_past, doors_of, look
from fabio.runtime.wiring import instrument_of, sessions_between
from fabio.settings.load import Settings

NS_PER_DAY = 86_400_000_000_000
SESSIONS_BEHIND_DAYS, SESSIONS_AHEAD_DAYS = 40, 20


class VenueSilent(Exception):
    """The venue cannot be asked now (exit code 5)."""


class Scene(msgspec.Struct, frozen=True):
    """Everything that a live agent is made of, once its folder is open."""

    plan: RunPlan
    settings: Settings
    doors: Doors
    sight: Sight
    instrument: Instrument
    back: Back
    held: Claim


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
        sight = asyncio.run(look(doors, settings.topstepx, instrument, lambda now_ns: table_at(
            settings, instrument, now_ns)))
    except (TemporaryError, WireError, PermanentError) as error:
        raise VenueSilent(f"{settings.topstepx.api_url} cannot be asked: {error}") from None
    scene = open_scene(plan, settings, doors, sight, say)
    try:
        return ready(scene, asyncio.run(ask_past(doors, sight, past_market(scene))), say)
    except BaseException:
        scene.back.sink.close()
        scene.held.release()
        raise


def table_at(settings: Settings, instrument: Instrument, now_ns: int) -> SessionTable:
    """Build the session table around a moment."""
    return sessions_between(settings, instrument, now_ns - SESSIONS_BEHIND_DAYS * NS_PER_DAY,
                            now_ns + SESSIONS_AHEAD_DAYS * NS_PER_DAY)


def open_scene(
    plan: RunPlan, settings: Settings, doors: Doors, sight: Sight, say: Callable[[str], None],
) -> Scene:
    """Claim the folder and bring its past back."""
    instrument = instrument_of(settings, plan.symbol or settings.agent.symbol)
    world = World(mode=plan.mode, feed=TOPSTEPX, account=str(sight.account.id), instruments=(instrument.symbol,))
    held = claim(plan.logs, world, time.time_ns())
    try:
        table = sight.table
        back = reopen(plan, settings, Place(
            world=world, instrument=instrument, table=table, one_session=True,
            first_day=table.session(table.index_at(sight.clock.now_ns())).date,
            live=settings.account if plan.mode == "live" else None, disk=doors.disk,
        ), say)
        back.sink.journal.sync()
    except BaseException:
        held.release()
        raise
    return Scene(plan, settings, doors, sight, instrument, back, held)


def past_market(scene: Scene) -> PastMarket:
    """Say whose history is wanted."""
    return PastMarket(
        instrument=scene.instrument, table=scene.sight.table, contract_id=scene.sight.contract.id,
        live=scene.settings.topstepx.live_data, remembered=scene.back.driver.engine.markets[0].remembered(),
    )


def ready(scene: Scene, past: Past, say: Callable[[str], None]) -> Ready:
    """Put what was found of the past behind the market, and the agent together."""
    plan, sight, driver = scene.plan, scene.sight, scene.back.driver
    if past.words:
        say(past.words)
    if past.history is not None:
        load_history(scene.back, plan.logs, past.history, Loaded(
            ts_ns=max(sight.clock.now_ns(), driver.engine.state.now_ns), source=past.source, sessions=past.sessions,
        ))
    identity = {"mode": plan.mode, "feed": TOPSTEPX, "speed": sight.clock.rate, "contract": sight.contract.id}
    pager = None
    if scene.settings.notify.command is not None:
        pager = Pager(scene.settings.notify.command, scene.settings.notify.timeout_s, plan.logs, [scene.instrument])
    life = _life(scene, past, pager)
    found = scene.back.ready(plan.logs, life, scene.held, identity)
    if pager is not None:
        found.agent.last_words = partial(_page_the_end, pager, life)
    return found


def _page_the_end(pager: Pager, life: LiveLife, error: BaseException | None) -> None:
    """Give the pages that still wait, and where a root task failed, what it failed of."""
    if isinstance(error, Uncertain):
        pager.page("uncertain", str(error), life.now_ns)
    elif isinstance(error, Exception):
        pager.page("crash", f"the agent has ended: {type(error).__name__}: {error}", life.now_ns)
    pager.last_words()


def _life(scene: Scene, past: Past, pager: Pager | None) -> LiveLife:
    plan, settings, sight = scene.plan, scene.settings, scene.sight
    driver, clock = scene.back.driver, sight.clock
    name = f"{sight.contract.name or sight.contract.id} at TopstepX, account {sight.account.name}"
    until = until_ns(plan.until, scene.back.zone, clock.now_ns()) if plan.until else None
    life = LiveLife(driver, clock, scene.instrument, name, until)
    market = driver.engine.markets[0]
    venue = Venue(
        scene.doors, settings.topstepx, sight, scene.instrument, world=world_tag(plan.logs), emit=life.tell,
        since_ns=lambda: _day_began_ns(sight.table, life.now_ns), latest_ns=max(market.latest_ns(), past.latest_ns),
        reference_ticks=market.last_ticks() if market.has_session else past.last_ticks,
    )
    tasks = {**venue.tasks, "ticks": lambda: _carry(venue, life)}
    if plan.mode == "live":
        page = (lambda words: None) if pager is None else (lambda words: pager.page("uncertain", words, life.now_ns))
        gate = Gate(scene.back.sink, venue.broker, life.tell, lambda: life.now_ns, page)
        driver.broker = gate
        tasks["gate"] = gate.run
        life.arming = Arming(driver, life, settings.account, sight.table, sight.account.name, venue.money)
    else:
        del tasks["broker"]
    if pager is not None:
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

