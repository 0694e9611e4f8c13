"""`fabio replay`: a tape through the machine as fast as it goes."""

from pathlib import Path
from typing import Annotated

import typer

from fabio.cli.options import ConfigOption, JsonOption, SetOption, SymbolOption, WithoutOption

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", help="A tape; several for several instruments.")]
BatchOption = Annotated[int | None, typer.Option("--batch", min=1, metavar="N", help="Ticks handed over at a time.")]


def replay(
    files: FilesArgument,
    symbol: SymbolOption = None,
    batch: BatchOption = None,
    set_: SetOption = None,
    without: WithoutOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a tape through the machine from empty state, as fast as it goes.

    Several tapes make one account with several instruments; --symbol then names one for
    each, in order, separated by commas.
    """
    from fabio.cli.failures import BadUsage
    from fabio.cli.output import compiled_kernels, print_json, say

    symbols: list[str | None] = [None] * len(files) if symbol is None else [*symbol.split(",")]
    if len(symbols) != len(files):
        raise BadUsage(f"{len(files)} tapes and {len(symbols)} symbols: give one symbol for each tape, like NQ,ES")
    with compiled_kernels():
        from fabio.runtime.replay import replay_files
        from fabio.settings.load import load

        settings = load(config=config, overrides=set_ or (), without=without or ())
        replayed = replay_files(settings, files, symbols, batch)
    for text in replayed.answer["tapes"]:
        say(text)
    if json:
        print_json(replayed.answer)
        return
    from fabio.cli.tables import print_replay

    print_replay(replayed.answer)
