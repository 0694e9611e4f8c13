"""Thousands of forced failures: what a provider could charge, and what our books say, both stay under the day's cap.

The meter is on the provider's side and is no friend: whatever it did not tell the tokens of (a timeout, a
reset, a crash) it charges as dear as it can, a token for each byte, and every token of the answer it was allowed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from model_lab import Run, at_stub, in_virtual_time, lived, settings_of
from recovery_lab import MNQ

from fabio.adapters.llm.asking import canonical
from fabio.adapters.llm.prices import Price, cost_of
from fabio.adapters.llm.reading import read
from fabio.adapters.llm.stub.delivery import Answered, Delivery, error
from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.stub.failures import BY_NAME, Failing
from fabio.model import fact as facts
from fabio.regime import budget
from fabio.runtime import agent, paced
from fabio.runtime.demo import Demo
from fabio.runtime.reopen import Ready

__all__ = ["in_virtual_time"]
WAYS = ("silent", "status_500", "malformed", "late", "html_200", "reset", "trickle", "status_503", "length",
        "error_200", "rate_limited_1", "empty", "no_choices", "wrong_echo", "rate_limited", "spaces", "null", "")
PRICE = Price(input=Decimal("0.05"), cached=Decimal("0.005"), output=Decimal("0.30"))
"""So cheap that many questions fit under a cap: the more there are, the nearer it comes."""
OVERRIDES = (
    f"model.input_usd_per_million={PRICE.input}", f"model.cached_input_usd_per_million={PRICE.cached}",
    f"model.output_usd_per_million={PRICE.output}", "model.answer_timeout_s=10", "budget.calls_per_day=100000",
    "budget.calls_per_hour=100000", "budget.hours=all", "budget.quiet_from_share=1", "material.least_gap_s=0",
    "material.max_age_s=10", "cadence.interval_default_s=5", "cadence.interval_outer_band_s=5",
)


class Ways:
    """A script that fails in every way in turn."""

    latency_s = 0.2
    refuses: tuple[str, ...] = ()

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def failing(self, number: int) -> Failing | None:
        name = WAYS[(number * 7 + number // len(WAYS) + self._seed) % len(WAYS)]
        return BY_NAME[name] if name else None


class Metered(Desk):
    """A stub that keeps its own books of what it charges."""

    def __init__(self, seed: int = 0) -> None:
        script: Any = Ways(seed)
        super().__init__(script)
        self.charged: dict[str, Decimal] = defaultdict(Decimal)  # trade date -> USD
        self.date: Callable[[], str] = lambda: ""

    def answer(self, method: str, path: str, body: bytes, key: str = "") -> Delivery:
        delivery = super().answer(method, path, body, key)
        self.charged[self.date()] += self._charge(delivery, orjson.loads(body))
        return delivery

    def _charge(self, delivery: Delivery, asked: dict[str, Any]) -> Decimal:
        if 400 <= delivery.status < 500:
            return Decimal(0)
        if delivery.status == 200 and delivery.ending == "whole" and delivery.delay_s < 10:
            usage = read(delivery.body).usage
            if usage is not None:
                return cost_of(usage, PRICE)
        most = sum(len(message["content"].encode()) for message in asked["messages"])
        most += len(canonical(asked.get("response_format", "")))
        return (most * PRICE.input + asked["max_completion_tokens"] * PRICE.output) / 1_000_000


def quiet_days(path: Path, days: int, every_s: int = 5) -> Path:
    """A tape of so many sessions with a tick every few seconds, up and down."""
    demo = Demo(settings_of(), MNQ, 1)
    rows = ["ts_event,price,size,side"]
    for number in range(days):
        session = demo.session(number)
        ends_ns = session.flat_by_ns or session.close_ns
        for place, ts_ns in enumerate(range(session.open_ns, ends_ns, every_s * 1_000_000_000)):
            rows.append(f"{ts_ns},{25_000 + place % 12 * 0.25},1,{'BA'[place % 2]}")
    path.write_text("\n".join(rows) + "\n")
    return path


def books(run: Run) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Fold the budget of every trade date out of the journal's facts: the most it was committed to, and spent."""
    ledger, most, spent = budget.Ledger(), defaultdict[str, Decimal](Decimal), dict[str, Decimal]()
    for fact in run.kept.facts():
        match fact:
            case facts.TradeDateBegan(trade_date=date):
                ledger = budget.begin_date(ledger, date)
            case facts.ModelAsked(ts_ns=ts_ns, reserved=reserved):
                ledger = budget.reserve(ledger, ts_ns, reserved)
            case facts.ModelAnswered(cost=cost) | facts.ModelFailed(cost=cost):
                ledger = budget.settle(ledger, cost)
        most[ledger.trade_date] = max(most[ledger.trade_date], ledger.committed)
        spent[ledger.trade_date] = ledger.spent
    return most, spent


