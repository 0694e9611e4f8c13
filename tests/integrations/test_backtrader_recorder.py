"""The recorder inside Backtrader's runs: what it writes is what the strategy saw and did."""

import logging
import math
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from backtrader_runs import ENVIRONMENT, Bars, Crossing, bt, run, wave

from fabio.integrations.backtrader import FMELRecorder, FMELStorage, FMELUtils
from fabio.integrations.backtrader.recorder import _tell_once

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning")  # Backtrader, Python 3.12


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    _tell_once.cache_clear()


WAYS = [{}, {"runonce": False}, {"exactbars": 1}, {"oldsync": True}, {"preload": False}]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_each_decision_holds_what_the_strategy_saw(way: dict[str, Any], tmp_path: Path) -> None:
    strategy = run(Crossing, [Bars(closes=wave(150))], tmp_path, **way)
    recorder = strategy.analyzers.fmel
    analysis = recorder.get_analysis()
    assert analysis["total_decisions"] == len(strategy.seen) > 100
    assert analysis["errors"] == 0, analysis["error_kinds"]
    for record, seen in zip(recorder.decisions, strategy.seen, strict=True):
        assert FMELUtils.validate_fmel_data(record) == (True, [])
        assert record["timestamp"] == seen["time"].isoformat() + "Z"
        assert record["market_context"]["bars"]["S0"]["close"] == seen["close"]
        assert record["market_context"]["positions"]["S0"]["size"] == seen["size"]
        assert record["market_context"]["cash"] == seen["cash"]
        assert record["portfolio_value"] == seen["value"]
        for name in ("average", "cross", "macd.signal", "gap"):
            assert record["indicators"][name] == seen[name]


def test_nested_indicators_are_recorded_alike_however_backtrader_runs(tmp_path: Path) -> None:
    ways = [run(Crossing, [Bars(closes=wave(80))], tmp_path / str(n), **way) for n, way in enumerate(WAYS)]
    first, *others = [[record["indicators"] for record in strategy.analyzers.fmel.decisions] for strategy in ways]
    assert "macd/ExponentialMovingAverage(3)" in first[0]
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_an_order_and_its_trade_are_joined_to_the_decisions_that_made_them(tmp_path: Path) -> None:
    strategy = run(Crossing, [Bars(closes=wave(150))], tmp_path)
    recorder = strategy.analyzers.fmel
    decisions = {record["decision_id"]: record for record in recorder.decisions}
    bought = [record for record in decisions.values() if record["action_type"] == "BUY"]
    assert len(bought) == recorder.get_analysis()["actions"]["BUY"] >= 2
    for record in bought:
        assert record["quantity"] == 10
        assert record["indicators"]["cross"] > 0
        [made] = record["market_context"]["orders"]
        moves = [event for event in recorder.events if event.get("order_id") == made["order_id"]]
        assert [event["status"] for event in moves] == ["Submitted", "Accepted", "Completed"]
        assert {event["decision_id"] for event in moves} == {record["decision_id"]}
        assert moves[-1]["executed_price"] > 0
        assert moves[-1]["timestamp"] > record["timestamp"]
    closed = [event for event in recorder.events if event["kind"] == "trade" and event["status"] == "Closed"]
    for trade in closed:
        assert decisions[trade["decision_id"]]["action_type"] == "BUY"
        assert decisions[trade["closing_decision_id"]]["action_type"] == "SELL"
    told = [record["trade_pnl"] for record in decisions.values() if record["trade_pnl"] is not None]
    assert told == pytest.approx([trade["pnl_net"] for trade in closed])
    assert len(told) == recorder.get_analysis()["trades_closed"]


def test_an_order_on_the_last_bar_is_in_the_record_though_nobody_hears_of_it(tmp_path: Path) -> None:
    class Last(bt.Strategy):
        def next(self) -> None:
            if len(self) == 5:
                self.sell(size=3, exectype=bt.Order.Limit, price=200.0)

    recorder = run(Last, [Bars(closes=wave(5))], tmp_path).analyzers.fmel
    assert [record["action_type"] for record in recorder.decisions] == ["HOLD"] * 4 + ["SELL"]
    assert recorder.decisions[-1]["price"] == 200.0


