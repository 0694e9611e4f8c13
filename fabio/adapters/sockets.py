"""The gateway's door to the world: a loopback port, bound before anything slow is imported."""

import socket

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
