"""`fabio bench reliability`: every release bar, measured, with the number of times it was tried."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fabio.cli.options import JsonOption

FullOption = Annotated[bool, typer.Option("--full", help="The sizes a release is judged at: about two hours.")]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Only this; may be repeated.")]
TimesOption = Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="How often each is tried.")]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="Tell one seed of the chaos.")]
PlotOption = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Tell a run that was kept.")]
SaveOption = Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Keep the run of --seed as a file.")]


def reliability(
    full: FullOption = False, only: OnlyOption = None, times: TimesOption = None, seed: SeedOption = None,
    plot: PlotOption = None, save: SaveOption = None, json: JsonOption = False,
) -> None:
    """Try what must never happen, thousands of times, and print each bar with its limit; exit code 1 if one is missed.

    Without --full the sizes are those of continuous integration, up to 10 minutes on two cores.
    Every run of the chaos depends on its seed alone: --seed N lives through it again and tells
    all that happens.
    """
    from fabio.cli.output import compiled_kernels

    with compiled_kernels():
        if seed is not None or plot is not None:
            _tell_one(seed, plot, full, save, json)
            return
        _measure(full, only or [], times, json)


def _tell_one(seed: int | None, path: Path | None, full: bool, save: Path | None, json: bool) -> None:
    from fabio.cli.output import print_json, say
    from fabio.research.reliability.chaos.bars import CI_S, FULL_S, tell
    from fabio.research.reliability.chaos.plot import draw, read_plot, write_plot

    plot = read_plot(path) if path is not None else draw(seed or 0, FULL_S if full else CI_S)
    if save is not None:
        write_plot(save, plot)
    found = tell(plot, say if json else typer.echo)
    if json:
        print_json({
            "seed": plot.seed, "holds": not found.breaches, "kills": found.kills, "counts": found.counts,
            "breaches": [{"rule": each.rule, "at_s": each.at_s, "words": each.words} for each in found.breaches],
        })
    else:
        typer.echo(f"{found.counts.get('entries', 0)} entries, {len(found.kills)} kills: "
                   + ("everything held" if not found.breaches else f"{len(found.breaches)} things DID NOT HOLD"))
    if found.breaches:
        raise typer.Exit(1)


def _measure(full: bool, only: list[str], times: int | None, json: bool) -> None:
    import time

    from fabio.cli.failures import BadUsage
    from fabio.cli.output import print_json, say
    from fabio.research.reliability.bars import chosen, measured

    try:
        measurements = chosen(only)
    except ValueError as error:
        raise BadUsage(str(error)) from None
    found: dict[str, list[dict[str, Any]]] = {}
    began = time.perf_counter()
    for done in measured(measurements, lambda each: times or (each.full if full else each.ci), say):
        name = done.measurement.name
        found[name] = [{
            "name": each.name, "value": each.value, "limit": each.limit, "n": each.n, "holds": each.holds,
            "note": each.note, "measured_by": name, "seconds": done.seconds,
        } for each in done.bars]
        missed = sum(not each.holds for each in done.bars)
        say(f"[{len(found)}/{len(measurements)}] {name}: {f'{missed} MISSED' if missed else 'done'}, "
            f"{done.seconds:,.0f} s")
    bars = [bar for each in measurements for bar in found[each.name]]
    holds = all(each["holds"] for each in bars)
    if json:
        print_json({"full": full, "holds": holds, "seconds": round(time.perf_counter() - began, 1), "bars": bars})
    else:
        _print(bars)
    if not holds:
        raise typer.Exit(1)


def _print(bars: list[dict[str, Any]]) -> None:
    from fabio.cli.rows import print_rows

    rows = [(each["name"], f"{each['value']:,g}", "-" if each["limit"] == float("inf") else f"{each['limit']:,g}",
             f"{each['n']:,}", "holds" if each["holds"] else "MISSED", f"{each['seconds']:,.0f}", each["note"])
            for each in bars]
    print_rows(["bar", "value", "limit", "n", "", "s", "note"], rows, one_wraps=True)
    missed = sum(not each["holds"] for each in bars)
    typer.echo(f"{len(bars)} bars: " + ("all hold" if missed == 0 else f"{missed} MISSED"))
