"""`fabio stop`: flatten and end a running agent."""

import time
from typing import Annotated

import typer

from fabio.cli.options import DEFAULT_LOGS, LogsOption

TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="How long to wait.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the journal.")]

POLL_S = 0.05


def stop(logs: LogsOption = DEFAULT_LOGS, reason: ReasonOption = "", timeout: TimeoutOption = 10.0) -> None:
    """Flatten everything, and end the agent; wait until it has ended."""
    from fabio.cli.asking import ask_agent
    from fabio.journal.inbox import NoAnswer
    from fabio.journal.world import is_running

    deadline = time.monotonic() + timeout
    ask_agent(logs, "stop", reason=reason, timeout_s=timeout)
    while is_running(logs):
        if time.monotonic() > deadline:
            raise NoAnswer(f"the agent in {logs} took the request and has not ended within {timeout:g} s")
        time.sleep(POLL_S)
    typer.echo("stopped: flat, and the agent has ended")
