"""`fabio learn`: the learning cycle over a record; what a model or a lesson has changed, and how to take it back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption

if TYPE_CHECKING:
    from fabio.runtime.learned import Learned

app = typer.Typer(rich_markup_mode=None, epilog="Example:  fabio learn --hours 24 --logs logs")

HoursOption = Annotated[
    float | None, typer.Option("--hours", min=0, metavar="N", help="Only the record's last N hours, by its own clock.")
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Of a change, a note or a model's trade, from the log.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in the records.")]
_STATE_NAMES = {"enabled": "", "risk_fraction": "risk ", "max_trades_per_session": "trades a session ",
                "min_rr": "least R:R ", "stop_ticks": "stop ticks ", "target_ticks": "target ticks "}


CycleHoursOption = Annotated[
    float, typer.Option("--hours", metavar="N", help="Report the record's last N hours, by its own clock.")
]


@app.callback(invoke_without_command=True)
def cycle(
    context: typer.Context, hours: CycleHoursOption = 24.0, logs: LogsOption = DEFAULT_LOGS,
    config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Tell what the record teaches: missed and avoided, decay, strategies, guards, regimes, and proposals.

    Proposals are drawn from the first two thirds of all recorded sessions, whatever --hours says, and
    each is tried on the last third by a paired re-simulation. They are shown with the line that
    applies them; with learning.apply = "confirmed" one that was confirmed is sent to the agent.
    `log` lists what was changed, `undo` takes it back.
    """
    from fabio.cli.failures import BadUsage

    if context.invoked_subcommand is not None:
        given = [name for name in ("hours", "logs", "config", "json") if _is_given(context, name)]
        if given:
            name = context.invoked_subcommand
            raise BadUsage(f"options of `learn {name}` stand behind its name: fabio learn {name} --{given[0]} ...")
        return
    from fabio.cli.learn_cycle import run_cycle

    run_cycle(logs, hours, config, json)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@app.command("log", epilog="Example:  fabio learn log --hours 24 --logs logs")
