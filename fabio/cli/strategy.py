"""`fabio strategy`: what the strategies are, how they do, and whether they may trade."""

from typing import Annotated, Any

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption

app = typer.Typer(
    help="List, show, enable and disable strategies.", no_args_is_help=True, rich_markup_mode=None,
    epilog="Example:  fabio strategy list --logs logs",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A strategy, by its file's name.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the records.")]


@app.command("list", epilog="Example:  fabio strategy list --logs logs --json")
def list_(logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the strategies with their state and what they made in a folder of records."""
    from fabio.cli.output import print_json

    rows = _rows(config, logs)
    if json:
        print_json({"strategies": rows})
        return
    from fabio.cli.rows import print_rows

    print_rows(["strategy", "", "risk", "least R:R", "trades", "won", "net USD", "mean R"], [(
        row["name"],
        "on" if row["enabled"] else "off",
        f"{row['risk_fraction']:.2%}",
        row["min_rr"],
        row["trades"],
        "-" if row["win_rate"] is None else f"{row['win_rate']:.0%}",
        f"{row['net_pnl']:+,.2f}",
        "-" if row["average_rr"] is None else f"{row['average_rr']:+.2f}",
    ) for row in rows])


@app.command("show", epilog="Example:  fabio strategy show trend_continuation")
def show(
    name: NameArgument, logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Show one strategy: its rules, its settings and where they came from, its state and its record."""
    from fabio.cli.output import print_json
    from fabio.runtime.strategies import shown

    row = _known(name, _rows(config, logs))
    answer = {**row, **shown(config, logs, name)}
    if json:
        print_json(answer)
        return
    from fabio.cli.rows import print_rows

    typer.echo(f"{answer['rules']}\n")
    print_rows(["state", "value"], [(key, answer[key]) for key in (
        "enabled", "risk_fraction", "max_trades_per_session", "min_rr", "stop_ticks", "target_ticks", "trades",
        "wins", "win_rate", "net_pnl", "average_rr",
    )])
    typer.echo("")
    print_rows(["setting", "value", "from"], [(each["path"], each["value"], each["origin"])
                                              for each in answer["settings"]])
    for each in answer["changes"][-5:]:
        typer.echo(f"{each['ts']}  {each['source']} changed {each['changed']}: {each['reason']}")


@app.command("enable", epilog="Example:  fabio strategy enable mean_reversion --logs logs")
def enable(
    name: NameArgument, reason: ReasonOption = "", logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let a strategy of the running agent trade."""
    _switch("enable", name, reason, logs, config, json)


@app.command("disable", epilog='Example:  fabio strategy disable mean_reversion --reason "news at 13:30"')
def disable(
    name: NameArgument, reason: ReasonOption = "", logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let a strategy of the running agent trade no more; its shadow trades go on."""
    _switch("disable", name, reason, logs, config, json)


def _switch(verb: str, name: str, reason: str, logs: Any, config: Any, json: bool) -> None:
    import msgspec

    from fabio.cli.failures import Failed, NotFound, Refused
    from fabio.cli.output import print_json
    from fabio.journal.inbox import ask
    from fabio.journal.world import is_running
    from fabio.runtime.strategies import strategy_names

    _known(name, [{"name": each} for each in strategy_names()])
    if not is_running(logs):
        enabled = "true" if verb == "enable" else "false"
        raise NotFound(f"no agent runs in {logs}; for its next start set enabled = {enabled} under "
                       f"[strategies.{name}] in fabio.toml, or --set strategies.{name}.enabled={enabled}")
    answer = ask(logs, verb, name=name, reason=reason)
    if json:
        print_json(msgspec.to_builtins(answer))
    if answer.outcome == "refused":
        raise Refused(answer.message)
    if answer.outcome != "done":
        raise Failed(f"{answer.outcome}: {answer.message}")
    if not json:
        typer.echo(answer.message or f"{name}: {verb}d")


def _rows(config: Any, logs: Any) -> list[dict[str, Any]]:
    from fabio.runtime.strategies import listed

    return listed(config, logs)


def _known(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    from difflib import get_close_matches

    from fabio.cli.failures import NotFound

    for row in rows:
        if row["name"] == name:
            return row
    names = [row["name"] for row in rows]
    near = get_close_matches(name.lower().replace("-", "_"), names, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise NotFound(f"there is no strategy {name}{meant}. There are: {', '.join(names)}")
