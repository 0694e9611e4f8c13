"""`fabio supervise`: keeps the processes of an ecosystem alive."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, LogsOption

if TYPE_CHECKING:
    from fabio.runtime.supervise.definition import Definition
    from fabio.runtime.supervise.supervisor import Pages

Hear = Callable[[str, str], None]
DEFAULT_ECOSYSTEM = Path("ecosystem")
LOG_BYTES, LOGS_KEPT = 10 * 2**20, 5

EcosystemOption = Annotated[
    Path, typer.Option("--ecosystem", metavar="DIR", help="Folder with a file NAME.toml a process.")]
UnitOption = Annotated[
    str, typer.Option("--unit", metavar="systemd|launchd", help="Print a unit file that starts this supervisor at "
                      "login, and do nothing else.")]
LinesOption = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout instead of words.")]


def supervise(
    ecosystem: EcosystemOption = DEFAULT_ECOSYSTEM, unit: UnitOption = "", logs: LogsOption = DEFAULT_LOGS,
    config: ConfigOption = None, json: LinesOption = False,
) -> None:
    """Keep the processes of a folder alive: start, watch, restart, and end them in order.

    Ctrl-C or SIGTERM ends all of them, each as if it had got Ctrl-C itself; SIGHUP reads the files again.
    `fabio status` shows how they are.
    """
    import os

    from fabio.cli.failures import BadUsage, Unready

    if os.name == "nt":
        raise Unready("there is no supervisor on Windows, its signals do not exist there: let Task Scheduler start "
                      "`fabio run` at logon, and again when it fails")
    from fabio.runtime.supervise.reading import read_ecosystem

    if unit not in ("", "systemd", "launchd"):
        raise BadUsage(f"--unit {unit!r} is neither systemd nor launchd")
    definitions = read_ecosystem(ecosystem)
    if unit:
        from fabio.runtime.supervise import units

        found = units.unit_of(ecosystem, logs, config, definitions)
        typer.echo(units.systemd(found) if unit == "systemd" else units.launchd(found), nl=False)
        return
    raise typer.Exit(_keep(definitions, ecosystem, logs, config, json))


def _keep(definitions: "dict[str, Definition]", ecosystem: Path, logs: Path, config: Path | None, json: bool) -> int:
    import asyncio
    import random
    from functools import partial

    from fabio.runtime.supervise.lock import hold
    from fabio.runtime.supervise.supervisor import Place, Supervisor

    async def live(hear: Hear) -> int:
        place = Place(ecosystem.resolve(), logs)
        return await Supervisor(place, definitions, partial(_pager, config, logs, hear), hear, random.random).run()

    with hold(ecosystem, logs), _hearing(logs, json, max(map(len, (*definitions, "supervisor")))) as hear:
        hear("supervisor", f"keeps {', '.join(definitions)} of {ecosystem} alive; records in {logs}, Ctrl-C ends all")
        return asyncio.run(live(hear))


def _pager(config: Path | None, logs: Path, hear: Hear) -> "Pages | None":
    from fabio.model.errors import ConfigError
    from fabio.runtime.supervise.notice import pager_of

    try:
        pager = pager_of(config, logs)
    except ConfigError as error:
        hear("supervisor", f"NOBODY IS PAGED, the settings cannot be read: {error}")
        return None
    if pager is None:
        hear("supervisor", "nobody is paged: notify.command names no program")
    return pager


@contextmanager
def _hearing(logs: Path, json: bool, width: int) -> Iterator[Hear]:
    """Give what takes lines: to stdout, as long as somebody reads it, and to supervisor.log."""
    import datetime as dt
    import logging
    import os
    import sys
    import time
    from logging.handlers import RotatingFileHandler

    import orjson

    from fabio.adapters.redact import HidingFormatter
    from fabio.journal.times import iso

    handler = RotatingFileHandler(logs / "supervisor.log", maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(HidingFormatter("%(asctime)s %(levelname)-7s %(message)s"))
    logger = logging.getLogger("fabio.supervise")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for each in (logger, logging.getLogger("fabio.paging")):
        each.addHandler(handler)

    def hear(name: str, text: str) -> None:
        logger.info("%s: %s", name, text)
        now_ns = time.time_ns()
        line = orjson.dumps({"ts_ns": now_ns, "ts": iso(now_ns), "name": name, "text": text}).decode() if json else (
            f"{dt.datetime.now():%H:%M:%S}  {name:<{width}}  {text}")  # noqa: DTZ005 -- the reader's own clock
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError:  # nobody reads any more: the processes are more important
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    try:
        yield hear
    finally:
        for each in (logger, logging.getLogger("fabio.paging")):
            each.removeHandler(handler)
        handler.close()