def log(
    hours: HoursOption = None, logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """List every effect of a model's answer or a lesson, the newest last, and whether it still stands.

    Strategies switched or changed, zones set, changes refused, notes made and judged, and the trades
    that a model wished for. Those marked with * can be taken back by `fabio learn undo ID`.
    """
    from fabio.cli.output import print_json, say

    rows = _learned(logs, config).effects(hours)
    if json:
        print_json({"effects": rows})
        return
    if not rows:
        say("nothing was changed, noted or wished for" + ("" if hours is None else f" in the last {hours:g} hours"))
        return
    _print(rows)


@app.command("undo", epilog='Example:  fabio learn undo C260601-2 --reason "too few trades" --logs logs')
def undo(
    id: IdArgument, reason: ReasonOption = "", logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let the running agent take one effect back; what that changes is an effect with an id of its own.

    A strategy gets back what the change took from it, zones are as they were, a note is retired, a
    model's trade is closed. What was changed again since then stays as it is.
    """
    import msgspec

    from fabio.cli.failures import Failed, NotFound, Refused
    from fabio.cli.output import print_json
    from fabio.journal.inbox import ask
    from fabio.journal.world import is_running

    _known(id, logs, config)
    if not is_running(logs):
        raise NotFound(f"no agent runs in {logs}, and only a running one takes back what it does: start it with "
                       f"`fabio run --logs {logs}`, then ask again")
    answer = ask(logs, "undo", name=id, reason=reason)
    done = _learned(logs, config).effects() if answer.outcome == "done" else []
    made = [each for each in done if each["asked_by"] == answer.id]
    if json:
        print_json({**msgspec.to_builtins(answer), "effects": made})
    if answer.outcome == "refused":
        raise Refused(answer.message)
    if answer.outcome != "done":
        raise Failed(f"{answer.outcome}: {answer.message}")
    if not json:
        parts = [f"{each['id']} {_what(each)}" if each["id"] else _what(each) for each in made]
        typer.echo("; ".join([f"{id} is taken back", *parts]))


def _learned(logs: Path, config: Path | None) -> "Learned":
    from fabio.cli.failures import NotFound
    from fabio.cli.folders import records_in

    with records_in(logs):
        from fabio.runtime.learned import Learned
        from fabio.settings.load import load

        learned = Learned(load(config=config), logs)
    if not learned.steps:
        raise NotFound(f"there is no journal in {logs}: `fabio run --logs {logs}` makes one")
    return learned


def _known(wanted: str, logs: Path, config: Path | None) -> None:
    """Check that the folder knows an id.

    Raises
    ------
    NotFound
        If it does not.
    """
    from difflib import get_close_matches

    from fabio.cli.failures import NotFound

    learned = _learned(logs, config)
    ids = [each["id"] for each in reversed(learned.effects()) if each["id"] is not None]
    if wanted in ids or wanted in learned.decisions:
        return
    near = get_close_matches(wanted.upper(), ids, n=1)
    meant = f", did you mean {near[0]}?" if near else "."
    raise NotFound(f"{logs} knows no effect {wanted}{meant} `fabio learn log --logs {logs}` lists them all")


def _print(rows: list[dict[str, Any]]) -> None:
    from fabio.cli.rows import print_rows

    print_rows(["id", "time (UTC)", "by", "now", "what"], [(
        f"{each['id'] or '-'}{' *' if each['undoable'] else ''}", f"{each['ts'][5:10]} {each['ts'][11:16]}",
        each["source"] or ("operator" if each["undoes"] else "-"), _now(each), _sentence(each),
    ) for each in rows], one_wraps=True)


def _sentence(each: dict[str, Any]) -> str:
    """Say what an effect is, and in brackets why."""
    refused = each["wanted"].get("refused_by") if each["wanted"] else None
    why = [f"undoes {each['undoes']}" if each["undoes"] else "", f"refused by {', '.join(refused)}" if refused else "",
           each["reason"] or "", f"undone: {each['undone']['reason'] or 'no reason given'}" if each["undone"] else ""]
    words = "; ".join(word for word in why if word)
    return f"{_what(each)} ({words})" if words else _what(each)


def _what(each: dict[str, Any]) -> str:
    """Say what an effect is, from what to what."""
    match each["kind"]:
        case "strategy_changed":
            changed = [f"{_STATE_NAMES.get(name, name)}{_value(name, before)} -> {_value(name, after)}"
                       for name, (before, after) in each["changed"].items()]
            return f"{each['strategy']}: {', '.join(changed) or 'kept off'}"
        case "zones_set":
            before, after = each["changed"]["zones"]
            return f"zones: {_zones(before)} -> {_zones(after)}"
        case "update_refused":
            wanted = [f"{_STATE_NAMES.get(name, name)}{_value(name, value)}" for name, value in each["wanted"].items()]
            return f"{each['strategy']}: {', '.join(wanted)} wanted"
        case "note":
            return f"note: {each['text']}"
        case "note_judged":
            return f"note is {each['status']}"
        case "stop_tightened":
            return f"{each['strategy']}: stop to {each['wanted']['stop_price']:,.10g}"
        case "exit_asked":
            return f"{each['strategy'] or 'position'}: closed at market"
        case _:
            wish = each["wanted"]
            return (f"{each['strategy']}: {wish['side']} {wish['entry_price']:,.10g}, stop {wish['stop_price']:,.10g}, "
                    f"target {wish['target_price']:,.10g}" + (f", size {wish['size']:g}" if wish["approved"] else ""))


def _now(each: dict[str, Any]) -> str:
    gained = "" if each["net_pnl"] is None else f" {each['net_pnl']:+,.2f}"
    return f"{each['standing'] or ''}{gained}"


def _value(name: str, value: Any) -> str:
    if name == "enabled":
        return "on" if value else "off"
    if value is None:
        return "none"
    return f"{value:.2%}" if name == "risk_fraction" else f"{value:g}"


def _zones(zones: list[dict[str, Any]]) -> str:
    return ", ".join(f"{zone['name']} {zone['price']:,.10g}" for zone in zones) or "none"
