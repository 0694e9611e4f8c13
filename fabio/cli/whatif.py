"""`fabio whatif`: a recorded day again, with one thing changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption, SetOption, WithoutOption

if TYPE_CHECKING:
    from fabio.learning.whatif import Done, Variant
    from fabio.settings.load import Settings

VariantOption = Annotated[
    list[str] | None,
    typer.Option("--variant", metavar="CHANGES", help="A variant of its own, like "
                 "'without=volatility;set=account.daily_loss=500'; may be repeated."),
]
GuardsOption = Annotated[bool, typer.Option("--guards", help="Leave every enabled guard out, one by one.")]
RequestsOption = Annotated[
    bool, typer.Option("--requests", help="Let people's requests and the feed's gaps happen again at their places.")
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", min=1, metavar="N", help="Processes; default: as many as a long day is worth.")
]


def whatif(
    logs: LogsOption = DEFAULT_LOGS,
    without: WithoutOption = None,
    set_: SetOption = None,
    variant: VariantOption = None,
    guards: GuardsOption = False,
    requests: RequestsOption = False,
    jobs: JobsOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Re-simulate a recorded day with one thing changed, beside the same day with nothing changed.

    --without and --set together make one variant, each --variant another. The rules are computed
    anew; a model's answers are held at their places on the tape, so the result holds given these
    answers. People's requests are left out, as `fabio replay LOGS` leaves them out: --requests
    holds them too. --json gives recorded, baseline, estimate (from shadows), exact, difference
    and changed_decisions.
    """
    from concurrent.futures.process import BrokenProcessPool

    from fabio.cli.failures import BadUsage, Failed
    from fabio.cli.folders import records_in
    from fabio.cli.output import compiled_kernels, print_json
    from fabio.cli.whatif_table import print_what_if

    with compiled_kernels():
        from fabio.learning.whatif import Variant, what_if
        from fabio.settings.load import load

        base = load(config=config)
        wanted = _variants(without, set_, variant)
        if guards:
            wanted += [Variant(without=(guard.name,)) for guard in base.guards]
        if not wanted:
            raise BadUsage("say what to change: --without GUARD, --set SECTION.KEY=VALUE, --variant or --guards")
        changed: list[tuple[Variant, Settings]] = [
            (each, load(config=config, overrides=each.overrides, without=each.without)) for each in wanted
        ]
        with records_in(logs), _progress() as progress:
            try:
                answer = what_if(base, changed, logs, with_requests=requests, jobs=jobs, progress=progress)
            except BrokenProcessPool:
                raise Failed("a process of ours was ended from outside, perhaps for want of memory (each holds "
                             "the whole tape): try --jobs 1") from None
    if json:
        print_json(_flat(answer))
        return
    print_what_if(answer, guards)


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    """Put the parts of an only variant beside `recorded` and `baseline`."""
    if len(answer["variants"]) > 1:
        return answer
    rest = {key: value for key, value in answer.items() if key != "variants"}
    return {**rest, **answer["variants"][0]}


def _variants(without: list[str] | None, set_: list[str] | None, written: list[str] | None) -> "list[Variant]":
    from fabio.learning.whatif import Variant

    found = [Variant(without=tuple(without or ()), overrides=tuple(set_ or ()))] if without or set_ else []
    return found + [_variant(text) for text in written or ()]


def _variant(text: str) -> "Variant":
    """Read `without=GUARD;set=SECTION.KEY=VALUE;...`."""
    from fabio.cli.failures import BadUsage
    from fabio.learning.whatif import Variant
    from fabio.model.errors import did_you_mean

    changes: dict[str, list[str]] = {"without": [], "set": []}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        kind, equals, value = part.partition("=")
        if kind.strip() not in changes or not equals or not value.strip():
            raise BadUsage(f"--variant {text!r}: {part!r} is neither without=GUARD nor set=SECTION.KEY=VALUE"
                           f"{did_you_mean(kind.strip(), changes)}")
        changes[kind.strip()].append(value.strip())
    if not any(changes.values()):
        raise BadUsage(f"--variant {text!r} changes nothing: give without=GUARD or set=SECTION.KEY=VALUE")
    return Variant(without=tuple(changes["without"]), overrides=tuple(changes["set"]))


@contextmanager
def _progress() -> "Iterator[Done]":
    """Show a bar on stderr, where a person looks at it and there is something to wait for."""
    import sys

    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("re-simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    ) as bar:
        task = bar.add_task("runs", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
