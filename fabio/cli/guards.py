"""`fabio guards`: what each guard saved or cost."""

from typing import Any

from fabio.cli.options import DEFAULT_LOGS, JsonOption, LogsOption
from fabio.cli.shadow import HoursOption

_OVER_TRADES = "*"
_WORDS = {
    "saves": "saves money: its whole interval is above 0",
    "costs": "costs money: its whole interval is below 0",
    "no clear difference": "no clear difference: its interval holds 0",
}


def guards(hours: HoursOption = 24.0, logs: LogsOption = DEFAULT_LOGS, json: JsonOption = False) -> None:
    """Tell what each guard saved or cost, by the shadows of the signals it blocked.

    A guard is judged by what it alone refused. A signal that several refused is counted once, for
    the set of them. Hours count back from the record's last decision or shadow exit.
    """
    from fabio.cli.output import print_json
    from fabio.cli.shadow import say_left_out, window_of

    window = window_of(logs, hours)
    from fabio.learning.guard_effect import guard_report

    report = guard_report(window)
    say_left_out(report["problems"])
    if json:
        print_json(report)
        return
    _print(report)


def _print(report: dict[str, Any]) -> None:
    from fabio.cli.rows import wide_console
    from fabio.cli.shadow import hours_words, print_notes
    from fabio.learning.shadows import without_outcome_words

    console = wide_console()
    console.print(f"Guards: {hours_words(report)}", markup=False)
    if report["signals"] == 0:
        console.print("; ".join(report["remarks"]), markup=False)
        return
    console.print(f"{report['blocked']} of {report['signals']} signals were blocked; USD of one size step each, "
                  "after fees. Results and what follows are of the signals that a guard refused alone.", markup=False)
    spoke = {name: row for name, row in report["guards"].items() if row["refused"]}
    if spoke:
        console.print()
        console.print(_guard_table(spoke, report["total"]))
        if any(_OVER_TRADES in _interval(row) for row in (*spoke.values(), report["total"])):
            console.print(f"{_OVER_TRADES} over single trades, of fewer than five sessions", style="dim", markup=False)
    if report["overlap"]:
        console.print()
        console.print(_overlap_table(report["overlap"]))
    silent = [name for name, row in report["guards"].items() if not row["refused"]]
    drawn = [report["interval"]] if any(_interval(row) != "-" for row in (*spoke.values(), report["total"])) else []
    print_notes(("Verdicts", _verdicts(spoke)), ("Mind", report["remarks"]),
                ("Asked, and refused nothing", [", ".join(silent)] if silent else []),
                ("Blocked, without outcome", without_outcome_words(report["without_outcome"])),
                ("How it is judged", [report["rule"], *drawn]), ("What shadows are not", report["bias"]))


def _verdicts(guards: dict[str, dict[str, Any]]) -> list[str]:
    """Say of each guard what its figures say."""
    said = [f"{name}: {_WORDS[row['judgement']]}" for name, row in guards.items() if row["enough"]]
    few = [f"{name} ({row['outcomes']})" for name, row in guards.items() if not row["enough"]]
    return said + ([f"too few to tell: {', '.join(few)}"] if few else [])


def _guard_table(guards: dict[str, dict[str, Any]], total: dict[str, Any]) -> Any:
    from rich.text import Text

    table = _table("guard", "alone", "results", "won", "saved", "cost", "net", "95 %")
    for name, row in guards.items():
        table.add_row(Text(name), f"{row['blocked']} of {row['refused']}", *_money(row), _interval(row))
    table.add_row("all, each once", str(total["blocked"]), *_money(total), _interval(total), style="bold")
    return table


def _overlap_table(overlap: list[dict[str, Any]]) -> Any:
    from rich.text import Text

    table = _table("refused together by", "signals", "results", "won", "saved", "cost", "net")
    for row in overlap:
        table.add_row(Text(" + ".join(row["guards"])), str(row["blocked"]), *_money(row))
    return table


def _table(first: str, *numbers: str) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _money(row: dict[str, Any]) -> tuple[str, ...]:
    if not row["outcomes"]:
        return "0", "-", "-", "-", "-"
    return (str(row["outcomes"]), str(row["would_have_won"]), f"{row['saved']:,.0f}", f"{row['cost']:,.0f}",
            f"{row['net']:+,.0f}")


def _interval(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return "-"
    mark = _OVER_TRADES if row["interval_over"] == "trades" else " " * len(_OVER_TRADES)
    return f"{row['low']:+,.0f} to {row['high']:+,.0f}{mark}"
