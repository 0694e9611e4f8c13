"""`fabio shadow`: what every signal would have made, blocked, expired or taken."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabio.cli.options import DEFAULT_LOGS, JsonOption, LogsOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fabio.learning.window import Window

HoursOption = Annotated[
    float, typer.Option("--hours", metavar="N", help="The record's last N hours, by its own clock.")
]
_MOST_SHOWN = 5


def shadow(hours: HoursOption = 24.0, logs: LogsOption = DEFAULT_LOGS, json: JsonOption = False) -> None:
    """Show what every signal would have made: trades, win rate and P&L, by strategy, guard and regime.

    Every signal, blocked or taken, is run on to its own exit in the shadow book, with the venue's
    latency, slippage and fees and a size of one step. Hours count back from the record's last
    decision or shadow exit.
    """
    from fabio.cli.output import print_json

    window = window_of(logs, hours)
    from fabio.learning.shadows import shadow_report

    report = shadow_report(window)
    say_left_out(report["problems"])
    if json:
        print_json(report)
        return
    _print(report)


def window_of(logs: Path, hours: float) -> "Window":
    """Read the records of the last hours.

    Raises
    ------
    BadUsage
        If there are no such hours.
    """
    from fabio.cli.failures import BadUsage
    from fabio.cli.folders import records_in

    if not 0 < hours < float("inf"):
        raise BadUsage(f"--hours {hours:g} is not a number of hours above 0; --hours 1000000 takes the whole record")
    with records_in(logs):
        from fabio.learning.window import read_window

        return read_window(logs, hours)


def say_left_out(problems: dict[str, Any]) -> None:
    """Say on stderr which lines were not used, why, and where they are kept."""
    from fabio.cli.output import say

    lines, aside = problems["lines"], problems["quarantine"]
    if not lines:
        return
    say(f"{len(lines)} line{'s were' if len(lines) > 1 else ' was'} left out:")
    for each in lines[:_MOST_SHOWN]:
        reason = "".join(letter if letter.isprintable() else "?" for letter in each["reason"])
        say(f"  {each['file']}, line {each['line']}: {reason}")
    if len(lines) > _MOST_SHOWN:
        say(f"  ... and {len(lines) - _MOST_SHOWN} more: --json names them all")
    for words in aside_words(aside):
        say(f"  {words}")


def aside_words(aside: dict[str, Any]) -> "Iterator[str]":
    """Say where lines that were left out are kept, and why some are not."""
    if aside["lines"]:
        yield f"kept in {aside['folder']}: {aside['lines']}, {aside['new']} of them new"
    if aside["why_not"]:
        yield aside["why_not"]


def hours_words(report: dict[str, Any]) -> str:
    """Say which hours a report is of."""
    if report["until"] is None:
        return f"the last {report['hours']:g} h"
    which = "the whole record" if report["whole_record"] else f"{report['hours']:g} h back from the last record"
    return (f"{report['since'][:10]} {report['since'][11:19]} to {report['until'][:10]} {report['until'][11:19]} UTC, "
            f"{which}")


def print_notes(*paragraphs: tuple[str, list[str]]) -> None:
    """Print what stands under a report: a title, and a sentence a line."""
    from fabio.cli.rows import wide_console

    console = wide_console()
    for title, sentences in paragraphs:
        if not sentences:
            continue
        console.print()
        console.print(f"{title}:", style="bold", markup=False)
        for sentence in sentences:
            console.print(f"- {sentence}", markup=False)


def _print(report: dict[str, Any]) -> None:
    from fabio.cli.rows import wide_console
    from fabio.learning.shadows import without_outcome_words

    console = wide_console()
    console.print(f"Shadows: {hours_words(report)}", markup=False)
    if report["signals"] == 0:
        console.print("; ".join(report["remarks"]), markup=False)
        return
    rate = "-" if report["win_rate"] is None else f"{report['win_rate']:.0%}"
    console.print(
        f"{_count(report['signals'], 'signal')}: {_count(report['total_trades'], 'shadow trade')}, {rate} won, "
        f"[bold]{report['total_pnl']:+,.2f} USD[/] ({report['total_r']:+.2f} R); "
        f"{report['expired']} expired unfilled, {report['no_outcome']} without outcome"
    )
    for title, group in (("decision", "by_decision"), ("strategy", "by_strategy"), ("regime", "by_regime"),
                         ("refused by *", "by_guard")):
        if report[group]:
            console.print()
            console.print(_table(title, report[group]))
    if any(row["signals"] for row in report["by_guard"].values()):
        console.print("* a signal that several guards refused stands under each; `fabio guards` counts it once",
                      style="dim", markup=False)
    pairs = report["against_trades"]
    measured = [] if not pairs["pairs"] else [
        f"measured on {_count(pairs['pairs'], 'signal')} that became a trade: shadows {pairs['shadow_r']:+.2f} R, "
        f"trades {pairs['trade_r']:+.2f} R"
    ]
    print_notes(("Mind", report["remarks"]), ("Without outcome", without_outcome_words(report["without_outcome"])),
                ("What shadows are not", [*report["bias"], *measured]))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _table(title: str, groups: dict[str, dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column(title, overflow="fold", min_width=20)
    for name in ("signals", "trades", "won", "win rate", "expired", "USD", "R"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in groups.items():
        rate = "-" if row["win_rate"] is None else f"{row['win_rate']:.0%}"
        table.add_row(Text(name), str(row["signals"]), str(row["trades"]), str(row["wins"]), rate, str(row["expired"]),
                      f"{row['total_pnl']:+,.2f}", f"{row['total_r']:+.2f}")
    return table
