"""`fabio gateway`: the simulated TopstepX server."""

from pathlib import Path
from typing import Annotated

import typer

from fabio.cli.options import ConfigOption, SymbolOption

PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="Of loopback; 0 takes a free "
                                         "one.")]
HostOption = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="To listen on; only one of this machine, as "
                                           "nobody is asked who they are.")]
UrlOption = Annotated[bool, typer.Option("--print-url", help="Print the base URL as the first line of stdout, and "
                                         "nothing else there.")]
TapeOption = Annotated[
    Path | None, typer.Option("--tape", metavar="FILE", help="Ticks to stream; default: a synthetic session.")]
SpeedOption = Annotated[str, typer.Option("--speed", metavar="N|max", help="Exchange seconds per second.")]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="Of the synthetic market.")]
DayOption = Annotated[int, typer.Option("--day", min=0, metavar="N", help="Which synthetic session, from 0.")]
FromOption = Annotated[
    str, typer.Option("--from", metavar="TIME", help="Where to start, HH:MM of the exchange or an ISO time; default: "
                      "two minutes before the regular hours, of a tape its start.")]
FaultsOption = Annotated[
    str, typer.Option("--faults", metavar="FILE|chaos:SEED", help="A file of faults, or three that a seed draws.")]
SwitchOption = Annotated[
    list[str] | None, typer.Option("--switch", metavar="NAME=VALUE", help="Change how the venue behaves; may be "
                                   "repeated.")]
NowOption = Annotated[bool, typer.Option("--as-now", help="Tell times as if it started now, for clients that live by "
                                         "the wall clock; fabio follows the tape's.")]
DEFAULT_PORT = 8790


def gateway(
    port: PortOption = DEFAULT_PORT,
    host: HostOption = "127.0.0.1",
    print_url: UrlOption = False,
    tape: TapeOption = None,
    speed: SpeedOption = "1",
    symbol: SymbolOption = None,
    seed: SeedOption = None,
    day: DayOption = 0,
    from_: FromOption = "",
    faults: FaultsOption = "",
    switch: SwitchOption = None,
    as_now: NowOption = False,
    config: ConfigOption = None,
) -> None:
    """Serve a simulated TopstepX on loopback: REST and both hubs, fed by a tape or a synthetic session.

    User demo with any key of 10 characters or more; one practice account. Stop it with Ctrl-C.
    """
    from fabio.adapters.sockets import bound_socket, url_of
    from fabio.cli.failures import BadUsage, Failed
    from fabio.cli.options import speed_factor
    from fabio.cli.output import say

    factor = speed_factor(speed)
    for name, path in (("--tape", tape), ("--faults", Path(faults) if faults and ":" not in faults else None)):
        if path is not None and not path.is_file():
            raise BadUsage(f"{name} {path}: there is no such file")
    try:
        sock = bound_socket(port, host)
    except OSError as error:
        raise Failed(f"port {port} cannot be used: {error.strerror}; --port 0 takes a free one") from None
    url = url_of(sock)
    typer.echo(url if print_url else f"simulated TopstepX gateway at {url}")

    import asyncio
    import sys
    import time

    sys.stdout.flush()
    from fabio.runtime.demo_names import DEFAULT_SEED
    from fabio.runtime.gateway import GatewayWish, run_gateway

    wish = GatewayWish(
        tape=tape, symbol=symbol, seed=DEFAULT_SEED if seed is None else seed, day=day, speed=factor, start=from_,
        faults=faults, switches=tuple(switch or ()), told_from_ns=time.time_ns() if as_now else None)
    asyncio.run(run_gateway(sock, wish, config, say))
