"""`fabio journal`: is the record whole, what does it say, its derived files made again, and files for others."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption

if TYPE_CHECKING:
    from fabio.journal.query import Skipped

app = typer.Typer(
    help="Check, ask, rebuild and export the records of a folder.", no_args_is_help=True, rich_markup_mode=None,
    epilog="Example:  fabio journal verify --logs logs",
)

SqlArgument = Annotated[str, typer.Argument(
    metavar="SQL", help="One SELECT over decisions, trades, shadow, learning, llm_exchanges, journal, events, facts "
                        "and commands.")]
ToOption = Annotated[Path, typer.Option("--to", metavar="FILE", help="What to write: .parquet, .csv or .jsonl.")]
TableOption = Annotated[str, typer.Option("--table", metavar="NAME", help="Any table that `query` knows.")]
WhereOption = Annotated[str | None, typer.Option("--where", metavar="SQL", help="Only records for which this holds.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]


@app.command("verify", epilog="Example:  fabio journal verify --logs logs")
def verify(logs: LogsOption = DEFAULT_LOGS, json: JsonOption = False) -> None:
    """Check every byte of the journal: exit code 0 clean, 1 damaged, 2 unreadable.

    Nothing is changed. A torn last line, as a kill can leave one, counts as damage here; the
    next run sets it aside.
    """
    import msgspec

    from fabio.cli.output import print_json
    from fabio.journal.reader import verify as verified

    report = verified(logs)
    if json:
        print_json(msgspec.to_builtins(report))
    else:
        what = ("clean", "DAMAGED", "unreadable")[report.code]
        typer.echo(f"{what}: {report.lines:,} lines in {report.files} file(s), last step {report.last_seq:,}")
        if report.code:
            place = f"{report.path}, line {report.line}: " if report.line else ""
            typer.echo(f"{place}{report.reason}", err=True)
        for each in report.unknown[:10]:
            typer.echo(f"not known to this version: {each}", err=True)
    if report.code:
        raise typer.Exit(report.code)


@app.command("query", epilog='Example:  fabio journal query "SELECT strategy, sum(net_pnl) FROM trades GROUP BY 1"')
def query(sql: SqlArgument, logs: LogsOption = DEFAULT_LOGS, json: JsonOption = False) -> None:
    """Ask all records in SQL (DuckDB), also while an agent writes them.

    Nothing is changed. Lines that are damaged or of another version are left out and counted on stderr.
    """
    from fabio.cli.failures import BadUsage
    from fabio.cli.folders import records_in
    from fabio.journal.query import QueryFailed
    from fabio.journal.query import query as queried

    _check_text(sql)
    with records_in(logs):
        try:
            answer = queried(logs, sql)
        except QueryFailed as error:
            raise BadUsage(f"the SQL does not work: {error}") from None
    _say_skipped(answer.skipped)
    if json:
        from fabio.cli.output import print_json

        names = answer.columns
        print_json([dict(zip(names, (_plain(value) for value in row), strict=True)) for row in answer.rows])
        return
    from fabio.cli.rows import print_rows

    print_rows(answer.columns, answer.rows)


@app.command("export", epilog="Example:  fabio journal export --table trades --to trades.parquet")
def export(
    to: ToOption, table: TableOption = "decisions", where: WhereOption = None, overwrite: OverwriteOption = False,
    logs: LogsOption = DEFAULT_LOGS, json: JsonOption = False,
) -> None:
    """Write records into one file for other programs, also while an agent writes them.

    The file appears whole or not at all; columns and types are those of `fabio journal query`.
    """
    import msgspec

    from fabio.cli.failures import BadUsage, Refused
    from fabio.cli.folders import records_in
    from fabio.cli.output import print_json
    from fabio.journal.export import ExportImpossible, ExportRefused
    from fabio.journal.export import export as exported
    from fabio.journal.query import QueryFailed

    _check_text(where or "")
    with records_in(logs):
        try:
            done = exported(logs, to, table, where, overwrite)
        except ExportImpossible as error:
            raise BadUsage(str(error)) from None
        except ExportRefused as error:
            raise Refused(str(error)) from None
        except QueryFailed as error:
            raise BadUsage(f"nothing was written: {error}") from None
    _say_skipped(done.skipped)
    if json:
        print_json(msgspec.to_builtins(done))
    else:
        typer.echo(f"{done.file}: {done.records:,} records of {done.table}")


@app.command("rebuild", epilog="Example:  fabio journal rebuild --logs logs")
def rebuild(logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Make decisions, trades, shadow and learning.jsonl again from the journal.

    Damaged, half-written and foreign lines in them are kept in `quarantine/`.
    """
    from fabio.cli.folders import records_in
    from fabio.cli.output import print_json, say

    with records_in(logs):
        from fabio.cli.failures import NotFound
        from fabio.journal.reader import verify as verified
        from fabio.journal.records import REBUILT
        from fabio.journal.records import rebuild as rebuilt
        from fabio.journal.world import FolderBusy, is_running, running_pid
        from fabio.learning.lines import bad_lines, put_aside
        from fabio.runtime.wiring import instruments_of
        from fabio.settings.load import load

        if is_running(logs):
            raise FolderBusy(logs, running_pid(logs))
        if verified(logs).code == 2:
            raise NotFound(f"there is no journal in {logs} to rebuild from")
        bad = bad_lines(logs, REBUILT)
        aside = put_aside(logs, bad)
        counts = rebuilt(logs, instruments_of(load(config=config)))
    if bad:
        say(f"{len(bad)} damaged or foreign line{'s are' if len(bad) > 1 else ' is'} no more in these files: {aside}")
    if json:
        print_json(counts)
        return
    for name, count in counts.items():
        typer.echo(f"{name}.jsonl: {count:,} records")
    say("llm_exchanges.jsonl was left as it is: its requests are not in the journal")


def _check_text(sql: str) -> None:
    from fabio.cli.failures import BadUsage

    try:
        sql.encode()
    except UnicodeEncodeError:
        raise BadUsage("the SQL is not UTF-8: set PYTHONUTF8=1, or a locale with UTF-8 (LANG=C.UTF-8)") from None


def _say_skipped(skipped: "list[Skipped]") -> None:
    from fabio.cli.output import say

    for each in skipped:
        more = "" if each.lines == 1 else f" and {each.lines - 1:,} more"
        say(f"left out: {each.path}, line {each.first}{more}: damaged, or not of this version")


def _plain(value: Any) -> Any:
    """Give a value of DuckDB's as JSON has it: times as ISO 8601 UTC, the rest it does not know as text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return text + "Z" if "T" in text and value.tzinfo is None else text
    return str(value)
