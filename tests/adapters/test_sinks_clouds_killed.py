"""`fabio sink` as people run it, ended with SIGKILL between what the cloud took and what the process knows of it."""

import os
import signal
import subprocess
import sys

import orjson
import pytest
from sink_days import Day, expected

pytest.importorskip("google.cloud.bigquery", reason="the extra `bigquery` is not installed")
pytest.importorskip("google.cloud.firestore", reason="the extra `firestore` is not installed")
pytest.importorskip("sqlglot", reason="the server reads statements with it")
from bigquery_server import BigQuery
from firestore_server import Firestore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes are ended as on Unix")


class Victim:
    """`fabio sink --once`, in a process of its own."""

    def __init__(self, tmp_path, url, **environment):
        # its output is in files: who is killed closes no pipe that its grandchildren hold
        self._out = tmp_path / "out"
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fabio", "sink", "--once", "--json", "--logs", tmp_path / "logs", "--to", url],
                cwd=tmp_path, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT)

    def kill(self):
        self._process.send_signal(signal.SIGKILL)

    def end(self):
        """Give its exit code and what it said."""
        return self._process.wait(300), self._out.read_bytes()


@pytest.mark.parametrize("cloud", ["bigquery", "firestore"])
def test_a_process_that_is_killed_after_the_cloud_took_its_rows_doubles_and_loses_nothing(tmp_path, cloud):
    service = BigQuery() if cloud == "bigquery" else Firestore()
    try:
        _kill_one_and_let_one_live(tmp_path, cloud, service)
    finally:
        service.stop()


def _kill_one_and_let_one_live(tmp_path, cloud, service):
    day = Day(tmp_path / "logs")
    day.write(2)
    victims, taken = [], 0

    def fault(first, second):
        nonlocal taken
        if (first, second) in (("POST", "jobs"), ("commit", "after")):
            taken += 1
            if taken == 7:
                victims[0].kill()
                return "cut after" if cloud == "bigquery" else None
        return None

    service.fault = fault
    environment = ({"BIGQUERY_EMULATOR_HOST": service.url} if cloud == "bigquery"
                   else {"FIRESTORE_EMULATOR_HOST": service.host})
    url = "bigquery://proj/trading" if cloud == "bigquery" else "firestore://proj/agents"
    victims.append(Victim(tmp_path, url, **environment))
    assert victims[0].end()[0] == -signal.SIGKILL
    assert taken == 7
    day.write(1)  # its batches are cut elsewhere now
    day.close()
    code, said = Victim(tmp_path, url, **environment).end()
    assert code == 0, said
    (status,) = orjson.loads(said)["sinks"]
    assert (status["target"], status["state"], status["behind_bytes"]) == (url, "stopped", 0)
    for table, rows in expected(tmp_path / "logs").items():
        there = service.rows(table)
        keys = [row["record_id"] for row in (there.values() if isinstance(there, dict) else there)]
        assert sorted(keys) == sorted(rows), table
