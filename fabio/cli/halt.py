"""`fabio halt`: no entries any more, everything flat, until somebody takes it back."""

from typing import Annotated

import typer

from fabio.cli.options import DEFAULT_LOGS, LogsOption
from fabio.cli.stop import ReasonOption, TimeoutOption

OffOption = Annotated[bool, typer.Option("--off", help="Take the halt back: entries are allowed again.")]


def halt(
    logs: LogsOption = DEFAULT_LOGS, reason: ReasonOption = "", off: OffOption = False, timeout: TimeoutOption = 5.0,
) -> None:
    """Flatten everything and refuse entries, across restarts too, until `halt --off`.

    The halt is also the file HALT in the folder: it holds where no agent runs or answers.
    """
    from fabio.cli.asking import ask_agent
    from fabio.cli.failures import NotFound
    from fabio.journal.sync import replace_file
    from fabio.regime.wording import mask_keys

    flag = logs / "HALT"
    if off:
        flag.unlink(missing_ok=True)
        ask_agent(logs, "resume", reason=reason or "halt --off", timeout_s=timeout)
        typer.echo("the halt is taken back: entries are allowed again")
        return
    if not logs.is_dir():
        raise NotFound(f"{logs} is no folder of records: nothing to halt")
    replace_file(flag, f"{mask_keys(reason)}\n".encode())
    try:
        ask_agent(logs, "halt", reason=reason or "fabio halt", timeout_s=timeout)
    except NotFound as error:
        raise NotFound(f"{error}. The file {flag} is there: an agent started here stays halted until "
                       "`fabio halt --off`, or until it is removed and trading resumed") from None
    typer.echo(f"halted: everything is being closed, no entries until `fabio halt --off --logs {logs}`; "
               "`fabio status` shows when it is flat")
