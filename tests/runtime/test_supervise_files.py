"""What stands in `ecosystem/*.toml` is meant, or it is an error with file, key and cure; and schedules."""

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest

from fabio.model.errors import ConfigError
from fabio.runtime.supervise.definition import Definition, Heartbeat, Output, Restart, Schedule
from fabio.runtime.supervise.last_word import last_word
from fabio.runtime.supervise.member import mark_of
from fabio.runtime.supervise.reading import argv_of, environment_of, read_ecosystem
from fabio.runtime.supervise.schedule import next_due_ns
from fabio.runtime.supervise.system import identity, memory_mb

NS = 1_000_000_000
SHIPPED = Path(__file__).parents[2] / "ecosystem"


def folder(tmp_path: Path, **files: str) -> Path:
    ecosystem = tmp_path / "ecosystem"
    ecosystem.mkdir()
    for name, text in files.items():
        (ecosystem / f"{name}.toml").write_text(text, "utf-8")
    return ecosystem


def test_the_shipped_files_stand() -> None:
    found = read_ecosystem(SHIPPED)
    assert set(found) == {"agent", "learn"}
    assert found["agent"].beats is not None
    assert found["agent"].beats.file == "logs/status.json"
    assert argv_of(found["agent"])[1:5] == ["-m", "fabio", "run", "--mode"]
    assert "test" in found["agent"].command
    assert found["learn"].schedule is not None


def test_the_order_follows_what_comes_after_what(tmp_path: Path) -> None:
    found = read_ecosystem(folder(
        tmp_path, a='command = ["fabio", "run"]\nafter = ["c", "b"]', b='command = ["fabio", "run"]\nafter = ["c"]',
        c='command = ["fabio", "gateway"]'))
    assert list(found) == ["c", "b", "a"]


@pytest.mark.parametrize(("text", "words"), [
    ("", ["command", "it is missing", '["fabio", "run"']),
    ("command = []", ["command", "empty"]),
    ('command = "fabio run"', ["command", "array"]),
    ('command = ["fabio", 1]', ["command[1]", "str"]),
    ('comand = ["fabio"]', ["comand", "did you mean command"]),
    ('command = ["fabio"]\nstop_s = "30"', ["stop_s", "float"]),
    ('command = ["fabio"]\nstop_s = -1', ["stop_s is -1", "0 to 3600"]),
    ('command = ["fabio"]\nstop_s = nan', ["stop_s is nan"]),
    ('command = ["fabio"]\n[restart]\nwhen = "sometimes"', ["restart.when", "sometimes"]),
    ('command = ["fabio"]\n[restart]\ndeath = 3', ["restart.death", "did you mean deaths"]),
    ('command = ["fabio"]\n[restart]\ndeaths = 0', ["deaths is 0", "restart"]),
    ('command = ["fabio"]\n[restart]\nfirst_pause_s = 5\nlongest_pause_s = 4', ["longest_pause_s is 4", "5 to 3600"]),
    ('command = ["fabio"]\nrestart = 3', ["restart", "object"]),
    ('command = ["fabio"]\n[heartbeat]\nlimit_s = 8', ["heartbeat.file", "missing"]),
    ('command = ["fabio"]\n[heartbeat]\nfile = "x"\nlimit_s = 1', ["limit_s is 1", "2 to 600"]),
    ('command = ["fabio"]\n[schedule]\nzone = "UTC"', ["either every_hours or at"]),
    ('command = ["fabio"]\n[schedule]\nevery_hours = 1\nat = "17:00"', ["either every_hours or at"]),
    ('command = ["fabio"]\n[schedule]\nat = "25:00"', ["25:00", "HH:MM"]),
    ('command = ["fabio"]\n[schedule]\nat = "17:00"\nzone = "Chicago"', ["Chicago", "America/Chicago"]),
    ('command = ["fabio"]\nrecords = "logs"\n[schedule]\nevery_hours = 1', ["comes to its own end"]),
    ('command = ["no-such-program-anywhere"]', ["command", "no such program", "PATH"]),
    ('command = ["fabio"]\ndirectory = "no/such"', ["directory", "no such folder"]),
    ('command = ["fabio"]\nenvironment_file = "no.env"', ["environment_file", "no such file"]),
    ('command = ["fabio"]\nwatch = ["no/such"]', ["watch[0]", "no such file or folder"]),
    ('command = ["fabio"]\nafter = ["y"]', ["after", "no such process"]),
    ('command = ["fabio"]\nafter = ["x"]', ["after", "nobody can be first"]),
    ('command = ["fabio"', ["not TOML"]),
])
def test_what_does_not_stand_is_named_with_its_file_and_cure(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_ecosystem(folder(tmp_path, x=text))
    said = str(refused.value)
    assert "x.toml" in said
    for word in words:
        assert word in said


def test_a_circle_is_named(tmp_path: Path) -> None:
    text = 'command = ["fabio"]\nafter = ["{}"]'
    with pytest.raises(ConfigError, match=r"nobody can be first: (a after c after b after a|b after a|c after b)"):
        read_ecosystem(folder(tmp_path, a=text.format("c"), b=text.format("a"), c=text.format("b")))


def test_nobody_waits_for_a_scheduled_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="never ready"):
        read_ecosystem(folder(tmp_path, a='command = ["fabio"]\nafter = ["b"]',
                              b='command = ["fabio"]\n[schedule]\nevery_hours = 1'))


