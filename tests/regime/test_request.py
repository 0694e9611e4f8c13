"""The question's shape, its numbers and its hash."""

import dataclasses
import json
import re
from decimal import Decimal

import msgspec
import orjson
import pytest
from questions import LTC, NOTE, RANGE_BARS, TREND_BARS, ask, features, features_line, table, ticks, usual, write
from views import MIN_NS, NOW_NS, NQ, OPEN_NS, PRICE_TICKS, SESSION, make_account, make_position, make_regime

from fabio.features.layout import APPROXIMATE
from fabio.features.market import MarketFeatures
from fabio.model.account import Recent
from fabio.model.session import Session
from fabio.model.strategy import Claim, Note, StrategyPerformance, StrategyState
from fabio.model.zone import Zone
from fabio.regime.request import request_hash
from fabio.regime.rule_model import brief_of


def test_the_question_has_every_part():
    request = ask()
    assert {"market_stats", "poc_cross_stats", "profile", "orderflow", "open_positions", "strategy_state",
            "strategy_performance", "importance_zones", "session_stats", "historical_notes_snippet",
            "last_answers", "rules", "account", "symbol", "ts_ns", "v"} <= set(request)
    assert (request["rules"]["label"], request["zone_band"]) == ("range", "inner")
    assert set(request["rules"]) == {"confidence", "direction", "efficiency_ratio", "label", "market_state", "net_move",
                                     "range_ratio", "rotation"}
    assert (request["symbol"], request["session"], request["tick_size"]) == ("NQ", "2025-06-05", 0.25)
    assert request["profile"]["hvn"] == [21_502.5, 21_497.5]


@pytest.mark.parametrize("instrument", [NQ, LTC])
@pytest.mark.parametrize("count", [1, 30, 4000])
def test_its_bytes_are_what_an_encoder_gives_with_sorted_keys(instrument, count):
    market = features(count, instrument)
    for body in (write(market, last_answers=[make_regime(confidence=0.123456)])[0], usual(market)):
        assert_canonical(body)


def assert_canonical(body: bytes) -> None:
    assert orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS) == body
    assert json.loads(body) == orjson.loads(body)


def coarse(name: str) -> float:
    """By how much rounding may change a number."""
    if "sec" in name:
        return 0.5
    return 0.05 if name.startswith("avg") else 0.005 if name == "vwap" else 0.0005


@pytest.mark.parametrize("instrument", [NQ, LTC])
@pytest.mark.parametrize(("count", "hours"), [(1, 18), (30, 18), (4000, 18), (4000, 1)])
def test_its_statistics_are_those_of_the_features_line_rounded(instrument, count, hours):
    market = features(count, instrument, hours)
    request, told = ask(market), features_line(market)
    for part in ("market_stats", "poc_cross_stats", "orderflow", "profile"):
        for name, value in told[part].items():
            if name in ("opening_range", "prev_session", "vwap_bands", "big_prints", "hvn", "lvn"):
                continue
            shown = request[part][name]
            if value is None or isinstance(value, str):
                assert shown == value, name
            else:
                assert shown == pytest.approx(value, abs=1.0001 * coarse(name)), name
    for part in ("opening_range", "prev_session"):
        if told["market_stats"][part] is None:
            assert set(request["market_stats"][part].values()) == {None}
        else:
            assert request["market_stats"][part] == told["market_stats"][part]
    bands = told["market_stats"]["vwap_bands"]
    deviation = (bands["upper_1"] - bands["lower_1"]) / 2
    assert request["market_stats"]["vwap_deviation"] == pytest.approx(deviation, abs=0.0051)
    assert request["last_price"] == told["last_price"]
    assert request["ts_ns"] == told["ts_ns"]


def test_the_newest_big_print_and_the_sum_of_five_minutes_are_told():
    market = features(4000, NQ, 1)
    prints = market.big_prints()
    recent = [each for each in prints if each.ts_ns > market.stats().ts_ns - 300 * 10**9]
    told = ask(market)["orderflow"]["big_prints_5min"]
    assert 0 < len(recent) <= len(prints)
    assert (told["count"], told["net_size"]) == (len(recent), sum(each.side * each.size_steps for each in recent))
    assert (told["last_price"], told["last_size"]) == (prints[-1].price_ticks * 0.25, prints[-1].size_steps)
    assert told["last_side"] == "ANB"[prints[-1].side + 1]
    none = ask(features(1))["orderflow"]["big_prints_5min"]
    assert none == {"count": 0, "last_age_sec": None, "last_price": None, "last_side": None, "last_size": None,
                    "net_size": 0}