def test_an_order_given_to_the_broker_directly_belongs_to_the_decision_of_that_bar(tmp_path: Path) -> None:
    class Direct(bt.Strategy):
        def next(self) -> None:
            if len(self) == 3:
                self.broker.buy(self, self.data, 2, exectype=bt.Order.Market)

    recorder = run(Direct, [Bars(closes=wave(6))], tmp_path).analyzers.fmel
    assert [record["action_type"] for record in recorder.decisions] == ["HOLD", "HOLD", "BUY", "HOLD", "HOLD", "HOLD"]
    assert {event["decision_id"] for event in recorder.events} == {recorder.decisions[2]["decision_id"]}


def test_a_bracket_is_one_decision_with_three_orders(tmp_path: Path) -> None:
    class Bracket(bt.Strategy):
        def next(self) -> None:
            if len(self) == 2:
                self.buy_bracket(size=1, price=self.data.close[0], limitprice=200.0, stopprice=50.0)

    record = run(Bracket, [Bars(closes=wave(5))], tmp_path).analyzers.fmel.decisions[1]
    first, stop, limit = record["market_context"]["orders"]
    assert (record["action_type"], first["side"], stop["side"], limit["side"]) == ("BUY", "BUY", "SELL", "SELL")
    assert stop["parent_order_id"] == limit["parent_order_id"] == first["order_id"]


def test_a_strategy_that_can_say_why_is_asked_and_one_that_cannot_is_recorded_so(tmp_path: Path) -> None:
    class Speaks(Crossing):
        def get_decision_reasoning(self) -> str:
            return f"close is {self.data.close[0] - self.average[0]:+.2f} from its average"

        def get_decision_confidence(self) -> float:
            return min(abs(self.gap[0]) / 5, 1.0)

    silent = run(Crossing, [Bars(closes=wave(20))], tmp_path / "a").analyzers.fmel.decisions
    assert {record["reasoning"] for record in silent} == {"not stated: the strategy has no get_decision_reasoning()"}
    assert {record["confidence"] for record in silent} == {None}
    for record in run(Speaks, [Bars(closes=wave(20))], tmp_path / "b").analyzers.fmel.decisions:
        assert record["reasoning"] == f"close is {record['indicators']['gap']:+.2f} from its average"
        assert record["confidence"] == min(abs(record["indicators"]["gap"]) / 5, 1.0)


@pytest.mark.parametrize(("said", "sure"), [(lambda: 1 / 0, lambda: 2.0), (lambda: 1 / 0, lambda: math.nan)])
def test_a_strategy_that_fails_to_say_why_runs_on(said: Any, sure: Any, tmp_path: Path,
                                                  caplog: pytest.LogCaptureFixture) -> None:
    class Fails(Crossing):
        def get_decision_reasoning(self) -> str:
            return str(said())

        def get_decision_confidence(self) -> float:
            return float(sure())

    with caplog.at_level(logging.WARNING):
        strategy = run(Fails, [Bars(closes=wave(30))], tmp_path)
    analysis = strategy.analyzers.fmel.get_analysis()
    assert analysis["errors"] == 2 * analysis["total_decisions"] == 2 * len(strategy.seen)
    assert sum("get_decision_reasoning" in line for line in caplog.messages) == 1
    assert {record["confidence"] for record in strategy.analyzers.fmel.decisions} == {None}


def test_missing_variables_are_named_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                         caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("USER_ID")
    monkeypatch.setenv("MODE", "LIVE")
    analysis = run(Crossing, [Bars(closes=wave(30))], tmp_path).analyzers.fmel.get_analysis()
    assert analysis["missing_environment"] == ["USER_ID"]
    assert (analysis["agent_id"], analysis["user_id"], analysis["mode"]) == ("agent-7", "unknown", "BACKTEST")
    assert any("USER_ID" in line for line in caplog.messages)
    assert any("MODE is 'LIVE'; expected BACKTEST or PAPER" in line for line in caplog.messages)


class Counting(FMELStorage):
    """Notes how many records come at once."""

    def append(self, table: str, ids: Any, lines: Any) -> int:
        self.batches = [*getattr(self, "batches", []), (table, len(ids))]
        return super().append(table, ids, lines)


