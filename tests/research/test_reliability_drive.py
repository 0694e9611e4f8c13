"""A drive that fails in chaos: entries end, exits leave, nothing that was relied on is lost, a start goes on."""

import errno
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from fabio.adapters.gateway.faults.script import Script
from fabio.journal.appending import AppendFile
from fabio.journal.reader import read_steps
from fabio.model.command import VenueCommand
from fabio.model.fact import TradeClosed
from fabio.research.reliability.chaos.gate import Drive
from fabio.research.reliability.chaos.gate import Gate as DriveGate
from fabio.research.reliability.chaos.judge import judge
from fabio.research.reliability.chaos.living import lived
from fabio.research.reliability.chaos.plot import WOES, DriveFault, Plot, Woe, draw, draw_drive, read_plot, write_plot
from fabio.research.reliability.faulty_disk import FaultyDisk
from fabio.runtime.gate import Gate

LENGTH_S = 130.0


def plot_of(*woes: tuple[Woe, float, float], seed: int = 3) -> Plot:
    """A run of whose faults all are the drive's."""
    drive = tuple(DriveFault(woe=woe, from_s=from_s, until_s=until_s) for woe, from_s, until_s in woes)
    return Plot(seed=seed, length_s=LENGTH_S, faults=Script(), drive=drive)


def test_a_third_of_the_seeds_has_a_drive_that_fails_in_every_way_and_heals() -> None:
    drawn = [draw_drive(seed, 300) for seed in range(300)]
    assert 80 <= sum(bool(each) for each in drawn) <= 120
    assert {fault.woe for each in drawn for fault in each} == set(WOES)
    assert all(fault.from_s < fault.until_s <= 300 - 75 for each in drawn for fault in each)


def test_plots_that_were_kept_before_there_were_drives_have_a_sound_one(tmp_path: Path) -> None:
    kept = sorted((Path(__file__).parent / "chaos_plots").glob("*.json"))
    assert len(kept) > 5
    old = msgspec.structs.replace(draw(7, 300), drive=())
    write_plot(tmp_path / "old.json", old)
    fields = msgspec.json.decode((tmp_path / "old.json").read_bytes())
    del fields["drive"]
    (tmp_path / "old.json").write_bytes(msgspec.json.encode(fields))
    assert read_plot(tmp_path / "old.json") == old
    assert all(isinstance(read_plot(path).drive, tuple) for path in kept)


def test_what_is_wrong_with_a_drive_is_so_in_its_time_and_what_fails_once_fails_once() -> None:
    now_s = 0.0
    plot = plot_of(("full", 10, 20), ("failed_sync", 30, 40), ("slow", 50, 60), ("short", 70, 80))
    drive = Drive(plot, lambda: now_s)
    assert (drive.fault("write"), drive.is_full, drive.takes_s(), drive.taken(100)) == (0, False, 0.0, 100)
    now_s = 10.0
    assert (drive.fault("sync"), drive.fault("write"), drive.fault("write")) == (0, errno.ENOSPC, errno.ENOSPC)
    now_s = 30.0
    assert (drive.fault("write"), drive.fault("sync"), drive.fault("sync")) == (0, errno.EIO, 0)
    now_s = 55.0
    assert 0.02 <= drive.takes_s() <= 0.2
    now_s = 75.0
    assert min(drive.taken(100) for _ in range(50)) < 100
    assert drive.taken(1) == 1
    assert set(drive.struck) == {"full", "failed_sync", "slow", "short"}


def test_a_file_that_was_refused_and_is_used_again_is_seen(tmp_path: Path) -> None:
    found: list[str] = []
    gate = DriveGate(FaultyDisk(), Drive(plot_of(("failed_sync", 0, 9)), lambda: 1.0), found.append)
    descriptor = gate.open(tmp_path / "file")
    gate.write(descriptor, b"x")
    with pytest.raises(OSError, match="Input/output"):
        gate.sync(descriptor)
    assert found == []
    gate.sync(descriptor)
    assert found == ["a sync on a file that the drive had refused before"]
    gate.close(descriptor)


@pytest.mark.parametrize("woe", ["full", "failed_sync", "failed_write"])
def test_a_drive_that_refuses_ends_entries_and_a_start_goes_on(woe: Woe) -> None:
    with lived(plot_of((woe, 30, 45))) as living:
        found = judge(living)
        assert found.breaches == ()
        assert living.watch.counts["starts"] == 2
        assert all("0 MiB are free" in words for words in living.refused_starts)
        assert bool(living.refused_starts) == (woe == "full")
        assert found.counts["entries"] > 3
        assert len(list(read_steps(living.folders[-1]))) > 20


@pytest.mark.parametrize("woe", ["slow", "short"])
def test_a_drive_that_is_slow_or_takes_parts_ends_nothing(woe: Woe) -> None:
    with lived(plot_of((woe, 15, 55))) as living:
        found = judge(living)
        assert found.breaches == ()
        assert living.watch.counts["starts"] == 1
        assert found.counts["entries"] > 3
        assert living.refused_starts == []


def test_a_plot_with_a_slow_drive_is_one_run() -> None:
    def steps() -> list[bytes]:
        with lived(plot_of(("slow", 15, 55), ("short", 20, 50))) as living:
            return [living.watch.steps[seq] for seq in sorted(living.watch.steps)]

    assert steps() == steps()


def test_an_entry_that_leaves_without_its_record_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(gate: Gate, command: VenueCommand) -> None:
        gate._broker.submit(command)

    monkeypatch.setattr(Gate, "_without_record", careless)
    monkeypatch.setattr(Gate, "refused", lambda gate, words: None)
    monkeypatch.setattr("fabio.runtime.agent.Agent.mind_drive", lambda agent, looks: None)
    with lived(plot_of(("failed_write", 20, 60))) as living:
        assert {"I02", "I32"} <= {breach.rule for breach in living.watch.breaches}


def test_a_writer_that_tries_a_refused_file_again_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppendFile, "_refused", lambda file, what, error: error)
    monkeypatch.setattr("fabio.journal.pen.Pen._fail", lambda pen, words: None)
    with lived(plot_of(("failed_sync", 20, 60))) as living:
        assert "drive" in {breach.rule for breach in living.watch.breaches}


def test_a_trade_that_is_worth_a_cent_more_than_its_fills_is_seen() -> None:
    with lived(Plot(seed=3, length_s=60)) as living:
        watch = living.watch
        trades = [fact for step in read_steps(living.folders[-1]) for fact in step.facts
                  if isinstance(fact, TradeClosed)]
        assert watch.breaches == []
        assert watch.counts["I14"] == len(trades) > 0
        wrong = msgspec.structs.replace(trades[0].trade, net_pnl=trades[0].trade.net_pnl + Decimal("0.01"))
        watch._now_ns = lambda: living.world.gateway.now_ns
        for step in read_steps(living.folders[-1]):
            for fact in step.facts:
                is_first = isinstance(fact, TradeClosed) and fact.trade.id == wrong.id
                watch._look_at_trip(msgspec.structs.replace(fact, trade=wrong) if is_first else fact)
        assert [breach.rule for breach in watch.breaches] == ["I14"]
