"""What a person sees of the model: the doctor's checks, the status, the panel's row."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from recorded_days import Cli
from rich.console import Console

from fabio.cli.panel import Panel
from fabio.cli.status import model_lines
from fabio.journal.world import read_status
from fabio.model.assessment import Assessment, ModelTerms
from fabio.model.event import ModelConnected, RegimeAnswered
from fabio.runtime.demo import Demo
from fabio.runtime.drive import Driver
from fabio.runtime.kernels import prepare_cache
from fabio.runtime.reopen import RunPlan
from fabio.runtime.start import prepare
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

KEY = "sk-test-0123456789abcdef"
LIMIT_S = 240.0
"""Only a broken test waits so long."""


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("FABIO_", "OPENAI", "TOPSTEP", "LLM_"))}
    return {**kept, "NO_COLOR": "1", **more}


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A model's server on loopback; its base URL."""
    process = subprocess.Popen([sys.executable, "-m", "fabio", "stub", "--port", "0", "--print-url"], text=True,
                               cwd=tmp_path_factory.mktemp("stub"), env=environment(), stdout=subprocess.PIPE)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    assert process.wait(LIMIT_S) == 0
    process.stdout.close()


@pytest.fixture(autouse=True)
def _nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("FABIO_", "OPENAI", "TOPSTEP", "LLM_")):
            monkeypatch.delenv(name)


def checks(cli: Cli, *options: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in cli("doctor", "--json", *options).json["checks"]}


# -- the doctor


def test_without_a_key_the_rules_answer_and_nothing_more_is_said(cli: Cli) -> None:
    found = checks(cli)
    assert found["model"]["found"] == "OPENAI_API_KEY is not set: the rules answer"
    assert not {"model price", "model caps", "authority"} & set(found)


