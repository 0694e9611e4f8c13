"""The simulated gateway as a process on loopback.

What a client waits for comes first: the port is bound, its URL told and the server up before
the market is made, and before anything slow is imported. Until then requests wait.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fabio.adapters.gateway.server import Server
from fabio.runtime.demo_names import DEFAULT_SEED
from fabio.runtime.kernels import is_warm, prepare_cache

if TYPE_CHECKING:
    from fabio.adapters.gateway.front import Front
    from fabio.adapters.gateway.pace import Pace
    from fabio.runtime.gateway_world import World

_FEW_TICKS = 100_000
_LOOK_S = 0.05


class GatewayWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked for.

    Parameters
    ----------
    tape
        None takes the synthetic day.
    symbol
        None takes the configured one, or what the tape says.
    day
        Number of the synthetic day, from 0.
    speed
        Seconds of the replay per second; infinity for as fast as it goes.
    start
        `HH:MM` of the exchange or an ISO time; empty for the default.
    faults
        A file, or `chaos:SEED`; empty for none.
    switches
        `name=value` each.
    told_from_ns
        What time it is to be at the start, for clients that live by the wall clock; None for the tape's own.
    """

    tape: Path | None = None
    symbol: str | None = None
    seed: int = DEFAULT_SEED
    day: int = 0
    speed: float = 1.0
    start: str = ""
    faults: str = ""
    switches: tuple[str, ...] = ()
    told_from_ns: int | None = None


async def run_gateway(sock: socket.socket, wish: GatewayWish, config: Path | None, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Parameters
    ----------
    sock
        Bound; closed at the end.
    config
        Folder of configuration, as asked for.
    say
        Takes lines for a person.

    Raises
    ------
    ConfigError, TapeError
        If what was asked for cannot be.
    """
    server, stop = Server(sock), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.start()
    stopping = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(_serve(server, wish, config, say))
    try:
        await asyncio.wait((stopping, serving), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        for task in (serving, stopping):
            task.cancel()
        await asyncio.gather(serving, stopping, return_exceptions=True)
        await server.close()


async def _serve(server: Server, wish: GatewayWish, config: Path | None, say: Callable[[str], None]) -> None:
    world = await asyncio.to_thread(_made, wish, config)
    from fabio.adapters.gateway.faults.layer import Faults
    from fabio.adapters.gateway.front import Front
    from fabio.adapters.gateway.pace import Pace

    pace = Pace(world.gateway, None if wish.speed == float("inf") else wish.speed)
    front = Front(world.gateway, Faults(world.gateway, world.script), pace)
    front.market_is_there.clear()
    server.open(front, pace)
    say(world.words)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(pace.run(), name="replay clock")
            group.create_task(_feed(world, front, pace), name="tape")
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _made(wish: GatewayWish, config: Path | None) -> "World":
    """Import what is slow, and make the world.

    Compiled kernels are taken from the cache where all of them are there. The few the gateway
    needs are not put into an empty one: it would look warm to those who need the rest.
    """
    if not is_warm(prepare_cache()):
        os.environ.pop("NUMBA_CACHE_DIR", None)
    from fabio.runtime.gateway_world import make_world

    return make_world(wish, config)


async def _feed(world: "World", front: "Front", pace: "Pace") -> None:
    """Supply earlier sessions, then ticks a part at a time: what waits is never more than two parts."""
    gateway = world.gateway
    while (earlier := await asyncio.to_thread(next, world.history, None)) is not None:
        gateway.supply_history(0, earlier)
    while (ticks := await asyncio.to_thread(next, world.batches, None)) is not None:
        gateway.supply(ticks)
        front.catch_up()
        if gateway.waiting_ticks:  # else all of it lies before the start
            front.market_is_there.set()
        while gateway.waiting_ticks > _FEW_TICKS:
            await asyncio.sleep(_LOOK_S)
    front.market_is_there.set()
    pace.is_fed = True
