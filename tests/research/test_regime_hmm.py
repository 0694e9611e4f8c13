"""The hidden Markov model: exact on a small case, no future in it, and what it is fitted to is found again."""

from itertools import pairwise, product

import numpy as np
import pytest

from fabio.research.regime.hmm import GaussianHmm, fit


def small_model() -> GaussianHmm:
    return GaussianHmm(
        np.array([0.6, 0.4]), np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[0.0, 1.0], [2.0, -1.0]]),
        np.array([[[1.0, 0.3], [0.3, 1.0]], [[0.5, 0.0], [0.0, 2.0]]]),
    )


def planted(seed: int, sessions: int = 20, minutes: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    states = np.zeros((sessions, minutes), dtype=int)
    for minute in range(1, minutes):
        moved = rng.random(sessions) < 0.05
        states[:, minute] = np.where(moved, rng.integers(0, 3, sessions), states[:, minute - 1])
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 5.0]])
    return centres[states] + rng.normal(size=(sessions, minutes, 2)), states


def test_filtering_is_the_sum_over_all_paths() -> None:
    model = small_model()
    rows = np.random.default_rng(1).normal(size=(1, 5, 2))
    density = np.exp(model.densities(rows))[0]
    probabilities, likelihood = model.filtered(rows)
    for last in range(5):
        weights = np.zeros(2)
        for path in product(range(2), repeat=last + 1):
            weight = model.start[path[0]] * density[0, path[0]]
            for minute in range(1, last + 1):
                weight *= model.moves[path[minute - 1], path[minute]] * density[minute, path[minute]]
            weights[path[-1]] += weight
        assert probabilities[0, last] == pytest.approx(weights / weights.sum())
        assert likelihood[0, :last + 1].sum() == pytest.approx(np.log(weights.sum()))


def test_filtering_knows_no_future() -> None:
    model = small_model()
    rows = np.random.default_rng(2).normal(size=(3, 40, 2))
    other = rows.copy()
    other[:, 25:] += 7.0
    assert np.array_equal(model.filtered(rows)[0][:, :25], model.filtered(other)[0][:, :25])
    assert np.array_equal(model.filtered(rows)[0][:, :25], model.filtered(rows[:, :25])[0])


def test_a_fit_finds_planted_states_without_labels() -> None:
    rows, states = planted(1)
    model = fit(rows, states=3)
    fresh, truth = planted(2)
    said = model.filtered(fresh)[0].argmax(axis=2)
    names = [int(np.bincount(states[model.filtered(rows)[0].argmax(axis=2) == state]).argmax()) for state in range(3)]
    assert sorted(names) == [0, 1, 2]
    assert np.mean(np.array(names)[said] == truth) > 0.95
    assert np.diag(model.moves) == pytest.approx([0.967] * 3, abs=0.02)


def test_a_fit_is_the_same_twice_and_more_rounds_are_no_less_likely() -> None:
    rows, _ = planted(3)
    assert np.array_equal(fit(rows, states=3).means, fit(rows, states=3).means)
    likelihoods = [fit(rows, states=3, rounds=rounds).filtered(rows)[1].mean() for rounds in (1, 2, 4, 8)]
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(likelihoods))


def test_densities_are_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    model = small_model()
    rows = np.random.default_rng(4).normal(size=(2, 7, 2))
    for state in range(2):
        theirs = stats.multivariate_normal(model.means[state], model.covariances[state]).logpdf(rows)
        assert model.densities(rows)[..., state] == pytest.approx(theirs)