class CountingRecorder(FMELRecorder):
    def __init__(self) -> None:
        super().__init__()
        self.storage = Counting(mode=self.mode, agent_id=self.agent_id, user_id=self.user_id, run_id=self.run_id,
                                stream_realtime=False, folder=self.p.folder)


def _sizes(strategy: Any) -> list[int]:
    batches = strategy.analyzers.fmel.storage.batches
    return [count for table, count in batches if table == "trading_decisions"]


def test_a_backtest_is_written_at_once_and_live_data_one_by_one(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    batch = run(Crossing, [Bars(closes=wave(40))], tmp_path / "a", CountingRecorder)
    decisions = len(batch.seen)
    assert _sizes(batch) == [decisions]  # all fit in one batch
    monkeypatch.delenv("MODE")
    live = run(Crossing, [Bars(closes=wave(40), live_from=30)], tmp_path / "b", CountingRecorder)
    recorder = live.analyzers.fmel
    before, *after = _sizes(live)
    assert (before + sum(after), set(after)) == (decisions, {1})
    assert len(after) == 10
    assert recorder.get_analysis()["streaming"]
    assert Counter(record["mode"] for record in recorder.decisions) == {"BACKTEST": before, "PAPER": 10}


def test_paper_mode_streams_from_the_first_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "PAPER")
    written: list[int] = []

    class Looks(Crossing):
        def next(self) -> None:
            written.append(self.analyzers.fmel.get_analysis()["written"])
            super().next()

    run(Looks, [Bars(closes=wave(20))], tmp_path)
    assert written == list(range(len(written)))


def test_a_subclass_puts_its_own_storage_in_place(tmp_path: Path) -> None:
    class Mine(FMELRecorder):
        def __init__(self) -> None:
            super().__init__()
            self.storage = Counting(mode=self.mode, agent_id=self.agent_id, user_id=self.user_id, run_id=self.run_id,
                                    stream_realtime=True, folder=tmp_path / "mine")

    recorder = run(Crossing, [Bars(closes=wave(20))], tmp_path / "unused", Mine).analyzers.fmel
    assert len(recorder.decisions) == recorder.get_analysis()["total_decisions"] == len(recorder.storage.batches)
    assert not (tmp_path / "unused").exists()


class Failing(Counting):
    """Refuses the first calls."""

    refusals = 3

    def append(self, table: str, ids: Any, lines: Any) -> int:
        if self.refusals:
            self.refusals -= 1
            raise OSError(28, "No space left on device")
        return super().append(table, ids, lines)


@pytest.mark.parametrize("stream", [True, False])
def test_a_storage_that_fails_never_ends_the_run_and_gets_each_record_once(stream: bool, tmp_path: Path,
                                                                           caplog: pytest.LogCaptureFixture) -> None:
    class Mine(FMELRecorder):
        def __init__(self) -> None:
            super().__init__()
            self.storage = Failing(self.mode, self.agent_id, self.user_id, self.run_id, stream, tmp_path)

    strategy = run(Crossing, [Bars(closes=wave(60))], tmp_path, Mine)
    recorder = strategy.analyzers.fmel
    for _ in range(3):
        recorder.flush()
    analysis = recorder.get_analysis()
    assert analysis["errors"] == 3
    assert sum("No space left" in line for line in caplog.messages) == len(analysis["error_kinds"])
    ids = [record["decision_id"] for record in recorder.decisions]
    assert len(ids) == len(set(ids)) == len(strategy.seen) == analysis["written"]
    assert len(recorder.events) == recorder.events_recorded


def test_the_strategys_own_errors_pass_and_what_was_made_before_them_is_not_touched(tmp_path: Path) -> None:
    class Breaks(Crossing):
        def next(self) -> None:
            super().next()
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        run(Breaks, [Bars(closes=wave(20))], tmp_path)


def test_a_broken_recorder_is_counted_and_the_run_ends_as_without_it(tmp_path: Path) -> None:
    class Broken(FMELRecorder):
        def _wire(self) -> Any:
            raise KeyError("something of Backtrader moved")

    strategy = run(Crossing, [Bars(closes=wave(60))], tmp_path, Broken)
    plain = run(Crossing, [Bars(closes=wave(60))], tmp_path)
    analysis = strategy.analyzers.fmel.get_analysis()
    assert strategy.broker.getvalue() == plain.broker.getvalue()
    assert (analysis["total_decisions"], analysis["errors"]) == (0, len(strategy.seen))


