"""`fabio stub`: a stand-in for a language model's server, for tests and demonstrations."""

from pathlib import Path
from typing import Annotated

import typer

PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="Of loopback; 0 takes a free "
                                         "one.")]
HostOption = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="To listen on; only one of this machine, as "
                                           "nobody is asked who they are.")]
UrlOption = Annotated[bool, typer.Option("--print-url", help="Print the base URL as the first line of stdout, and "
                                         "nothing else there.")]
FailureOption = Annotated[
    str, typer.Option("--failure", metavar="NAME", help="Answer every request with this failure, by name or number; "
                      "a wrong name lists them all.")]
ScriptOption = Annotated[
    Path | None, typer.Option("--script", metavar="FILE", help="TOML or JSON: latency_s, refuses, and lines of failure "
                              "with at (request numbers) or every.")]
LatencyOption = Annotated[
    float, typer.Option("--latency", min=0, max=3600, metavar="SECONDS", help="Before every answer.")]
DEFAULT_PORT = 8791


def stub(
    port: PortOption = DEFAULT_PORT,
    host: HostOption = "127.0.0.1",
    failure: FailureOption = "",
    script: ScriptOption = None,
    latency: LatencyOption = 0.0,
    print_url: UrlOption = False,
) -> None:
    """Serve a stand-in for a model's server on loopback: it speaks as OpenAI does and answers by the rules.

    Any key and any model's name do; nothing is paid. Stop it with Ctrl-C.
    """
    from fabio.adapters.llm.stub.failures import UnknownFailure, failing_of
    from fabio.adapters.llm.stub.script import BadScript, Line, Script, read_script
    from fabio.adapters.sockets import bound_socket, url_of
    from fabio.cli.failures import BadUsage, Failed

    try:
        wanted = Script() if script is None else read_script(script)
        if failure:
            wanted = Script(refuses=wanted.refuses, latency_s=wanted.latency_s,
                            lines=(*wanted.lines, Line(failure=failing_of(failure).name)))
    except (UnknownFailure, BadScript) as error:
        raise BadUsage(str(error)) from None
    if latency:
        wanted = Script(refuses=wanted.refuses, latency_s=latency, lines=wanted.lines)
    try:
        sock = bound_socket(port, host)
    except OSError as error:
        raise Failed(f"port {port} cannot be used: {error.strerror}; --port 0 takes a free one") from None
    url = f"{url_of(sock)}/v1"
    if print_url:
        typer.echo(url)
    else:
        typer.echo(f"stub of a model's server at {url}: set OPENAI_BASE_URL={url} and any OPENAI_API_KEY")

    import asyncio
    import sys

    sys.stdout.flush()
    from fabio.runtime.stub import run_stub

    asyncio.run(run_stub(sock, wanted))
