"""The learning cycle for a person: its run, its progress and its screen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from fabio.learning.cycle_trial import Progress


def run_cycle(logs: Path, hours: float, config: Path | None, json: bool) -> None:
    """Run the cycle over a folder and print it.

    Raises
    ------
    BadUsage
        If there are no such hours.
    """
    from fabio.cli.failures import BadUsage
    from fabio.cli.folders import records_in
    from fabio.cli.output import compiled_kernels, print_json
    from fabio.cli.shadow import say_left_out

    if not 0 < hours < float("inf"):
        raise BadUsage(f"--hours {hours:g} is not a number of hours above 0; --hours 1000000 takes the whole record")
    with records_in(logs), compiled_kernels():
        from fabio.learning.cycle import learn
        from fabio.settings.load import load

        with _progress() as progress:
            report = learn(load(config=config), lambda changes: load(config=config, overrides=changes), logs, hours,
                           progress)
    say_left_out(report["problems"])
    if json:
        print_json(report)
        return
    _print(report)


@contextmanager
def _progress() -> "Iterator[Progress]":
    """Show a bar on stderr while proposals are tried, where a person looks at it."""
    import sys

    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("trying proposals"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    ) as bar:
        task = bar.add_task("runs", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


# -- the screen -------------------------------------------------------------------------


def _print(report: dict[str, Any]) -> None:
    from fabio.cli.rows import wide_console
    from fabio.cli.shadow import hours_words, print_notes

    console = wide_console()
    console.print(f"Lessons: {hours_words(report)}", markup=False)
    if report["signals"]:
        _print_opportunities(console, report)
        for title, rows in (("strategy", report["leaderboard"]), ("regime", report["success_by_regime"])):
            console.print()
            console.print(_results(title, rows))
        _print_guards(console, report["guard_effectiveness"]["guards"])
    else:
        console.print("; ".join(report["remarks"]), markup=False)
    _print_feedback(console, report["feedback"])
    journal = [] if report["journal"] == "whole" else [f"decay and orders are not known: {report['journal']}"]
    print_notes(("Mind", [*(report["remarks"] if report["signals"] else []), *journal]))
    if report["signals"]:
        print_notes(("How to read it", [
            "trades have the size they were given; shadows, guards and what was blocked one step each, after fees",
            report["signal_decay"]["clock"], report["regime_accuracy"]["why"],
        ]), ("What shadows are not", report["bias"]))


def _print_opportunities(console: "Console", report: dict[str, Any]) -> None:
    cost, missed, decay = (
        report["blocked_opportunity_cost"], report["missed_opportunities"], report["signal_decay"])
    console.print(f"{report['signals']} signals, {report['taken']} taken, {cost['blocked']} blocked", markup=False)
    console.print()
    if cost["outcomes"]:
        interval = "" if cost["low"] is None else f" ({cost['low']:+,.0f} to {cost['high']:+,.0f})"
        console.print(f"Blocked   profit missed {cost['missed_profit']:,.2f} USD, loss avoided "
                      f"{cost['avoided_loss']:,.2f} USD, net {cost['net']:+,.2f} USD{interval}, of {cost['outcomes']} "
                      f"results: {cost['judgement']}", markup=False)
    else:
        console.print("Blocked   no blocked signal has a result", markup=False)
    unfilled = missed["orders_without_fill"] or {}
    orders = "".join(f", {count} real orders {state}" for state, count in unfilled.items())
    if missed["expired"]:
        console.print(f"Missed    {missed['expired']} signals expired unfilled ({missed['of_approved']} taken, "
                      f"{missed['of_blocked']} blocked){orders}; what they would have made is unknown", markup=False)
    else:
        console.print(f"Missed    no signal expired unfilled{orders}", markup=False)
    console.print(f"Decay     {_decay(decay)}", markup=False)


def _decay(decay: dict[str, Any]) -> str:
    if not decay["fills"]:
        return "nothing was filled"
    kinds = [f"{kind} {row['median_ms']:,.0f} ms of {row['fills']}" for kind, row in decay["by_kind"].items()]
    return (f"signal to fill: mean {decay['mean_ms']:,.0f} ms, median {decay['median_ms']:,.0f}, p90 "
            f"{decay['p90_ms']:,.0f} (median by kind: {', '.join(kinds)})")


def _table(first: str, *numbers: str) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _results(title: str, rows: list[dict[str, Any]]) -> Any:
    from rich.text import Text

    table = _table(title, "signals", "taken", "trades", "won", "net USD", "R", "shadows", "won", "R")
    for row in rows:
        name = row[title] + (f" ({row['source']})" if "source" in row else "")
        traded = (_rate(row["win_rate"]), f"{row['net_pnl']:+,.2f}", f"{row['trade_r']:+.2f}")
        shadowed = (_rate(row["shadow_win_rate"]), f"{row['shadow_r']:+.2f}")
        table.add_row(
            Text(name), str(row["signals"]), str(row["taken"]), str(row["trades"]),
            *(traded if row["trades"] else ("-", "-", "-")), str(row["shadows"]),
            *(shadowed if row["shadows"] else ("-", "-")),
        )
    return table


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.0%}"


def _print_guards(console: "Console", guards: dict[str, dict[str, Any]]) -> None:
    from rich.text import Text

    spoke = {name: row for name, row in guards.items() if row["refused"]}
    if not spoke:
        return
    table = _table("guard", "refused", "alone", "results", "saved", "cost", "net", "judgement")
    for name, row in spoke.items():
        money = [f"{row[key]:,.0f}" for key in ("saved", "cost")] + [f"{row['net']:+,.0f}"]
        table.add_row(Text(name), str(row["refused"]), str(row["blocked"]), str(row["outcomes"]),
                      *(money if row["outcomes"] else ("-", "-", "-")), row["judgement"])
    console.print()
    console.print(table)
    console.print("judged by what a guard refused alone; `fabio guards` has intervals and overlap", style="dim")


def _print_feedback(console: "Console", feedback: dict[str, Any]) -> None:
    console.print()
    for id_, override in feedback["in_force"].items():
        console.print(f"In force by {id_} of an earlier run: {override}", markup=False)
    held = len(feedback["held_back"])
    split = f" from {len(feedback['made_from'])} sessions, tried on the {held} held back" if held else ""
    console.print(f"Proposals{split}", style="bold", markup=False)
    if feedback["none_because"]:
        console.print(f"none: {feedback['none_because']}", markup=False)
        return
    if feedback["not_tried_because"]:
        console.print(f"not tried: {feedback['not_tried_because']}", style="yellow", markup=False)
    for number, each in enumerate(feedback["proposals"], 1):
        word = "confirmed" if each["confirmed"] else "not confirmed"
        console.print(f"{number}. {each['setting']}: {_value(each['before'])} -> {_value(each['after'])}   [{word}]",
                      style="green" if each["confirmed"] else None, markup=False)
        console.print(f"   because: {each['why']}", markup=False)
        console.print(f"   trial:   {_trial(each['trial'])}", markup=False)
        if each["sent"]:
            _print_sent(console, each["sent"])
        if each["sent"] and each["sent"]["id"]:
            continue
        console.print(f"   apply:   --set {each['set']}", markup=False)
        section, line = each["toml"].splitlines()
        console.print(f"   or in fabio.toml, from the next start on:\n            {section}\n            {line}",
                      markup=False)
        if each["apply"]:
            console.print(f"   or in the running agent:\n            {each['apply']}\n   and back:\n"
                          f"            {each['undo']}", markup=False)
    console.print()
    for words in (feedback["rule"], feedback["confirmation"], feedback["how"], feedback["applying"]):
        console.print(f"- {words}", style="dim", markup=False)


def _print_sent(console: "Console", sent: dict[str, Any]) -> None:
    words, style = f"{sent['outcome'].replace('_', ' ')}: {sent['message']}", "yellow"
    if sent["id"]:
        words, style = f"applied as {sent['id']}; `fabio learn undo {sent['id']}` takes it back", "green"
    console.print(f"   agent:   {words}", style=style, markup=False)


def _trial(trial: dict[str, Any] | None) -> str:
    if trial is None:
        return "none"
    interval = "no interval" if trial["low"] is None else f"{trial['low']:+,.0f} to {trial['high']:+,.0f}"
    narrow = " over single trades, too narrow" if trial["interval_over"] != "sessions" else ""
    given = f"; given {trial['given_answers']} answers of the model" if trial["given_answers"] else ""
    return (f"{trial['difference']:+,.2f} USD ({interval}{narrow}), {trial['changed']} results differ in "
            f"{trial['sessions']} sessions{given}")


def _value(value: float | bool) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else f"{value:g}"
