"""The question's shape, its hash, and what the rules answer to it."""

import json
from decimal import Decimal

import msgspec
import orjson
import pytest
from views import (
    MIN_NS,
    NOW_NS,
    NQ,
    NS,
    PRICE_TICKS,
    SESSION,
    make_account,
    make_bars,
    make_position,
    make_regime,
    make_stats,
)

from fabio.model.account import Recent
from fabio.model.session import Session
from fabio.model.strategy import Note, StrategyPerformance, StrategyState
from fabio.regime.playbook import PlaybookSettings
from fabio.regime.reading import RegimeSettings, read_market, session_age_s
from fabio.regime.request import MarketPicture, OwnRecord, build_request, canonical_json, request_hash
from fabio.regime.rule_model import answer, chosen_model, response_json
from fabio.regime.zones import default_zones

LINE = {
    "profile": {"poc": 21500.0, "vah": 21525.0, "val": 21475.0, "total_volume": 200_000},
    "poc_cross_stats": {"count_last_30min": 15, "current_side": "at_poc"},
    "market_stats": {
        "distance_to_poc_ticks": 0, "distance_to_vah_ticks": -100, "distance_to_val_ticks": 100,
        "time_in_value_sec_last_30min": 1500.0, "time_above_value_sec_last_30min": 200.0,
        "time_below_value_sec_last_30min": 100.0, "cvd_slope_5min_norm": None,
    },
    "orderflow": {"delta_1min": 0},
}
STATES = {"mean_reversion": StrategyState(), "trend_continuation": StrategyState(enabled=False)}
RANGE_BARS = make_bars([PRICE_TICKS + (k % 2) * 8 for k in range(32)])
WILD_BARS = make_bars([PRICE_TICKS + (k % 2) * 8 for k in range(32)], usual=10.0)
TREND_BARS = make_bars([PRICE_TICKS + 8 * k for k in range(32)])


def make_picture(bars=RANGE_BARS, line=LINE, stats=None, **overrides):
    stats = make_stats() if stats is None else stats
    values = {
        "now_ns": NOW_NS, "line": line, "instrument": NQ, "session": SESSION, "stats": stats, "bars": bars,
        "zones": default_zones(stats), "readings": read_market(stats, bars, 300.0, session_age_s(stats)),
    }
    return MarketPicture(**(values | overrides))


def make_record(**overrides):
    values = {
        "states": STATES, "configured": STATES, "performance": {}, "notes": (), "last_answers": (),
        "positions": (), "theses": {}, "account": make_account(), "recent": Recent(),
    }
    return OwnRecord(**(values | overrides))


def make_request(bars=RANGE_BARS, **record):
    return build_request(make_picture(bars), make_record(**record))


def test_the_question_has_every_part_and_is_json():
    request = make_request()
    assert {"market_stats", "poc_cross_stats", "profile", "orderflow", "open_positions", "strategy_state",
            "strategy_performance", "importance_zones", "session_stats", "historical_notes_snippet",
            "last_answers", "rules", "symbol", "ts_ns"} <= set(request)
    assert orjson.loads(canonical_json(request)) == json.loads(canonical_json(request)) == request
    assert request["rules"]["label"] == "range"
    assert request["rules"]["market_state"] == "balanced"
    assert request["zone_band"] == "inner"
    assert request["zone_nearest"] == "poc"


def test_equal_content_has_equal_bytes_whatever_the_order_of_keys():
    request = make_request()
    turned = dict(reversed(request.items()))
    assert list(turned) != list(request)
    assert canonical_json(turned) == canonical_json(request)
    assert request_hash(turned) == request_hash(request)
    assert request_hash({**request, "last_price": 0.0}) != request_hash(request)


def test_missing_is_null_and_never_zero():
    request = make_request()
    assert request["session_stats"]["opening_range_high"] is None
    assert request["strategy_performance"]["mean_reversion"]["win_rate"] is None
    holiday = make_picture(session=Session(0, "2025-07-04", 0, NOW_NS, None, None, None))
    assert build_request(holiday, make_record())["session_stats"]["regular_hours"] is None


def test_an_open_position_comes_with_its_thesis_and_its_gain():
    held = make_position(-1, PRICE_TICKS + 10, PRICE_TICKS + 30, PRICE_TICKS - 40)
    (shown,) = make_request(positions=(held,), theses={"D1": "value was reclaimed"})["open_positions"]
    assert shown["side"] == "short"
    assert shown["open_ticks"] == 10
    assert shown["entry_price"] == 21_502.5
    assert shown["entry_thesis"] == "value was reclaimed"


