"""What the rules answer."""

import msgspec
import orjson
import pytest
from questions import RANGE_BARS, TREND_BARS, WILD_BARS, features, write
from views import NS, make_regime, make_stats

from fabio.model.strategy import Claim, StrategyUpdate
from fabio.regime.evidence import Lesson
from fabio.regime.playbook import PlaybookSettings
from fabio.regime.reading import RegimeSettings, read_market, session_age_s
from fabio.regime.rule_model import RuleModel, answer, brief_of, chosen_model, response_json
from fabio.regime.zones import default_zones


def brief(bars=RANGE_BARS, changes=None, **record):
    """A question's brief, with some of its numbers changed."""
    return msgspec.structs.replace(write(bars=bars, **record)[1], **(changes or {}))


def test_the_rules_answer_with_their_label_and_name_statistics():
    assessment = answer(brief())
    assert assessment.regime == "range"
    for name in ("range_ratio", "time_in_value_sec_last_30min", "cvd_slope_5min_norm", "count_last_30min",
                 "distance_to_poc_ticks"):
        assert name in assessment.reasoning
    assert (assessment.strategy_updates, assessment.zones, assessment.notes) == ((), (), ())


def test_what_is_unknown_is_said():
    none = make_stats(in_value_30min_ns=0, above_value_30min_ns=0, below_value_30min_ns=0)
    reasoning = read_market(none, RANGE_BARS, None, 10.0).reasoning
    assert "no time booked" in reasoning
    assert "cvd_slope_5min_norm unknown" in reasoning
    known = read_market(make_stats(cvd_slope_5min_norm=0.25), RANGE_BARS, None, 10.0).reasoning
    assert "time_in_value_sec_last_30min 1500 of 1800 s, cvd_slope_5min_norm +0.25, count_last_30min 15" in known


def test_the_rules_answer_a_recorded_question_the_same():
    body, asked = write(last_answers=[make_regime(label="trend", direction="down")])
    again, then = answer(brief_of(orjson.loads(body))), answer(asked)
    assert msgspec.structs.replace(again, reasoning=then.reasoning) == then
    assert "range_ratio +0.933" in again.reasoning  # the question does not tell the words, but the numbers


@pytest.mark.parametrize(("above", "below", "where"), [
    (1, 201, "above_value"), (-201, -1, "below_value"), (0, 200, "in_value"),
])
def test_the_location_is_read_from_the_distances(above, below, where):
    assessment = answer(brief(changes={"to_vah_ticks": above, "to_val_ticks": below, "poc_side": -1}))
    assert (assessment.location_vs_value, assessment.location_vs_poc) == (where, "below_poc")


@pytest.mark.parametrize(("label", "state", "model"), [
    ("trend", "balanced", "none"), ("trend", "transition", "trend_continuation"),
    ("chop", "balanced", "mean_reversion"), ("volatile", "balanced", "none"),
    ("unclear", "balanced", "mean_reversion"), ("unclear", "transition", "none"),
])
def test_the_model_chosen_fits_regime_and_state(label, state, model):
    assert chosen_model(label, state) == model


def test_a_lesson_becomes_an_update_and_a_note():
    lesson = Lesson(update=StrategyUpdate(name="mean_reversion", reason="it loses", enabled=False),
                    claim=Claim(text="mean_reversion fails in trend", strategy="mean_reversion", expects="loss"))
    assessment = answer(brief(changes={"lessons": (lesson,)}))
    assert assessment.strategy_updates == (lesson.update,)
    assert assessment.notes == (lesson.claim,)


def test_a_model_that_is_asked_again_answers_as_one_that_is_asked_first():
    model, calm = RuleModel(), brief()
    lesson = Lesson(update=StrategyUpdate(name="mean_reversion", reason="it loses", enabled=False))
    taught = msgspec.structs.replace(calm, lessons=(lesson,))
    asked = [
        calm, calm, msgspec.structs.replace(calm, to_vah_ticks=5), msgspec.structs.replace(calm, poc_side=-1),
        brief(WILD_BARS), taught, taught, calm, brief(TREND_BARS), calm,
    ]
    for each in [*asked, *asked]:
        assert model.answer(each) == (answer(each), response_json(answer(each), each))
    assert model.answer(taught)[0] is not model.answer(taught)[0]


def test_the_response_has_the_records_shape():
    lesson = Lesson(update=StrategyUpdate(name="mean_reversion", reason="it wins", risk_fraction=0.006))
    asked = brief(WILD_BARS, changes={"lessons": (lesson,)})
    response = orjson.loads(response_json(answer(asked), asked))
    assert list(response) == ["market_assessment", "trade_decisions", "strategy_updates", "importance_zones",
                              "notes_to_future_self"]
    assert list(response["market_assessment"]) == [
        "market_state", "regime", "direction", "location_vs_value", "location_vs_poc", "chosen_model", "confidence",
        "reasoning"]
    assert response["market_assessment"]["regime"] == "volatile"
    assert response["strategy_updates"]["active_strategies"] == ["mean_reversion"]
    tweak = response["strategy_updates"]["strategy_tweaks"][0]
    assert tweak["name"] == "mean_reversion"
    assert tweak["changes"] == {"risk_fraction": 0.006}


def test_an_update_that_switches_a_strategy_shows_in_the_active_ones():
    asked = brief()
    switched = msgspec.structs.replace(
        answer(asked), zones=default_zones(make_stats())[:1],
        strategy_updates=(StrategyUpdate(name="trend_continuation", reason="r", enabled=True),),
    )
    response = orjson.loads(response_json(switched, asked))
    assert response["strategy_updates"]["active_strategies"] == ["mean_reversion", "trend_continuation"]
    assert response["importance_zones"][0]["name"] == "poc"


def test_the_classifier_in_force_gives_the_label_and_the_other_is_not_asked():
    stats = make_stats(range_percentile=0.1, crosses_30min=40, cvd_slope_5min_norm=0.0)
    settings = RegimeSettings(classifier="playbook")
    readings = read_market(stats, RANGE_BARS, 1_200.0, 40_000.0, settings)
    assert (readings.label, readings.direction, readings.rules.label) == ("chop", "none", "range")
    assert readings.playbook is not None
    assert readings.confidence == readings.playbook.confidence
    assert readings.told["playbook"]["chop"] == 1.0
    assert "chop 1.00" in readings.reasoning
    unknown = read_market(make_stats(), RANGE_BARS, None, 10.0, settings)
    assert "trend unknown" in unknown.reasoning
    assert read_market(stats, RANGE_BARS, 1_200.0, 40_000.0).playbook is None
    assert write(features(), settings=settings)[1].rules["classifier"] == "playbook"


def test_the_playbooks_thresholds_are_the_presets_unless_given():
    assert RegimeSettings(preset="seed").thresholds.far_ticks == 20
    assert RegimeSettings(preset="seed", playbook=PlaybookSettings()).thresholds.far_ticks is None


@pytest.mark.parametrize(("field", "value"), [("classifier", "dice"), ("preset", "mine")])
def test_a_word_that_is_no_choice_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        RegimeSettings(**{field: value})


def test_the_sessions_age_is_the_time_booked_against_value():
    assert session_age_s(make_stats(in_value_ns=10 * NS, above_value_ns=5 * NS, below_value_ns=NS)) == 16.0
