"""`fabio eval`: how good the classifiers and the prompts are, what asking costs, and whether the agent learns."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabio.cli.eval_cost import cost
from fabio.cli.eval_learning import learning
from fabio.cli.eval_prompt import prompt
from fabio.cli.options import ConfigOption, JsonOption, SetOption

if TYPE_CHECKING:
    from fabio.settings.load import Settings

app = typer.Typer(
    help="Measure classifiers, prompts, costs and the learning.", no_args_is_help=True, rich_markup_mode=None,
    epilog="Example:  fabio eval regime --suite synthetic",
)
app.command("learning", epilog="Example:  fabio eval learning --json")(learning)
app.command("prompt", epilog="Example:  fabio eval prompt --logs logs --b my_prompt.txt --record replies.jsonl")(prompt)
app.command("cost", epilog="Example:  fabio eval cost --logs logs")(cost)

SUITE_NAMES = ("synthetic", "real", "recorded")
SuiteOption = Annotated[str, typer.Option("--suite", metavar="NAME", help="synthetic, real or recorded.")]
SeedsOption = Annotated[str, typer.Option("--seeds", metavar="A-B", help="Synthetic sessions scored, below 1000.")]
TrainOption = Annotated[
    int, typer.Option("--train", min=5, max=1000, metavar="N", help="Synthetic sessions that are learned from.")
]
ClassifierOption = Annotated[
    list[str] | None, typer.Option("--classifier", metavar="NAME", help="Only this one; may be repeated.")
]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help="Minute bars and tapes, for real.")]
LogsOption = Annotated[Path, typer.Option("--logs", metavar="DIR", help="Folder of records, for recorded.")]


@app.command("regime", epilog="Example:  fabio eval regime --suite real --data data --json")
def regime(
    suite: SuiteOption = "synthetic", seeds: SeedsOption = "0-19", train: TrainOption = 30,
    classifier: ClassifierOption = None, data: DataOption = None, logs: LogsOption = Path("logs"),
    set_: SetOption = None, config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Score classifiers on sessions whose truth is known, on what real markets did next, or on what was recorded."""
    from fabio.cli.failures import BadUsage
    from fabio.cli.output import print_json

    if suite not in SUITE_NAMES:
        raise BadUsage(f"--suite {suite!r} is none of {', '.join(SUITE_NAMES)}")
    from fabio.settings.load import load

    settings = load(config=config, overrides=set_ or ())
    if suite == "synthetic":
        answer = _synthetic(seed_range(seeds), train, classifier, settings)
    elif suite == "real":
        answer = _real(data, classifier, settings)
    else:
        answer = _recorded(logs, settings)
    if json:
        print_json(answer)
        return
    from fabio.cli.rows import print_rows
    from fabio.research.regime.report import table_rows, words_of

    print_rows(*table_rows(answer))
    for line in words_of(answer):
        typer.echo(line)


def seed_range(text: str) -> list[int]:
    """Read `--seeds`: one number or `A-B`, both in it.

    Raises
    ------
    BadUsage
        If it is neither, or reaches the seeds that are learned from.

    Examples
    --------
    >>> seed_range("3-5"), seed_range("7")
    ([3, 4, 5], [7])
    """
    from fabio.cli.failures import BadUsage
    from fabio.research.regime.synthetic import TRAINING_SEEDS_FROM

    first, dash, last = text.partition("-")
    if not (first.isdecimal() and (last.isdecimal() if dash else not last)):
        raise BadUsage(f"--seeds {text!r} is neither a seed nor a range such as 0-99")
    start, stop = int(first), int(last) if dash else int(first)
    if not start <= stop < TRAINING_SEEDS_FROM:
        raise BadUsage(f"--seeds {text!r}: seeds rise and lie in 0 to {TRAINING_SEEDS_FROM - 1}; "
                       "those above are learned from")
    return list(range(start, stop + 1))


def _named(classifier: list[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    from fabio.cli.failures import BadUsage
    from fabio.model.errors import did_you_mean

    for name in classifier or ():
        if name not in known:
            raise BadUsage(f"--classifier {name!r} is none of {', '.join(known)}{did_you_mean(name, known)}")
    return tuple(classifier) if classifier else known


def _synthetic(seeds: list[int], train: int, classifier: list[str] | None, settings: "Settings") -> dict[str, Any]:
    from fabio.cli.output import compiled_kernels, say

    with compiled_kernels():
        from fabio.research.regime.rivals import RIVALS
        from fabio.research.regime.synthetic import run_synthetic

        return run_synthetic(seeds, train, _named(classifier, tuple(RIVALS)), settings.regime, say)


def _real(folder: Path | None, classifier: list[str] | None, settings: "Settings") -> dict[str, Any]:
    from fabio.cli.failures import BadUsage, NotFound
    from fabio.cli.output import say
    from fabio.research.regime.real import REAL_RIVALS, run_folder
    from fabio.runtime.wiring import instruments_of, sessions_between

    names = _named(classifier, REAL_RIVALS)
    if folder is None:
        raise BadUsage("--suite real needs --data FOLDER: a folder with minute bars or tapes (see docs/measuring.md)")
    if not folder.is_dir():
        raise NotFound(f"{folder} is no folder")
    answer = run_folder(
        folder, instruments_of(settings),
        lambda instrument, first_ns, last_ns: sessions_between(settings, instrument, first_ns, last_ns), names,
        settings.regime.rules, say,
    )
    if not answer["suites"]:
        reasons = "; ".join(f"{name}: {why}" for name, why in answer["left_out"].items())
        raise NotFound(f"nothing to measure on in {folder}: {reasons or 'no file of bars or trades'}")
    return answer


def _recorded(logs: Path, settings: "Settings") -> dict[str, Any]:
    from fabio.cli.failures import Failed, NotFound
    from fabio.cli.output import say
    from fabio.research.regime.recorded import ExchangesUnreadable, run_recorded
    from fabio.runtime.wiring import instrument_of, sessions_between

    if not (logs / "llm_exchanges.jsonl").is_file():
        raise NotFound(f"no llm_exchanges.jsonl in {logs}: name a folder of records with --logs")
    try:
        return run_recorded(
            logs, lambda symbol, first_ns, last_ns: sessions_between(
                settings, instrument_of(settings, symbol), first_ns, last_ns), say)
    except ExchangesUnreadable as error:
        raise Failed(str(error)) from None
