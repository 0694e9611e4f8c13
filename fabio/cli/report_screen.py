"""A report on one screen of a terminal."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fabio.cli.rows import wide_console
from fabio.cli.shadow import aside_words
from fabio.learning.report.words import RISK_NAMES, bill, clock, count, duration, number, percent, risk_value, usd

_BLOCKS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 48
_MOST_PROBLEMS = 5


def print_report(report: dict[str, Any]) -> None:
    """Print the summary."""
    console = wide_console()
    _head(console, report)
    for sentence in report["said"]:
        console.print(Text(sentence, "bold"))
    console.print(_numbers(report))
    if report["trades"] and "utf" in console.encoding.lower():
        console.print(Text.assemble("equity  ", (_curve(report["equity"]), "cyan")))
    for market in report["markets"]:
        shares = ", ".join(f"{label} {share:.0%}" for label, share in market["regime_share"].items())
        console.print(Text(f"{market['symbol']} regimes: {shares or 'none known'}"))
        if market["problem"]:
            console.print(Text(market["problem"], "red"))
    _strategies(console, report)
    _guards(console, report)
    _learned(console, report)
    _risk(console, report)
    _record(console, report)


def _head(console: Console, report: dict[str, Any]) -> None:
    zone, world = ZoneInfo(report["zone"]), report["world"]
    symbols = ", ".join(market["symbol"] for market in report["markets"])
    told = ", ".join(f"{name} {world[name]}" for name in ("mode", "feed", "account") if world[name])
    console.print(Text.assemble(
        (symbols, "bold"), f"  {clock(report['since_ns'], zone)} to {clock(report['until_ns'], zone)} {report['zone']}",
        (f"  {told}", "dim"),
    ))


def _numbers(report: dict[str, Any]) -> Table:
    summary, risk = report["summary"], report["risk"]["window"]
    model = report["model"]
    net = Text(f"{usd(summary['net_pnl'])} USD", _style(summary["net_pnl"]))
    rows = (
        ("net P&L", net, f"fees {usd(summary['fees'], signed=False)}", "trades",
         f"{summary['trades']}, {summary['wins']} won ({percent(risk['win_rate'])})" if summary["trades"] else "none"),
        ("balance", f"{usd(summary['end_balance'], signed=False)} USD", "closed", "profit factor",
         number(risk["profit_factor"], ".2f")),
        ("drawdown", f"{usd(report['equity']['deepest'])} USD", "deepest, open P&L counted", "expectancy",
         f"{usd(risk['expectancy'])} USD" if risk["expectancy"] is not None else "-"),
        ("signals", str(summary["signals"]), f"{summary['approved']} approved, {summary['blocked']} blocked", "model",
         f"{model['asked']:,} answers, {bill(model)}"),
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for place in range(5):
        table.add_column(justify="right" if place == 1 else "left", style="dim" if place in (0, 2, 3) else "")
    for row in rows:
        table.add_row(*row)
    return table


def _style(amount: float | None) -> str:
    return "" if not amount else "green" if amount > 0 else "red"


def _curve(equity: dict[str, Any]) -> str:
    """Draw equity in one line, one letter for each equal part of the time."""
    times, values = equity["ts_ns"], equity["equity"]
    low, high = min(values), max(values)
    drawn, place = "", 0
    for part in range(1, _CURVE_WIDTH + 1):
        until = times[0] + (times[-1] - times[0]) * part // _CURVE_WIDTH
        while place + 1 < len(times) and times[place + 1] <= until:
            place += 1
        share = (values[place] - low) / (high - low) if high > low else 0.0
        drawn += _BLOCKS[round(share * (len(_BLOCKS) - 1))]
    return f"{drawn}  {usd(low, signed=False)} to {usd(high, signed=False)} USD"


def _rows(console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for place, name in enumerate(columns):
        table.add_column(name, justify="left" if place == 0 or name == "judgement" else "right", header_style="dim")
    for row in rows:
        table.add_row(*(each if isinstance(each, Text) else Text(str(each)) for each in row))
    console.print()
    console.print(Text(title, "bold"))
    console.print(table)


def _strategies(console: Console, report: dict[str, Any]) -> None:
    if not report["strategies"]:
        return
    columns = ("strategy", "signals", "trades", "won", "net USD", "mean R", "not taken", "their mean R")
    _rows(console, "Strategies", columns, [
        (each["name"], each["signals"], each["trades"], percent(each["win_rate"]),
         Text(usd(each["net_pnl"]), _style(each["net_pnl"])), number(each["mean_r"]), each["not_taken"],
         number(each["not_taken_mean_r"])) for each in report["strategies"]
    ])


def _guards(console: Console, report: dict[str, Any]) -> None:
    rows = [each for each in report["guards"]["rows"] if each["refused"]]
    if not rows:
        return
    _rows(console, "Guards that refused (saved to judgement: of what each refused alone, one size step, USD)",
          ("guard", "refused", "alone", "saved", "cost", "net", "judgement"), [_guard(each) for each in rows])


def _guard(row: dict[str, Any]) -> tuple[Any, ...]:
    alone = row["alone"]
    if alone is None:
        return row["name"], row["refused"], "-", "-", "-", "-", ""
    return (row["name"], row["refused"], alone["blocked"], usd(alone["saved"], signed=False),
            usd(alone["cost"], signed=False), Text(usd(alone["net"]), _style(alone["net"])), alone["judgement"])


def _learned(console: Console, report: dict[str, Any]) -> None:
    learning, zone = report["learning"], ZoneInfo(report["zone"])
    console.print()
    speed, notes = learning["speed"], len(learning["notes"])
    if speed["changes"]:
        console.print(Text.assemble(("Learned: ", "bold"), (
            f"{count(speed['changes'], 'change')}, each after a median of {speed['median_outcomes']:g} ended signals, "
            f"{duration(speed['median_after_latest_outcome_s'])} after the latest; {count(notes, 'note')} made")))
    else:
        console.print(Text.assemble(("Learned: ", "bold"), f"{speed['reason']}; {count(notes, 'note')} made"))
    for each in learning["changes"][-5:]:
        what = ", ".join(f"{name} {pair[0]} -> {pair[1]}" for name, pair in each["changed"].items() if len(pair) == 2)
        console.print(Text(f"  {clock(each['ts_ns'], zone)[5:]} {each['strategy']}: {what} (by {each['source']})"))


def _risk(console: Console, report: dict[str, Any]) -> None:
    window, record = report["risk"]["window"], report["risk"]["record"]
    spans = [f"{words}, {count(each['days'], 'day')}"
             for words, each in (("these hours", window), ("whole record", record))]
    _rows(console, "Risk", ("", *spans), [
        (RISK_NAMES[name], risk_value(name, window[name]), risk_value(name, record[name])) for name in RISK_NAMES
    ])
    missing: dict[str, list[str]] = {}
    for name, reason in window["reasons"].items():
        missing.setdefault(reason, []).append(RISK_NAMES[name])
    for reason, names in missing.items():
        console.print(Text(f"  no {', no '.join(names)} of these hours: {reason}", "dim"))
    for caution in dict.fromkeys(each for each in (window["caution"], record["caution"]) if each):
        console.print(Text(f"  {caution}", "dim"))


def _record(console: Console, report: dict[str, Any]) -> None:
    record = report["record"]
    console.print()
    if record["whole"]:
        console.print(Text.assemble(("Record: ", "bold"), f"whole, {record['journal_lines']:,} journal lines checked"))
        return
    problems = record["problems"]
    console.print(Text(f"Record: not whole, {count(len(problems), 'problem')}", "bold red"))
    for each in problems[:_MOST_PROBLEMS]:
        console.print(Text(f"  {each}"))
    if len(problems) > _MOST_PROBLEMS:
        console.print(Text(f"  ... and {len(problems) - _MOST_PROBLEMS} more: --json names them all"))
    for words in aside_words(record["quarantine"]):
        console.print(Text(f"  {words}"))