def test_an_earlier_answer_comes_with_what_price_did_since():
    answers = [make_regime(answered_at_ns=NOW_NS - age * MIN_NS) for age in (5, 40)]
    first, second = make_request(TREND_BARS, last_answers=answers)["last_answers"]
    assert first["age_s"] == 300
    assert first["moved_ticks_since"] == PRICE_TICKS - TREND_BARS[-6].close_ticks
    assert second["moved_ticks_since"] is None


def test_only_the_newest_notes_and_answers_are_shown_oldest_first():
    notes = [Note(id=f"N{k}", ts_ns=NOW_NS - (9 - k) * MIN_NS, text="seen", source="rules") for k in range(9)]
    request = make_request(notes=notes, last_answers=[make_regime()] * 7)
    assert [note["id"] for note in request["historical_notes_snippet"]] == ["N4", "N5", "N6", "N7", "N8"]
    assert len(request["last_answers"]) == 3


def test_performance_is_told_per_strategy():
    record = StrategyPerformance(name="mean_reversion", trades=3, wins=2, net_pnl=120.126, win_rate=2 / 3,
                                 average_rr=1.5, last=(2.0, -1.0, 1.234))
    shown = make_request(performance={"mean_reversion": record})["strategy_performance"]["mean_reversion"]
    assert shown == {"trades": 3, "win_rate": 0.667, "average_rr": 1.5, "net_pnl": 120.13,
                     "last": [2.0, -1.0, 1.23]}


def test_money_and_limits_of_the_account_are_told():
    account = make_account(open_pnl=Decimal("-250.5"), halted="operator")
    stats = make_request(account=account)["session_stats"]
    assert (stats["day_pnl"], stats["room_to_loss_floor"], stats["halted"]) == (-250.5, 1749.5, "operator")
    assert stats["minutes_to_flat_by"] == 250
    assert stats["regular_hours"] is True


def test_the_rules_answer_with_the_same_label_and_name_statistics():
    assessment = answer(make_request())
    assert assessment.regime == "range"
    assert assessment.market_state == "balanced"
    assert assessment.chosen_model == "mean_reversion"
    assert (assessment.location_vs_value, assessment.location_vs_poc) == ("in_value", "at_poc")
    for name in ("range_ratio", "time_in_value_sec_last_30min", "cvd_slope_5min_norm unknown",
                 "count_last_30min", "distance_to_poc_ticks"):
        assert name in assessment.reasoning
    assert assessment.strategy_updates == ()
    assert assessment.zones == ()
    assert assessment.notes == ()


def test_the_rules_answer_the_same_question_the_same():
    assert answer(make_request()) == answer(orjson.loads(canonical_json(make_request())))


@pytest.mark.parametrize(("above", "below", "where"), [
    (1, 201, "above_value"), (-201, -1, "below_value"), (0, 200, "in_value"),
])
def test_the_location_is_read_from_the_distances(above, below, where):
    stats = LINE["market_stats"] | {"distance_to_vah_ticks": above, "distance_to_val_ticks": below,
                                    "cvd_slope_5min_norm": 0.25}
    request = build_request(make_picture(line=LINE | {"market_stats": stats}), make_record())
    assessment = answer(request)
    assert assessment.location_vs_value == where
    assert "cvd_slope_5min_norm +0.25" in assessment.reasoning


def test_no_time_booked_yet_is_said():
    booked = {f"time_{name}_value_sec_last_30min": 0.0 for name in ("in", "above", "below")}
    stats = LINE["market_stats"] | booked
    request = build_request(make_picture(line=LINE | {"market_stats": stats}), make_record())
    assert "no time booked" in answer(request).reasoning


@pytest.mark.parametrize(("label", "state", "model"), [
    ("trend", "balanced", "none"), ("trend", "transition", "trend_continuation"),
    ("chop", "balanced", "mean_reversion"), ("volatile", "balanced", "none"),
    ("unclear", "balanced", "mean_reversion"), ("unclear", "transition", "none"),
])
def test_the_model_chosen_fits_regime_and_state(label, state, model):
    assert chosen_model(label, state) == model


