"""`fabio replay`: a tape, or a recorded day, through the machine as fast as it goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabio.cli.options import ConfigOption, JsonOption, SetOption, SymbolOption, WithoutOption

if TYPE_CHECKING:
    from fabio.settings.load import Settings

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE...", help="A tape, several for several instruments, or one folder of records."),
]
BatchOption = Annotated[int | None, typer.Option("--batch", min=1, metavar="N", help="Ticks handed over at a time.")]
AgainstOption = Annotated[
    Path | None,
    typer.Option("--against", metavar="LOGS", help="Live through this folder's record again, and name the first "
                                                   "fact that comes out otherwise."),
]


def replay(
    files: FilesArgument = None,
    symbol: SymbolOption = None,
    batch: BatchOption = None,
    against: AgainstOption = None,
    set_: SetOption = None,
    without: WithoutOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a tape through the machine from empty state, as fast as it goes.

    Several tapes make one account with several instruments; --symbol then names one for
    each, in order, separated by commas. A folder of records (logs) takes its own tape.
    --against also takes everything else from the record (answers, fills, a person's wishes),
    and exits with 1 where the machine now decides otherwise.
    """
    from fabio.cli.failures import BadUsage
    from fabio.cli.output import compiled_kernels, print_json, say

    if (against is None) == (not files):
        raise BadUsage("give either tapes (or one folder of records) to replay, or --against LOGS")
    with compiled_kernels():
        from fabio.settings.load import load

        settings = load(config=config, overrides=set_ or (), without=without or ())
        if against is not None:
            _compare(settings, against, json)
            return
        answer = _answer(settings, files or [], symbol, batch)
    for text in answer["tapes"]:
        say(text)
    if json:
        print_json(answer)
        return
    from fabio.cli.tables import print_replay

    print_replay(answer)


def _answer(settings: "Settings", files: list[Path], symbol: str | None, batch: int | None) -> dict[str, Any]:
    from fabio.cli.failures import BadUsage
    from fabio.cli.folders import records_in
    from fabio.runtime.replay import replay_files, replay_folder

    if any(each.is_dir() for each in files):
        if len(files) > 1 or symbol is not None:
            raise BadUsage("a folder of records is replayed alone, with the instruments it was recorded with")
        with records_in(files[0]):
            return replay_folder(settings, files[0], batch).answer
    symbols: list[str | None] = [None] * len(files) if symbol is None else [*symbol.split(",")]
    if len(symbols) != len(files):
        raise BadUsage(f"{len(files)} tapes and {len(symbols)} symbols: give one symbol for each tape, like NQ,ES")
    return replay_files(settings, files, symbols, batch).answer


def _compare(settings: "Settings", logs: Path, json: bool) -> None:
    import msgspec

    from fabio import __version__
    from fabio.cli.failures import FAILED
    from fabio.cli.folders import records_in
    from fabio.cli.output import print_json, say
    from fabio.runtime.causes import find_cause
    from fabio.runtime.recorded import Again, Recorded, empty_machine
    from fabio.runtime.reloading import IN_PLACE

    with records_in(logs):
        recorded = Recorded(settings, logs)
        say(recorded.describe())
        others = recorded.circumstances(__version__, recorded.began_with(), IN_PLACE)
        for words in others:
            say(words)
        again = Again(empty_machine(recorded), recorded)
        first, beyond = again.run_through()
        cause = None if first is None else find_cause(settings, logs, (first, beyond), others, __version__)
    if json:
        print_json({
            "against": str(logs), "identical": first is None, "steps": again.steps, "facts": again.facts,
            "first_difference": None if first is None else msgspec.to_builtins(first, enc_hook=str),
            "cause": None if cause is None else msgspec.to_builtins(cause),
            "steps_behind": {"alike": beyond.alike, "differ": beyond.differ},
        })
    elif first is None or cause is None:
        typer.echo(f"identical: {again.steps:,} steps with {again.facts:,} facts come out as they were recorded")
    else:
        typer.echo(
            f"step {first.seq} ({first.fact}, tick {first.tape_pos:,}) comes out otherwise, after {beyond.before:,} "
            f"steps as recorded\n  {first.place}\n    recorded  {first.recorded}\n    replayed  {first.replayed}\n"
            f"  cause: {cause.kind}; {cause.why}"
        )
    if first is not None:
        raise typer.Exit(FAILED)