def test_the_same_content_has_the_same_hash_and_another_another():
    assert request_hash(write()[0]) == request_hash(write()[0])
    assert request_hash(write(band=1)[0]) != request_hash(write()[0])


RARE = {b"poc", b"vah", b"val", b"hvn", b"lvn", b"cvd", b"vwap", b"pnl"}
"""Words that no vocabulary holds whole."""


def tokens(text: bytes) -> int:
    """Count tokens as `o200k_base` splits text, on the high side and without its vocabulary.

    Its first step is a pattern, and no token reaches across a piece: a word with the one sign before it, up to three
    digits, a run of signs. A piece counts as one token; a word as one for eight letters begun, the rare ones as two;
    signs as one for three begun.
    """
    count = 0
    for piece in re.findall(rb"[^A-Za-z0-9\r\n]?[A-Za-z]+|\d{1,3}|[^\sA-Za-z0-9]+|\s+", text):
        word = re.sub(rb"[^A-Za-z]", b"", piece)
        if word:
            count += max(-(-len(word) // 8), 1 + (word.lower() in RARE))
        else:
            count += 1 if piece.isdigit() else -(-len(piece) // 3)
    return count


def test_a_usual_question_stays_within_its_length():
    body = usual()
    assert len(orjson.loads(body)["importance_zones"]) == 5
    assert len(body) / 4 <= 900  # the rule of thumb for English text; JSON takes more:
    assert tokens(body) <= 1150
    assert tokens(usual(notes=[])) == tokens(body)  # a usual question has none yet, each takes up to 60:
    assert tokens(usual(notes=[NOTE])) - tokens(body) <= 60


def test_the_count_of_tokens_is_on_the_high_side():
    assert tokens(b'{"cvd_slope_5min":-0.067,') == len(["{\"", "c", "vd", "_slope", "_", "5", "min", '":-', "0", ".",
                                                       "067", ","])
    assert tokens(b"21500.25") == 4
    assert tokens(b"consolidation") == 2


def test_missing_is_null_and_never_zero():
    request = ask(features(1))
    assert request["market_stats"]["opening_range"] == {"high": None, "low": None}
    assert request["strategy_performance"] == {}
    assert request["market_stats"]["cvd_slope_5min"] is None
    holiday = ask(session=Session(0, "2025-07-04", OPEN_NS, NOW_NS, None, None, None))
    assert holiday["session_stats"]["regular_hours"] is None
    assert holiday["session_stats"]["minutes_to_flat_by"] is None


def test_the_time_left_is_told_in_whole_minutes():
    assert ask()["session_stats"] == {
        "minutes_since_open": 1080, "minutes_to_close": 300, "minutes_to_flat_by": 250, "regular_hours": True,
    }
    early = dataclasses.replace(SESSION, regular_open_ns=NOW_NS + 1)
    assert ask(session=early)["session_stats"]["regular_hours"] is False


def test_an_open_position_comes_with_its_thesis_and_its_gain():
    last = features().stats().last_ticks
    held = make_position(-1, last + 10, last + 30, last - 40)
    (shown,) = ask(positions=(held,), theses={"D1": "value was reclaimed"})["open_positions"]
    assert (shown["side"], shown["open_ticks"], shown["age_min"]) == ("short", 10, 10)
    assert shown["entry_price"] == (last + 10) * 0.25
    assert shown["entry_thesis"] == "value was reclaimed"


def test_an_earlier_answer_comes_with_what_price_did_since():
    last = features().stats().last_ticks
    answers = [make_regime(answered_at_ns=NOW_NS - age * MIN_NS, last_ticks=price)
               for age, price in ((40, None), (5, last - 7))]
    first, second = ask(bars=TREND_BARS, last_answers=answers)["last_answers"]
    assert first["moved_ticks_since"] is None
    assert second == {"age_s": 300, "confidence": 0.5, "direction": "none", "regime": "range", "source": "rules",
                      "moved_ticks_since": 7}


def test_the_newest_answers_are_shown_oldest_first():
    answers = [make_regime(answered_at_ns=NOW_NS - age * MIN_NS) for age in (9, 8, 7, 6, 5)]
    assert [answer["age_s"] for answer in ask(last_answers=answers)["last_answers"]] == [420, 360, 300]


def test_a_note_is_told_with_its_scope_and_record():
    bare = Note(id="N2", ts_ns=NOW_NS, claim=Claim(text="seen"), source="rules")
    assert ask(notes=[NOTE, bare])["historical_notes_snippet"] == [
        {"age_sessions": 2, "claim": NOTE.claim.text, "mean_r": 0.52, "n": 14, "scope": "mean_reversion, range, vah",
         "wins": 9},
        {"age_sessions": 0, "claim": "seen", "mean_r": None, "n": 0, "scope": None, "wins": 0},
    ]


def test_performance_is_told_per_strategy_its_last_trades_summed_up():
    record = StrategyPerformance(name="mean_reversion", trades=33, wins=12, net_pnl=120.126, win_rate=12 / 33,
                                 average_rr=0.1234, last=(2.0,) * 12 + (-1.04,) * 17 + (1.26,))
    shown = ask(performance={"mean_reversion": record})["strategy_performance"]["mean_reversion"]
    assert shown == {"trades": 33, "win_rate": 0.36, "average_rr": 0.12, "net_pnl": 120,
                     "last_30": {"net_r": 7.6, "win_rate": 0.43}, "last_5_r": [-1, -1, -1, -1, 1.3]}
    none = ask(performance={"mean_reversion": StrategyPerformance(name="mean_reversion")})
    assert none["strategy_performance"]["mean_reversion"]["last_30"] == {"net_r": 0, "win_rate": None}


def test_what_strategies_have_alike_is_told_once():
    states = {name: StrategyState() for name in "abc"} | {"b": StrategyState(enabled=False, risk_fraction=0.004)}
    request = ask(states=states, configured={name: StrategyState() for name in "abc"})
    assert request["strategy_defaults"] == {
        "configured_risk_fraction": 0.005, "max_trades_per_session": 4, "min_rr": 1.5, "risk_fraction": 0.005,
        "stop_ticks": None, "target_ticks": None,
    }
    assert request["strategy_state"] == {
        "a": {"enabled": True}, "b": {"enabled": False, "risk_fraction": 0.004}, "c": {"enabled": True},
    }
    assert ask(states={}, configured={})["strategy_defaults"] == {}
    other = {name: StrategyState(risk_fraction=0.006 if name == "b" else 0.005) for name in "abc"}
    body, _ = write(states=states, configured=other)
    assert_canonical(body)
    assert orjson.loads(body)["strategy_state"]["b"]["configured_risk_fraction"] == 0.006


def test_money_and_limits_of_the_account_are_told():
    recent = Recent(entries_by_strategy={"mean_reversion": 2, "trend_continuation": 1}, losses_in_a_row=2)
    account = make_account(open_pnl=Decimal("-250.6"), halted="operator")
    assert ask(account=account, recent=recent)["account"] == {
        "day_pnl": -251, "entries": 3, "halted": "operator", "losses_in_a_row": 2, "room_to_loss_floor": 1749,
    }


def test_zones_are_told_that_the_profile_does_not_tell():
    zones = (Zone("poc", 86_000, 4, 12), Zone("lvn", 86_100, 4, 12, "low"),
             Zone("gap", PRICE_TICKS + 40, 2, 6, "low", source="gpt"))
    request = ask(zones=zones)
    assert request["importance_zones"] == [
        {"name": "poc", "price": 21_500.0},
        {"inner_ticks": 2, "name": "gap", "outer_ticks": 6, "price": 21_510.0, "priority": "low"},
    ]
    assert request["zone_defaults"] == {"inner_ticks": 4, "outer_ticks": 12, "priority": "high"}
    assert (ask(zones=())["importance_zones"], ask(zones=())["zone_defaults"]) == ([], {})


def test_a_profile_made_in_part_of_bars_says_so():
    market = MarketFeatures(NQ, table())
    market.update(ticks(30))
    assert ask(market)["profile"]["approximate"] is False
    market.s[APPROXIMATE] = 1
    assert market.is_approximate
    assert ask(market)["profile"]["approximate"] is True


@pytest.mark.parametrize("count", [1, 30, 4000])
def test_the_brief_is_what_the_rules_would_read_in_the_question(count):
    body, brief = write(features(count), last_answers=[make_regime(label="trend", direction="up"), make_regime()])
    told = msgspec.structs.replace(brief, rules={
        name: value for name, value in brief.rules.items() if name not in ("classifier", "reasoning")})
    for question in (orjson.loads(body), msgspec.json.decode(body)):
        again = brief_of(question)
        assert again.rules.pop("reasoning")
        assert again == told


def test_a_writer_that_is_told_something_new_writes_as_a_fresh_one():
    """What is kept between two questions never shows."""
    fresh = [write(bars=bars, account=make_account(halted=text))[0]
             for bars, text in ((RANGE_BARS, ""), (TREND_BARS, "a much longer reason than before"))]
    assert len(set(fresh)) == 2
    assert write(bars=RANGE_BARS)[0] == fresh[0]
