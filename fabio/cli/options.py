"""Options that several verbs share, once."""

from pathlib import Path
from typing import Annotated

import typer

LogsOption = Annotated[Path, typer.Option("--logs", metavar="DIR", help="Folder of records.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="DIR", help="Folder of configuration; default ./config, else the shipped one."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Data on stdout as JSON, words on stderr.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one setting; may be repeated.")
]
WithoutOption = Annotated[
    list[str] | None, typer.Option("--without", metavar="GUARD", help="Leave one guard out; may be repeated.")
]
SymbolOption = Annotated[
    str | None, typer.Option("--symbol", metavar="SYMBOL", help="Instrument (NQ) or contract (NQM5).")
]
DEFAULT_LOGS = Path("logs")
