"""`fabio features`: market statistics as JSON lines."""

from pathlib import Path
from typing import Annotated

import typer

from fabio.cli.options import ConfigOption, SymbolOption

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A tape.")]
EveryOption = Annotated[
    int, typer.Option("--every", min=1, metavar="SECONDS", help="Seconds of exchange time between lines.")
]


def features(
    file: FileArgument, symbol: SymbolOption = None, every: EveryOption = 60, config: ConfigOption = None,
) -> None:
    """Print market statistics of a tape as JSON lines, one for each whole multiple of --every."""
    from fabio.cli.output import compiled_kernels, say

    with compiled_kernels():
        import sys

        import orjson

        from fabio.adapters.data.tapes import open_tape
        from fabio.features.line import lines
        from fabio.features.market import MarketFeatures
        from fabio.runtime.wiring import instruments_of, sessions_between
        from fabio.settings.load import load

        settings = load(config=config)
        tape = open_tape(file, instruments_of(settings), symbol)
        table = sessions_between(settings, tape.instrument, tape.first_ns, tape.last_ns)
        market = MarketFeatures(tape.instrument, table)
        for line in lines(market, tape.batches(), every):
            line["rejected_ticks"] += sum(tape.bad_rows.values())
            sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    say(tape.describe())
