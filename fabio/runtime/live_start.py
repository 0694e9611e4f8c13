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
from fabio.adapters.topstepx.records import Contract
from fabio.engine.state import State
from fabio.engine.venue.arming import entry_refusal
from fabio.journal.account_lock import NoStateFolder, claim_account
from fabio.journal.reader import last_remark
from fabio.journal.room import START_BYTES, NoRoom, check_room
from fabio.journal.world import Claim, World, claim
from fabio.model.instrument import Instrument
from fabio.model.order import DONE_STATES
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
CONTRACT = "contract"
"""Kind of the remark that names what a run at the venue trades."""


class VenueSilent(Exception):
    """The venue cannot be asked now (exit code 5)."""


class Scene(msgspec.Struct, frozen=True):
    """Everything that a live agent is made of, once its folder is open."""

    plan: RunPlan
    settings: Settings
    doors: Doors
    sight: Sight
    contract: Contract
    instrument: Instrument
    back: Back
    held: Claim
    tight: str = ""
    """Why no entry may be taken, where the drive has too little room for a start."""


def prepare_live(plan: RunPlan, settings: Settings, say: Callable[[str], None]) -> Ready:
    """Look at the venue, open the folder, and make the agent ready; it begins observing.

    Raises
    ------
    ConfigError
        Credentials, account, contract, settings: a person's turn.
    VenueSilent
        If the venue cannot be asked.
    AccountBusy
        While another agent of this machine is live on the account, whatever its folder.
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
    account = _account_claimed(plan, settings, sight, say)
    try:
        scene = open_scene(plan, settings, doors, sight, say)
    except BaseException:
        account()
        raise
    scene.held.then = account
    try:
        return ready(scene, asyncio.run(ask_past(doors, sight, past_market(scene))), say)
    except BaseException:
        scene.back.sink.close()
        scene.held.release()
        raise


def _account_claimed(
    plan: RunPlan, settings: Settings, sight: Sight, say: Callable[[str], None],
) -> Callable[[], None]:
    """Make the account this agent's, where it may send orders; give what lets go of it."""
    if plan.mode == "live":
        try:
            return claim_account(settings.topstepx.api_url, str(sight.account.id), plan.logs).release
        except NoStateFolder as error:
            say(f"warning: account {sight.account.name} cannot be locked, nothing keeps a second agent from it: "
                f"{error}")
    return lambda: None


def table_at(settings: Settings, instrument: Instrument, now_ns: int) -> SessionTable:
    """Build the session table around a moment."""
    return sessions_between(settings, instrument, now_ns - SESSIONS_BEHIND_DAYS * NS_PER_DAY,
                            now_ns + SESSIONS_AHEAD_DAYS * NS_PER_DAY)


def open_scene(
    plan: RunPlan, settings: Settings, doors: Doors, sight: Sight, say: Callable[[str], None],
) -> Scene:
    """Claim the folder, bring its past back, and choose the contract; what is held by the record is traded on.

    Raises
    ------
    ContractUnfit
        If nothing is held and no contract is fit.
    NoRoom
        If the drive is nearly full, and nothing can be held at the venue by the record.
    """
    tight = check_room(plan.logs, doors.disk, is_live=plan.mode == "live")
    instrument = instrument_of(settings, plan.symbol or settings.agent.symbol)
    if not (plan.logs / "journal").exists():
        sight.choose(instrument)  # a refusal leaves no folder behind
    world = World(mode=plan.mode, feed=TOPSTEPX, account=str(sight.account.id), instruments=(instrument.symbol,))
    held = claim(plan.logs, world, time.time_ns())
    try:
        table = sight.table
        back = reopen(plan, settings, Place(
            world=world, instrument=instrument, table=table, one_session=True,
            first_day=table.session(table.index_at(sight.clock.now_ns())).date,
            live=settings.account if plan.mode == "live" else None, disk=doors.disk,
        ), say)
        try:
            if tight and not may_hold(back.driver.engine.state):
                raise NoRoom(f"{tight}, and by the record nothing is held at the venue: free some space")
            contract = sight.choose(instrument, recorded_contract(plan.logs), is_at_stake(back.driver.engine.state))
            back.sink.journal.remark(CONTRACT, time.time_ns(), {"id": contract.id})  # before any order can name it
            back.sink.journal.sync()
        except BaseException:
            back.sink.close()
            raise
    except BaseException:
        held.release()
        raise
    return Scene(plan, settings, doors, sight, contract, instrument, back, held, tight)


