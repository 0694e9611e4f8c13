"""What-if, in words and tables for a person."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MOST_DECISIONS = 20
LONG_NAME = 30


def print_what_if(answer: dict[str, Any], is_of_guards: bool) -> None:
    """Print what happened, what comes of it unchanged, and what each change makes of it."""
    console = Console(soft_wrap=True, highlight=False)
    recorded, baseline, variants = answer["recorded"], answer["baseline"], answer["variants"]
    console.print(f"[bold]{answer['ticks']:,}[/] recorded ticks of {escape(answer['logs'])}")
    console.print(_day("recorded", recorded))
    console.print(_day("baseline", baseline) + ", the same day re-simulated, nothing changed" +
                  ("" if answer["baseline_differs"] else ": as recorded"))
    for reason in answer["baseline_differs"]:
        console.print(f"  not as recorded: {reason}", style="yellow", markup=False)
    _print_model(console, variants)
    console.print()
    idle = [each["name"] for each in variants if is_of_guards and _is_idle(each, baseline)]
    shown = [each for each in variants if each["name"] not in idle]
    if shown:
        console.print(_guards(shown, baseline) if is_of_guards else _table(shown))
    if idle:
        names = ", ".join(name.removeprefix("without ") for name in idle)
        console.print(f"refused nothing, and nothing changes without them: {names}", style="dim")
    if len(variants) == 1:
        _print_one(console, variants[0])


def _is_idle(variant: dict[str, Any], baseline: dict[str, Any]) -> bool:
    refused = sum(baseline["by_guard"].get(name, 0) for name in variant["without"])
    return not (refused or variant["changed_decisions"] or variant["changed_results"])


def _day(name: str, row: dict[str, Any]) -> str:
    return f"{name:<9} {row['trades']:>4} trades, net [bold]{row['net_pnl']:+,.2f} USD[/]"


def _print_model(console: Console, variants: list[dict[str, Any]]) -> None:
    """Say on which answers of a model the numbers rest; nothing where none was asked."""
    models = [each["exact"]["model"] for each in variants]
    if not any(model[key] for model in models for key in ("held", "superseded", "failed", "unplaced", "missing")):
        return
    held = sorted({model["held"] for model in models})
    missing = sorted({model["missing"] for model in models})
    console.print(
        f"given these answers: {_span(held)} of the model's are held at their places on the tape, {_span(missing)} "
        "questions have none and fall to the rules", style="cyan",
    )


def _span(counts: list[int]) -> str:
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"


def _table(variants: list[dict[str, Any]]) -> Table:
    table = _columns("variant", "trades", "net USD", "difference", "estimate", "changed")
    for each in variants:
        exact, estimate = each["exact"], each["estimate"]["net_pnl"]
        table.add_row(
            _name(each["name"]), str(exact["trades"]), _money(exact["net_pnl"]),
            _money(each["difference"]["net_pnl"]),
            "-" if estimate is None else _money(estimate), str(len(each["changed_decisions"])),
        )
    return table


def _guards(variants: list[dict[str, Any]], baseline: dict[str, Any]) -> Table:
    table = _columns("without", "refused", "trades", "difference", "estimate", "error", "changed")
    refused = baseline["by_guard"]
    for each in sorted(variants, key=lambda each: -abs(each["difference"]["net_pnl"])):
        count, guessed = sum(refused.get(name, 0) for name in each["without"]), each["estimate"]["net_pnl"]
        table.add_row(
            _name(each["name"].removeprefix("without ")), str(count), str(each["exact"]["trades"]),
            _money(each["difference"]["net_pnl"]),
            "-" if guessed is None else _money(guessed - baseline["net_pnl"]),
            "-" if guessed is None else _money(each["estimate_error"]), str(len(each["changed_decisions"])),
        )
    return table


def _name(name: str) -> str:
    """Break a variant's name where a reader would: between changes, and before the last word of a long path."""
    lines: list[str] = []
    for change in name.split(", "):
        path, equals, value = change.partition("=")
        head, dot, last = path.rpartition(".")
        is_long = bool(dot) and len(change) > LONG_NAME
        lines += [head + dot, f"  {last}{equals}{value}"] if is_long else [change]
    return escape("\n".join(lines))


def _columns(*names: str) -> Table:
    table = Table(box=None, padding=(0, 1))
    table.add_column(names[0], overflow="fold")
    for name in names[1:]:
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    return table


def _money(amount: float) -> str:
    return "0.00" if abs(amount) < 0.005 else f"{amount:+,.2f}"


def _print_one(console: Console, variant: dict[str, Any]) -> None:
    """Print the decisions that an only variant changes."""
    console.print(f"\nestimate: {variant['estimate']['reason']}", markup=False)
    changed = variant["changed_decisions"]
    console.print(f"[bold]{len(changed)}[/] {'decision' if len(changed) == 1 else 'decisions'} came out otherwise"
                  + (":" if changed else ""))
    for each in changed[:MOST_DECISIONS]:
        console.print(
            f"  {each['ts'][:19].replace('T', ' ')} {each['strategy']} {each['side']}: "
            f"{_word(each['baseline'])}, with the change [bold]{_word(each['exact'])}[/] [dim](tick "
            f"{each['tape_pos']:,})[/]"
        )
        console.print(f"    {each['why']}", style="dim", markup=False)
    if len(changed) > MOST_DECISIONS:
        console.print(f"  ... and {len(changed) - MOST_DECISIONS} more: --json has them all")
    if variant["changed_results"]:
        console.print(f"trades of unchanged decisions that ended otherwise: {variant['changed_results']}")
    console.print(f"digest {variant['exact']['digest']}", style="dim")


def _word(decision: dict[str, Any] | None) -> str:
    if decision is None:
        return "no signal"
    if not decision["approved"]:
        return "refused"
    return "approved, not traded" if decision["net_pnl"] is None else f"traded {decision['net_pnl']:+,.2f} USD"
