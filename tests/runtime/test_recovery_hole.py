"""Ticks that a lost power line has taken from under the journal: recovery goes on behind the hole, and says so."""

import os
import shutil
from pathlib import Path

import pytest
from recovery_lab import Lab, live

from fabio.journal.reader import read_remarks, read_steps, verify
from fabio.journal.tape import RECORD, TapeReader
from fabio.model.fact import FeedChanged
from fabio.model.order import DONE_STATES
from fabio.runtime.recorded import NothingRecorded, Recorded
from fabio.runtime.recovery import RecoveryFailed
from fabio.settings.load import load

TICKS, MORE = 20_000, 24_000


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(82)


@pytest.fixture(scope="module")
def recorded(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hole") / "logs"
    driver, sink = lab.begin(folder)
    live(driver, lab.day.ticks.slice(0, TICKS))
    sink.close()
    return folder


def without_power(source: Path, target: Path, lost: int) -> int:
    """Copy a folder whose tape lacks the last ticks that the journal names; give where it ends now."""
    shutil.copytree(source, target)
    position = list(read_steps(target))[-1].tape_pos
    tape = TapeReader(target)
    latest = sorted((target / "tape").glob("*.tape"))[-1]
    end = position - lost
    os.truncate(latest, latest.stat().st_size - (tape.total - end) * RECORD.itemsize)
    (target / "tape" / "synced").unlink()
    return end


def test_recovery_goes_on_behind_ticks_that_went_with_the_power(lab: Lab, recorded: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    end = without_power(recorded, logs, 700)
    before = list(read_steps(logs))
    driver, sink, recovered = lab.resume(logs)
    assert (recovered.lost, recovered.lived_again, recovered.ticks) == (700, 0, end + 700)
    assert driver.engine.state.tape_pos == sink.tape.pos == end + 700
    (hole,) = [each for each in read_remarks_after_flush(sink, logs) if each.kind == "hole"]
    assert hole.data == {"from_tick": end, "to_tick": end + 700, "after_step": before[-1].seq}
    changed = [fact for step in list(read_steps(logs))[len(before):] for fact in step.facts]
    assert [type(fact) for fact in changed[:2]] == [FeedChanged, FeedChanged]
    assert changed[1].lost_since_ns is None
    live(driver, lab.day.ticks.slice(end + 700, MORE))
    digest, account = driver.digest, driver.engine.state.account
    sink.close()
    assert verify(logs).code == 0
    (kept,) = TapeReader(logs).holes
    assert (kept.first_pos, kept.end_pos, kept.after_seq) == (end, end + 700, before[-1].seq)

    again, sink, recovered = lab.resume(logs)  # the hole is known now: nothing is told a second time
    assert (recovered.lost, recovered.ticks) == (0, MORE)
    assert again.digest == digest
    assert again.engine.state.account == account
    sink.close()
    with pytest.raises(NothingRecorded, match="went with the power"):
        Recorded(load(environment={}, directory=Path("/")), logs)


def test_a_whole_tape_that_is_gone_is_a_hole_too(lab: Lab, recorded: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    shutil.copytree(recorded, logs)
    for path in [*(logs / "tape").glob("*.tape"), logs / "tape" / "synced"]:
        path.unlink()
    position = list(read_steps(logs))[-1].tape_pos
    driver, sink, recovered = lab.resume(logs)
    assert recovered.lost == position
    live(driver, lab.day.ticks.slice(position, MORE))
    digest = driver.digest
    sink.close()
    again, sink, _ = lab.resume(logs)
    assert again.digest == digest
    sink.close()


def test_nobody_guesses_what_became_of_what_was_held(lab: Lab, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    driver, sink = lab.begin(logs)
    start = 0
    while not any(record.state not in DONE_STATES for record in driver.engine.state.orders.values()):
        driver.feed(lab.day.ticks.slice(start, start + 64))
        start += 64
    sink.close()
    without_power(logs, tmp_path / "cut", 50)
    with pytest.raises(RecoveryFailed, match=r"50 ticks.*held or working on paper"):
        lab.resume(tmp_path / "cut")


def read_remarks_after_flush(sink, logs):
    sink.flush()
    return list(read_remarks(logs))