def test_with_a_key_price_caps_and_authority_are_told_but_never_the_key(
    cli: Cli, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://me:open-sesame@models.example/v1")
    found = checks(cli)
    assert all(found[name]["ok"] for name in ("model", "model price", "model caps", "authority"))
    assert "gpt-5.4-mini at https://models.example/v1" in found["model"]["found"]
    price = found["model price"]["found"]
    assert re.search(r"0\.75 USD a million tokens in .* list of 20\d\d-\d\d, \d+ months old", price)
    assert "300 calls and 1.50 USD a day" in found["model caps"]["found"]
    assert found["authority"]["found"].startswith("trade in test mode")
    monkeypatch.setenv("FABIO_MODEL__AUTHORITY", "observe")
    assert checks(cli)["authority"]["found"].startswith("observe in every mode")
    said = cli("doctor")
    assert KEY not in said.out + said.err
    assert "open-sesame" not in said.out + said.err


def test_a_model_without_a_known_price_fails_until_a_person_sets_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_MODEL", "something-new")
    found = checks(cli)
    assert not found["model price"]["ok"]
    assert "counts as the dearest" in found["model price"]["found"]
    assert "model.input_usd_per_million" in found["model price"]["cure"]
    monkeypatch.setenv("FABIO_MODEL__INPUT_USD_PER_MILLION", "0.1")
    monkeypatch.setenv("FABIO_MODEL__CACHED_INPUT_USD_PER_MILLION", "0.1")
    monkeypatch.setenv("FABIO_MODEL__OUTPUT_USD_PER_MILLION", "0.4")
    found = checks(cli)
    assert found["model price"]["ok"]
    assert "as set in [model]" in found["model price"]["found"]
    assert found["model caps"]["ok"]


def test_a_model_too_dear_for_the_cap_of_one_call_fails(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_MODEL", "gpt-5.4-pro")
    found = checks(cli)
    assert found["model price"]["ok"]
    assert not found["model caps"]["ok"]
    assert "no question ever leaves" in found["model caps"]["found"]
    assert "budget.usd_per_call" in found["model caps"]["cure"]


def test_live_asks_the_model_once_and_tells_the_cost(cli: Cli, stub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "model answers" not in checks(cli, "--live")  # nobody is configured: nobody is asked
    monkeypatch.setenv("OPENAI_BASE_URL", stub)
    found = checks(cli, "--live")  # a server of this machine needs no key
    assert found["model answers"]["ok"]
    assert f"gpt-5.4-mini at {stub} answers in" in found["model answers"]["found"]
    assert "for 0.000000 USD" in found["model answers"]["found"]
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("FABIO_MODEL__INPUT_USD_PER_MILLION", "1")
    monkeypatch.setenv("FABIO_MODEL__OUTPUT_USD_PER_MILLION", "1")
    cost = re.search(r"for (0\.\d+) USD", checks(cli, "--live")["model answers"]["found"])
    assert cost is not None
    assert 0 < float(cost[1]) < 0.01
    assert "model answers" not in checks(cli)  # not without --live


def test_a_server_that_is_away_fails_with_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    found = checks(cli, "--live")
    assert not found["model answers"]["ok"]
    assert "gives no answer: connection" in found["model answers"]["found"]
    assert "OPENAI_BASE_URL" in found["model answers"]["cure"]


# -- the status


def test_the_status_of_a_running_agent_tells_of_its_model(cli: Cli, stub: str, tmp_path: Path) -> None:
    """Told its prices, the stub is one that is paid."""
    folder = tmp_path / "logs"
    agent = subprocess.Popen(
        [sys.executable, "-m", "fabio", "run", "--speed", "60", "--logs", str(folder)], cwd=tmp_path, text=True,
        env=environment(OPENAI_BASE_URL=stub, OPENAI_API_KEY=KEY, FABIO_MODEL__INPUT_USD_PER_MILLION="0.75",
                        FABIO_MODEL__OUTPUT_USD_PER_MILLION="4.5"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    try:
        limit_s = time.monotonic() + LIMIT_S
        while ((read_status(folder) or {}).get("model") or {}).get("answer") is None:
            assert agent.poll() is None
            assert time.monotonic() < limit_s
            time.sleep(0.05)
        said = cli("status", "--logs", folder)
        model = cli("status", "--logs", folder, "--json").json["model"]
    finally:
        agent.send_signal(signal.SIGINT)
        out = agent.communicate(timeout=LIMIT_S)[0]
    assert said.code == 0
    [line] = [line for line in said.out.splitlines() if line.startswith("model ")]
    assert re.search(r"gpt-5\.4-mini, authority trade: \d+ of 300 calls and \d\.\d{4} of 1\.50 USD today; its ", line)
    assert re.search(r"\d+ s old\)", line)
    assert (model["name"], model["authority"], model["is_paid"]) == ("gpt-5.4-mini", "trade", True)
    assert model["calls_today"] >= 1
    assert 0 < model["spent_today_usd"] <= 1.5
    assert model["answer"]["age_s"] >= 0
    assert KEY not in out + said.out
    assert "is not in this version" not in out


def test_a_model_that_is_not_asked_and_the_rules_alone_are_said_too() -> None:
    assert model_lines(None) == ["model     none is asked: the rules answer alone"]
    held = {"name": "gpt-test", "authority": "observe", "held": "300 of 300 calls today", "calls_today": 300,
            "calls_per_day": 300, "spent_today_usd": 0.5, "usd_per_day": 1.5, "asking": False, "stands": False,
            "answer": {"label": "trend", "direction": "up", "confidence": 0.6, "age_s": 12.2}}
    assert model_lines(held) == [
        "model     gpt-test, authority observe: 300 of 300 calls and 0.5000 of 1.50 USD today; its answers are only "
        "recorded (the last: trend up, 12 s old)",
        "          held back: 300 of 300 calls today",
    ]


# -- the panel


def test_the_panel_has_a_row_for_the_model_where_one_is_asked(tmp_path: Path) -> None:
    prepare_cache()
    settings = load(environment={}, directory=Path("/"))
    ready = prepare(RunPlan(logs=tmp_path / "logs", symbol="MNQ", seed=3, model="rules"), settings, lambda line: None)
    try:
        driver = ready.driver
        ticks = Demo(settings, instrument_of(settings, "MNQ"), 3).day(0, 20_000).ticks
        driver.feed(ticks.slice(0, 3_000))
        assert " Model " not in drawn(ready)
        driver.happen(ModelConnected(ts_ns=driver.engine.state.now_ns, terms=ModelTerms(
            name="gpt-test", authority="advise", reserve_usd=Decimal(0))))
        market, start = driver.engine.state.markets[0], 3_000
        while market.asking is None:
            driver.feed(ticks.slice(start, start := start + 10))
        assert "Model    waiting, asked 1 times gpt-test" in drawn(ready)
        while market.stands is None:
            if market.asking is not None:
                answer(driver)
            driver.feed(ticks.slice(start, start := start + 10))
        assert re.search(r"Model    stands, \d+ s old, asked \d+ times gpt-test", drawn(ready))
    finally:
        ready.close()


def answer(driver: Driver) -> None:
    """Let the model say what the rules say."""
    market = driver.engine.state.markets[0]
    assert market.asking is not None
    assert market.rules is not None
    driver.happen(RegimeAnswered(
        ts_ns=driver.engine.state.now_ns, market=0, ask_id=market.asking.ask_id, source="gpt-test",
        assessment=Assessment(
            market_state="transition", regime=market.rules.label, direction=market.rules.direction,
            location_vs_value="in_value", location_vs_poc="at_poc", confidence=0.6, reasoning="as told")))


def drawn(ready: Any) -> str:
    console = Console(width=110, height=32, force_terminal=False)
    panel = Panel(ready.agent, ready.board, ready.zone, console)
    with console.capture() as capture:
        console.print(panel.draw())
    return capture.get()
