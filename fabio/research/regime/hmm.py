"""A hidden Markov model with Gaussian states, fitted without labels, read forwards only.

Fitting is Baum-Welch over all training sessions at once (they are equally long, so the walk through
time is done for all of them together). Reading is the forward pass alone: the state's probability at a
minute rests on that minute and those before it. The most likely path of a whole day, which most
libraries call the prediction, would know the afternoon in the morning.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_GAIN = 1e-3
"""Fitting ends when a round adds less log-likelihood a minute than this."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianHmm:
    """A fitted model of K states over D numbers.

    Parameters
    ----------
    start, moves
        Probability of each state at first, shape (K,), and of the next by the last, shape (K, K).
    means, covariances
        Shapes (K, D) and (K, D, D).
    """

    start: Floats
    moves: Floats
    means: Floats
    covariances: Floats

    def densities(self, rows: Floats) -> Floats:
        """Give the log density of each state, shape (..., K), for rows of shape (..., D)."""
        out = np.empty((*rows.shape[:-1], len(self.means)))
        for state, (mean, covariance) in enumerate(zip(self.means, self.covariances, strict=True)):
            factor = np.linalg.cholesky(covariance)
            scaled = np.linalg.solve(factor, (rows - mean).reshape(-1, rows.shape[-1]).T)
            log_volume = np.log(np.diag(factor)).sum() + 0.5 * rows.shape[-1] * np.log(2.0 * np.pi)
            out[..., state] = (-0.5 * (scaled**2).sum(axis=0) - log_volume).reshape(rows.shape[:-1])
        return out

    def filtered(self, rows: Floats) -> tuple[Floats, Floats]:
        """Give the states' probabilities at each minute, from it and the minutes before alone.

        Parameters
        ----------
        rows
            Shape (sessions, minutes, D).

        Returns
        -------
        tuple[ndarray, ndarray]
            Probabilities, shape (sessions, minutes, K), and the log-likelihood of each minute.
        """
        log_density = self.densities(rows)
        peak = log_density.max(axis=2)
        density = np.exp(log_density - peak[:, :, None])
        forward = np.empty_like(density)
        total = np.empty(peak.shape)
        belief = np.broadcast_to(self.start, (len(rows), len(self.start)))
        for minute in range(rows.shape[1]):
            joint = belief * density[:, minute]
            total[:, minute] = joint.sum(axis=1)
            forward[:, minute] = joint / total[:, minute, None]
            belief = forward[:, minute] @ self.moves
        return forward, np.log(total) + peak


def fit(rows: Floats, states: int = 5, rounds: int = 100, seed: int = 1) -> GaussianHmm:
    """Fit a model to sessions of equal length.

    Parameters
    ----------
    rows
        Shape (sessions, minutes, D), without holes; best of about the same scale in each number.
    rounds
        Baum-Welch rounds at most.
    seed
        Of the first guess (k-means from spread-out rows).
    """
    flat = rows.reshape(-1, rows.shape[-1])
    shares = np.eye(states)[_k_means(flat, states, seed)]
    model = GaussianHmm(
        np.full(states, 1.0 / states), np.full((states, states), 0.05 / (states - 1)) + np.eye(states) * 0.95,
        *_moments(flat, shares),
    )
    before = -np.inf
    for _ in range(rounds):
        model, likelihood = _round(model, rows)
        if likelihood - before < LEAST_GAIN:
            break
        before = likelihood
    return model


def _round(model: GaussianHmm, rows: Floats) -> tuple[GaussianHmm, float]:
    """Do one round: weigh the states with what came before and after, then fit to the weights."""
    forward, likelihood = model.filtered(rows)
    log_density = model.densities(rows)
    density = np.exp(log_density - log_density.max(axis=2, keepdims=True))
    sessions, minutes, states = forward.shape
    weights = np.empty_like(forward)
    weights[:, -1] = forward[:, -1]
    moved = np.zeros((states, states))
    backward = np.ones((sessions, states))
    for minute in range(minutes - 2, -1, -1):
        ahead = density[:, minute + 1] * backward
        joint = forward[:, minute, :, None] * model.moves[None] * ahead[:, None, :]
        joint /= joint.sum(axis=(1, 2), keepdims=True)
        moved += joint.sum(axis=0)
        weights[:, minute] = joint.sum(axis=2)
        backward = ahead @ model.moves.T
        backward /= backward.sum(axis=1, keepdims=True)
    means, covariances = _moments(rows.reshape(-1, rows.shape[-1]), weights.reshape(-1, states))
    start = weights[:, 0].mean(axis=0)
    return GaussianHmm(start, moved / moved.sum(axis=1, keepdims=True), means, covariances), float(likelihood.mean())


def _moments(rows: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Give weighted means and covariances; a little on the diagonal keeps a thin state from collapsing."""
    weight = np.maximum(shares.sum(axis=0), 1e-9)
    means = shares.T @ rows / weight[:, None]
    covariances = np.empty((len(means), rows.shape[1], rows.shape[1]))
    for state, mean in enumerate(means):
        apart = rows - mean
        covariances[state] = (apart * shares[:, state, None]).T @ apart / weight[state]
    return means, covariances + 1e-3 * np.eye(rows.shape[1])


def _k_means(rows: Floats, count: int, seed: int) -> NDArray[np.int64]:
    """Group rows around `count` centres, begun with rows far from each other."""
    bits = np.random.PCG64(np.random.SeedSequence([seed, count]))
    centres = [rows[int(bits.random_raw()) % len(rows)]]
    for _ in range(count - 1):
        nearest = np.min([((rows - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        reach = np.cumsum(nearest)
        draw = (int(bits.random_raw()) >> 11) * 2.0**-53 * reach[-1]
        centres.append(rows[int(np.searchsorted(reach, draw, side="right").clip(0, len(rows) - 1))])
    middles = np.array(centres)
    groups = np.zeros(len(rows), dtype=np.int64)
    for _ in range(50):
        apart = (rows**2).sum(axis=1)[:, None] - 2.0 * rows @ middles.T + (middles**2).sum(axis=1)[None]
        nearer = apart.argmin(axis=1)
        if np.array_equal(nearer, groups):
            break
        groups = nearer
        middles = np.array([
            rows[groups == each].mean(axis=0) if (groups == each).any() else middles[each] for each in range(count)
        ])
    return groups
