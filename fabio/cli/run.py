"""`fabio run`: the agent."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fabio.cli.options import (
    DEFAULT_LOGS,
    ConfigOption,
    LogsOption,
    SetOption,
    SymbolOption,
    WithoutOption,
    speed_factor,
)

if TYPE_CHECKING:
    from fabio.cli.plain import Plain
    from fabio.runtime.reopen import Ready, RunPlan
    from fabio.settings.load import Settings

ModeOption = Annotated[
    str | None, typer.Option("--mode", metavar="MODE", help="test (paper money; `paper` is the same) or live.")
]
FeedOption = Annotated[
    str, typer.Option("--feed", metavar="FEED", help="demo (a synthetic session), topstepx, or a tape's FILE.")
]
SpeedOption = Annotated[
    str | None, typer.Option("--speed", metavar="N|max", help="Exchange seconds per second; default: a demo's "
                             "regular hours in 40 s, a FILE at max.")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="Who infers the regime: rules or openai.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="Of the synthetic market.")]
UntilOption = Annotated[
    str, typer.Option("--until", metavar="TIME", help="Stop at HH:MM of the exchange, or at an ISO time.")
]


def run(
    mode: ModeOption = None,
    feed: FeedOption = "demo",
    symbol: SymbolOption = None,
    speed: SpeedOption = None,
    model: ModelOption = None,
    seed: SeedOption = None,
    until: UntilOption = "",
    set_: SetOption = None,
    without: WithoutOption = None,
    logs: LogsOption = DEFAULT_LOGS,
    config: ConfigOption = None,
) -> None:
    """Run the agent: on a synthetic session with paper money, unless told otherwise.

    Nothing is needed for it: no key, no network, no configuration. A second run in the same
    folder goes on where the first one stopped, with the next session if that one is over.
    """
    from fabio.cli.announce import first_line, symbol_is_certain
    from fabio.cli.output import compiled_kernels, say

    factor = None if speed is None else speed_factor(speed)
    wanted = _mode(mode) if mode is not None else None
    _check_model(model)
    _check_feed(feed)
    if until:
        from zoneinfo import ZoneInfo

        from fabio.runtime.until import until_ns

        until_ns(until, ZoneInfo("UTC"), 0)  # only to refuse what is no time at once
    certain = feed != "topstepx" and wanted != "live" and (symbol is not None or symbol_is_certain(config))
    if certain:
        first_line(logs, feed, symbol, seed, factor)
    with compiled_kernels() as cold:
        from fabio.runtime.reopen import RunPlan
        from fabio.runtime.start import warm_up
        from fabio.settings.load import load

        reload = partial(load, config=config, overrides=set_ or (), without=without or ())
        settings = reload()
        wanted = wanted or settings.agent.mode
        _check_live(wanted, feed)
        if not certain:
            first_line(logs, feed, symbol or settings.agent.symbol, seed, factor, wanted)
        for warning in settings.warnings:
            say(warning)
        if cold or feed == "topstepx":  # at a venue nothing may be loaded or compiled while ticks come
            warm_up(settings)
    changes = (*(set_ or ()), *(f"without {guard}" for guard in without or ()))
    _run(RunPlan(logs=logs, mode=wanted, feed=feed, symbol=symbol, seed=seed, speed=factor, until=until,
                 model=model, changes=changes, reload=reload), settings)


def _run(plan: "RunPlan", settings: "Settings") -> None:
    import asyncio

    from fabio.cli.output import is_terminal
    from fabio.cli.plain import Plain, log_to
    from fabio.cli.summary import print_end
    from fabio.runtime.agent import settle_memory
    from fabio.runtime.start import prepare

    watched = is_terminal()
    plain = Plain(printing=not watched)
    with log_to(plan.logs / "agent.log"), _writable(plan.logs):
        ready = prepare(plan, settings, plain.say)
        agent = ready.agent
        try:
            _tell_start(ready, plain)
            plain.on_gone = lambda: agent.stop_soon("nobody reads the output any more")
            if plain.is_gone:
                plain.on_gone()
            watchers, panel = {}, None
            if watched:
                from fabio.cli.panel import Panel

                panel = Panel(agent, ready.board, ready.zone)
                watchers["panel"] = panel.watch
                agent.leave = panel.close
            settle_memory()
            asyncio.run(agent.run(watchers))
        finally:
            ready.close()
    if not plain.is_gone and not (panel is not None and panel.is_gone):
        print_end(ready, plan)


@contextmanager
def _writable(logs: Path) -> Iterator[None]:
    """Turn what the system says of the folder inside this block into a sentence."""
    from fabio.cli.failures import Failed

    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError) or (error.filename is None and error.strerror is None):
            raise
        raise Failed(f"{logs} cannot be used for records: {error.filename or ''} {error.strerror}; "
                     "free some space, or name another folder with --logs") from None


def _tell_start(ready: "Ready", plain: "Plain") -> None:
    for words in ready.words:
        plain.say(words)
    recovered = ready.recovered
    if recovered.steps:
        state = ready.driver.engine.state
        plain.say(
            f"resumed after {recovered.ticks:,} ticks and {recovered.steps:,} steps of the journal; balance "
            f"{state.account.balance:,.2f} USD, {len(state.notes)} notes, "
            f"{sum(each.trades for each in state.performance.values())} trades on record"
        )
    plain.say(f"{ready.agent.life.name}: times are {ready.zone.key}; records in {ready.agent.folder}")


def _check_feed(feed: str) -> None:
    from fabio.cli.failures import Unready

    if feed not in ("demo", "topstepx") and not Path(feed).exists():
        near = "; did you mean demo?" if feed.lower().startswith("dem") else ""
        raise Unready(f"--feed {feed!r} is neither demo, topstepx nor a file that is here{near}")


def _mode(mode: str) -> str:
    from fabio.cli.failures import BadUsage

    if mode.lower() not in ("test", "paper", "live"):
        raise BadUsage(f"--mode {mode!r} is neither test (paper) nor live")
    return "live" if mode.lower() == "live" else "test"


def _check_live(mode: str, feed: str) -> None:
    from fabio.cli.failures import BadUsage

    if mode == "live" and feed != "topstepx":
        raise BadUsage(f"live mode trades at TopstepX: --feed topstepx, not {feed}. --mode test trades {feed} on paper")


def _check_model(model: str | None) -> None:
    from fabio.cli.failures import BadUsage

    if model not in (None, "rules", "openai"):
        raise BadUsage(f"--model {model!r} is neither rules nor openai")
