"""Tables for people, made with Rich; each verb's answer in words."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_replay(answer: dict[str, Any]) -> None:
    """Print what a replay did."""
    console = Console(soft_wrap=True)
    speed = f"{answer['ticks_per_s'] / 1e6:.2f} M ticks/s" if answer["ticks_per_s"] else "-"
    console.print(
        f"[bold]{answer['ticks']:,}[/] ticks in {answer['sessions']} session(s), "
        f"{answer['rejected_ticks']:,} rejected; {answer['elapsed_s']:.2f} s ({speed})"
    )
    console.print(
        f"{answer['signals']} signals: {answer['approved']} approved, {answer['blocked']} blocked; "
        f"{answer['trades']} trades, net [bold]{answer['net_pnl']:+,.2f} USD[/] "
        f"(fees {answer['fees']:,.2f}, deepest drawdown {answer['max_drawdown']:,.2f})"
    )
    print_parts(console, answer, " asked")
    console.print(f"digest {answer['digest']}", style="dim")


def print_parts(console: Console, answer: dict[str, Any], asked: str) -> None:
    """Print what strategies, guards and regimes had in it; `asked` ends the line of the questions."""
    if answer["by_strategy"]:
        console.print(strategy_table(answer["by_strategy"]))
    if answer["by_guard"]:
        console.print(guard_table(answer["by_guard"]))
    shares = ", ".join(f"{label} {share:.0%}" for label, share in answer["regime_share"].items())
    console.print(f"regimes: {shares or 'none'}; {answer['model_calls']} questions{asked}")


def strategy_table(by_strategy: dict[str, dict[str, Any]]) -> Table:
    """Lay out what each strategy did."""
    table = Table(title="Strategies", title_justify="left", box=None, padding=(0, 2))
    for name in ("strategy", "signals", "approved", "trades", "win rate", "net USD"):
        table.add_column(name, justify="left" if name == "strategy" else "right")
    for name, row in by_strategy.items():
        rate = "-" if row["win_rate"] is None else f"{row['win_rate']:.0%}"
        table.add_row(
            name, str(row["signals"]), str(row["approved"]), str(row["trades"]), rate, f"{row['net_pnl']:+,.2f}"
        )
    return table


def guard_table(by_guard: dict[str, int]) -> Table:
    """Lay out how many signals each guard refused."""
    table = Table(title="Guards (a signal can be refused by several)", title_justify="left", box=None, padding=(0, 2))
    table.add_column("guard")
    table.add_column("refused", justify="right")
    for name, count in sorted(by_guard.items(), key=lambda item: -item[1]):
        table.add_row(name, str(count))
    return table
