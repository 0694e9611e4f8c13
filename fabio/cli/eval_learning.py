"""`fabio eval learning`: does the agent learn, measured on markets whose truth is known."""

from typing import Annotated, Any

import typer

from fabio.cli.options import ConfigOption, JsonOption, SetOption

SeedsOption = Annotated[int, typer.Option("--seeds", min=1, max=1000, metavar="N", help="How many seeds.")]
FirstSeedOption = Annotated[int, typer.Option("--first-seed", min=0, metavar="N", help="The first of them.")]
SessionsOption = Annotated[
    int, typer.Option("--sessions", min=2, max=200, metavar="N",
                      help="Sessions of each seed, an even number; the sides are swapped after half.")
]
SignalsOption = Annotated[
    int, typer.Option("--signals", min=1, max=24, metavar="N", help="Signals of each probe in a session.")
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", min=1, max=64, metavar="N", help="Processes side by side; default: all cores.")
]


def learning(
    seeds: SeedsOption = 20, first_seed: FirstSeedOption = 0, sessions: SessionsOption = 40,
    signals: SignalsOption = 8, jobs: JobsOption = None, set_: SetOption = None, config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Prove that the agent learns: two probe strategies, one planted to win and one to lose, then swapped.

    The real machine and the real paper exchange live through generated sessions with the
    learning rule of the settings, without it, and told the truth, on the very same ticks.
    """
    from fabio.cli.failures import BadUsage
    from fabio.cli.output import compiled_kernels, print_json, say

    if sessions % 2:
        raise BadUsage(f"--sessions {sessions} is odd; the sides are swapped after half of them")
    with compiled_kernels():
        from fabio.research.learning.eval import evaluate, usual_jobs
        from fabio.research.learning.market import Terms
        from fabio.settings.load import load

        settings = load(config=config, overrides=set_ or ())
        answer = evaluate(range(first_seed, first_seed + seeds), Terms(sessions=sessions, signals=signals),
                          settings.learning, usual_jobs() if jobs is None else jobs, say)
    if json:
        print_json(answer)
        return
    _print(answer)


def _print(answer: dict[str, Any]) -> None:
    from fabio.cli.rows import print_rows

    typer.echo(f"{answer['seeds']} seeds of {answer['sessions']} synthetic sessions, {answer['signals_per_session']} "
               f"signals of each probe in a session, sides swapped after half")
    print_rows(["planted", "trades", "win rate", "mean R", "cost R", "Sharpe a trade"], [
        (name, side["trades"], f"{side['win_rate']:.1%}", f"{side['mean_r']:+.3f}", f"{side['cost_r']:.3f}",
         "-" if side["sharpe_per_trade"] is None else f"{side['sharpe_per_trade']:+.2f}")
        for name, side in answer["planted"].items()
    ])
    print_rows(["agent", "mean R a seed", "mean USD a seed", "trades"], [
        (_AGENTS[name], f"{net['mean_r']:+.1f}", f"{net['mean_usd']:+,.0f}", f"{net['mean_trades']:.0f}")
        for name, net in answer["agents"].items()
    ])
    gain, usd = answer["paired_gain"], answer["paired_gain_usd"]
    typer.echo(f"learning gains {gain['mean']:+.1f} R a seed, 95 % interval {gain['low']:+.1f} to {gain['high']:+.1f} "
               f"({usd['mean']:+,.0f} USD, {usd['low']:+,.0f} to {usd['high']:+,.0f})")
    print_rows(["figure", "value", "goal", ""], [
        (_FIGURES[goal["name"]], _value(answer, goal["name"]), f"{goal['relation']} {goal['limit']:g}",
         "holds" if goal["holds"] else "MISSED") for goal in answer["goals"]
    ])
    never, planted = answer["losers_never_disabled"], answer["planted_losers"]
    typer.echo(f"{planted - never} of {planted} planted losers were disabled")


def _value(answer: dict[str, Any], name: str) -> str:
    value: Any = answer
    for part in name.split("."):
        value = value[part]
    return "never" if value is None else f"{value:.3g}"


_AGENTS = {"learning": "learning on", "off": "learning off", "oracle": "told the truth"}
_FIGURES = {
    "paired_gain.low": "gain of learning, low end, R",
    "share_of_oracle": "share of what the truth earns",
    "median_trades_to_disable_loser": "median trades to disable a planted loser",
    "winner_disabled_share": "share of seeds that disable a winner",
}
