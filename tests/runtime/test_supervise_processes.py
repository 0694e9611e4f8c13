"""The supervisor with real processes: small programs that die, hang, grow, and do not listen."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from supervise_lab import LIMIT_S, Lab, alive, keepers, write_status

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no supervisor on Windows")
FAST = "[restart]\nfirst_pause_s = 0.05\nlongest_pause_s = 0.2\nsettled_s = 0.3\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_one_that_dies_is_started_again_and_ended_with_the_supervisor(lab: Lab) -> None:
    lab.define("one", more=FAST)

    async def story() -> None:
        for deaths in range(3):
            await lab.until(lambda: lab.state("one") == "ready")
            assert len(lab.pids("one")) == deaths + 1
            os.kill(lab.pids("one")[-1], signal.SIGKILL)
            await lab.until(lambda: len(lab.pids("one")) == deaths + 2)  # noqa: B023 -- awaited in this round
        await lab.until(lambda: lab.state("one") == "ready")

    assert lab.run(story) == 0
    told = lab.told("one")
    assert (told["state"], told["starts"], told["restarts"]) == ("stopped", 4, 3)
    assert told["last_exit"] == "exit code 0"
    assert lab.events()[-1] == "one bye"
    assert not any(alive(pid) for pid in lab.pids("one"))
    assert next(text for text in lab.pages.texts if "killed by SIGKILL" in text).startswith("one has died")


def test_deaths_before_ready_end_in_giving_up_and_their_words_are_kept(lab: Lab) -> None:
    lab.define("one", "print('no such key', file=sys.stderr); sys.exit(3)", f"{FAST}deaths = 3\n")

    async def story() -> None:
        await lab.until(lambda: lab.state("one") == "stopped")
        await lab.until(lambda: bool(lab.pages.texts) and "before it was ready" in lab.pages.texts[-1])

    assert lab.run(story) == 0
    assert len(lab.pids("one")) == 3
    assert (lab.logs / "one.err").read_text() == "no such key\n" * 3
    assert "3 deaths before it was ready" in lab.pages.texts[-1]


@pytest.mark.parametrize("position", [None, {"side": "long", "size": "1"}])
def test_a_crash_loop_of_an_agent_that_holds_something_is_halted_not_given_up(
    lab: Lab, position: dict[str, str] | None,
) -> None:
    records = lab.place / "records"
    write_status(records, state="running", position=position, venue=None, finished=False, pid=1)
    lab.define("one", "sys.exit(1)", f'records = "{records}"\n{FAST}deaths = 2\n', beats=False)

    async def story() -> None:
        if position is None:
            await lab.until(lambda: lab.state("one") == "stopped")
        else:
            await lab.until(lambda: len(lab.pids("one")) >= 4)

    assert lab.run(story) == 0
    assert (records / "HALT").exists() == (position is not None)
    if position is None:
        assert len(lab.pids("one")) == 2
    else:
        assert "a position is open" in (records / "HALT").read_text()
        assert len([text for text in lab.pages.texts if "to reduce only" in text]) == 1


def test_one_that_hangs_is_noticed_shows_its_stacks_and_is_started_again(lab: Lab) -> None:
    lab.define("one", """
import faulthandler
faulthandler.register(signal.SIGUSR1, sys.stderr, all_threads=True)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def hang_in_here():
    say("hangs", time.monotonic())
    time.sleep(1000)
beat(0.3)
if not os.path.exists(place + "/hung"):
    open(place + "/hung", "w").close()
    hang_in_here()
signal.signal(signal.SIGTERM, bye)
beat()
""", f"stop_s = 0.3\n{FAST}", silence_s=4.0)

    async def story() -> None:
        await lab.until(lambda: lab.said("it hangs"))
        hung_s = float(next(event for event in lab.events() if "hangs" in event).split()[-1])
        assert time.monotonic() - hung_s < 60  # its silence and a few looks, on a machine with other work too
        await lab.until(lambda: len(lab.pids("one")) == 2 and lab.state("one") == "ready")

    assert lab.run(story) == 0
    stacks = (lab.logs / "one.err").read_text()
    assert "hang_in_here" in stacks
    assert "most recent call first" in stacks
    assert "no heartbeat for" in lab.pages.texts[0]


def test_one_that_grows_is_stopped_in_order_and_started_again(lab: Lab) -> None:
    lab.define("one", """
