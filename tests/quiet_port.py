"""A port for a server that has to be told one: nobody else gets it by asking the system for any."""

import random
import socket

PORTS = range(20_000, 32_000)
"""Below what systems hand out by themselves."""


def quiet_port() -> int:
    """Give a port of this machine that nobody listens at."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
