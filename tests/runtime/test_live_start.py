"""A live start put together: what the world's tag names, and who is told how the agent ended."""

import asyncio
import shutil
import sys
from pathlib import Path

import orjson
import pytest

from fabio.adapters.topstepx.errors import AccountUnfit
from fabio.journal.world import OtherWorld, claim, read_world
from fabio.model.tick import Ticks
from fabio.research.reliability.lab import LIVE_SETTINGS, World
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.demo import Demo
from fabio.runtime.live import LiveLife, Uncertain
from fabio.runtime.live_start import VenueSilent, prepare_live, world_tag
from fabio.runtime.reopen import Ready, RunPlan
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import Settings, load

SETTINGS = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)
MNQ = instrument_of(SETTINGS, "MNQ")
SEED = 82
PAGES = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"


@pytest.fixture(scope="module")
def day() -> tuple[Demo, Ticks]:
    demo = Demo(SETTINGS, MNQ, SEED)
    whole = demo.day(0)
    return demo, whole.ticks.slice(whole.watched_from, whole.watched_from + 200)


def started(day: tuple[Demo, Ticks], folder: Path, pages: Path | None = None) -> Ready:
    """An agent at a gateway, which has not lived yet."""
    demo, ticks = day

    async def story() -> Ready:
        world = World(ticks, demo)
        if pages is not None:
            command = f"{sys.executable} -c \"{PAGES}\" {pages}"
            world.settings = load(environment={}, directory=Path("/"),
                                  overrides=(*LIVE_SETTINGS, f"notify.command={command}"))
        return await world.begin(folder)

    return run_virtual(story())


def test_it_begins_observing_with_the_venues_account_in_its_world(day: tuple[Demo, Ticks], tmp_path: Path) -> None:
    ready = started(day, tmp_path / "logs")
    try:
        assert ready.driver.engine.state.venue.phase == "observing"
        assert not ready.driver.engine.state.venue.has_orders
        assert ready.driver.broker is not None
        world = read_world(tmp_path / "logs")
        assert world is not None
        assert (world.mode, world.feed, world.account) == ("live", "topstepx", "18204311")
        assert {"token", "call times", "broker", "gate", "market feed", "ticks"} == set(ready.agent.life.tasks)
    finally:
        ready.close()


def test_a_folder_of_another_world_is_refused_and_let_go_of(day: tuple[Demo, Ticks], tmp_path: Path) -> None:
    started(day, tmp_path / "logs").close()
    world = read_world(tmp_path / "logs")
    assert world is not None
    (tmp_path / "logs" / "world.json").write_bytes(
        (tmp_path / "logs" / "world.json").read_bytes().replace(b"18204311", b"18204312"))
    with pytest.raises(OtherWorld):
        started(day, tmp_path / "logs")
    other = read_world(tmp_path / "logs")
    assert other is not None
    with claim(tmp_path / "logs", other, 0):
        pass  # nobody holds it


def test_orders_are_tagged_by_the_record_wherever_it_is_moved_to(day: tuple[Demo, Ticks], tmp_path: Path) -> None:
    started(day, tmp_path / "one").close()
    started((day[0], day[1].slice(1, 200)), tmp_path / "other").close()
    tag = world_tag(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "moved")
    assert world_tag(tmp_path / "moved") == tag
    assert world_tag(tmp_path / "other") != tag
    started(day, tmp_path / "one").close()
    assert world_tag(tmp_path / "one") == tag


class Fails:
    """A life that ends with a failure at once."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def __call__(self) -> None:
        raise self._error


@pytest.mark.parametrize(("error", "kind", "words"), [
    (RuntimeError("a bug"), "crash", "the agent has ended: RuntimeError: a bug"),
    (Uncertain("not proven flat"), "uncertain", "not proven flat"),
])
def test_a_root_task_that_fails_is_paged_and_fails_the_run(
    day: tuple[Demo, Ticks], tmp_path: Path, error: Exception, kind: str, words: str,
) -> None:
    ready = started(day, tmp_path / "logs", tmp_path / "pages")
    life = ready.agent.life
    assert isinstance(life, LiveLife)
    assert "pager" in life.tasks
    life.tasks = {}
    try:
        with pytest.raises(type(error), match=str(error)):
            asyncio.run(ready.agent.run({"failing": Fails(error)}))
    finally:
        ready.close()
    pages = [orjson.loads(line) for line in (tmp_path / "pages").read_bytes().splitlines()]
    assert [(each["kind"], each["text"]) for each in pages if each["kind"] in ("crash", "uncertain")] == [(kind, words)]


def test_a_program_that_cannot_page_never_hides_why_the_agent_ended(day: tuple[Demo, Ticks], tmp_path: Path) -> None:
    ready = started(day, tmp_path / "logs", tmp_path / "no" / "such" / "folder")
    life = ready.agent.life
    assert isinstance(life, LiveLife)
    life.tasks = {}
    try:
        with pytest.raises(RuntimeError, match="a bug"):
            asyncio.run(ready.agent.run({"failing": Fails(RuntimeError("a bug"))}))
    finally:
        ready.close()


def unreachable() -> Settings:
    return load(environment={
        "TOPSTEP_USERNAME": "demo", "TOPSTEP_API_KEY": "0123456789abc", "TOPSTEPX_API_URL": "http://127.0.0.1:1",
    }, directory=Path("/"))


def test_a_venue_that_is_not_there_leaves_no_folder_behind(tmp_path: Path) -> None:
    plan = RunPlan(logs=tmp_path / "logs", mode="live", feed="topstepx")
    with pytest.raises(VenueSilent, match=r"http://127\.0\.0\.1:1 cannot be asked"):
        prepare_live(plan, unreachable(), lambda line: None)
    assert not (tmp_path / "logs").exists()


def test_a_locked_account_is_a_persons_turn_and_leaves_no_folder_behind(
    day: tuple[Demo, Ticks], tmp_path: Path,
) -> None:
    demo, ticks = day

    async def story() -> None:
        world = World(ticks, demo)
        next(iter(world.gateway.accounts.values())).can_trade = False
        await world.begin(tmp_path / "logs")

    with pytest.raises(AccountUnfit, match="account"):
        run_virtual(story())
    assert not (tmp_path / "logs").exists()
