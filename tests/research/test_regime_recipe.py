"""The recipe of the synthetic suite, held to its words."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest

from fabio.research.regime.recipe import (
    CHOP,
    CLASSES,
    LENGTHS_MIN,
    MINUTES,
    NOISE_POINTS,
    PULL,
    RANGE,
    SHORTEST_MIN,
    START_POINTS,
    STEPS,
    TICKS_A_POINT,
    UP,
    make_session,
    student_t4,
    time_of_day,
)


def digest(seed: int, drift: float) -> str:
    session = make_session(seed, drift)
    parts = (session.labels, session.price_ticks, session.size_steps, session.side)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def test_a_seed_gives_the_session_it_always_gave() -> None:
    assert [digest(0, 2.0), digest(99, 3.0)] == ["f6e08ac9d44fef38", "e8a399d3b0ef97b3"]


def test_seeds_differ_and_suites_share_their_segments() -> None:
    assert digest(1, 2.0) != digest(2, 2.0)
    easy, hard = make_session(5, 3.0), make_session(5, 1.2)
    assert np.array_equal(easy.labels, hard.labels)
    assert not np.array_equal(easy.price_ticks, hard.price_ticks)


def test_segments_last_as_long_as_the_recipe_says_and_always_change() -> None:
    lengths, followed = [], set()
    for seed in range(200):
        session = make_session(seed, 2.0)
        starts = session.starts.tolist()
        assert starts[0] == 0
        lengths += np.diff(starts).tolist()
        names = session.labels[starts].tolist()
        followed |= set(pairwise(names))
        for start, stop in zip(starts, [*starts[1:], MINUTES], strict=True):
            assert len(set(session.labels[start:stop].tolist())) == 1
            assert session.age_min[start] == 0
            assert session.age_min[stop - 1] == stop - 1 - start
    assert min(lengths) == SHORTEST_MIN
    assert max(lengths) == SHORTEST_MIN + LENGTHS_MIN - 1 == 109
    assert followed == {(a, b) for a in range(5) for b in range(5) if a != b}


def test_the_day_is_u_shaped() -> None:
    factors = time_of_day()
    assert factors[0] == pytest.approx(1.6)
    assert factors.min() == factors[195] == pytest.approx(0.5)


def test_noise_has_students_tails_and_a_deviation_of_one() -> None:
    stats = pytest.importorskip("scipy.stats")
    places = np.array([0.001, 0.1, 0.3, 0.5, 0.77, 0.999])
    assert student_t4(places) == pytest.approx(stats.t(4).ppf(places) / np.sqrt(2), abs=1e-12)


def test_each_class_moves_by_its_own_noise_and_drift() -> None:
    drift = 2.0
    moves: dict[int, list[float]] = {label: [] for label in range(len(CLASSES))}
    for seed in range(150):
        session = make_session(seed, drift)
        points = np.concatenate([[START_POINTS], session.price_ticks[:, -1] / TICKS_A_POINT])
        for label, move in zip(session.labels.tolist(), (np.diff(points) / time_of_day()).tolist(), strict=True):
            moves[label].append(move)
    for label, sign in ((UP, 1.0), (UP + 1, -1.0)):
        assert np.mean(moves[label]) == pytest.approx(sign * drift, abs=0.15)
    assert np.mean(moves[CHOP]) == pytest.approx(0.0, abs=0.1)
    for label, noise in enumerate(NOISE_POINTS):
        if label != RANGE:  # which is pulled back, so that it ends nearer
            assert np.std(moves[label]) == pytest.approx(noise, rel=0.06)


def test_a_range_is_pulled_back_to_where_it_began() -> None:
    kept = []
    for seed in range(150):
        session = make_session(seed, 2.0)
        points = np.concatenate([[START_POINTS], session.price_ticks.ravel() / TICKS_A_POINT])
        for start, stop in zip(session.starts.tolist(), [*session.starts[1:].tolist(), MINUTES], strict=True):
            if session.labels[start] == RANGE:
                away = points[start * STEPS:stop * STEPS + 1] - points[start * STEPS]
                kept.append(float(np.sum(away[1:] * away[:-1]) / np.sum(away[:-1] ** 2)))
    assert np.mean(kept) == pytest.approx(1.0 - PULL, abs=0.015)


def test_prints_carry_flow_as_real_bars_do() -> None:
    correlations = []
    for seed in range(40):
        session = make_session(seed, 2.0)
        assert session.size_steps.min() >= 1
        assert set(np.unique(session.side)) == {-1, 1}
        delta = (session.size_steps * session.side).sum(axis=1)
        correlations.append(np.corrcoef(delta, np.diff(session.price_ticks[:, -1], prepend=80_000))[0, 1])
    assert 0.5 < float(np.mean(correlations)) < 0.7
