"""BigQuery, by Google's client (extra `bigquery`): partitioned by day, each record once in the table itself.

How a batch gets in, and why so:

- **One MERGE a batch, by the key.** It is atomic, and what is there already is replaced. Streaming inserts forget their
  ids after about a minute. Load jobs only append: a batch that is cut anew after a kill, or a record that was
  corrected, would stand twice until every question goes through a view that sorts it out, and reads whole tables.
- **The rows are the statement's parameter**, not a staging table: nothing is left behind by who is killed, nothing of
  two agents can be mixed up, and there is no limit of loads a day.
- **Job ids are a function of batch and rows.** A reply that was lost is asked for by the same id: BigQuery refuses the
  second one (409), and the first one's end is the answer. So an old statement never runs after a newer one. Only what
  this process sent itself counts: somebody may have emptied the table since another one did.
- **Few and large.** A statement pays for at least 10 MB, so records are collected for some minutes.

Google's client brings 60 MB of packages, gRPC among them, which this sink does not use. It knows every way to sign in,
and its requests are Google's own reading of their interface; ours could not be tried against the real service.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from requests.exceptions import RequestException

from fabio.adapters.redact import KNOWN
from fabio.adapters.sinks.bigquery_merge import TYPES, job_name, parts_of
from fabio.adapters.sinks.google_login import SIGN_IN, login_failure
from fabio.adapters.sinks.port import Batch, Pace, Place, RowsRefused, Sink, SinkAway, SinkUnusable, Table
from fabio.adapters.sinks.targets import Target
from fabio.model.errors import ConfigError

_CALL: dict[str, Any] = {"retry": None, "timeout": 20.0}  # who repeats, and when, is for the follower to say
_JOB_S = 90.0
_FIRST_POLL_S, _SLOWEST_POLL_S = 0.1, 2.0
_EMULATOR = "BIGQUERY_EMULATOR_HOST"
_DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}")
_BUSY = frozenset({"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded", "backendError", "jobBackendError",
                   "internalError", "jobInternalError", "resourcesExceeded", "tableUnavailable", "timeout", "stopped",
                   "resourceInUse"})
_AT_ONCE = re.compile(r"could not serialize|concurrent update|too many DML", re.IGNORECASE)
_OUR_SHAPE = re.compile(r"unrecognized name|not found|cannot be assigned|has type|syntax error", re.IGNORECASE)
_ROLES = "the account needs the roles BigQuery Data Editor and BigQuery Job User, and the project billing"


def make(target: Target) -> Sink:
    """Make the sink of `bigquery://PROJECT/DATASET`; `?location=EU` says where a dataset that is missing is made.

    Raises
    ------
    ConfigError
        If BigQuery has no such names.
    """
    if not _DATASET.fullmatch(target.path):
        raise ConfigError("it is no name of a dataset", key="sinks.targets", value=target.path,
                          expected="letters, digits and _")
    location = parse_qs(urlsplit(target.url).query).get("location", [None])[0]
    return BigQuerySink(target.host, target.path, location)


class BigQuerySink:
    """Matches `port.Sink`.

    Parameters
    ----------
    location
        Where a dataset is made that is not there; None for what Google takes.
    sleep, clock_s
        Between two looks at a job, in seconds; tests put their own in.
    """

    pace = Pace(wait_s=900.0, lines=2_000)

    def __init__(self, project: str, dataset: str, location: str | None = None, *,
                 sleep: Callable[[float], None] = time.sleep, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._address = f"{project}.{dataset}"
        self._project = project
        self._location = location
        self._sleep, self._clock_s = sleep, clock_s
        self._client: bigquery.Client | None = None
        self._tables: dict[str, Table] = {}
        self._sent: set[str] = set()  # jobs of this process whose end it does not know
        self._attempts: dict[str, int] = {}  # name of a job -> how many of its ids are used up

    def open(self, tables: Sequence[Table]) -> None:
        """Sign in; make what is missing of dataset, tables and columns."""
        self._tables.clear()
        with _told():
            client = self._client = self._client or self._sign_in()
            try:
                dataset = client.get_dataset(self._address, **_CALL)
            except NotFound:
                wanted = bigquery.Dataset(self._address)
                wanted.location = self._location
                dataset = client.create_dataset(wanted, exists_ok=True, **_CALL)
            self._location = dataset.location
            for table in tables:
                self._make(client, table)
        self._tables = {table.name: table for table in tables}

    def put(self, batch: Batch) -> None:
        """Put the rows with one statement; where they need more, a half-done put is made whole by putting it again."""
        client = self._client
        if client is None or not self._tables:
            raise SinkAway("it was not opened")
        address = f"{self._address}.{batch.table}"
        for sql, text in list(parts_of(self._tables[batch.table], address, batch.rows)):
            with _told():
                self._merge(client, job_name(address, batch.id, text), sql, text)

    def places(self) -> dict[str, Place] | None:
        """Give None: a table of places would cost a statement for every batch."""
        return None

    def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            with suppress(RequestException, OSError):
                self._client.close()  # type: ignore[no-untyped-call]
        self._client = None
        self._tables.clear()

    def _sign_in(self) -> bigquery.Client:
        emulator = os.environ.get(_EMULATOR)
        if emulator:
            nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
            return bigquery.Client(self._project, nobody, client_options=ClientOptions(api_endpoint=emulator))
        return bigquery.Client(self._project)

    def _make(self, client: bigquery.Client, table: Table) -> None:
        """Make a table, or the columns it lacks."""
        schema = [bigquery.SchemaField(column.name, TYPES[column.kind]) for column in table.columns]
        address = f"{self._address}.{table.name}"
        try:
            there = client.get_table(address, **_CALL)
        except NotFound:
            wanted = bigquery.Table(address, schema)
            wanted.time_partitioning = bigquery.TimePartitioning(field=table.partition_by)
            wanted.clustering_fields = list(table.cluster_by[:4])
            client.create_table(wanted, exists_ok=True, **_CALL)
            return
        names = {field.name for field in there.schema}
        new = [field for field in schema if field.name not in names]
        if new:
            there.schema = [*there.schema, *new]
            client.update_table(there, ["schema"], **_CALL)

    def _merge(self, client: bigquery.Client, name: str, sql: str, text: str) -> None:
        """Run a statement to its end, once."""
        while True:
            attempt = self._attempts.get(name, 0)
            id_ = f"{name}_{attempt}"
            is_ours = id_ in self._sent
            self._sent.add(id_)  # before it is sent: its reply may be lost
            is_new, job = self._job(client, id_, sql, text)
            self._wait(job)
            error = job.error_result
            if error is None and (is_new or is_ours):
                self._sent.clear()
                self._attempts.pop(name, None)
                return
            self._sent.discard(id_)
            self._attempts[name] = attempt + 1  # its id is used up
            if error is not None and (is_new or is_ours):
                raise _failure(str(error.get("reason")), str(error.get("message")), has_run=True)

    def _job(self, client: bigquery.Client, id_: str, sql: str, text: str) -> tuple[bool, bigquery.QueryJob]:
        """Send a statement; where its id is taken already, give the job that has it."""
        config = bigquery.QueryJobConfig(
            query_parameters=[bigquery.ScalarQueryParameter("rows", "STRING", text)], labels={"fabio": "sink"})
        try:
            return True, client.query(sql, config, job_id=id_, location=self._location, job_retry=None, **_CALL)
        except Conflict:
            try:
                job = client.get_job(id_, location=self._location, **_CALL)
            except NotFound:  # taken and not yet to be seen: their servers disagree for some seconds
                raise SinkAway(f"BigQuery has a job {id_} and does not show it yet") from None
        if not isinstance(job, bigquery.QueryJob):
            raise SinkUnusable(f"the job {id_} is none of ours")
        return False, job

    def _wait(self, job: bigquery.QueryJob) -> None:
        ends_s, pause_s = self._clock_s() + _JOB_S, _FIRST_POLL_S
        while job.state != "DONE":
            if self._clock_s() >= ends_s:
                raise SinkAway(f"BigQuery did not end the job {job.job_id} within {_JOB_S:g} s")
            self._sleep(pause_s)
            pause_s = min(pause_s * 2, _SLOWEST_POLL_S)
            job.reload(**_CALL)


@contextmanager
def _told() -> Iterator[None]:
    """Turn failures into the port's."""
    try:
        yield
    except GoogleAPICallError as error:
        told = error.errors[0] if error.errors and isinstance(error.errors[0], dict) else {}
        reason = str(told.get("reason") or ("busy" if error.code is None else ""))
        raise _failure(reason, str(told.get("message") or error.message), int(error.code or 503)) from None
    except GoogleAuthError as error:
        raise login_failure(error) from None
    except (RequestException, OSError) as error:
        cause = error.args[0] if error.args else error
        raise SinkAway(f"BigQuery cannot be reached: {KNOWN.detail(str(getattr(cause, 'reason', cause)))}") from None


def _failure(reason: str, words: str, code: int = 0, *, has_run: bool = False) -> Exception:
    """Say whose turn it is.

    >>> _failure("quotaExceeded", "no", 403), _failure("", "no", 502), _failure("accessDenied", "no", 403).args[0][-7:]
    (SinkAway('no (quotaExceeded)'), SinkAway('no'), 'billing')
    >>> _failure("invalidQuery", "Could not serialize access to table due to concurrent update", has_run=True)
    SinkAway('Could not serialize access to table due to concurrent update (invalidQuery)')
    """
    words = KNOWN.detail(words) + (f" ({reason})" if reason else "")
    if reason in _BUSY or code in (408, 412, 429) or code >= 500 or _AT_ONCE.search(words):
        return SinkAway(words)
    if reason in ("invalid", "invalidQuery") and has_run and not _OUR_SHAPE.search(words):
        return RowsRefused(words)
    if code == 401 or reason == "authError":
        return SinkUnusable(f"{words}; {SIGN_IN}")
    if code == 403 or reason in ("accessDenied", "billingNotEnabled", "billingTierLimitExceeded"):
        return SinkUnusable(f"{words}; {_ROLES}")
    return SinkUnusable(words)
