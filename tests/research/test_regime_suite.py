"""The suite through the real kernels: the same bars, and never a look ahead."""

import dataclasses

import msgspec
import numpy as np

from fabio.regime.reading import DEFAULT_REGIME
from fabio.research.regime.numbers import numbers_of
from fabio.research.regime.recipe import MINUTES, RecipeSession, make_session
from fabio.research.regime.rivals import RIVALS
from fabio.research.regime.suite import bars_of, columns_of, moments_of


def with_another_afternoon(session: RecipeSession, minute: int) -> RecipeSession:
    prices = session.price_ticks.copy()
    prices[minute:] += np.arange(1, MINUTES - minute + 1)[:, None] * 40
    return dataclasses.replace(session, price_ticks=prices, side=np.where(
        np.arange(MINUTES)[:, None] >= minute, -session.side, session.side).astype(np.int8))


def test_bars_are_those_of_the_feature_kernels() -> None:
    session = make_session(3, 2.0)
    for moment, bar in zip(moments_of(session, 0.5), bars_of(session), strict=True):
        assert msgspec.structs.replace(moment.bars[-1], usual_range_ticks=None) == \
            msgspec.structs.replace(bar, usual_range_ticks=None)


def test_the_machine_knows_what_range_is_usual() -> None:
    moment = list(moments_of(make_session(3, 2.0), 0.5))[200]
    assert all(bar.usual_range_ticks is not None for bar in moment.bars)
    assert moment.stats.range_percentile is not None
    assert moment.near_poc_30min_s is not None
    assert moment.age_s == 201 * 60


def test_no_classifier_sees_the_future() -> None:
    training = [make_session(seed, 2.0) for seed in range(1000, 1006)]
    session, cut = make_session(4, 2.0), 250
    other = with_another_afternoon(session, cut)
    for name, make in RIVALS.items():
        if name == "boosting":
            continue
        rival = make(training, DEFAULT_REGIME)
        said, confidence = rival(session)
        changed, changed_confidence = rival(other)
        assert np.array_equal(said[:cut], changed[:cut]), name
        if confidence is not None and changed_confidence is not None:
            assert np.array_equal(confidence[:cut], changed_confidence[:cut]), name


def test_numbers_do_not_change_with_the_future() -> None:
    session, cut = make_session(4, 2.0), 250
    before, after = (numbers_of(columns_of(each)) for each in (session, with_another_afternoon(session, cut)))
    assert np.array_equal(before[:cut], after[:cut], equal_nan=True)
    assert not np.array_equal(before[cut:], after[cut:])


def test_a_session_says_the_same_whatever_was_asked_before() -> None:
    answer = RIVALS["playbook"]([], DEFAULT_REGIME)
    first = answer(make_session(8, 2.0))[0]
    answer(make_session(9, 2.0))
    assert np.array_equal(first, answer(make_session(8, 2.0))[0])