beat(0.2)
if not os.path.exists(place + "/grown"):
    open(place + "/grown", "w").close()
    hoard = bytearray(os.urandom(1) * 200_000_000)
beat()
""", f"memory_limit_mb = 120\n{FAST}")

    async def story() -> None:
        await lab.until(lambda: len(lab.pids("one")) == 2 and lab.state("one") == "ready")

    assert lab.run(story) == 0
    assert lab.events()[1] == "one bye"
    assert "MB of memory are more than 120" in lab.pages.texts[0]


def test_who_does_not_listen_is_killed_with_all_it_started(lab: Lab) -> None:
    lab.define("one", """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    say("begins", os.getpid())
    time.sleep(1000)
beat()
""", f"stop_s = 0.3\n{FAST}")

    async def story() -> None:
        await lab.until(lambda: lab.state("one") == "ready" and len(lab.pids("one")) == 2)

    assert lab.run(story) == 0
    assert lab.told("one")["last_exit"] == "killed by SIGKILL"
    deadline = time.monotonic() + LIMIT_S
    while any(alive(pid) for pid in lab.pids("one")):  # the other one ends a moment later
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_they_start_in_their_order_and_end_in_the_reverse(lab: Lab) -> None:
    lab.define("first", "time.sleep(0.3)\nbeat()", FAST)
    lab.define("second", more=f'after = ["first"]\n{FAST}')
    lab.define("third", more=f'after = ["second", "first"]\n{FAST}')

    async def story() -> None:
        await lab.until(lambda: lab.state("third") == "ready")

    assert lab.run(story) == 0
    assert [event.split()[:2] for event in lab.events()] == [
        ["first", "begins"], ["second", "begins"], ["third", "begins"],
        ["third", "bye"], ["second", "bye"], ["first", "bye"]]


def test_reading_the_files_again_takes_what_is_new_gone_and_changed_and_leaves_the_rest(lab: Lab) -> None:
    for name in ("same", "gone", "changed"):
        lab.define(name, more=FAST)

    async def story() -> None:
        await lab.until(lambda: all(lab.state(name) == "ready" for name in ("same", "gone", "changed")))
        broken = lab.ecosystem / "broken.toml"
        broken.write_text('comand = ["x"]', "utf-8")
        os.kill(os.getpid(), signal.SIGHUP)
        await lab.until(lambda: lab.said("did you mean command"))
        assert lab.events()[3:] == []
        broken.unlink()
        (lab.ecosystem / "gone.toml").unlink()
        lab.define("new", more=FAST)
        lab.define("changed", more=f"stop_s = 5\n{FAST}")
        os.kill(os.getpid(), signal.SIGHUP)
        await lab.until(lambda: lab.state("new") == "ready" and len(lab.pids("changed")) == 2
                        and lab.state("changed") == "ready" and not lab.told("gone"))
        assert len(lab.pids("same")) == 1
        assert not alive(lab.pids("gone")[0])

    assert lab.run(story) == 0


def test_changed_python_means_a_restart_and_other_files_do_not(lab: Lab) -> None:
    watched = lab.place / "package"
    watched.mkdir()
    (watched / "part.py").write_text("x = 1", "utf-8")
    lab.define("one", more=f'watch = ["{watched}"]\n{FAST}')
    lab.define("other", more=FAST)

    async def story() -> None:
        await lab.until(lambda: lab.state("one") == "ready" and lab.state("other") == "ready")
        touched = 0
        while len(lab.pids("one")) == 1:  # the watch begins a moment after the processes do
            touched += 1
            (watched / "notes.txt").write_text(str(touched), "utf-8")
            (watched / "part.py").write_text(f"x = {touched}", "utf-8")
            for _ in range(100):
                await asyncio.sleep(0.02)
                if len(lab.pids("one")) > 1:
                    break
        await lab.until(lambda: lab.state("one") == "ready")

    assert lab.run(story) == 0
    assert lab.said("part.py has changed")
    assert not lab.said("notes.txt")
    assert "one bye" in lab.events()
    assert (len(lab.pids("other")), lab.pages.texts) == (1, [])


def test_a_scheduled_one_runs_once_until_it_is_due_again_also_for_the_next_supervisor(lab: Lab) -> None:
    lab.define("learn", "print('learned')", "[schedule]\nevery_hours = 1\n", beats=False)

    async def story() -> None:
        await lab.until(lambda: lab.state("learn") == "scheduled" and len(lab.pids("learn")) == 1)

    assert lab.run(story) == 0
    assert lab.told("learn")["next_start"] is None  # nobody starts it now
    lab.lines.clear()

    async def again() -> None:
        await lab.until(lambda: lab.state("learn") == "scheduled")
        await asyncio.sleep(0.05)
        assert lab.told("learn")["next_start"] is not None

    assert lab.run(again) == 0
    assert len(lab.pids("learn")) == 1
    assert (lab.logs / "learn.out").read_text() == "learned\n"


def test_a_program_that_vanishes_is_a_death_and_not_the_end_of_the_others(lab: Lab) -> None:
    lab.define("one", more=FAST)
    tool = lab.place / "tool"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o700)
    (lab.ecosystem / "gone.toml").write_text(f'command = ["{tool}"]\n{FAST}deaths = 3\n', "utf-8")

    async def story() -> None:
        tool.unlink()
        await lab.until(lambda: lab.state("gone") == "stopped" and lab.state("one") == "ready")

    assert lab.run(story) == 0
    assert lab.said("gone cannot be started: [Errno 2] No such file")
    assert lab.told("gone")["last_exit"] == "exit code 127"


def test_an_agent_of_somebody_else_is_left_alone_though_its_status_beats(lab: Lab) -> None:
    records = lab.place / "records"
    records.mkdir()
    (records / "agent.pid").write_text(f"{os.getpid()}\n")
    lab.define("one", "time.sleep(0.6)\nsys.exit(6)", f'records = "{records}"\n{FAST}deaths = 1\n', beats=False)

    async def story() -> None:
        while lab.state("one") != "runs elsewhere":
            write_status(records, state="running", position=None, venue=None, finished=False, pid=os.getpid())
            await asyncio.sleep(0.02)

    assert lab.run(story) == 0
    assert lab.said(f"runs already, under somebody else (process {os.getpid()})")
    assert not lab.said("one ready")
    assert lab.pages.texts == []


def test_output_goes_on_where_its_keeper_was_killed(lab: Lab) -> None:
    lab.define("one", """
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
number = 0
while True:
    number += 1
    print(number, flush=True)
    beat(0.03)
