"""The door of our own servers to the world: a loopback port, bound before anything slow is imported."""

import asyncio
import contextlib
import socket
import struct

HOST = "127.0.0.1"


def bound_socket(port: int) -> socket.socket:
    """Bind a loopback port and listen; 0 takes a free one.

    Raises
    ------
    OSError
        If the port is taken, or may not be used.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def url_of(sock: socket.socket) -> str:
    """Give the base URL of a bound socket, without `/api`."""
    return f"http://{HOST}:{sock.getsockname()[1]}"


def reset(transport: asyncio.Transport | None) -> None:
    """Cut a connection with a reset, not with a goodbye; None is one that has ended already."""
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