def play(folder: Path, tape: Path, desk: Metered, monkeypatch: pytest.MonkeyPatch, cap: str, until: str = "") -> Run:
    at_stub(monkeypatch, desk, failures_in_a_row=10**9)
    for module, name, seconds in ((paced, "PACE_S", 4.0), (agent, "INBOX_S", 60.0), (agent, "FLUSH_S", 60.0),
                                  (agent, "HEARTBEAT_S", 600.0)):
        monkeypatch.setattr(module, name, seconds)  # days pass, and little happens in them

    def watch(ready: Ready) -> None:
        desk.date = lambda: ready.driver.engine.state.account.trade_date

    return lived(folder, tape, settings_of(*OVERRIDES, f"budget.usd_per_day={cap}"), until=until, then=watch)


def check_caps(run: Run, desk: Metered, cap: str) -> None:
    most, spent = books(run)
    for date, usd in most.items():
        assert usd <= Decimal(cap), f"the books of {date}"
    for date, usd in desk.charged.items():
        assert usd <= Decimal(cap), f"the provider's bill of {date}"
    # whatever was charged stands in the books, and nothing in them was too little
    assert sum(desk.charged.values()) <= sum(spent.values())


@pytest.mark.usefixtures("in_virtual_time")
def test_neither_the_books_nor_the_bill_pass_the_days_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape, desk = quiet_days(tmp_path / "tape.csv", 2, every_s=60), Metered()
    run = play(tmp_path / "logs", tape, desk, monkeypatch, "0.08")
    check_caps(run, desk, "0.08")
    assert len(run.kept.facts(facts.ModelFailed)) > 100
    assert set(desk.played) >= set(WAYS) - {""}
    held = [fact.reason for fact in run.kept.facts(facts.ModelHeld)]
    assert any("of 0.08 USD today" in reason for reason in held)
    # it came as near to the cap as one question
    reserve = run.asked()[0].reserved
    assert max(books(run)[0].values()) > Decimal("0.08") - reserve


@pytest.mark.usefixtures("in_virtual_time")
def test_a_restart_in_the_middle_of_the_day_refills_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape, folder = quiet_days(tmp_path / "tape.csv", 1, every_s=60), tmp_path / "logs"
    first_desk, second_desk = Metered(), Metered(seed=5)
    first = play(folder, tape, first_desk, monkeypatch, "0.20", until="18:05")
    spent = first.state.ledger.spent
    assert 0 < spent < Decimal("0.20")
    second = play(folder, tape, second_desk, monkeypatch, "0.20")
    asked = second.asked()
    assert asked
    assert second.state.ledger.spent > spent
    assert second.state.ledger.committed <= Decimal("0.20")
    bill = sum(first_desk.charged.values()) + sum(second_desk.charged.values())
    assert bill <= second.state.ledger.spent
    # and one that comes when nothing is left asks nobody
    third_desk = Metered()
    third = play(folder, tape, third_desk, monkeypatch, "0.20")
    assert (third_desk.calls, third.state.ledger) == (0, second.state.ledger)


@pytest.mark.slow
@pytest.mark.usefixtures("in_virtual_time")
def test_ten_thousand_forced_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape, desk = quiet_days(tmp_path / "tape.csv", 6), Metered()
    run = play(tmp_path / "logs", tape, desk, monkeypatch, "1.50")
    check_caps(run, desk, "1.50")
    failed = Counter(fact.reason.split(":")[0] for fact in run.kept.facts(facts.ModelFailed))
    assert sum(failed.values()) >= 10_000


def test_the_meter_is_no_friend() -> None:
    desk = Metered()
    body = orjson.dumps({"model": "m", "max_completion_tokens": 1500,
                         "messages": [{"role": "user", "content": "x" * 1000}]})
    dear = (Decimal(1000 + 2) * PRICE.input + 1500 * PRICE.output) / 1_000_000
    for name in ("silent", "status_500", "reset", "html_200"):
        delivery = error(500, "x", "y") if name == "status_500" else BY_NAME[name].play(_answered())
        assert desk._charge(delivery, orjson.loads(body)) == dear, name
    assert desk._charge(error(429, "x", "y"), orjson.loads(body)) == 0


def _answered() -> Answered:
    return Answered(number=1, model="m", text="{}", prompt_tokens=10, cached_tokens=0)
