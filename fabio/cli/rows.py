"""Rows for people: as wide as the terminal, and in a pipe as wide as they are."""

import os
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_NO_LIMIT, _LEAST = 100_000, 30


def forgiving_console(width: int | None = None) -> Console:
    """Give a console that writes `?` for what the terminal's encoding does not have."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    console = Console(highlight=False, width=width)
    if console.width < _LEAST:  # Rich leaves out what does not fit at all
        console.width = _LEAST
    return console


def wide_console() -> Console:
    """Give a console that wraps at the edge of a terminal, and nowhere in a pipe."""
    in_pipe = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return forgiving_console(_NO_LIMIT if in_pipe else None)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, one_wraps: bool = False) -> None:
    """Print rows under their names; numbers to the right, None as nothing.

    Parameters
    ----------
    one_wraps
        Where a terminal is too narrow only the last column gives way.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for place, name in enumerate(columns):
        numbers = all(isinstance(row[place], int | float | None) for row in rows)
        keeps = one_wraps and place < len(columns) - 1
        table.add_column(name, justify="right" if numbers else "left", overflow="fold", no_wrap=keeps)
    for row in rows:
        table.add_row(*(Text("" if value is None else _shown(value)) for value in row))
    wide_console().print(table)


def _shown(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
