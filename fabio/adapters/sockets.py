"""The door of our own servers to the world: a loopback port, bound before anything slow is imported.

Whoever reaches a server of ours can do what it does. So it listens on this machine alone, unless it asks who is
there: a wider address is refused where it does not.
"""

import asyncio
import contextlib
import ipaddress
import socket
import struct

from fabio.model.errors import ConfigError

HOST = "127.0.0.1"


class WideBind(ConfigError):
    """An address that others could reach, for a server that asks nobody who they are."""


def bound_socket(port: int, host: str = HOST, *, authenticated: bool = False) -> socket.socket:
    """Bind a port and listen; 0 takes a free one.

    Parameters
    ----------
    host
        An address or a name; what it stands for is looked up once, and that is bound.
    authenticated
        Whether the server lets in only who proves to be allowed; else only loopback is bound.

    Raises
    ------
    WideBind
        If others could reach it and nobody is asked who they are.
    ConfigError
        If the address is none.
    OSError
        If the port is taken, or may not be used.
    """
    family, address = _looked_up(host)
    if not authenticated and not _is_loopback(address):
        means = "" if address == host else f" ({address})"
        raise WideBind(f"{host or 'an empty address'}{means} can be reached from other machines, and this server asks "
                       "nobody who they are", where="--host", expected=(
                           f"{HOST}, ::1 or localhost; from another machine: ssh -L PORT:{HOST}:PORT THIS_MACHINE"))
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _looked_up(host: str) -> tuple[socket.AddressFamily, str]:
    """Give what a name stands for; an empty one would be every address of this machine."""
    if not host:
        return socket.AF_INET, "0.0.0.0"
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ConfigError("it is no address of this machine", where="--host", value=host,
                          expected=f"{HOST}, ::1 or localhost") from None
    family, _, _, _, address = found[0]
    return family, str(address[0])


def _is_loopback(address: str) -> bool:
    """Tell whether only this machine reaches an address.

    >>> [_is_loopback(each) for each in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "10.0.0.5")]
    [True, True, True, False, False, False]
    """
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(known, "ipv4_mapped", None)
    return (mapped or known).is_loopback


def url_of(sock: socket.socket) -> str:
    """Give the base URL of a bound socket, without `/api`."""
    address, port = sock.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def reset(transport: asyncio.Transport | None) -> None:
    """Cut a connection with a reset, not with a goodbye; None is one that has ended already."""
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
