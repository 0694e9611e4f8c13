from decimal import Decimal

import msgspec
import orjson
import pytest
from journal_stories import ES, RESPONSE, START_NS, day, decision, order, step, trade

from fabio.journal.exchanges import Exchange, exchange_record
from fabio.journal.records import REBUILT, RecordFold, Records, rebuild
from fabio.journal.writer import Journal
from fabio.model import fact
from fabio.model.order import Fill

INSTRUMENTS = {"ES": ES}


def _lines(logs, name):
    path = logs / f"{name}.jsonl"
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _bytes(logs):
    return {name: (logs / f"{name}.jsonl").read_bytes() for name in REBUILT}


def _write(logs, steps):
    journal, records = Journal(logs), Records(logs, INSTRUMENTS, last_seq=0)
    for each in steps:
        journal.append(each)
        records.write(each)
    journal.close()
    records.close()


def _restart(logs, steps, new=()):
    """What a run does in a folder that has a journal."""
    records = Records(logs, INSTRUMENTS, last_seq=steps[-1].seq)
    for each in [*steps, *new]:
        records.write(each)
    records.close()


def test_a_decision_tells_why_in_prices(tmp_path):
    _write(tmp_path, day())
    blocked, approved = _lines(tmp_path, "decisions")
    assert (blocked["id"], blocked["approved"], blocked["refused_by"], blocked["order_id"]) == (
        "D1", False, ["cooldown"], None)
    assert (approved["order_id"], approved["size"], approved["side"]) == ("O1", 2, "long")
    prices = [approved[name] for name in ("entry_price", "stop_price", "target_price")]
    assert prices == [1646.75, 1643.75, 1652.75]
    assert (approved["risk_ticks"], approved["reward_risk"]) == (12, 2.0)
    assert approved["regime"]["label"] == "trend"
    assert approved["regime"]["age_s"] == 1.0
    assert approved["ask_id"] == "A1"
    assert approved["statistics"]["market_stats"]["distance_to_vah_ticks"] == -3
    assert approved["statistics"]["market_stats"]["realized_vol_5min"] is None
    assert approved["statistics"]["poc_cross_stats"]["time_since_last_cross_sec"] == 45.3
    assert approved["verdicts"][0] == {"guard": "cooldown", "passed": True, "value": 120.0, "threshold": 60.0,
                                       "reason": "120 s since the last exit"}


def test_a_trade_joins_its_decision_and_keeps_the_statistics_at_entry(tmp_path):
    _write(tmp_path, day())
    (closed,) = _lines(tmp_path, "trades")
    assert (closed["decision_id"], closed["order_id"], closed["ask_id"]) == ("D2", "O1", "A1")
    assert closed["signal_id"] == _lines(tmp_path, "decisions")[1]["signal_id"]
    assert closed["statistics"] == _lines(tmp_path, "decisions")[1]["statistics"]
    assert (closed["result"], closed["net_pnl"]) == ("win", 591.64)
    assert (closed["entry_price"], closed["size"]) == (1646.75, 2)
    assert (closed["duration_s"], closed["mae_ticks"], closed["balance"]) == (90.0, 3, 50591.64)
    assert closed["notes"] == ["stop to 6587 ticks: strong"]
    assert b'"net_pnl":591.64,' in (tmp_path / "trades.jsonl").read_bytes()


def test_a_shadow_and_what_was_learned_have_their_lines(tmp_path):
    _write(tmp_path, day())
    (shadow,) = _lines(tmp_path, "shadow")
    assert (shadow["decision_id"], shadow["approved"], shadow["result"], shadow["net_pnl"]) == (
        "D1", False, "loss", -166.68)
    zones, by_model, note, by_person = _lines(tmp_path, "learning")
    assert (zones["kind"], zones["id"], zones["after"][0]["price"]) == ("zones_set", "C1", 1645.0)
    assert (by_model["kind"], by_model["changed"], by_model["ask_id"]) == (
        "strategy_changed", {"enabled": [True, False]}, "A1")
    assert (note["kind"], note["text"]) == ("note", "POC held twice")
    assert (by_person["source"], by_person["asked_by"]) == ("operator", "req-1")


@pytest.mark.parametrize("name", REBUILT)
def test_every_record_carries_version_times_and_step(tmp_path, name):
    _write(tmp_path, day())
    for record in _lines(tmp_path, name):
        assert record["v"] == 1
        assert record["ts"].startswith("2013-09-03T13:2")
        assert record["ts_ns"] >= START_NS
        assert record["seq"] >= 1


