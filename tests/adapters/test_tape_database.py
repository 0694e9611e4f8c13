"""Tapes that are open at a time share one database, and do not see each other in it."""

from pathlib import Path

import pytest

from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.data.tape_source import connect
from fabio.adapters.data.tapes import open_tape
from fabio.settings.places import shipped_folder

HEADER = "ts_event,price,size,side\n"
START_NS = 1_746_396_000_000_000_000


def written(path: Path, rows: int, torn: int = 0) -> Path:
    good = "".join(f"{START_NS + at * 10**9},{20_000 + at * 0.25},1,B\n" for at in range(rows))
    path.write_text(HEADER + good + f"{START_NS},20000.25\n" * torn)
    return path


def test_two_tapes_are_read_beside_each_other_each_with_its_own_refusals(tmp_path: Path) -> None:
    instruments = load_instruments(shipped_folder() / "instruments.toml")
    first = open_tape(written(tmp_path / "first.csv", 5, torn=2), instruments, "NQ")
    second = open_tape(written(tmp_path / "second.csv", 7), instruments, "NQ")
    assert (len(first.ticks()), len(second.ticks())) == (5, 7)
    assert (sum(first.bad_rows.values()), sum(second.bad_rows.values())) == (2, 0)
    first.source.connection.close()
    assert len(second.ticks()) == 7


def test_a_file_that_changed_under_its_name_is_read_anew(tmp_path: Path) -> None:
    instruments = load_instruments(shipped_folder() / "instruments.toml")
    path = tmp_path / "tape.csv"
    counts = [len(open_tape(written(path, rows), instruments, "NQ").ticks()) for rows in (4, 6, 4)]
    assert counts == [4, 6, 4]


def test_connections_share_a_database_and_no_temporary_table() -> None:
    with connect() as one, connect() as other:
        one.execute("create table shared as select 1 as value")
        one.execute("create temporary table own as select 1 as value")
        assert other.execute("select value from shared").fetchall() == [(1,)]
        with pytest.raises(Exception, match="own"):
            other.execute("select value from own")
    with connect() as later, pytest.raises(Exception, match="shared"):
        later.execute("select value from shared")