def test_a_volatile_market_halves_the_risk_once_and_notes_it():
    assessment = answer(make_request(WILD_BARS))
    assert assessment.regime == "volatile"
    assert {(update.name, update.risk_fraction) for update in assessment.strategy_updates} == {
        ("mean_reversion", 0.0025), ("trend_continuation", 0.0025)}
    assert len(assessment.notes) == 1
    halved = {name: StrategyState(risk_fraction=0.0025) for name in STATES}
    again = answer(make_request(WILD_BARS, states=halved))
    assert again.strategy_updates == ()
    assert again.notes == ()


def test_the_risk_is_given_back_only_when_no_shown_answer_was_volatile():
    halved = {name: StrategyState(risk_fraction=0.0025) for name in STATES}
    just = make_request(states=halved, last_answers=[make_regime(label="volatile"), make_regime()])
    assert answer(just).strategy_updates == ()
    calm = answer(make_request(states=halved, last_answers=[make_regime()] * 3))
    assert {update.risk_fraction for update in calm.strategy_updates} == {0.005}
    assert "calm again" in calm.notes[0]


def test_a_lower_risk_set_by_somebody_else_is_left_alone():
    lower = {name: StrategyState(risk_fraction=0.001) for name in STATES}
    assert answer(make_request(states=lower)).strategy_updates == ()
    assert answer(make_request(WILD_BARS, states=lower)).strategy_updates == ()


def test_risk_never_leaves_its_bounds_and_unknown_configuration_changes_nothing():
    greedy = {"mean_reversion": StrategyState(risk_fraction=0.5)}
    (update,) = answer(make_request(WILD_BARS, states=greedy, configured=greedy)).strategy_updates
    assert update.risk_fraction == 0.005
    assert answer(make_request(WILD_BARS, configured={})).strategy_updates == ()


def test_a_trend_that_turns_is_noted():
    past = make_regime(label="trend", direction="down")
    assert "from down to up" in answer(make_request(TREND_BARS, last_answers=[past])).notes[0]
    same = make_regime(label="trend", direction="up")
    assert answer(make_request(TREND_BARS, last_answers=[same])).notes == ()
    assert answer(make_request(last_answers=[past])).notes == ()


def test_the_response_has_the_records_shape():
    request = make_request(WILD_BARS)
    response = response_json(answer(request), request)
    assert list(response) == ["market_assessment", "trade_decisions", "strategy_updates", "importance_zones",
                              "notes_to_future_self"]
    assert response["market_assessment"]["regime"] == "volatile"
    assert response["strategy_updates"]["active_strategies"] == ["mean_reversion"]
    tweak = response["strategy_updates"]["strategy_tweaks"][0]
    assert tweak["name"] == "mean_reversion"
    assert tweak["changes"] == {"risk_fraction": 0.0025}
    assert orjson.loads(orjson.dumps(response)) == response


def test_an_update_that_switches_a_strategy_shows_in_the_active_ones():
    request = make_request()
    switched = msgspec.structs.replace(answer(request), strategy_updates=(
        msgspec.convert({"name": "trend_continuation", "reason": "r", "enabled": True},
                        type(answer(make_request(WILD_BARS)).strategy_updates[0])),),
        zones=default_zones(make_stats())[:1])
    response = response_json(switched, request)
    assert response["strategy_updates"]["active_strategies"] == ["mean_reversion", "trend_continuation"]
    assert response["importance_zones"][0]["name"] == "poc"


def test_the_classifier_in_force_gives_the_label():
    stats = make_stats(range_percentile=0.1, crosses_30min=40, cvd_slope_5min_norm=0.0)
    settings = RegimeSettings(classifier="playbook")
    readings = read_market(stats, RANGE_BARS, 1_200.0, 40_000.0, settings)
    assert (readings.label, readings.direction, readings.rules.label) == ("chop", "none", "range")
    assert readings.confidence == readings.playbook.confidence
    assert "chop 1.00" in readings.reasoning
    unknown = read_market(make_stats(), RANGE_BARS, None, 10.0, settings)
    assert "trend unknown" in unknown.reasoning


def test_the_playbooks_thresholds_are_the_presets_unless_given():
    assert RegimeSettings(preset="seed").thresholds.far_ticks == 20
    assert RegimeSettings(preset="seed", playbook=PlaybookSettings()).thresholds.far_ticks is None


@pytest.mark.parametrize(("field", "value"), [("classifier", "dice"), ("preset", "mine")])
def test_a_word_that_is_no_choice_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        RegimeSettings(**{field: value})


def test_the_sessions_age_is_the_time_booked_against_value():
    assert session_age_s(make_stats(in_value_ns=10 * NS, above_value_ns=5 * NS, below_value_ns=NS)) == 16.0
