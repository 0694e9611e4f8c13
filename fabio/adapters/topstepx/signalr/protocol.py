"""Records of SignalR's JSON hub protocol: bytes in, values out, and back.

Both ends use this file: the client of TopstepX and the simulated gateway. A record is a JSON
object ended by byte 0x1E; `reader` cuts frames into records. Nothing here raises over what came
in: a record that cannot be read is a `BadRecord` with its kind.

Source: the hub protocol specification of ASP.NET Core SignalR (`HubProtocol.md`, 2026).
"""

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

SEPARATOR = b"\x1e"
SAMPLE_BYTES = 512
"""How much of a bad record is kept."""

BOM = b"\xef\xbb\xbf"


class BadKind(StrEnum):
    """What is wrong with a record that cannot be read."""

    EMPTY = "empty"
    BYTE_ORDER_MARK = "byte_order_mark"
    NUL = "nul"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    TOO_LONG = "too_long"
    UNTERMINATED = "unterminated"
    NOT_AN_OBJECT = "not_an_object"
    TYPE = "type"
    TARGET = "target"
    ARGUMENTS = "arguments"
    WRONG_SHAPE = "wrong_shape"
    HANDSHAKE = "handshake"


class HandshakeRequest(msgspec.Struct, frozen=True):
    """The client's first record; TopstepX speaks `json` in version 1."""

    protocol: str
    version: int


class HandshakeAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The server's first record; an error is a refusal, and the connection ends."""

    error: str | None = None


class Invocation(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, tag_field="type", tag=1):
    """A call of the other side; each argument is raw JSON, decoded by whoever knows the target.

    Parameters
    ----------
    invocation_id
        Asks for a completion; None where no answer is wanted. The server's events have none.
    """

    target: str
    arguments: tuple[msgspec.Raw, ...]
    invocation_id: str | None = None


class Completion(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, tag_field="type", tag=3):
    """The answer to an invocation; `error` is a refusal, `result` None where there is none."""

    invocation_id: str
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: str | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag=6):
    """Tells that the other side lives."""


class Close(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, tag_field="type", tag=7):
    """The other side is about to close; `allow_reconnect` says that a new connection is welcome."""

    error: str | None = None
    allow_reconnect: bool = False


class Unused(msgspec.Struct, frozen=True):
    """A record of a type nothing is done with: streams (2, 4, 5), acknowledgements (8, 9), unknown ones."""

    type: int


class BadRecord(msgspec.Struct, frozen=True):
    """A record that cannot be read: what is wrong, its start, and its length in bytes."""

    kind: BadKind
    sample: bytes
    length: int


Record: TypeAlias = Invocation | Completion | Ping | Close | Unused
Handshake: TypeAlias = HandshakeRequest | HandshakeAnswer

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Everything msgspec raises over bytes it cannot read."""

_USED_TYPES = frozenset({1, 3, 6, 7})


class _Envelope(msgspec.Struct):
    """Any record, read only to find out what is wrong with it."""

    type: Any = None
    target: Any = None
    arguments: Any = None
    protocol: Any = None


_Used: TypeAlias = Invocation | Completion | Ping | Close
_RECORD: msgspec.json.Decoder[_Used] = msgspec.json.Decoder(_Used)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_REQUEST = msgspec.json.Decoder(HandshakeRequest)
_ANSWER = msgspec.json.Decoder(HandshakeAnswer)
_ENCODER = msgspec.json.Encoder()


def render(record: Record | Handshake) -> bytes:
    """Write a record, its separator included; sockets send it as text (`.decode()` where they want `str`)."""
    return _ENCODER.encode(record) + SEPARATOR


def invocation(target: str, *arguments: object, invocation_id: str | None = None) -> Invocation:
    """Build an invocation from values that msgspec can write as JSON.

    Examples
    --------
    >>> render(invocation("SubscribeOrders", 7, invocation_id="0"))
    b'{"type":1,"target":"SubscribeOrders","arguments":[7],"invocationId":"0"}\\x1e'
    """
    return Invocation(target, tuple(msgspec.Raw(_ENCODER.encode(each)) for each in arguments), invocation_id)


def parse(data: bytes) -> Record | BadRecord:
    """Read one record without its separator.

    Examples
    --------
    >>> parse(b'{"type":7,"error":"going down","allowReconnect":true}')
    Close(error='going down', allow_reconnect=True)
    >>> parse(b'{"type":1,"target":"GatewayQuote","arguments":null}').kind
    <BadKind.ARGUMENTS: 'arguments'>
    """
    # raw arguments are passed over, not decoded: their text has to be checked here
    if data.isascii() or _is_utf8(data):
        try:
            return _RECORD.decode(data)
        except DECODE_ERRORS:
            pass
    return _explained(data)


def parse_handshake_request(data: bytes) -> HandshakeRequest | BadRecord:
    """Read the client's first record without its separator."""
    try:
        return _REQUEST.decode(data)
    except DECODE_ERRORS:
        return bad(BadKind.HANDSHAKE, data)


def parse_handshake_answer(data: bytes) -> HandshakeAnswer | BadRecord:
    """Read the server's first record without its separator.

    Examples
    --------
    >>> parse_handshake_answer(b'{}')
    HandshakeAnswer(error=None)
    >>> parse_handshake_answer(b'{"type":6}').kind
    <BadKind.HANDSHAKE: 'handshake'>
    """
    try:
        # a server that skips the answer and sends its first record must not pass for one that agreed
        if _ENVELOPE.decode(data).type is None:
            return _ANSWER.decode(data)
    except DECODE_ERRORS:
        pass
    return bad(BadKind.HANDSHAKE, data)


def bad(kind: BadKind, data: bytes) -> BadRecord:
    """Put a record away with the start of what came."""
    return BadRecord(kind, data[:SAMPLE_BYTES], len(data))


def _explained(data: bytes) -> Record | BadRecord:
    try:
        envelope = _ENVELOPE.decode(data)
    except RecursionError:
        return bad(BadKind.TOO_DEEP, data)
    except msgspec.ValidationError:
        return bad(_text_kind(data) or BadKind.NOT_AN_OBJECT, data)
    except DECODE_ERRORS:
        return bad(_text_kind(data) or BadKind.NOT_JSON, data)
    return _of_envelope(envelope, data)


def _of_envelope(envelope: _Envelope, data: bytes) -> Record | BadRecord:
    kind = _text_kind(data)
    if kind is not None:
        return bad(kind, data)
    if type(envelope.type) is not int:
        return bad(BadKind.TYPE, data)
    if envelope.type not in _USED_TYPES:
        return Unused(envelope.type)
    if envelope.type == 1 and not isinstance(envelope.target, str):
        return bad(BadKind.TARGET, data)
    if envelope.type == 1 and not isinstance(envelope.arguments, list):
        return bad(BadKind.ARGUMENTS, data)
    return bad(BadKind.WRONG_SHAPE, data)


def _text_kind(data: bytes) -> BadKind | None:
    if not data.strip():
        return BadKind.EMPTY
    if data.startswith(BOM):
        return BadKind.BYTE_ORDER_MARK
    if b"\x00" in data:
        return BadKind.NUL
    if not _is_utf8(data):
        return BadKind.NOT_UTF8
    return None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
