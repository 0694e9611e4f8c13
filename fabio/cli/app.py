"""The command line: one file per verb, put together here.

A verb's file imports at its top only what its parameters need; the machine, numba and the
calendars are imported when the verb runs, so that `--help` is quick.
"""

import io
import os
import sys
import traceback
from typing import Annotated

import typer

from fabio import __version__
from fabio.cli import (
    arm,
    bench,
    config,
    data,
    doctor,
    eval,
    explain,
    features,
    flatten,
    gateway,
    guards,
    halt,
    journal,
    learn,
    logs,
    notes,
    replay,
    report,
    shadow,
    sink,
    status,
    stop,
    strategy,
    stub,
    supervise,
    whatif,
)
from fabio.cli import run as run_agent
from fabio.cli.failures import FAILED, exit_code_of

app = typer.Typer(
    name="fabio",
    help="An asyncio agent that trades futures on TopstepX, explains every decision and learns from its record.",
    epilog="Begin with:  python -m fabio run",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fabio {__version__}")
        raise typer.Exit


@app.callback()
def fabio(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before the verb."""


app.command("run", epilog="Example:  fabio run --seed 24 --speed max")(run_agent.run)
app.command("status", epilog="Example:  fabio status --json")(status.status)
app.command("stop", epilog="Example:  fabio stop --logs logs")(stop.stop)
app.command("flatten", epilog="Example:  fabio flatten --reason 'lunch'")(flatten.flatten)
app.command("halt", epilog="Example:  fabio halt --reason 'news at 13:30'")(halt.halt)
app.command("arm", epilog="Example:  fabio arm PRAC-V2-50K-1234")(arm.arm)
app.command("disarm", epilog="Example:  fabio disarm --reason 'enough for today'")(arm.disarm)
app.command("logs", epilog="Example:  fabio logs -f decisions")(logs.logs)
app.command("replay", epilog="Example:  fabio replay tape.parquet --symbol ES --json")(replay.replay)
app.command("features", epilog="Example:  fabio features tape.csv.gz --symbol NQ --every 60")(features.features)
app.command("explain", epilog="Example:  fabio explain 14:30 --logs logs")(explain.explain)
app.command("shadow", epilog="Example:  fabio shadow --hours 24 --logs logs")(shadow.shadow)
app.command("guards", epilog="Example:  fabio guards --hours 24 --logs logs")(guards.guards)
app.command("report", epilog="Example:  fabio report --hours 24 --html report.html")(report.report)
app.command("notes", epilog="Example:  fabio notes --all --logs logs")(notes.notes)
app.command("whatif", epilog="Example:  fabio whatif --without volatility --logs logs")(whatif.whatif)
app.command("supervise", epilog="Example:  fabio supervise --ecosystem ecosystem")(supervise.supervise)
app.command("sink", epilog="Example:  fabio sink --once --logs logs")(sink.sink)
app.command("gateway", epilog="Example:  fabio gateway --port 0 --print-url --speed 60")(gateway.gateway)
app.command("stub", epilog="Example:  fabio stub --port 0 --print-url --failure fenced")(stub.stub)
app.command("doctor", epilog="Example:  fabio doctor --json")(doctor.doctor)
app.add_typer(bench.app, name="bench")
app.add_typer(strategy.app, name="strategy")
app.add_typer(learn.app, name="learn")
app.add_typer(eval.app, name="eval")
app.add_typer(journal.app, name="journal")
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")


def run() -> int:
    """Run one command and give its exit code; a user's mistake shows a message, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our letters shows question marks
    try:
        app(standalone_mode=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BrokenPipeError:
        # the reader of our output has gone (`| head`): not a failure of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        return 130
    except Exception as error:  # noqa: BLE001 (a bug of ours: its traceback is shown, but not with keys in it)
        from fabio.adapters.redact import KNOWN

        code = exit_code_of(error)
        if code is None:
            typer.echo(KNOWN.hide_keys("".join(traceback.format_exception(error))), err=True)
            return FAILED
        typer.echo(KNOWN.hide_keys(f"fabio: {error}"), err=True)
        return code
    return 0
