"""Reading tables back, and a process whose sink is killed at chosen moments.

As a program: `sinks_sql_lab.py FOLDER URL KILLS SEED` writes a round of records into a new folder and forks a process
that follows it and is ended with SIGKILL at a random statement, so often; a last one is let through.
"""

import datetime as dt
import os
import random
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from fabio.adapters.sinks.port import KEY
from fabio.adapters.sinks.targets import make_sink, parse_target
from fabio.runtime.sinking.tables import TABLES

Contents = dict[str, dict[str, dict[str, Any]]]


def normal(kind: str, value: Any) -> Any:
    """Give a value as it compares, whatever a database made of it."""
    if value is None:
        return None
    if kind == "decimal":
        return Decimal(str(value))
    if kind == "json":
        return orjson.loads(value) if isinstance(value, str) else value
    if kind == "time":
        return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
    return bool(value) if kind == "bool" else value


def wanted(tables: dict[str, dict[str, Any]]) -> Contents:
    """Give what must be read back."""
    found: Contents = {}
    for table in TABLES:
        for key, row in tables.get(table.name, {}).items():
            found.setdefault(table.name, {})[key] = {
                column.name: normal(column.kind, row.get(column.name)) for column in table.columns}
    return found


def contents(url: str) -> Contents:
    """Read all tables of a database; a key that stands twice would be an error."""
    sink = make_sink(parse_target(url))
    database = sink._database  # type: ignore[attr-defined]
    database.connect()
    found: Contents = {}
    with database.transaction() as transaction:
        for table in TABLES:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            for values in transaction.execute(f'SELECT {names} FROM "{table.name}"'):
                row = {column.name: normal(column.kind, value)
                       for column, value in zip(table.columns, values, strict=True)}
                assert row[KEY] not in found.setdefault(table.name, {})
                found[table.name][row[KEY]] = row
    sink.close()
    return found


def documented_questions() -> list[str]:
    """Give the SQL of `docs/sinks.md`."""
    text = (Path(__file__).parents[2] / "docs" / "sinks.md").read_text("utf-8")
    return re.findall(r"```sql\n(.*?)```", text, re.DOTALL)


def asked(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Ask a database; numbers as floats."""
    database = make_sink(parse_target(url))._database  # type: ignore[attr-defined]
    database.connect()
    with database.transaction() as transaction:
        rows = transaction.execute(sql)
    database.close()
    return [tuple(float(each) if isinstance(each, Decimal | int) else each for each in row) for row in rows]


def kill_often(folder: Path, url: str, kills: int) -> int:
    """Run this file as a program, which has no threads; give how many processes were killed."""
    answer = subprocess.run([sys.executable, __file__, folder, url, str(kills), "1"],
                            capture_output=True, text=True, timeout=600, check=False)
    assert answer.stderr == ""
    return int(answer.stdout)


def _follow_and_die(folder: Path, url: str, at: int) -> None:
    """Follow; the statement number `at` is the last thing this process does."""
    from sink_days import follower, run_dry

    sink = make_sink(parse_target(url))
    database = sink._database  # type: ignore[attr-defined]
    whole = database.transaction
    statements = 0

    class Deadly:
        def __init__(self, manager: Any) -> None:
            self._manager = manager

        def __enter__(self) -> Any:
            transaction = self._manager.__enter__()
            many = transaction.execute_many

            def execute_many(sql: str, rows: Any) -> None:
                nonlocal statements
                many(sql, rows)
                statements += 1
                if statements == at:
                    os.kill(os.getpid(), signal.SIGKILL)

            transaction.execute_many = execute_many
            return transaction

        def __exit__(self, *error: Any) -> Any:
            nonlocal statements
            ended = self._manager.__exit__(*error)
            statements += 1
            if statements == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return ended

    database.transaction = lambda: Deadly(whole())
    run_dry(follower(folder, sink, "killed"))


def main(folder: Path, url: str, kills: int, seed: int) -> int:
    """Let an agent write a round and a process die, again and again, and one live; give how many were killed."""
    from sink_days import Day

    make_sink(parse_target(url))  # imported once, not by each of the forked
    chance, day, killed = random.Random(seed), Day(folder), 0
    for _ in range(kills):
        day.write(1)
        pid = os.fork()
        if pid == 0:
            _follow_and_die(folder, url, chance.randrange(1, 40))
            os._exit(0)
        killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        chance.random()
    day.close()
    _follow_and_die(folder, url, 0)
    return killed


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))
    sys.stdout.write(f"{main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))}\n")
