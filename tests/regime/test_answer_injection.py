"""Whatever is written into an answer's texts, or sent instead of one: no exception, no effect out of bounds."""

import json
import unicodedata

import answer_corpus as corpus
import orjson
import pytest
from answer_corpus import context, good, holding
from answer_corpus_injection import ORDERS, OTHERS, PAYLOADS, in_every_text
from hypothesis import given
from hypothesis import strategies as st
from questions import STATES

from fabio.model.assessment import Assessment
from fabio.regime.answer import AnswerContext, AnswerReading, read_answer
from fabio.regime.wording import is_instruction


def check(reading: AnswerReading, of: AnswerContext) -> None:
    """Hold a reading against every bound."""
    if reading.assessment is None:
        assert reading.reason
        assert reading.response is None
        return
    assert reading.reason == ""
    orjson.dumps([reading.parsed, reading.response, reading.clamped])
    _check_bounds(reading.assessment, of)
    kept = [reading.assessment.reasoning, *(claim.text for claim in reading.assessment.notes)]
    kept += [decision.reason for decision in reading.assessment.trade_decisions]
    kept += [update.reason for update in reading.assessment.strategy_updates]
    for text in kept:
        assert len(text) <= 600
        assert not set(text) & set("{}[]<>|`\\\n\r\t")
        assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co") for letter in text)
        assert "://" not in text
        assert "evil.example" not in text
        assert "sk-proj" not in text
    for text in kept[1:]:
        assert not is_instruction(text) or text.startswith("withheld")


def _check_bounds(taken: Assessment, of: AnswerContext) -> None:
    bounds = of.bounds
    assert 0 <= taken.confidence <= 1
    assert (taken.regime == "trend") == (taken.direction != "none")
    assert len(taken.trade_decisions) <= bounds.trade_decisions_most
    held = {position.strategy: position for position in of.positions}
    for decision in taken.trade_decisions:
        assert decision.strategy in of.states
        assert len(decision.reason) <= 200
        if decision.action == "enter":
            base = of.last_ticks if decision.entry_ticks is None else decision.entry_ticks
            assert decision.stop_ticks is not None
            assert decision.target_ticks is not None
            assert bounds.stop_ticks_least <= (base - decision.stop_ticks) * decision.side <= bounds.stop_ticks_most
            target_away = (decision.target_ticks - base) * decision.side
            assert bounds.target_ticks_least <= target_away <= bounds.target_ticks_most
            risk = decision.risk_fraction
            assert risk is None or 0 < risk <= of.states[decision.strategy].risk_fraction
        else:
            assert (decision.side, decision.entry_ticks, decision.target_ticks) == (0, None, None)
            position = held[decision.strategy]
            if decision.action == "modify":
                assert decision.stop_ticks is not None
                assert position.stop_ticks is not None
                assert (decision.stop_ticks - position.stop_ticks) * position.side > 0
                assert (of.last_ticks - decision.stop_ticks) * position.side > 0
    for update in taken.strategy_updates:
        assert update.name in of.states
        assert update.enabled is None or isinstance(update.enabled, bool)
        for field, least, most in (
            ("risk_fraction", bounds.risk_fraction_least, bounds.risk_fraction_most), ("min_rr", 0.5, 5.0),
            ("max_trades_per_session", 0, 10), ("stop_ticks", 4, 200), ("target_ticks", 4, 400),
        ):
            value = getattr(update, field)
            assert value is None or least <= value <= most
    assert len(taken.zones) <= bounds.zones_most
    for zone in taken.zones:
        assert 1 <= zone.inner_ticks <= zone.outer_ticks <= bounds.zone_width_ticks_most
        assert abs(zone.centre_ticks - of.last_ticks) <= bounds.zone_away_ticks
        assert zone.name.isascii()
        assert len(zone.name) <= 24
    assert len(taken.notes) <= bounds.notes_most
    assert all(len(claim.text) <= 160 and len(claim.zone) <= 24 for claim in taken.notes)