def recorded_contract(folder: Path) -> str | None:
    """Give the contract that the folder's last run traded; None where it does not say."""
    remark = last_remark(folder, CONTRACT)
    found = None if remark is None else remark.data.get("id")
    return found if isinstance(found, str) else None


def is_at_stake(state: State) -> bool:
    """Tell whether by the record something is held, may be held, or works."""
    if any(market.position is not None or market.care.unproven is not None for market in state.markets):
        return True
    return any(record.state not in DONE_STATES for record in state.orders.values())


def may_hold(state: State) -> bool:
    """Tell whether something may be held or work at the venue: by the record, or as it cannot be told."""
    if state.venue.has_orders:  # whatever came while nobody was there
        return True
    if any(market.care.unproven is not None or market.care.stray_steps for market in state.markets):
        return True
    return any(record.at_venue and record.state not in DONE_STATES for record in state.orders.values())


def past_market(scene: Scene) -> PastMarket:
    """Say whose history is wanted."""
    return PastMarket(
        instrument=scene.instrument, table=scene.sight.table, contract_id=scene.contract.id,
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
    identity = {"mode": plan.mode, "feed": TOPSTEPX, "speed": sight.clock.rate, "contract": scene.contract.id}
    pager = None
    if scene.settings.notify.command is not None:
        pager = Pager(scene.settings.notify.command, scene.settings.notify.timeout_s, plan.logs, [scene.instrument])
    life = _life(scene, past, pager)
    found = scene.back.ready(plan.logs, life, scene.held, identity)
    if scene.tight:
        found.agent.entries_bytes = START_BYTES  # its first heartbeat ends entries, before the venue is heard
        say(f"{scene.tight}: no entries. Something may be held at the venue, it is watched and closed as ever; free "
            "some space")
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
    name = f"{scene.contract.name or scene.contract.id} at TopstepX, account {sight.account.name}"
    until = until_ns(plan.until, scene.back.zone, clock.now_ns()) if plan.until else None
    life = LiveLife(driver, clock, scene.instrument, name, until)
    market = driver.engine.markets[0]
    venue = Venue(
        scene.doors, settings.topstepx, sight, scene.instrument, contract_id=scene.contract.id,
        folder=plan.logs, world=world_tag(plan.logs), emit=life.tell,
        since_ns=lambda: _day_began_ns(sight.table, life.now_ns), latest_ns=max(market.latest_ns(), past.latest_ns),
        reference_ticks=market.last_ticks() if market.has_session else past.last_ticks,
    )
    tasks = {**venue.tasks, "ticks": lambda: _carry(venue, life)}
    if plan.mode == "live":
        page = (lambda words: None) if pager is None else (lambda words: pager.page("uncertain", words, life.now_ns))
        gate = Gate(scene.back.sink, venue.broker, life.tell, lambda: life.now_ns, page)
        gate.against = lambda market: no_longer(driver.engine.state, market)
        venue.broker.ask_before_entries(gate.against)
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


def no_longer(state: State, market: int) -> str:
    """Say what has come between an entry that was decided and the venue; empty where nothing has."""
    if state.account.halted:
        return f"the agent was halted: {state.account.halted}"
    if state.venue.phase != "armed":
        return f"trading ended{': ' if state.venue.leaving_because else ''}{state.venue.leaving_because}"
    return entry_refusal(state, market)


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

