"""`fabio bench`: what a tick, a wake-up, a replay and a start cost on this machine."""

from typing import Annotated, Any

import typer

from fabio.cli.bench_reliability import reliability
from fabio.cli.options import ConfigOption, JsonOption, SetOption

app = typer.Typer(
    help="Measure speed; `reliability` measures what must never happen.", rich_markup_mode=None,
    epilog="Example:  fabio bench --quick", invoke_without_command=True,
)
app.command("reliability", epilog="Example:  fabio bench reliability --only box --n 100")(reliability)

TicksOption = Annotated[int, typer.Option("--ticks", min=20_000, metavar="N", help="Prints of the synthetic day.")]
PassesOption = Annotated[int, typer.Option("--passes", min=1, metavar="N", help="How often each figure is taken.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Leave the cold start out, which compiles all kernels.")]


@app.callback()
def bench(
    context: typer.Context, ticks: TicksOption = 1_000_000, passes: PassesOption = 5, quick: QuickOption = False,
    set_: SetOption = None, config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Measure nanoseconds per tick, wake-ups, replay, reading, memory and starts, against the goals.

    The day is synthetic, 23 hours long, with a fixed seed; every figure is the median of
    several passes. Other programs that run at the time make every figure worse.
    """
    if context.invoked_subcommand is not None:
        return
    from fabio.cli.output import compiled_kernels, print_json, say

    with compiled_kernels():
        from fabio.runtime.bench import Bench
        from fabio.settings.load import load

        answer = Bench(load(config=config, overrides=set_ or ()), ticks, passes, say).measure(cold=not quick)
    if json:
        print_json(answer)
        return
    _print(answer)


def _print(answer: dict[str, Any]) -> None:
    from fabio.cli.rows import print_rows

    about = answer["machine"]
    typer.echo(f"{answer['ticks']:,} ticks, median of {answer['passes']} passes; {about['processor']}, "
               f"{about['cores']} cores, load {about['load_1min']}, Python {about['python']}")
    limits = {each["name"]: each for each in answer["goals"]}
    rows = []
    for name, unit, words in _FIGURES:
        value: Any = answer
        for part in name.split("."):
            value = value[part]
        goal = limits.get(name)
        wanted = "" if goal is None else f"{goal['relation']} {goal['limit']:g}"
        holds = "" if goal is None or goal["holds"] is None else "holds" if goal["holds"] else "MISSED"
        rows.append((words, "-" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}", unit, wanted,
                     holds))
    print_rows(["figure", "value", "unit", "goal", ""], rows)
    reasons = ", ".join(f"{name} {count:,}" for name, count in answer["wakes"].items())
    typer.echo(f"{answer['wake_ups']:,} wake-ups: {reasons}")


_FIGURES = (
    ("features.batch_ns", "ns/tick", "statistics, one batch"),
    ("features.chunk16_ns", "ns/tick", "statistics, chunks of 16"),
    ("features.single_ns", "ns/tick", "statistics, single calls"),
    ("fixed_ns", "ns/tick", "whole loop, no wakes"),
    ("wake_us", "us", "a wake-up, records included"),
    ("replay_ns", "ns/tick", "whole replay, recorded"),
    ("read_ns", "ns/tick", "reading the tape"),
    ("peak_rss_mb", "MB", "memory of a replay"),
    ("import_s", "s", "fabio --help"),
    ("warm_start_s", "s", "a small replay, warm"),
    ("cold_start_s", "s", "a small replay, cold"),
)
