"""The stub of a model's server as a process on loopback."""

import asyncio
import signal
import socket

from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.stub.script import Script
from fabio.adapters.llm.stub.server import StubServer


async def run_stub(sock: socket.socket, script: Script) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Parameters
    ----------
    sock
        Bound; closed at the end.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = StubServer(sock, Desk(script))
    await server.start()
    try:
        await stop.wait()
    finally:
        await server.close()
