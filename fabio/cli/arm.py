"""`fabio arm` and `fabio disarm`: whether a live agent's orders go to the venue."""

from typing import Annotated

import typer

from fabio.cli.options import DEFAULT_LOGS, LogsOption
from fabio.cli.stop import ReasonOption, TimeoutOption

AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The account's name, as the platform shows it: so that nothing is "
                        "armed by mistake.")
]


def arm(account: AccountArgument = "", logs: LogsOption = DEFAULT_LOGS, timeout: TimeoutOption = 30.0) -> None:
    """Let a live agent trade, until closing begins for the flat-by time of this trade date.

    It looks first: the account's name and settings, a picture of the venue that agrees with the
    agent's own book, no halt. What stands against it is said, and nothing is armed then.
    """
    from fabio.cli.asking import ask_agent

    typer.echo(ask_agent(logs, "arm", name=account, timeout_s=timeout))


def disarm(logs: LogsOption = DEFAULT_LOGS, reason: ReasonOption = "", timeout: TimeoutOption = 10.0) -> None:
    """Send no more entries to the venue; what is held keeps its bracket, `fabio flatten` closes it."""
    from fabio.cli.asking import ask_agent

    typer.echo(ask_agent(logs, "disarm", reason=reason, timeout_s=timeout))
