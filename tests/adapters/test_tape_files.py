from pathlib import Path

import duckdb
import numpy as np
import pytest
from tape_writing import HEADER, INSTRUMENTS, START_NS, csv_tape, trade

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tape_files import import_tape, list_tapes
from fabio.adapters.data.tapes import open_tape
from fabio.model.errors import ConfigError


def test_an_imported_tape_reads_the_same(tmp_path: Path) -> None:
    text = (
        HEADER
        + trade(0)
        + trade(1, "19999.75", "3", "A")
        + trade(2, "x")
        + trade(500, "20000.5", "2", "N")
        + trade(3)
    )
    source = csv_tape(tmp_path, text, name="nq.csv")
    target = tmp_path / "tapes" / "nq.parquet"
    written = import_tape(source.path, target, INSTRUMENTS)
    assert written.rows == 4
    before, again = source.ticks(), open_tape(target, INSTRUMENTS)
    after = again.ticks()
    for name in ("ts_event_ns", "ts_recv_ns", "price_ticks", "size_steps", "side"):
        assert np.array_equal(getattr(before, name), getattr(after, name)), name
    assert again.bad_rows == {"time_jump": 1}  # found again: no clock was made up
    assert list(tmp_path.glob("tapes/*")) == [target]
    described = duckdb.sql(f"describe select * from '{target}'").fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [
        ("ts_event", "BIGINT"),
        ("price", "DOUBLE"),
        ("size", "DOUBLE"),
        ("side", "VARCHAR"),
    ]


def test_an_import_keeps_the_runtime_clock_and_exact_crypto_prices(tmp_path: Path) -> None:
    text = "ts_event,ts_recv,price,size,side\n" + f"{START_NS},{START_NS + 7},61800.3,0.107,B\n"
    source = csv_tape(tmp_path, text, symbol="BTCUSDT", name="btcusdt.csv").path
    target = tmp_path / "out.parquet"
    import_tape(source, target, INSTRUMENTS)
    assert duckdb.sql(f"select * from '{target}'").fetchall() == [
        (START_NS, START_NS + 7, 61800.3, 0.107, "B")
    ]


def test_an_import_overwrites_only_when_asked_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    source = csv_tape(tmp_path, HEADER + trade(0), name="nq.csv").path
    target = tmp_path / "out.parquet"
    target.write_text("mine")
    with pytest.raises(ConfigError, match="exists"):
        import_tape(source, target, INSTRUMENTS)
    assert target.read_text() == "mine"
    assert import_tape(source, target, INSTRUMENTS, overwrite=True).rows == 1
    with pytest.raises(ConfigError, match=r"\.parquet"):
        import_tape(source, tmp_path / "out.csv", INSTRUMENTS)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(TapeError, match="cannot be written"):
        import_tape(source, blocked / "out.parquet", INSTRUMENTS)


def test_a_folder_is_listed_with_what_each_file_holds(tmp_path: Path) -> None:
    csv_tape(tmp_path, HEADER + trade(0) + trade(5), name="nqm5.csv")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "notes.md").write_text("no tape")
    bad, good = list_tapes(tmp_path, INSTRUMENTS)
    assert (good.symbol, good.contract, good.rows, good.first_ns, good.problem) == (
        "NQ",
        "NQM5",
        2,
        START_NS,
        None,
    )
    assert bad.path.name == "empty.csv"
    assert bad.problem is not None
    assert "is empty" in bad.problem
    with pytest.raises(ConfigError, match="no such folder"):
        list_tapes(tmp_path / "none", INSTRUMENTS)