def test_several_feeds_of_different_length_are_recorded_with_nulls_where_one_has_no_bar_yet(tmp_path: Path) -> None:
    class Early(bt.Strategy):
        def __init__(self) -> None:
            self.fast = {data: bt.ind.SMA(data, period=2) for data in self.datas}

        def prenext(self) -> None:
            self.next()

        def next(self) -> None:
            if len(self.data1) == 3:
                self.buy(data=self.data1, size=4)

    for n, way in enumerate(WAYS[:2]):  # Backtrader itself fails here with exactbars
        feeds = [Bars(closes=wave(20)), Bars(closes=wave(10, 50.0), late_minutes=6)]
        records = run(Early, feeds, tmp_path / str(n), **way).analyzers.fmel.decisions
        assert len(records) == 20
        bars = [record["market_context"]["bars"]["S1"] for record in records]
        assert [bar["close"] for bar in bars[:7]] == [None] * 6 + [50.0]
        assert bars[5]["datetime"] is None
        assert bars[6]["datetime"] == records[6]["timestamp"]
        assert records[8]["symbol"] == "S1"
        assert records[8]["action_type"] == "BUY"
        assert records[9]["market_context"]["positions"]["S1"]["size"] == 4
        assert records[9]["position_value"] == pytest.approx(4 * bars[9]["close"])
        assert records[12]["indicators"]["fast[S1]"] == pytest.approx((bars[12]["close"] + bars[11]["close"]) / 2)


def test_the_same_run_twice_under_one_name_is_recorded_once(tmp_path: Path) -> None:
    def once() -> Any:
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.adddata(Bars(closes=wave(40)), name="S0")
        cerebro.addstrategy(Crossing)
        cerebro.addanalyzer(FMELRecorder, _name="fmel", folder=tmp_path, run_id="nightly")
        return cerebro.run()[0].analyzers.fmel

    first, second = once(), once()
    assert second.get_analysis()["repeated"] > 0
    assert len(second.decisions) == first.get_analysis()["total_decisions"]


def test_an_optimisation_records_every_variant_apart_and_sends_the_recorder_home(tmp_path: Path) -> None:
    class Waits(bt.Strategy):
        params = (("bars", 3),)

        def next(self) -> None:
            if len(self) == self.p.bars:
                self.buy()

    cerebro = bt.Cerebro(stdstats=False, maxcpus=1)
    cerebro.adddata(Bars(closes=wave(10)), name="S0")
    cerebro.optstrategy(Waits, bars=[2, 4])
    cerebro.addanalyzer(FMELRecorder, _name="fmel", folder=tmp_path, run_id="sweep")
    for [variant], bars in zip(cerebro.run(), [2, 4], strict=True):
        recorder = pickle.loads(pickle.dumps(variant.analyzers.fmel))
        assert recorder.get_analysis()["total_decisions"] == 10
        assert [record["action_type"] for record in recorder.decisions].index("BUY") == bars - 1


def test_the_strategy_is_left_as_it_was(tmp_path: Path) -> None:
    strategy = run(Crossing, [Bars(closes=wave(20))], tmp_path)
    assert "buy" not in vars(strategy)
    assert "sell" not in vars(strategy)
    assert strategy.cerebro.datacbs == []


def test_a_days_return_is_measured_from_the_end_of_the_day_before(tmp_path: Path) -> None:
    class Holds(bt.Strategy):
        def next(self) -> None:
            if len(self) == 1:
                self.buy(size=50)

    records = run(Holds, [Bars(closes=wave(1200))], tmp_path).analyzers.fmel.decisions  # 15:00 to 11:00 next day
    split = next(n for n, record in enumerate(records) if record["timestamp"].startswith("2026-01-06"))
    assert records[split - 1]["daily_return"] == pytest.approx(records[split - 1]["portfolio_value"] / 10_000.0 - 1.0)
    evening = records[split - 1]["portfolio_value"]
    for record in records[split:]:
        assert record["daily_return"] == pytest.approx(record["portfolio_value"] / evening - 1)