def test_rebuild_makes_the_same_bytes_again(tmp_path):
    _write(tmp_path, day())
    written = _bytes(tmp_path)
    for name in REBUILT:
        (tmp_path / f"{name}.jsonl").unlink()
    assert rebuild(tmp_path, INSTRUMENTS) == {"decisions": 2, "trades": 1, "shadow": 1, "learning": 4}
    assert _bytes(tmp_path) == written
    assert rebuild(tmp_path, INSTRUMENTS)["decisions"] == 2
    assert _bytes(tmp_path) == written
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("name", REBUILT)
def test_what_a_crash_tore_or_lost_is_mended_on_restart(tmp_path, name):
    steps = day()
    _write(tmp_path, steps)
    written = _bytes(tmp_path)
    path = tmp_path / f"{name}.jsonl"
    for cut in range(0, len(written[name]) + 1, 37):
        path.write_bytes(written[name][:cut])
        _restart(tmp_path, steps)
        assert _bytes(tmp_path) == written


def test_records_of_steps_the_journal_lost_are_cut(tmp_path):
    steps = day()
    _write(tmp_path, steps)
    written = _bytes(tmp_path)
    _restart(tmp_path, steps[:7])
    assert _lines(tmp_path, "trades") == []
    assert len(_lines(tmp_path, "learning")) == 3
    _restart(tmp_path, steps[:7], new=steps[7:])
    assert _bytes(tmp_path) == written


def test_an_open_trade_finds_its_decision_again_after_a_restart(tmp_path):
    steps = day()
    _write(tmp_path, steps[:6])
    _restart(tmp_path, steps[:6], new=steps[6:])
    (closed,) = _lines(tmp_path, "trades")
    assert closed["statistics"]["last_price"] == 1646.75


def test_an_order_that_ends_unfilled_is_forgotten_and_a_partly_filled_one_is_not():
    fold = RecordFold(INSTRUMENTS)
    fill = Fill(id="F1", order_id="O1", leg="entry", market=0, side=1, size_steps=1, price_ticks=6587,
                fees=Decimal(0), ts_ns=START_NS)
    booked = [fact.SignalApproved(decision=decision("D2")), fact.OrderBooked(order=order("O1", "D2"))]
    cancelled = fact.OrderMoved(order_id="O1", market=0, state="cancelled")
    closed = fact.TradeClosed(market=0, trade=trade("T1", "D2", "O1"), balance=Decimal(0))
    filled = fact.FillBooked(fill=fill, position=None)
    dead = [fold.records(step(1, *facts)) for facts in (booked, [cancelled], [closed])][-1][0][1]
    alive = [fold.records(step(1, *facts)) for facts in (booked, [filled], [cancelled], [closed])][-1][0][1]
    assert dead["statistics"] is None
    assert alive["statistics"] is not None


def test_an_exchange_has_its_final_shape(tmp_path):
    exchange = Exchange(
        ask_id="A1", symbol="ES", ts_ns=START_NS, source="rules", request_hash="ab" * 32,
        request={"market_stats": {"cvd": -40}, "poc_cross_stats": {}, "strategy_performance": [],
                 "historical_notes_snippet": [], "price": Decimal("1646.75")},
        response=RESPONSE, usage={"prompt_tokens": 1200}, cost_usd=0.003, latency_ms=840.0,
    )
    line = exchange_record(exchange)
    record = orjson.loads(line)
    assert line.endswith(b"}\n")
    assert list(record)[:5] == ["v", "ts_ns", "ts", "id", "symbol"]
    assert record["request"]["price"] == 1646.75
    assert record["response"]["market_assessment"]["regime"] == "trend"
    assert record["response"]["strategy_updates"]["strategy_tweaks"] == [
        {"name": "mean_reversion", "reason": "trend", "enabled": False}]
    assert record["response"]["importance_zones"] == [
        {"name": "poc", "price": 1645.0, "priority": "high"}]
    assert record["response"]["notes_to_future_self"] == ["POC held twice"]
    encoded = orjson.dumps(exchange.request, default=float)
    assert exchange_record(msgspec.structs.replace(exchange, request=encoded)) == line


def test_a_torn_exchange_is_cut_and_the_next_one_stands_on_its_own_line(tmp_path):
    exchange = Exchange(ask_id="A1", symbol="ES", ts_ns=START_NS, source="rules", request={}, request_hash="",
                        response=None, outcome="timeout", reason="15 s")
    for _ in range(2):
        records = Records(tmp_path, INSTRUMENTS, last_seq=0)
        records.exchange(exchange)
        records.exchange(exchange)
        records.close()
        path = tmp_path / "llm_exchanges.jsonl"
        path.write_bytes(path.read_bytes()[:-20])
    Records(tmp_path, INSTRUMENTS, last_seq=0).close()
    assert [record["outcome"] for record in _lines(tmp_path, "llm_exchanges")] == ["timeout"] * 2
