"""What a run did, and what to try next."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from fabio.cli.tables import print_parts

if TYPE_CHECKING:
    from fabio.runtime.reopen import Ready, RunPlan


def print_end(ready: "Ready", plan: "RunPlan") -> None:
    """Print a run's summary and the next commands."""
    agent, board = ready.agent, ready.board
    console = Console(soft_wrap=True, highlight=False)
    answer = board.summary.as_dict()
    account, state = board.account(), agent.driver.engine.state
    lived = state.tape_pos - ready.recovered.ticks
    if agent.finished and lived == 0:
        console.print(f"[bold]{agent.life.name} is done[/]: all {state.tape_pos:,} ticks were lived through already. "
                      "With another --logs it starts over.")
    else:
        console.print()
        end = "finished" if agent.finished else f"stopped: {agent.stopping}"
        console.print(f"[bold]{agent.life.name}[/] {end}", style="")
    console.print(
        f"{answer['signals']} signals: {answer['approved']} approved, {answer['blocked']} blocked; "
        f"{answer['trades']} trades, net [bold]{answer['net_pnl']:+,.2f} USD[/] (fees {answer['fees']:,.2f}); "
        f"balance {account.balance:,.2f} USD, {account.room:,.2f} above the loss floor"
    )
    beside = answer["asked_outside"]
    print_parts(console, answer, ", answered by the rules" + (
        f", a model asked beside them {beside} times" if beside else ""))
    console.print(f"records: {plan.logs.resolve()} (decisions.jsonl, trades.jsonl, agent.log, ...)")
    _print_next(console, ready, plan)


def _print_next(console: Console, ready: "Ready", plan: "RunPlan") -> None:
    logs = "" if plan.logs == Path("logs") else f" --logs {plan.logs}"
    decisions = ready.board.decisions
    trades = ready.board.summary.trades
    about = trades[-1].decision_id if trades else decisions[-1].id if decisions else ""
    commands = []
    if about:
        commands.append((f"python -m fabio explain {about}{logs}", "why it decided so, step by step"))
    commands.append((f"python -m fabio logs trades{logs}", "the closed trades, one record a line"))
    commands.append((f"python -m fabio replay {plan.logs}", "the same day again, from its own records"))
    if plan.feed == "demo":
        commands.append((f"python -m fabio run{logs}",
                         "the next session; what was learned stays" if ready.agent.finished else "go on from here"))
    width = max(len(command) for command, _ in commands)
    console.print("\nTry next:")
    for command, words in commands:
        console.print(f"  {command:<{width}}  [dim]{words}[/]")
