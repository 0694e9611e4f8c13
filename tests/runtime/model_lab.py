"""The whole agent on a piece of a generated day, beside a model at the stub, in one process and in virtual time.

The tape's clock and the model's are one: an answer that takes ten seconds comes ten seconds of the tape later.
"""

import asyncio
import runpy
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai._base_client
import orjson
import pytest
from recovery_lab import MNQ
from run_tapes import write_csv

from fabio.adapters.llm.breaker import Breaker, BreakerLimits
from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.stub.inprocess import StubTransport
from fabio.engine.seams import NamedStrategy
from fabio.model import fact as facts
from fabio.model.signal import Signal
from fabio.model.step import Step
from fabio.model.strategy import StrategyState
from fabio.model.tick import Ticks
from fabio.model.view import View, Wake
from fabio.research.reliability.lab import dressed
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime import advising, agent, paced
from fabio.runtime.demo import Demo
from fabio.runtime.reopen import Ready, RunPlan
from fabio.runtime.start import prepare
from fabio.settings.load import Settings, load

KEY = "sk-proj-" + "Planted0Secret1" * 3
SEED, MEAN_TICKS = 82, 60_000
FROM_S, PIECE_S = 3600, 1500
"""The piece: from an hour after the regular open, 25 minutes."""
FREE = ("model.input_usd_per_million=0", "model.cached_input_usd_per_million=0", "model.output_usd_per_million=0")
EAGER = ("material.least_gap_s=0", "material.max_age_s=10")
PAYLOADS: dict[str, str] = runpy.run_path(
    str(Path(__file__).parents[1] / "regime" / "answer_corpus_injection.py"))["PAYLOADS"]
ORDERED: dict[str, str] = runpy.run_path(
    str(Path(__file__).parents[1] / "regime" / "answer_corpus_injection.py"))["ORDERS"]
TRADED = (facts.SignalApproved, facts.SignalBlocked, facts.OrderBooked, facts.OrderMoved, facts.FillBooked,
          facts.StopPlaced, facts.StopTightened, facts.ExitAsked, facts.TradeClosed)


class Often:
    """A strategy that enters every third minute while it is flat, long and short by turns."""

    triggers = Wake.BAR_CLOSED

    def propose(self, view: View) -> Signal | None:
        minute = view.now_ns // 60_000_000_000
        if view.position is not None or view.recent.working_entries or minute % 3:
            return None
        side, last = 1 if minute % 2 else -1, view.stats.last_ticks
        return Signal(
            strategy="often", setup="test", side=side, entry_ticks=last, stop_ticks=last - 40 * side,
            target_ticks=last + 40 * side, confidence=0.9, reason="every third minute",
        )


def settings_of(*overrides: str, key: str = KEY, **environment: str) -> Settings:
    """The defaults with a strategy that trades often beside the others, under every guard."""
    made = load(environment={"OPENAI_API_KEY": key, **environment}, directory=Path("/"),
                overrides=overrides)
    state = StrategyState(max_trades_per_session=1000, min_rr=0.5)
    often = NamedStrategy(name="often", part=Often(), state=state)
    return dressed(made, (*made.strategies, often), made.guards)


def piece(seconds: int = PIECE_S, start_s: int = FROM_S) -> Ticks:
    """A part of the regular hours."""
    day = Demo(settings_of(), MNQ, SEED).day(0, MEAN_TICKS)
    opens_ns = day.session.regular_open_ns
    assert opens_ns is not None
    first, last = (int(day.ticks.ts_recv_ns.searchsorted(opens_ns + at * 1_000_000_000))
                   for at in (start_s, start_s + seconds))
    return day.ticks.slice(first, last)


def tape_of(path: Path, ticks: Ticks) -> Path:
    return write_csv(path, ticks)


class Kept:
    """A sink that keeps steps in memory, with the exchanges."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.exchanges: list[Any] = []

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        pass

    def exchange(self, exchange: Any) -> None:
        self.exchanges.append(exchange)

    def step(self, step: Step, body: bytes) -> None:
        self.steps.append(step)

    def facts(self, *kinds: type) -> list[Any]:
        return [fact for step in self.steps for fact in step.facts if not kinds or isinstance(fact, kinds)]

    def traded(self) -> list[str]:
        """Everything that was wished, ordered and filled, whoever's label stood beside it."""
        return [repr(fact) for fact in self.facts(*TRADED)]


class Run:
    """What one life of an agent left behind."""

    def __init__(self, ready: Ready, kept: Kept, folder: Path, said: list[str]) -> None:
        self.ready, self.kept, self.folder, self.said = ready, kept, folder, said

    @property
    def state(self) -> Any:
        return self.ready.driver.engine.state

    def exchanges(self) -> list[dict[str, Any]]:
        """The lines of `llm_exchanges.jsonl` that are not the rules'."""
        lines = (self.folder / "llm_exchanges.jsonl").read_bytes().splitlines()
        return [line for line in map(orjson.loads, lines) if line["source"] != "rules"]

    def asked(self) -> list[facts.ModelAsked]:
        return self.kept.facts(facts.ModelAsked)

    def written(self) -> bytes:
        """Everything in the folder, its names included."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return b"".join(str(path).encode() + path.read_bytes() for path in files)


@pytest.fixture
def in_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clock for the tape and the model; nothing waits in threads; the agent looks around seldom."""
    async def direct(function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    def at_once(function: Any) -> Any:
        return lambda *args, **kwargs: direct(function, *args, **kwargs)

    def loop_s() -> float:
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0  # nothing runs yet

    monkeypatch.setattr(openai._base_client, "asyncify", at_once)
    monkeypatch.setattr(asyncio, "to_thread", direct)
    monkeypatch.setattr(paced, "time", types.SimpleNamespace(perf_counter=loop_s))
    monkeypatch.setattr(advising, "time", types.SimpleNamespace(monotonic=loop_s))
    monkeypatch.setattr(advising, "warm_up", lambda: None)
    monkeypatch.setattr(paced, "PACE_S", 0.5)
    for name, seconds in (("INBOX_S", 2.0), ("FLUSH_S", 10.0), ("HEARTBEAT_S", 60.0)):
        monkeypatch.setattr(agent, name, seconds)


def at_stub(monkeypatch: pytest.MonkeyPatch, desk: Desk, failures_in_a_row: int | None = None) -> None:
    """Let every client from now on find this stub, whatever the address."""
    monkeypatch.setattr("fabio.adapters.llm.client.open_transport", lambda url: StubTransport(desk))
    if failures_in_a_row is not None:
        limits = BreakerLimits(failures=failures_in_a_row, openings=failures_in_a_row)
        monkeypatch.setattr(advising, "Breaker", lambda *args, **kwargs: Breaker(*args, limits=limits, **kwargs))


def lived(
    folder: Path, tape: Path, settings: Settings, *, model: str = "openai", until: str = "", speed: float = 1.0,
    then: Callable[[Ready], None] = lambda ready: None,
) -> Run:
    """Let an agent live through a tape; `then` gets it before it begins."""
    kept, said = Kept(), []
    plan = RunPlan(logs=folder, feed=str(tape), symbol="MNQ", speed=speed, until=until, model=model)
    ready = prepare(plan, settings, said.append)
    ready.driver.sinks = (*ready.driver.sinks, kept)
    then(ready)
    try:
        run_virtual(ready.agent.run())
    finally:
        ready.close()
    return Run(ready, kept, folder, said)