""", FAST)

    async def story() -> None:
        out = lab.logs / "one.out"
        for _ in range(2):
            await lab.until(lambda: lab.state("one") == "ready" and out.exists())
            found: list[int] = []
            while len(found) != 1:
                await asyncio.sleep(0.02)
                found = keepers(lab.place)
            os.kill(found[0], signal.SIGKILL)
            await lab.until(lambda: not alive(found[0]))  # noqa: B023 -- awaited in this round
            size = out.stat().st_size
            await lab.until(lambda: out.stat().st_size > size)  # noqa: B023 -- awaited in this round

    assert lab.run(story) == 0
    found = [int(line) for line in (lab.logs / "one.out").read_text().split()]
    assert found == sorted(set(found))
    assert found[-1] - len(found) <= 4  # a killed keeper takes along what it had read and not written
    assert len(lab.pids("one")) == 1
    assert keepers(lab.place) == []


def test_files_that_cannot_be_watched_cost_only_the_watching(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.define("one", more=f'watch = ["{lab.place}"]\n{FAST}')

    def awatch(*paths: str, **_: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("watchfiles.awatch", awatch)

    async def story() -> None:
        await lab.until(lambda: lab.said("cannot be watched: [Errno 28] inotify watch limit reached"))
        await lab.until(lambda: lab.state("one") == "ready")

    assert lab.run(story) == 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
def test_restarts_leave_no_open_file_and_no_process_behind(lab: Lab) -> None:
    lab.define("one", "sys.exit(1)", "[restart]\nfirst_pause_s = 0.01\nlongest_pause_s = 0.01\ndeaths = 1000\n")
    counts: list[int] = []

    async def story() -> None:
        for starts in (2, 12):
            await lab.until(lambda: lab.told("one").get("starts", 0) >= starts)  # noqa: B023 -- awaited in this round
            counts.append(len(os.listdir("/proc/self/fd")))

    assert lab.run(story) == 0
    assert counts[1] <= counts[0] + 2  # a process more or less at the moment of counting
    assert keepers(lab.place) == []
