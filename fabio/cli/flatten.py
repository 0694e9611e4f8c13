"""`fabio flatten`: close every position of a running agent; it goes on."""

import typer

from fabio.cli.options import DEFAULT_LOGS, LogsOption
from fabio.cli.stop import ReasonOption, TimeoutOption


def flatten(logs: LogsOption = DEFAULT_LOGS, reason: ReasonOption = "", timeout: TimeoutOption = 5.0) -> None:
    """Close every position and cancel every entry; the agent goes on and may enter again."""
    from fabio.cli.asking import ask_agent

    ask_agent(logs, "flatten", reason=reason, timeout_s=timeout)
    typer.echo("flatten: taken and journaled; `fabio status` shows the position")
