"""A database that a damaged file has broken is left behind."""

import duckdb
import pytest

from fabio.adapters.data import tape_source


class Broken:
    """A connection whose database answers nobody any more."""

    def __init__(self) -> None:
        self.is_closed = False

    def execute(self, query: str) -> None:
        raise duckdb.FatalException("FATAL Error: Failed: database has been invalidated")

    def close(self) -> None:
        self.is_closed = True


def test_who_comes_after_a_broken_database_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, names, connect = Broken(), [], duckdb.connect

    def first_broken(name: str, config: dict[str, object]) -> object:
        names.append(name)
        return broken if len(names) == 1 else connect(name, config=config)

    monkeypatch.setattr(tape_source, "_broken", [])
    monkeypatch.setattr(duckdb, "connect", first_broken)
    with tape_source.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert broken.is_closed
    assert len(set(names)) == 2
