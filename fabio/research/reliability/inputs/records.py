"""What a model answers, and what the journal holds: both follow from a question that a machine asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec
import orjson

from fabio.adapters.llm.reading import read as read_completion
from fabio.adapters.llm.stub.answers import Question, answer_to
from fabio.adapters.llm.stub.desk import COMPLETIONS, Desk
from fabio.engine.seams import MarketConfig
from fabio.journal.exchanges import Exchange
from fabio.journal.files import JournalDamaged
from fabio.journal.lines import (
    LineBad,
    LineUnknown,
    check_line,
    decode_remark,
    decode_step,
    is_remark,
    remark_line,
    step_line,
)
from fabio.journal.reader import read_remarks, read_steps, verify
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.regime.answer import AnswerContext, read_answer
from fabio.research.reliability.inputs.surface import Surface
from fabio.runtime.demo import Demo
from fabio.runtime.wiring import build_driver, engine_config, instrument_of
from fabio.settings.load import load


def request_of(asked: Exchange) -> bytes:
    """Give a question's bytes; the rules' come as bytes."""
    return asked.request if isinstance(asked.request, bytes) else orjson.dumps(asked.request)


@cache
def _asked() -> tuple[Exchange, AnswerContext, Step]:
    """Let a machine live through half an hour, and take its last question and a step with facts."""
    settings = load(environment={}, directory=Path("/"))
    instrument = instrument_of(settings, "MNQ")
    demo = Demo(settings, instrument, 82)
    day = demo.day(0, 60_000)
    exchanges: list[Exchange] = []
    steps: list[Step] = []

    class Keep:
        def ticks(self, ticks: Ticks, start: int, stop: int) -> None: ...

        def step(self, step: Step, body: bytes) -> None:
            steps.append(step)

        def exchange(self, exchange: Exchange) -> None:
            exchanges.append(exchange)

    config = engine_config(settings, [MarketConfig(instrument=instrument, table=demo.table)])
    driver = build_driver(config, (Keep(),))
    driver.feed(day.ticks.slice(0, day.watched_from + 8_000))
    asked = exchanges[-1]
    context = AnswerContext(
        instrument=instrument, last_ticks=driver.engine.markets[0].last_ticks(), states=driver.engine.state.strategies,
        request_hash=asked.request_hash, body=request_of(asked))
    return asked, context, max(steps, key=lambda step: len(step.facts))


@contextmanager
def model_answer(folder: Path) -> Iterator[Surface]:
    """The text of a model's answer."""
    asked, context, _ = _asked()
    good = answer_to(Question("stub", [{"role": "user", "content": request_of(asked).decode()}], None))
    price = Decimal(context.last_ticks) * context.instrument.tick_size
    strategy = next(iter(context.states))
    full = good | {
        "trade_decisions": [{
            "action": "enter", "strategy": strategy, "side": "short", "kind": "market", "entry_price": None,
            "stop_price": float(price + 5), "target_price": float(price - 10), "risk_fraction": 0.004, "reason": "x"}],
        "importance_zones": [{
            "name": "gap_low", "price": float(price + 20), "inner_ticks": 4, "outer_ticks": 12, "priority": "low"}],
        "notes_to_future_self": [{
            "claim": "fades win while CVD is flat", "strategy": strategy, "regime": "range", "zone": "vah",
            "expects": "win"}],
    }
    samples = tuple(json.dumps(each).encode() for each in (good, full))

    def read(text: bytes) -> None:
        read_answer(text, context)

    yield Surface(samples=samples, read=read)


@contextmanager
def model_body(folder: Path) -> Iterator[Surface]:
    """The HTTP body of a model's server, and of a request to the stub of one."""
    desk = Desk()
    request = orjson.dumps({"model": "stub", "messages": [{"role": "user", "content": "{}"}], "max_tokens": 9})
    body = orjson.dumps({
        "id": "x", "model": "stub", "choices": [{"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": "{}", "refusal": None}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}})

    def read(text: bytes) -> None:
        read_completion(text)
        desk.answer("POST", COMPLETIONS, text)

    error = orjson.dumps({"error": {"message": "overloaded", "type": "server_error", "code": None}})
    yield Surface(samples=(body, request, error), read=read)


@contextmanager
def journal_line(folder: Path) -> Iterator[Surface]:
    """A journal's lines: one by one as they are decoded, and as a file that is verified and read back."""
    _, _, step = _asked()
    first, crc = step_line(msgspec.structs.replace(step, seq=1), "00000000")
    second, _ = remark_line("run", 1, {"build": "x"}, crc)
    path = folder / "journal" / "2026-06-01.jsonl"
    path.parent.mkdir()

    def read(text: bytes) -> None:
        path.write_bytes(text)
        verify(folder)
        for reading in (read_steps, read_remarks):
            try:
                list(reading(folder))
            except JournalDamaged:
                continue
        for line in text.split(b"\n"):
            try:
                check_line(line)
            except LineBad:
                continue
            if is_remark(line):
                decode_remark(line)
            else:
                decode_step(line)

    def read_line(line: bytes) -> None:
        try:
            check_line(line)
        except LineBad:
            return

    # a line of a mebibyte; a whole file is as long as its day, and nobody waits for it but a start
    yield Surface(samples=(first, first + second), read=read, refusals=(LineUnknown,), read_mebibyte=read_line)
