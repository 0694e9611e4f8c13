"""A BigQuery on this machine: the REST interface (v2) that Google's client speaks, over DuckDB.

Statements are read by sqlglot as BigQuery's dialect and run by DuckDB: what they do is not ours to imagine. Ids of jobs
are refused a second time (409), jobs end later than they are sent, and any call can be refused, or its connection cut
before or after it was served.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import duckdb
import sqlglot
from sinks_sql_lab import Contents, normal
from sqlglot import exp

from fabio.adapters.sinks.port import KEY, Table

PROJECT, DATASET = "proj", "trading"
_TYPES = {"STRING": "VARCHAR", "INT64": "BIGINT", "FLOAT64": "DOUBLE", "BOOL": "BOOLEAN", "BIGNUMERIC": "VARCHAR",
          "TIMESTAMP": "TIMESTAMPTZ", "JSON": "JSON"}
_ROUTE = re.compile(r"/bigquery/v2/projects/([^/]+)/(datasets|jobs)(?:/([^/?]+))?(?:/tables(?:/([^/?]+))?)?(?:\?.*)?")
_LIMIT = 10 << 20

Answer = tuple[int, dict[str, Any]]


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason


class BigQuery:
    """The service; `url` is where it listens.

    Attributes
    ----------
    fault
        Asked for every call with its method and what it is for (`datasets`, `tables`, `jobs`); gives None, `"cut
        before"`, `"cut after"`, or an error as (code, reason).
    job_error
        Asked for every new statement; gives the reason with which it fails, or "".
    polls
        So often a job is looked at before it is done.
    """

    def __init__(self) -> None:
        self.fault: Callable[[str, str], Any] = lambda method, what: None
        self.job_error: Callable[[str], str] = lambda sql: ""
        self.polls = 0
        self.datasets: dict[str, dict[str, Any]] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.merged: list[str] = []  # ids of statements that were run
        self.statements: list[str] = []
        self._left: dict[str, int] = {}  # id of a job -> looks until it is done
        self._lock = threading.Lock()
        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'")
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = service.call(self.command, self.path, body, self.headers.get("If-Match"))
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                text = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

            def log_message(self, *_: Any) -> None:
                pass

            def finish(self) -> None:
                with suppress(OSError, ValueError):  # it was cut on purpose
                    super().finish()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._database.close()

    def call(self, method: str, path: str, body: bytes, etag: str | None) -> Answer | None:
        """Serve a call; None where the connection is cut."""
        found = _ROUTE.fullmatch(path)
        if not found or found[1] != PROJECT:
            return _error(404, "notFound", f"Not found: {path}")
        what = "tables" if "/tables" in path else found[2]
        with self._lock:
            fault = self.fault(method, what)
            if fault == "cut before":
                return None
            if isinstance(fault, tuple):
                return _error(*fault, "as told")
            try:
                given = json.loads(body) if body else {}
                answer = 200, self._serve(method, what, (found[3], found[4]), given, len(body), etag)
            except Refused as refused:
                answer = _error(refused.code, refused.reason, str(refused))
            return None if fault == "cut after" else answer

    def _serve(self, method: str, what: str, names: tuple[str, str], given: dict[str, Any], size: int,
               etag: str | None) -> dict[str, Any]:
        match method, what:
            case "GET", "datasets":
                return _found(self.datasets, names[0], "Dataset")
            case "POST", "datasets":
                reference = given["datasetReference"]
                assert reference["projectId"] == PROJECT
                made = {**given, "location": given.get("location") or "US", "id": f"{PROJECT}:{reference['datasetId']}"}
                _add(self.datasets, reference["datasetId"], made)
                self._database.execute(f'CREATE SCHEMA "{reference["datasetId"]}"')
                return made
            case "GET", "tables":
                return _found(self.tables, names[1], "Table")
            case "POST", "tables":
                return self._make_table(names[0], given)
            case "PATCH", "tables":
                return self._patch_table(names[1], given, etag)
            case "POST", "jobs":
                return self._run(given, size)
            case "GET", "jobs":
                return self._look(names[0])
        raise Refused(404, "notFound", f"Not found: {method} {what}")

    def _make_table(self, dataset: str, given: dict[str, Any]) -> dict[str, Any]:
        _found(self.datasets, dataset, "Dataset")
        name = given["tableReference"]["tableId"]
        assert given["timePartitioning"]["type"] == "DAY"
        assert given["timePartitioning"]["field"] in [
            field["name"] for field in given["schema"]["fields"] if field["type"] == "TIMESTAMP"]
        _add(self.tables, name, {**given, "etag": "1", "creationTime": str(time.time_ns() // 1_000_000)})
        columns = ", ".join(f'"{field["name"]}" {_TYPES[field["type"]]}' for field in given["schema"]["fields"])
        self._database.execute(f'CREATE TABLE "{dataset}"."{name}" ({columns})')
        return self.tables[name]

    def _patch_table(self, name: str, given: dict[str, Any], etag: str | None) -> dict[str, Any]:
        table = _found(self.tables, name, "Table")
        if etag is not None and etag != table["etag"]:
            raise Refused(412, "conditionNotMet", "Precondition check failed.")
        old, new = ({field["name"]: field for field in each["schema"]["fields"]} for each in (table, given))
        if not set(old) <= set(new):
            raise Refused(400, "invalid", "Provided Schema does not match: a field is missing in new schema")
        for added in set(new) - set(old):
            assert new[added].get("mode", "NULLABLE") == "NULLABLE"
            self._database.execute(
                f'ALTER TABLE "{DATASET}"."{name}" ADD COLUMN "{added}" {_TYPES[new[added]["type"]]}')
        table.update(schema=given["schema"], etag=str(int(table["etag"]) + 1))
        return table

    def _run(self, given: dict[str, Any], size: int) -> dict[str, Any]:
        reference, query = given["jobReference"], given["configuration"]["query"]
        if reference["jobId"] in self.jobs:
            raise Refused(409, "duplicate", f"Already Exists: Job {PROJECT}:{reference['jobId']}")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,1024}", reference["jobId"]):
            raise Refused(400, "invalid", "Invalid job ID")
        if size > _LIMIT:
            raise Refused(413, "invalid", "Request payload size exceeds the limit: 10485760 bytes.")
        assert query["useLegacySql"] is False
        assert reference["location"] == self.datasets[DATASET]["location"]
        status = {"state": "RUNNING"}
        reason = self.job_error(query["query"])
        words = f"as told, at [1:1]: {reason}"
        if not reason:
            try:
                self._execute(query["query"], query["queryParameters"])
                self.merged.append(reference["jobId"])
                self.statements.append(query["query"])
            except duckdb.CatalogException as error:
                raise Refused(404, "notFound", f"Not found: Table {error}") from None
            except duckdb.Error as error:
                reason, words = "invalidQuery", str(error)
        job = {**given, "id": reference["jobId"], "status": status, "statistics": {"creationTime": "1"}}
        if reason:
            job["failed"] = {"errorResult": {"reason": reason, "message": words}}
        self.jobs[reference["jobId"]] = job
        self._left[reference["jobId"]] = self.polls
        return self._look(reference["jobId"])

    def _look(self, id_: str) -> dict[str, Any]:
        job = _found(self.jobs, id_, "Job")
        self._left[id_] -= 1
        if self._left[id_] < 0:
            job["status"] = {"state": "DONE", **job.get("failed", {})}
        return job

    def _execute(self, sql: str, parameters: list[dict[str, Any]]) -> None:
        tree = sqlglot.parse_one(sql, read="bigquery")
        for kind in list(tree.find_all(exp.DataType)):
            if kind.this == exp.DataType.Type.BIGDECIMAL:
                kind.replace(exp.DataType.build("text"))  # DuckDB has 38 digits in all
        for table in tree.find_all(exp.Table):
            if table.args.get("catalog"):
                assert table.catalog == PROJECT
                table.set("catalog", None)
        values = {each["name"]: each["parameterValue"]["value"] for each in parameters}
        assert [each["parameterType"]["type"] for each in parameters] == ["STRING"]
        self._database.execute(tree.sql(dialect="duckdb"), values)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Give a table's rows as they stand."""
        with self._lock:
            times = ", ".join(
                f"strftime(\"{field['name']}\", '%Y-%m-%dT%H:%M:%S.%fZ') AS \"{field['name']}\""
                for field in self.tables[table]["schema"]["fields"] if field["type"] == "TIMESTAMP")
            cursor = self._database.execute(f'SELECT * REPLACE ({times}) FROM "{DATASET}"."{table}"')
            names = [each[0] for each in cursor.description]
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def forget_rows(self, table: str) -> None:
        """Empty a table, as a person does."""
        with self._lock:
            self._database.execute(f'DELETE FROM "{DATASET}"."{table}"')

    def drop(self, table: str) -> None:
        """Drop a table, as a person does."""
        with self._lock:
            del self.tables[table]
            self._database.execute(f'DROP TABLE "{DATASET}"."{table}"')

    def contents(self, tables: tuple[Table, ...]) -> Contents:
        """Give all rows as they compare; a key that stands twice would be an error."""
        found: Contents = {}
        for table in tables:
            for row in self.rows(table.name):
                assert row[KEY] not in found.setdefault(table.name, {}), f"{row[KEY]} stands twice in {table.name}"
                found[table.name][row[KEY]] = {
                    column.name: normal(column.kind, row[column.name]) for column in table.columns}
        return found


def _found(kept: dict[str, dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    if name not in kept:
        raise Refused(404, "notFound", f"Not found: {what} {PROJECT}:{name}")
    return kept[name]


def _add(kept: dict[str, dict[str, Any]], name: str, made: dict[str, Any]) -> None:
    if name in kept:
        raise Refused(409, "duplicate", f"Already Exists: {PROJECT}:{name}")
    kept[name] = made


def _error(code: int, reason: str, message: str) -> Answer:
    return code, {"error": {"code": code, "message": message, "errors": [
        {"reason": reason, "message": message, "domain": "global"}]}}
