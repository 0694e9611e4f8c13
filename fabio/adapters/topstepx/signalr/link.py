"""One WebSocket as the hub needs it: frames in, records out; and how one is opened.

The hub knows the protocol `Link` only, so that a gateway in the same process can stand at the
other end without a socket.
"""

import logging
from typing import Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from fabio.adapters.topstepx.signalr.reader import MAX_RECORD_BYTES

CLOSE_LIMIT_S = 0.25
"""How long a polite goodbye may take; after it the socket is cut."""

_FRAMES_HELD = 64
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

# websockets writes the request, and with it the token in its query, to its log at DEBUG
_LOG = logging.getLogger("fabio.websockets")
_LOG.setLevel(logging.WARNING)


class LinkLost(Exception):
    """The socket has ended; the text says how."""


class DialFailed(Exception):
    """No connection: no route, no name, no TLS, no WebSocket on the other side.

    Parameters
    ----------
    status
        HTTP status of a server that answered and refused; None where none did.
    """

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


class Link(Protocol):
    """An open connection that carries frames."""

    async def send(self, data: bytes) -> None:
        """Send one text frame; raises LinkLost."""

    async def receive(self) -> bytes:
        """Wait for the next frame; raises LinkLost when there will be none."""

    async def close(self, polite: bool) -> None:
        """End the connection, with a goodbye or without; harmless when it has ended."""


class Dial(Protocol):
    """Opens a connection; raises DialFailed."""

    async def __call__(self, url: str) -> Link:
        """Open a connection to `url`, whose query carries the token."""


class WebSocketLink:
    """A `websockets` connection as a Link."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, data: bytes) -> None:
        """Send one text frame."""
        try:
            await self._connection.send(data, text=True)
        except ConnectionClosed as closed:
            raise LinkLost(str(closed)) from None

    async def receive(self) -> bytes:
        """Wait for the next frame."""
        try:
            # undecoded: a frame that is not UTF-8 is one bad record, not the end of the connection
            return await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise LinkLost(str(closed)) from None

    async def close(self, polite: bool) -> None:
        """End the connection."""
        if not polite:
            self._connection.transport.abort()
        await self._connection.close()


async def dial(url: str) -> Link:
    """Open a WebSocket.

    No limit of its own: the hub limits the whole attempt. No WebSocket pings either: SignalR
    has its own, and only they prove that the hub behind the socket lives.

    Raises
    ------
    DialFailed
        If there is no connection; with the HTTP status where the server refused.
    """
    try:
        connection = await connect(
            url,
            compression=None,  # nothing to win on small frames, and time to lose
            proxy=None if urlsplit(url).hostname in _LOOPBACK else True,
            open_timeout=None,
            ping_interval=None,
            close_timeout=CLOSE_LIMIT_S,
            max_size=MAX_RECORD_BYTES,
            max_queue=_FRAMES_HELD,
            logger=_LOG,
        )
    except InvalidStatus as refused:
        raise DialFailed(str(refused), refused.response.status_code) from None
    except (OSError, WebSocketException, EOFError, ValueError, ImportError) as error:
        # ValueError: a URL or a proxy it cannot use; ImportError: a SOCKS proxy asks for a package
        raise DialFailed(f"{type(error).__name__}: {error}") from None
    return WebSocketLink(connection)
