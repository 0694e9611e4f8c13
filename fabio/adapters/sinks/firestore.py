"""Firestore, by Google's client (extra `firestore`): every record as a document, and the last ones at hand.

A document is named by its record's id and set whole, so putting it again changes nothing. A commit is atomic, but has
at most 500 writes: a larger batch goes in several, and one that stopped halfway is made whole by putting it again.
Nobody sees more than rows that come a moment before the others.

What lies in `live` goes forward only: before the first write to one of those documents this process asks how far it is,
so that a stream that is read again does not show yesterday as now.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.api_core.exceptions import FailedPrecondition as Unprepared
from google.api_core.exceptions import GoogleAPICallError, InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore

from fabio.adapters.redact import KNOWN
from fabio.adapters.sinks.firestore_documents import LIVE, Document, document, place_of
from fabio.adapters.sinks.google_login import SIGN_IN, login_failure
from fabio.adapters.sinks.port import Batch, Pace, Place, RowsRefused, Sink, SinkAway, SinkUnusable, Table
from fabio.adapters.sinks.targets import Target
from fabio.model.errors import ConfigError

WRITES_MOST = 400
"""In one commit; Firestore takes 500."""
LETTERS_MOST = 2_000_000
"""In the values of one commit; Firestore takes 10 MiB, and a letter, or a short number in a map, may need 5 bytes."""
_CALL: dict[str, Any] = {"retry": None, "timeout": 20.0}  # who repeats, and when, is for the follower to say
_SEGMENT = re.compile(r"(?!\.{1,2}$)(?!__.*__$)[^/]{1,500}")

Write = tuple[tuple[str, ...], Document, int]
"""Where a document lies, what it holds, and how many letters its values have."""


def make(target: Target) -> Sink:
    """Make the sink of `firestore://PROJECT/COLLECTION`.

    `?database=NAME` names another database than the default one, `?tables=decisions,trades` leaves the others out.

    Raises
    ------
    ConfigError
        If Firestore has no such names.
    """
    segments = tuple(target.path.split("/"))
    if len(segments) % 2 == 0 or not all(map(_SEGMENT.fullmatch, segments)):
        raise ConfigError("it is no name of a collection", key="sinks.targets", value=target.path,
                          expected="NAME, or NAME/DOCUMENT/NAME")
    wishes = parse_qs(urlsplit(target.url).query)
    return FirestoreSink(target.host, segments, wishes.get("database", [None])[0],
                         {name for each in wishes.get("tables", ()) for name in each.split(",")})


class FirestoreSink:
    """Matches `port.Sink`.

    Parameters
    ----------
    collection
        Names on the way to the collection.
    database
        None for the default one.
    only
        Names of the tables that are wanted; empty for all.
    """

    pace = Pace(wait_s=1.0)

    def __init__(self, project: str, collection: tuple[str, ...], database: str | None = None,
                 only: set[str] | None = None) -> None:
        self._project, self._collection, self._database = project, collection, database
        self._only = only or set()
        self._client: firestore.Client | None = None
        self._tables: dict[str, Table] = {}
        self._newest_ns: dict[tuple[str, ...], int] = {}  # place of a document that goes forward only -> its time

    def open(self, tables: Sequence[Table]) -> None:
        """Sign in and look whether we may."""
        unknown = self._only - {table.name for table in tables}
        if unknown:
            raise SinkUnusable(f"there is no table {', '.join(sorted(unknown))}; there are "
                               f"{', '.join(table.name for table in tables)}")
        self._tables.clear()
        self._newest_ns.clear()  # another process may have gone on meanwhile
        with _told():
            client = self._client = self._client or firestore.Client(self._project, database=self._database)
            client.document(*self._collection, "fabio").get(**_CALL)
        self._tables = {table.name: table for table in tables}

    def put(self, batch: Batch) -> None:
        """Set the documents of all rows, then what is shown as the last ones."""
        client = self._client
        if client is None or not self._tables:
            raise SinkAway("it was not opened")
        if not batch.rows or (self._only and batch.table not in self._only):
            return
        table = self._tables[batch.table]
        made = [(document(table, row), sum(len(str(value)) for value in row.values())) for row in batch.rows]
        writes: list[Write] = [
            ((*self._agent(fields), table.name, place_of(fields[table.key])), fields, size) for fields, size in made]
        with _told():
            writes += self._shown(client, table.name, made)
            for part in _parts(writes):
                commit = client.batch()
                for place, fields, _ in part:
                    commit.set(client.document(*place), fields)
                commit.commit(**_CALL)
        self._newest_ns.update({place: fields["ts_ns"] for place, fields, _ in writes if place in self._newest_ns})

    def places(self) -> dict[str, Place] | None:
        """Give None: a document of places would be one more write to pay for with every batch."""
        return None

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]
        self._client = None
        self._tables.clear()

    def _agent(self, fields: Document) -> tuple[str, ...]:
        return *self._collection, place_of(str(fields.get("agent_id") or "unknown"))

    def _shown(self, client: firestore.Client, table: str, made: list[tuple[Document, int]]) -> list[Write]:
        """Give the documents that show the last rows, where these rows are newer."""
        last: dict[tuple[str, ...], Write] = {}
        for fields, size in made:
            if fields.get("ts_ns") is None:
                continue
            agent = self._agent(fields)
            about = {name: fields.get(name) for name in ("agent_id", "user_id", "ts", "ts_ns")}
            shown = [(agent, about, 200)]
            if table in LIVE:
                name = f"{fields['symbol']}.{table}" if fields.get("symbol") else table
                shown.append(((*agent, "live", place_of(name)), {**fields, "table": table}, size))
            for write in shown:
                if write[0] not in last or last[write[0]][1]["ts_ns"] <= write[1]["ts_ns"]:
                    last[write[0]] = write
        unknown = [client.document(*place) for place in last if place not in self._newest_ns]
        for found in client.get_all(unknown, field_paths=["ts_ns"], **_CALL) if unknown else ():
            there = found.to_dict() or {}
            self._newest_ns[tuple(found.reference.path.split("/"))] = there.get("ts_ns") or 0
        return [write for place, write in last.items() if write[1]["ts_ns"] >= self._newest_ns.get(place, 0)]


def _parts(writes: Sequence[Write]) -> Iterator[list[Write]]:
    part: list[Write] = []
    size = 0
    for write in writes:
        if part and (len(part) == WRITES_MOST or size + write[2] > LETTERS_MOST):
            yield part
            part, size = [], 0
        part.append(write)
        size += write[2]
    if part:
        yield part


@contextmanager
def _told() -> Iterator[None]:
    """Turn failures into the port's."""
    try:
        yield
    except GoogleAPICallError as error:
        words = KNOWN.detail(str(error.message))
        if isinstance(error, InvalidArgument):
            raise RowsRefused(words) from None
        if isinstance(error, PermissionDenied):
            raise SinkUnusable(f"{words}; the account needs the role Cloud Datastore User") from None
        if isinstance(error, Unauthenticated):
            raise SinkUnusable(f"{words}; {SIGN_IN}") from None
        if isinstance(error, NotFound | Unprepared):
            raise SinkUnusable(f"{words}; a database is made by `gcloud firestore databases create`") from None
        raise SinkAway(words) from None
    except GoogleAuthError as error:
        raise login_failure(error) from None
