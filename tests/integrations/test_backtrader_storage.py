"""The files of records: whole lines, each id once, nothing half."""

import os
from pathlib import Path

import orjson
import pytest

pytest.importorskip("backtrader_runs")

from fabio.integrations.backtrader import FMELStorage, storage


def _storage(folder: Path, stream: bool = False) -> FMELStorage:
    return FMELStorage(mode="BACKTEST", agent_id="a", user_id="u", run_id="r/1", stream_realtime=stream, folder=folder)


def _lines(*ids: str) -> list[bytes]:
    return [orjson.dumps({"decision_id": known, "price": 1.5}) for known in ids]


def test_each_id_is_written_once_whoever_comes_again(tmp_path: Path) -> None:
    first = _storage(tmp_path)
    assert first.append("trading_decisions", ["1", "2", "2"], _lines("1", "2", "2")) == 2
    assert first.append("trading_decisions", ["2", "3"], _lines("2", "3")) == 1
    again = _storage(tmp_path)
    assert again.append("trading_decisions", ["3", "4"], _lines("3", "4")) == 1
    assert [record["decision_id"] for record in again.read("trading_decisions")] == ["1", "2", "3", "4"]
    assert (first.repeated, again.repeated) == (2, 1)


def test_a_torn_last_line_is_cut_off_and_a_damaged_one_counted(tmp_path: Path) -> None:
    path = _storage(tmp_path).path("trading_decisions")
    assert path.parent == tmp_path
    path.write_bytes(_lines("1")[0] + b"\n{broken}\n[1]\n" + _lines("2")[0][:9])
    kept = _storage(tmp_path)
    kept.append("trading_decisions", ["1", "2"], _lines("1", "2"))
    assert [record["decision_id"] for record in kept.read("trading_decisions")] == ["1", "2"]
    assert (kept.repeated, kept.damaged) == (1, 2)


def test_a_torn_line_longer_than_a_block_is_cut_off_whole(tmp_path: Path) -> None:
    kept = _storage(tmp_path)
    kept.append("trading_decisions", ["1"], _lines("1"))
    with kept.path("trading_decisions").open("ab") as file:
        file.write(b"x" * 200_000)
    kept.append("trading_decisions", ["2"], _lines("2"))
    assert kept.path("trading_decisions").read_bytes() == b"\n".join(_lines("1", "2")) + b"\n"


def test_a_write_that_fails_leaves_nothing_behind_and_may_be_repeated(tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    kept = _storage(tmp_path)
    kept.append("trading_decisions", ["1"], _lines("1"))

    def half(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:7])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "write_whole", half)
    with pytest.raises(OSError, match="No space"):
        kept.append("trading_decisions", ["2"], _lines("2"))
    monkeypatch.undo()
    assert kept.path("trading_decisions").read_bytes() == _lines("1")[0] + b"\n"
    assert kept.append("trading_decisions", ["2"], _lines("2")) == 1


@pytest.mark.parametrize(("stream", "durable", "waits"),
                         [(True, None, 2), (False, None, 0), (False, True, 2), (True, False, 0)])
def test_streamed_records_wait_for_the_drive(stream: bool, durable: bool | None, waits: int, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[object] = []
    monkeypatch.setattr(storage, "sync_file", synced.append)
    monkeypatch.setattr(storage, "sync_folder", synced.append)
    kept = FMELStorage("PAPER", "a", "u", "r", stream, tmp_path, durable)
    kept.append("trading_decisions", ["1"], _lines("1"))
    assert len(synced) == waits


def test_nothing_is_made_before_the_first_record(tmp_path: Path) -> None:
    assert _storage(tmp_path / "none").read("trading_decisions") == []
    assert not (tmp_path / "none").exists()
