"""A Firestore on this machine: the gRPC interface (v1) that Google's client speaks, with its own messages.

Commits are whole or not at all, and keep the real one's limits: 500 writes, 10 MiB, 1 MiB a document, no lists in
lists, no reserved names. Any call can fail before or after it was served.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    CommitResponse,
    Document,
    WriteResult,
)

PROJECT, COLLECTION = "proj", "agents"
_DATABASE = f"projects/{PROJECT}/databases/(default)"
_ROOT = f"{_DATABASE}/documents/"
_RESERVED = re.compile(r"__.*__")


class Refused(Exception):
    """An answer that is no success."""


class Firestore:
    """The service; `host` is where it listens.

    Attributes
    ----------
    fault
        Asked for every call with its name, before and after it is served (`"before"`, `"after"`); gives a status to
        fail with, or None.
    documents
        Place below the database, with slashes -> fields.
    """

    def __init__(self) -> None:
        self.fault: Callable[[str, str], grpc.StatusCode | None] = lambda name, when: None
        self.documents: dict[str, dict[str, Any]] = {}
        self.commits: list[int] = []  # writes in each
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", {
            "Commit": grpc.unary_unary_rpc_method_handler(
                self._commit, CommitRequest.deserialize, CommitResponse.serialize),
            "BatchGetDocuments": grpc.unary_stream_rpc_method_handler(
                self._get, BatchGetDocumentsRequest.deserialize, BatchGetDocumentsResponse.serialize),
        }),))
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """End it."""
        self._server.stop(0).wait()

    def rows(self, table: str) -> dict[str, dict[str, Any]]:
        """Give the documents of a table, of all agents, by their name."""
        return {place.split("/")[3]: fields for place, fields in self.documents.items()
                if place.count("/") == 3 and place.split("/")[2] == table}

    def _fail(self, context: grpc.ServicerContext, name: str, when: str) -> None:
        status = self.fault(name, when)
        if status is not None:
            context.abort(status, "as told")

    def _commit(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            self._fail(context, "commit", "before")
            try:
                documents = self._applied(request)
            except Refused as refused:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(refused))
            self.documents = documents
            self.commits.append(len(request.writes))
            self._fail(context, "commit", "after")
        return CommitResponse(write_results=[WriteResult() for _ in request.writes])

    def _applied(self, request: Any) -> dict[str, dict[str, Any]]:
        assert request.database == _DATABASE
        assert not request.transaction
        if len(request.writes) > 500:
            raise Refused("maximum 500 writes allowed per request")
        if type(request).pb(request).ByteSize() > 10 << 20:
            raise Refused("Request payload size exceeds the limit: 10485760 bytes.")
        documents = dict(self.documents)
        for write in request.writes:
            message = Document.pb(write.update)
            name = message.name
            assert name.startswith(_ROOT)
            parts = name.removeprefix(_ROOT).split("/")
            if len(parts) % 2 or any(not part or part in (".", "..") or _RESERVED.fullmatch(part) or
                                     len(part.encode()) > 1_500 for part in parts):
                raise Refused(f"Document name {name} is not valid")
            if message.ByteSize() > 1 << 20:
                raise Refused(f"Document {name} cannot be written because its size exceeds the maximum")
            assert not write.update_mask.field_paths, "documents are set whole"
            documents["/".join(parts)] = _map(message.fields, 20)
        return documents

    def _get(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self._lock:
            self._fail(context, "get", "before")
            for name in request.documents:
                fields = self.documents.get(name.removeprefix(_ROOT))
                if fields is None:
                    yield BatchGetDocumentsResponse(missing=name, read_time={"seconds": 1})
                    continue
                found = Document(name=name, create_time={"seconds": 1}, update_time={"seconds": 1})
                for path in request.mask.field_paths:
                    if path in fields:
                        Document.pb(found).fields[path].integer_value = fields[path]
                yield BatchGetDocumentsResponse(found=found, read_time={"seconds": 1})


def _map(fields: Mapping[str, Any], levels: int) -> dict[str, Any]:
    for name in fields:
        if not name or _RESERVED.fullmatch(name):
            raise Refused(f"field name {name!r} is reserved")
    return {name: _value(value, levels - 1, in_list=False) for name, value in fields.items()}


def _value(value: Any, levels: int, *, in_list: bool) -> Any:
    if levels < 0:
        raise Refused("Property has an invalid nested entity: too deep")
    kind = value.WhichOneof("value_type")
    match kind:
        case "null_value":
            return None
        case "map_value":
            return _map(value.map_value.fields, levels)
        case "array_value":
            if in_list:
                raise Refused("Cannot convert an array value in an array value.")
            return [_value(each, levels - 1, in_list=True) for each in value.array_value.values]
        case "timestamp_value":
            return value.timestamp_value.ToJsonString()
        case _:
            return getattr(value, kind)
