"""Mutated input on every surface: a value or a typed refusal, never anything else, and never for long (I60, H22, H39).

The command line is a face, and cannot be reached from here: `tests/cli/test_cli_mutations.py` does the same to it.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fabio.model.errors import ConfigError
from fabio.research.reliability.bar import Bar, at_most
from fabio.research.reliability.inputs.mutators import Mutator, megabytes
from fabio.research.reliability.inputs.surface import Surface
from fabio.research.reliability.inputs.surfaces import SURFACES
from fabio.settings.catalog import catalogue
from fabio.settings.load import load

Say = Callable[[str], None]
SEED = 60
SAID_EVERY = 20_000


def surface(name: str) -> Callable[[int, Say], list[Bar]]:
    """Give the measurement of one surface: escaped exceptions, and the slowest mebibyte."""
    def measured(n: int, say: Say) -> list[Bar]:
        room = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a hundred thousand answers are synced to a drive
        with tempfile.TemporaryDirectory(dir=room) as folder, SURFACES[name](Path(folder)) as way:
            way.read(way.samples[0])  # what is good has to pass, or nothing behind the first check is tried
            escaped: list[str] = []
            seconds, refused = _tried(way, n, escaped, say)
            slowest = _slowest(name, way, escaped)
            say(f"{name}: {n} inputs in {seconds:.0f} s, {refused} refused, {len(escaped)} escaped")
            return [at_most(f"escaped_exceptions_{name}", len(escaped), 0, n, escaped[0] if escaped else ""), slowest]

    return measured


def _tried(way: Surface, n: int, escaped: list[str], say: Say) -> tuple[float, int]:
    """Read mutated input; give how long it took, and how often it was refused."""
    mutator = Mutator(way.samples, random.Random(SEED))
    refused, since_s = 0, time.monotonic()
    for number in range(n):
        text = mutator.mutated()
        try:
            way.read(text)
        except way.refusals:
            refused += 1
        except Exception as error:  # noqa: BLE001 (what else comes is what is counted)
            escaped.append(f"{type(error).__name__}: {str(error)[:120]} at {text[:200]!r} (number {number})")
        if number % SAID_EVERY == SAID_EVERY - 1 and number + 1 < n:
            say(f"{number + 1:,} inputs, {refused:,} refused, {len(escaped)} escaped")
    return time.monotonic() - since_s, refused


def _slowest(name: str, way: Surface, escaped: list[str]) -> Bar:
    """Read megabytes, each twice; counted is the processor's time, as the machine may be busy with something else."""
    slowest_ms, which, shapes = 0.0, "", megabytes(way.samples)
    for shape, text in shapes:
        best_ms = min(_reading_ms(way, shape, text, escaped) for _ in range(2))
        if best_ms > slowest_ms:
            slowest_ms, which = best_ms, shape
    return at_most(f"slowest_mebibyte_ms_{name}", round(slowest_ms, 1), way.mebibyte_ms, len(shapes), which)


def _reading_ms(way: Surface, shape: str, text: bytes, escaped: list[str]) -> float:
    since_ns = time.thread_time_ns()
    try:
        (way.read_mebibyte or way.read)(text)
    except way.refusals:
        pass
    except Exception as error:  # noqa: BLE001 (as above)
        escaped.append(f"{type(error).__name__}: {str(error)[:120]} at a mebibyte of {shape}")
    return (time.thread_time_ns() - since_ns) / 1e6


settings_file = surface("settings_file")
settings_environment = surface("settings_environment")
dotenv = surface("dotenv")
tables = surface("tables")
inbox_file = surface("inbox_file")
hub_frame = surface("hub_frame")
rest_body = surface("rest_body")
model_answer = surface("model_answer")
model_body = surface("model_body")
journal_line = surface("journal_line")
tape_file = surface("tape_file")
gateway_request = surface("gateway_request")


def misspelled_settings(n: int, say: Say) -> Bar:
    """Misspell a setting, in the file and as a variable: the start is refused and the name said (H39)."""
    draw = random.Random(SEED)
    entries, ignored = list(catalogue().values()), []
    known = {entry.path for entry in entries} | {entry.variable for entry in entries}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "config" / "fabio.toml"
        path.parent.mkdir()
        for number in range(n):
            entry = draw.choice(entries)
            section, _, last = entry.path.rpartition(".")
            wrong = _misspelled(draw, last)
            as_file = number % 2 == 0 or not entry.variable.startswith("FABIO_")
            name = f"{section}.{wrong}" if as_file else entry.variable.removesuffix(last.upper()) + wrong.upper()
            if name in known:
                continue
            path.write_text(f"[{section}]\n{wrong} = 1\n" if as_file else "")
            try:
                load(environment={} if as_file else {name: "1"}, directory=Path(place))
                ignored.append(name)
            except ConfigError as error:
                if wrong.lower() not in str(error).lower():
                    ignored.append(f"{name} is not named: {error}")
    say(f"{n} misspelled settings, {len(ignored)} ignored")
    return at_most("ignored_settings", len(ignored), 0, n, "; ".join(ignored[:3]))


def _misspelled(draw: random.Random, word: str) -> str:
    """Change one letter, leave it out, say it twice or let two change places."""
    at = draw.randrange(len(word))
    kind = draw.randrange(4)
    if kind == 0:
        return word[:at] + draw.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1:]
    if kind == 1 and len(word) > 1:
        return word[:at] + word[at + 1:]
    if kind == 2:
        return word[: at + 1] + word[at:]
    return word[:at] + word[at + 1: at + 2] + word[at: at + 1] + word[at + 2:]
