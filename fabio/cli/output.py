"""Printing: data on stdout, words on stderr, and what is being waited for."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer


def print_json(answer: Any) -> None:
    """Print one JSON document on stdout."""
    import orjson

    typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())


def say(text: str) -> None:
    """Say something to a person, on stderr."""
    typer.echo(text, err=True)


@contextmanager
def compiled_kernels() -> Iterator[bool]:
    """Prepare the cache of compiled kernels, and say so when they are compiled inside this block.

    Gives whether that has to be expected.
    """
    from fabio.runtime.kernels import is_warm, prepare_cache

    folder = prepare_cache()
    if is_warm(folder):
        yield False
        return
    since = time.perf_counter()
    where = "kept for the next start" if folder is not None else "no folder can be written: anew at each start"
    say(f"compiling the kernels ({where}); this takes about half a minute ...")
    yield True
    say(f"... the kernels were compiled in the first {time.perf_counter() - since:.1f} s")


def is_terminal() -> bool:
    """Tell whether stdout is a terminal that a person looks at."""
    return sys.stdout.isatty()