def test_there_are_two_hundred_payloads():
    assert len(PAYLOADS) >= 200
    assert len(set(PAYLOADS.values())) >= 195


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_injection_in_any_text_has_no_effect_out_of_bounds(name):
    of = context()
    plain = read_answer(corpus.text(good()), of).assessment
    assert plain is not None
    for path, answer in in_every_text(good(), PAYLOADS[name]):
        reading = read_answer(corpus.text(answer), of)
        check(reading, of)
        if path.endswith("reason") and len(PAYLOADS[name]) <= 400:
            assert reading.assessment is not None  # words alone never spoil an answer
        if reading.assessment is not None:
            # nothing but the text itself, or the thing it belongs to, is another one
            taken = reading.assessment
            for field in ("market_state", "regime", "direction", "chosen_model", "confidence"):
                assert getattr(taken, field) == getattr(plain, field)
            assert len(taken.trade_decisions) == 1
            assert [update.name for update in taken.strategy_updates] == sorted(STATES)
            assert path.startswith(("market", "trade", "strategy", "importance", "notes"))


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_injection_instead_of_an_answer_is_refused(name):
    payload = PAYLOADS[name]
    answer = corpus.text(good())
    for raw in (payload, json.dumps(payload), json.dumps({"id": payload}), json.dumps([payload]), answer + payload,
                f"```json\n{payload}\n```", payload + answer, payload.encode("utf-16", "surrogatepass")):
        reading = read_answer(raw, context())
        if raw.strip() != answer:
            assert reading.assessment is None
        check(reading, context())


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_injection_as_a_name_is_refused(name):
    payload = PAYLOADS[name]
    for answer in (good() | {payload: 1}, good(market_assessment=good()["market_assessment"] | {payload: "x"})):
        assert read_answer(json.dumps(answer), context()).assessment is None


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_recognised_and_never_becomes_a_note(name):
    payload = ORDERS[name]
    assert is_instruction(payload)
    reading = read_answer(corpus.text(good(notes_to_future_self__0__claim=payload[:300])), context())
    assert reading.assessment is None or reading.assessment.notes == ()


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_order_is_cleaned_before_it_becomes_a_note(name):
    reading = read_answer(corpus.text(good(notes_to_future_self__0__claim=OTHERS[name][:300])), context())
    check(reading, context())


@given(st.data())
def test_any_number_anywhere_stays_within_bounds(data):
    of = data.draw(st.sampled_from([context(), holding(1), holding(-1)]))
    side = data.draw(st.sampled_from([1, -1]))
    away = st.one_of(st.integers(-900, 900), st.floats(-500, 500))
    prices = st.one_of(away.map(corpus.price), st.floats(allow_nan=False), st.none())
    decision = corpus.enter(
        action=data.draw(st.sampled_from(["enter", "modify", "exit"])),
        side=data.draw(st.sampled_from(["long", "short", None])),
        kind=data.draw(st.sampled_from(["market", "limit", None])), entry_price=data.draw(prices),
        stop_price=data.draw(st.one_of(prices, st.just(corpus.price(-20 * side)))),
        target_price=data.draw(st.one_of(prices, st.just(corpus.price(40 * side)))),
        risk_fraction=data.draw(st.one_of(st.none(), st.floats(0, 0.03), st.floats())))
    change = corpus.tweak(
        enabled=data.draw(st.booleans()), risk_fraction=data.draw(st.floats(0, 0.03)),
        min_rr=data.draw(st.floats(0, 12)), max_trades_per_session=data.draw(st.integers(-2, 25)),
        stop_ticks=data.draw(st.integers(0, 500)),
        target_ticks=data.draw(st.integers(0, 900)))
    zone = corpus.zone(price=data.draw(away.map(corpus.price)), inner_ticks=data.draw(st.integers(0, 450)),
                       outer_ticks=data.draw(st.integers(0, 450)))
    parts = {"trade_decisions": [decision], "strategy_updates__strategy_tweaks": [change], "importance_zones": [zone],
             "market_assessment__confidence": data.draw(st.floats(-1, 3))}
    for path in data.draw(st.sets(st.sampled_from(sorted(parts)), min_size=1)):
        answer = good(**({"trade_decisions": [], "strategy_updates__active_strategies": None} | {path: parts[path]}))
        check(read_answer(json.dumps(answer), of), of)