@pytest.mark.parametrize("name", ["Agent", "my agent", "-x", "ä"])
def test_a_file_with_a_name_no_process_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="small letters"):
        read_ecosystem(folder(tmp_path, **{name: 'command = ["fabio"]'}))


def test_a_folder_that_is_not_there_or_empty_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        read_ecosystem(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="nothing to keep alive"):
        read_ecosystem(folder(tmp_path))


def test_the_environment_file_counts_over_what_is_inherited(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text('# a comment\nexport A=1\nB="two words"\nC=\n', "utf-8")
    definition = Definition(command=("x",), environment_file=str(path))
    assert environment_of(definition, {"A": "0", "D": "4"}) == {"A": "1", "B": "two words", "C": "", "D": "4"}
    before = mark_of(definition)
    path.write_text("A=2\n", "utf-8")
    assert mark_of(definition) != before
    path.write_text("A B C = ' \n", "utf-8")
    with pytest.raises(ConfigError, match=r"x.env:1.*NAME=value"):
        environment_of(definition, {})


def at(text: str, zone: str = "America/Chicago") -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * NS


@pytest.mark.parametrize(("last", "now", "expected"), [
    (None, "2026-11-20 10:00", "2026-11-20 16:20"),
    (None, "2026-11-20 16:20", "2026-11-21 16:20"),  # the minute itself is over when it is seen
    (None, "2026-11-20 23:59", "2026-11-21 16:20"),
    ("2026-11-20 16:20", "2026-11-20 16:21", "2026-11-21 16:20"),
    ("2026-11-20 16:20", "2026-11-21 18:00", "2026-11-21 16:20"),  # missed while nobody was there: now
    ("2026-11-10 16:20", "2026-11-20 18:00", "2026-11-20 16:20"),  # missed for days: once
    ("2026-03-07 16:20", "2026-03-07 17:00", "2026-03-08 16:20"),  # 23 hours later
    ("2026-10-31 16:20", "2026-10-31 17:00", "2026-11-01 16:20"),  # 25 hours later
])
def test_a_time_of_day_is_kept_over_days_and_clock_changes(last: str | None, now: str, expected: str) -> None:
    schedule = Schedule(at="16:20")
    assert next_due_ns(schedule, None if last is None else at(last), at(now)) == at(expected)


def test_a_skipped_time_comes_after_the_jump_and_a_doubled_one_once() -> None:
    schedule = Schedule(at="02:30")
    spring = next_due_ns(schedule, None, at("2026-03-08 00:00"))
    assert dt.datetime.fromtimestamp(spring // NS, ZoneInfo("America/Chicago")).strftime("%H:%M") == "03:30"
    doubled = Schedule(at="01:30")
    first = next_due_ns(doubled, None, at("2026-11-01 00:00"))
    assert first == at("2026-11-01 01:30")
    assert next_due_ns(doubled, first, first + NS) == at("2026-11-02 01:30")


def test_every_so_many_hours_counts_from_the_last_start() -> None:
    schedule = Schedule(every_hours=6)
    assert next_due_ns(schedule, None, 5 * NS) == 5 * NS
    assert next_due_ns(schedule, 5 * NS, 10**18) == (5 + 6 * 3600) * NS


FLAT = {"state": "stopped", "position": None, "venue": None, "finished": True}
VENUE = {"phase": "armed", "agrees": True, "orders": [], "unknown_orders": [], "differences": []}


@pytest.mark.parametrize(("status", "exposure"), [
    (FLAT, "flat"),
    ({**FLAT, "state": "running"}, "flat"),  # on paper nothing can have left since
    ({**FLAT, "position": {"side": "long"}}, "open"),
    ({**FLAT, "venue": VENUE}, "flat"),
    ({**FLAT, "state": "running", "venue": VENUE}, "unknown"),  # armed and killed: something may have left
    ({**FLAT, "state": "running", "venue": {**VENUE, "phase": "observing"}}, "flat"),
    ({**FLAT, "venue": {**VENUE, "agrees": False}}, "unknown"),
    ({**FLAT, "venue": {**VENUE, "phase": "observing", "orders": ["E1"]}}, "unknown"),
    ({**FLAT, "venue": {**VENUE, "differences": ["market 0"]}}, "unknown"),
    ([1, 2], "unknown"),
    ("half a fi", "unknown"),
])
def test_what_an_agent_held_is_read_from_its_last_word(tmp_path: Path, status: object, exposure: str) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "2026-11-20.jsonl").write_bytes(b"{}\n")
    (tmp_path / "status.json").write_bytes(status.encode() if isinstance(status, str) else orjson.dumps(status))
    assert last_word(tmp_path).exposure == exposure


def test_who_recorded_and_said_nothing_is_not_known_to_be_flat(tmp_path: Path) -> None:
    assert last_word(tmp_path).exposure == "flat"
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "2026-11-20.jsonl").write_bytes(b"{}\n")
    assert last_word(tmp_path).exposure == "unknown"


