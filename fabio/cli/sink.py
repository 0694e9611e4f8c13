"""`fabio sink`: the records of a folder into databases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption

if TYPE_CHECKING:
    from fabio.adapters.sinks.targets import Target
    from fabio.runtime.sinking.status import Status
    from fabio.settings.load import Settings

ToOption = Annotated[list[str] | None, typer.Option(
    "--to", metavar="URL", help="sqlite:///FILE, postgresql://USER@HOST/DATABASE, bigquery://PROJECT/DATASET or "
    "firestore://PROJECT/COLLECTION; may be repeated. Default: the settings' sinks.targets, else LOGS/fabio.db.")]
OnceOption = Annotated[bool, typer.Option("--once", help="Catch up, tell what is there, and end.")]


def sink(to: ToOption = None, once: OnceOption = False, logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None,
         json: JsonOption = False) -> None:
    """Write the records of a folder into databases, and follow them until Ctrl-C.

    A process of its own: the agent does not know of it. Each record gets there once, whatever is killed on the way.
    A database that is away is waited for; the records lie in LOGS until then.
    """
    from fabio.cli.failures import NotFound, Unready
    from fabio.cli.folders import records_in

    with records_in(logs):
        from fabio.adapters.sinks.port import SinkUnusable
        from fabio.journal.world import read_world
        from fabio.settings.load import load

        settings = load(config=config)
        targets = _targets(to, settings, logs)
        if once and read_world(logs) is None:
            raise NotFound(f"no agent ran in {logs} yet: there is no world.json in it")
        try:
            if once:
                _catch_up(logs, targets, settings, json)
            else:
                _follow(logs, targets, settings)
        except SinkUnusable as error:
            raise Unready(str(error)) from None


def _targets(to: list[str] | None, settings: "Settings", logs: Path) -> "list[Target]":
    from urllib.parse import quote

    from fabio.adapters.sinks.targets import parse_target

    default = f"sqlite:///{quote(str(logs / 'fabio.db'))}"
    return [parse_target(each) for each in to or settings.sinks.targets or (default,)]


def _catch_up(logs: Path, targets: "list[Target]", settings: "Settings", json: bool) -> None:
    import time

    import msgspec

    from fabio.adapters.sinks.port import SinkUnusable
    from fabio.cli.output import print_json, say
    from fabio.runtime.sinking.process import SinkSilent, catch_up, follower_of

    done: list[Status] = []
    failures: list[tuple[Target, Exception]] = []
    for target in targets:
        follower = follower_of(logs, target, settings)
        done.append(follower.status)
        try:
            catch_up(follower, time.sleep)
        except (SinkUnusable, SinkSilent) as error:  # the others are served all the same
            failures.append((target, error))
    if json:
        answers: list[dict[str, Any]] = [msgspec.to_builtins(status) for status in done]
        print_json({"sinks": answers})
    else:
        for status in done:
            _print(status)
    for target, failure in failures[1:]:
        say(f"{target}: {failure}")
    if failures:
        target, failure = failures[0]
        raise type(failure)(f"{target}: {failure}")


def _follow(logs: Path, targets: "list[Target]", settings: "Settings") -> None:
    import asyncio
    import os
    import signal

    from fabio.cli.output import say
    from fabio.runtime.sinking.process import follow, follower_of

    if hasattr(os, "nice"):
        os.nice(10)  # where both want the processor, it is the agent's
    followers = [follower_of(logs, target, settings) for target in targets]

    async def until_told() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await follow(followers, stop, say)

    say(f"records of {logs} to {', '.join(str(target) for target in targets)}; Ctrl-C ends it")
    try:
        asyncio.run(until_told())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _print(status: "Status") -> None:
    from fabio.cli.output import say
    from fabio.cli.rows import print_rows

    put = sum(status.rows.values())
    end = ", not all there are" if status.reason else "" if put else ", nothing was new"
    typer.echo(f"{status.target}: {put:,} rows put{end}")
    if put:
        print_rows(["table", "rows"], [(name, f"{count:,}") for name, count in sorted(status.rows.items())])
    for each in [*status.damaged, *status.doubtful]:
        say(f"left out: {each.file}, line {each.line}: {each.reason}")
    if status.damaged_lines > len(status.damaged):
        say(f"left out so far: {status.damaged_lines:,} lines that are no records")
    if status.refused_rows:
        say(f"refused by the database: {status.refused_rows:,} rows, kept beside the status in the folder's sinks/")
