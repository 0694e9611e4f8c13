"""`fabio data`: tapes taken in, tapes listed."""

from pathlib import Path
from typing import Annotated

import typer

from fabio.cli.options import ConfigOption, JsonOption, SymbolOption

app = typer.Typer(
    help="Take tapes in, and list them.", no_args_is_help=True, rich_markup_mode=None,
    epilog="Example:  fabio data list data",
)

DEFAULT_DATA = Path("data")
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="CSV (plain or gzip), Parquet or Databento DBN.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with tapes.")]
ToOption = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Where to; default data/NAME.parquet.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]


@app.command("import", epilog="Example:  fabio data import trades.csv.gz --symbol NQ --to data/nq.parquet")
def import_(
    file: FileArgument, symbol: SymbolOption = None, to: ToOption = None, overwrite: OverwriteOption = False,
    config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Write the good rows of a tape as Parquet, and say what was left out and why."""
    from fabio.adapters.data.tape_files import import_tape
    from fabio.cli.output import print_json, say
    from fabio.runtime.wiring import instruments_of
    from fabio.settings.load import load

    target = DEFAULT_DATA / f"{file.name.split('.')[0] or 'tape'}.parquet" if to is None else to
    done = import_tape(file, target, instruments_of(load(config=config)), symbol, overwrite)
    say(done.tape.describe())
    refused = done.tape.rows - done.rows
    if json:
        print_json({
            "file": str(file), "to": str(target), "rows": done.rows, "refused": refused,
            "symbol": done.tape.instrument.symbol, "contract": done.tape.contract, "left_out": done.tape.left_out,
        })
    else:
        typer.echo(f"{target}: {done.rows:,} trades of {done.tape.contract or done.tape.instrument.symbol}"
                   f" ({refused:,} rows refused); try  fabio replay {target}")


@app.command("list", epilog="Example:  fabio data list data --json")
def list_(folder: FolderArgument = DEFAULT_DATA, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the tapes in a folder: instrument, rows, times; what is none, with the reason."""
    from fabio.cli.failures import NotFound
    from fabio.cli.output import print_json

    if not folder.is_dir():
        raise NotFound(f"{folder} is no folder: `fabio data import FILE` makes data/, or name another")
    from fabio.adapters.data.tape_files import list_tapes
    from fabio.journal.times import iso
    from fabio.runtime.wiring import instruments_of
    from fabio.settings.load import load

    found = list_tapes(folder, instruments_of(load(config=config)))
    rows = [
        {
            "file": str(each.path), "symbol": each.symbol, "contract": each.contract, "rows": each.rows,
            "first": None if each.first_ns is None else iso(each.first_ns),
            "last": None if each.last_ns is None else iso(each.last_ns),
            "problem": None if each.problem is None else each.problem.removeprefix(f"{each.path}: "),
        }
        for each in found
    ]
    if json:
        print_json(rows)
        return
    from fabio.cli.rows import print_rows

    names = ["file", "symbol", "rows", "first", "last", "problem"]
    print_rows(names, [tuple(row[name] for name in names) for row in rows])
