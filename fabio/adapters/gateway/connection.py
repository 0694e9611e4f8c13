"""One connection to a hub, without its socket: frames in, frames out."""

from collections import deque
from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from fabio.adapters.topstepx.signalr.protocol import (
    BadRecord,
    Close,
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    Ping,
    parse_handshake_request,
    render,
)
from fabio.adapters.topstepx.signalr.reader import Received, RecordReader

HubName = Literal["user", "market"]
Key = str | int | None
"""What a subscription is about: a contract's id, an account's, or nothing."""

MOST_WAITING = 50_000
"""Frames that may wait for a client that does not read; then it is cut off, as a server would."""

METHODS: dict[HubName, dict[str, tuple[str, type | None]]] = {
    "user": {
        "SubscribeAccounts": ("GatewayUserAccount", None),
        "SubscribeOrders": ("GatewayUserOrder", int),
        "SubscribePositions": ("GatewayUserPosition", int),
        "SubscribeTrades": ("GatewayUserTrade", int),
    },
    "market": {
        "SubscribeContractQuotes": ("GatewayQuote", str),
        "SubscribeContractTrades": ("GatewayTrade", str),
        "SubscribeContractMarketDepth": ("GatewayDepth", str),
    },
}
# hub -> method -> event it asks for, type of its argument

_PING = render(Ping())


class Frame(msgspec.Struct, frozen=True):
    """A text frame for the client; `target` is the event's name, empty for all else."""

    data: bytes
    target: str = ""


class Ended(msgspec.Struct, frozen=True):
    """The connection is over; `abrupt` without a WebSocket goodbye."""

    abrupt: bool = False


Outgoing = Frame | Ended


class Subscriptions(Protocol):
    """Who hears what."""

    def add(self, target: str, key: Key, connection: "HubConnection") -> None:
        """Let a connection hear an event; twice is once."""

    def remove(self, target: str, key: Key, connection: "HubConnection") -> None:
        """Let it no longer hear it."""

    def forget(self, connection: "HubConnection") -> None:
        """Drop all that a connection hears."""


class HubConnection:
    """A client of a hub.

    Parameters
    ----------
    strict
        Take only version 1 of the protocol.

    Attributes
    ----------
    wake
        Called when something waits to be sent; set by whoever sends it.
    is_over
        Nothing comes in or goes out any more.
    """

    def __init__(self, hub: HubName, number: int, subscriptions: Subscriptions, *, strict: bool) -> None:
        self.hub = hub
        self.number = number
        self.wake: Callable[[], None] = _nobody
        self.is_over = False
        self._reader = RecordReader(first=parse_handshake_request)
        self._subscriptions = subscriptions
        self._strict = strict
        self._agreed = False
        self._outbox: deque[Outgoing] = deque()

    def receive(self, data: bytes | str) -> None:
        """Take a frame of the client."""
        for record in self._reader.feed(data):
            if self.is_over:
                return
            self._handle(record)

    @property
    def waiting(self) -> int:
        """Frames that wait to be sent."""
        return len(self._outbox)

    def take(self) -> list[Outgoing]:
        """Take what is to be sent, in order."""
        waiting = list(self._outbox)
        self._outbox.clear()
        return waiting

    def tell(self, data: bytes, target: str) -> None:
        """Send an event, rendered by whoever has several listeners."""
        if self._agreed:
            self._send(Frame(data, target))

    def ping(self) -> None:
        """Tell the client that the hub lives."""
        if self._agreed:
            self._send(Frame(_PING))

    def close(self, error: str | None = None, allow_reconnect: bool = False, *, record: bool = True) -> None:
        """End the connection: with a close record, or (`record` False) without a word."""
        if self.is_over:
            return
        if record:
            self._outbox.append(Frame(render(Close(error, allow_reconnect))))
        self._outbox.append(Ended(abrupt=not record))
        self.lost()
        self.wake()

    def lost(self) -> None:
        """The client is gone."""
        self.is_over = True
        self._subscriptions.forget(self)

    def _handle(self, record: Received) -> None:
        if not self._agreed:
            self._agree(record)
        elif isinstance(record, Invocation):
            error = self._invoke(record.target, record.arguments)
            if record.invocation_id is not None:
                answer = Completion(record.invocation_id, error=error)
                if error is None:
                    answer = Completion(record.invocation_id, result=msgspec.Raw(b"null"))
                self._send(Frame(render(answer)))
        elif isinstance(record, Close):
            self.lost()
            self._outbox.append(Ended())
            self.wake()
        elif isinstance(record, BadRecord):
            self.close("Connection closed with an error.")

    def _agree(self, record: Received) -> None:
        error = "Handshake was canceled."
        if isinstance(record, HandshakeRequest):
            known = (1,) if self._strict else (0, 1, 2)
            error = "" if record.version in known else f"The server does not support version {record.version} of the " \
                "'json' protocol."
            if record.protocol != "json":
                error = f"The protocol '{record.protocol}' is not supported."
        if error:
            self._outbox.append(Frame(render(HandshakeAnswer(error))))
            self._outbox.append(Ended())
            self.lost()
            self.wake()
            return
        self._agreed = True
        self._send(Frame(render(HandshakeAnswer())))

    def _invoke(self, method: str, arguments: tuple[msgspec.Raw, ...]) -> str | None:
        """Do what a method asks; give the error for its completion, None where it worked."""
        undo = method.startswith("Unsubscribe")
        found = METHODS[self.hub].get(f"S{method[3:]}" if undo else method)
        if found is None:
            return f"Failed to invoke '{method}' because of an error: Unknown hub method '{method}'"
        target, kind = found
        try:
            given = [msgspec.json.decode(each) for each in arguments]
        except msgspec.MsgspecError:
            given = [None]
        key: Any = None
        if kind is not None:
            if len(given) != 1 or type(given[0]) is not kind:
                return f"Failed to invoke '{method}' due to an error on the server."
            key = given[0]
        elif given:
            return f"Failed to invoke '{method}' due to an error on the server."
        (self._subscriptions.remove if undo else self._subscriptions.add)(target, key, self)
        return None

    def _send(self, frame: Frame) -> None:
        if self.is_over:
            return
        if len(self._outbox) >= MOST_WAITING:
            self._outbox.clear()
            self.close(record=False)
            return
        self._outbox.append(frame)
        self.wake()


def _nobody() -> None:
    """Nothing is waiting for frames yet."""
