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


def speed_factor(text: str) -> float:
    """Read a `--speed`: a number above 0, or `max`, which is infinity.

    Raises
    ------
    BadUsage
        If it is neither.
    """
    from fabio.cli.failures import BadUsage

    if text.lower() == "max":
        return float("inf")
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise BadUsage(f"--speed {text!r} is neither a number above 0 nor max")
    return factor