def test_who_was_asked_to_end_is_told_from_whose_feed_ended(tmp_path: Path) -> None:
    for finished, state, asked in ((True, "stopped", False), (False, "stopped", True), (False, "running", False)):
        (tmp_path / "status.json").write_bytes(orjson.dumps({**FLAT, "finished": finished, "state": state}))
        assert last_word(tmp_path).asked is asked


def test_the_system_tells_who_a_process_is_and_how_large() -> None:
    mine = identity(os.getpid())
    assert mine is not None
    assert mine == identity(os.getpid())
    child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    assert identity(child.pid) not in (None, mine)
    child.communicate(b"\n")
    assert identity(child.pid) is None
    assert identity(2**22 + 5) is None
    assert memory_mb(2**22 + 5) is None
    own = memory_mb(os.getpid())
    assert own is not None
    assert 10 < own < 100_000


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps here")
def test_where_there_is_no_proc_ps_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    linux = memory_mb(os.getpid())
    monkeypatch.setattr(sys, "platform", "darwin")
    mine = identity(os.getpid())
    assert mine is not None
    assert mine == identity(os.getpid())
    child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    assert identity(child.pid) not in (None, mine)
    child.communicate(b"\n")
    assert identity(child.pid) is None
    assert identity(2**22 + 5) is None
    told = memory_mb(os.getpid())
    assert told is not None
    assert linux is not None
    assert told == pytest.approx(linux, rel=0.2)


def test_the_documented_files_stand_and_every_key_is_documented(tmp_path: Path) -> None:
    root = SHIPPED.parent
    pages = "".join((root / page).read_text("utf-8") for page in ("docs/operations.md", "ecosystem/README.md"))
    blocks = re.findall(r"```toml\n(.*?)```", pages, re.DOTALL)
    assert len(blocks) == 3
    found = read_ecosystem(folder(tmp_path, **{f"p{place}": block for place, block in enumerate(blocks)}))
    told = found["p0"]
    for key in Definition.__struct_fields__:
        assert re.search(rf"^\[?{key}( =|\])", pages, re.MULTILINE), key
    assert told.heartbeat == Heartbeat(file="logs/status.json")  # what is shown are the defaults
    assert (told.restart, told.output, told.stop_s) == (Restart(), Output(), 30.0)
    for struct in (Heartbeat, Restart, Output, Schedule):
        for key in struct.__struct_fields__:
            assert re.search(rf"^{key} =|\b{key} = 6", pages, re.MULTILINE), key
