"""Forward-looking labels: what the market did in the 30 minutes after a minute ended.

Two questions, asked apart: how straight it went (trendiness: the absolute efficiency ratio) and how far the
bars reached (volatility: the range ratio). Each figure is cut into low, mid and high at the terciles that
training sessions had in the same hour of the session.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fabio.research.regime.scores import Floats, Labels

HORIZON_MIN = 30
HOUR_MIN = 60
LOW, MID, HIGH = range(3)
LEVELS = ("low", "mid", "high")
TASKS = ("trendiness", "volatility")
LEAST_USUAL_TICKS = 2.0


def forward_figures(ohlc: Floats, usual_range_ticks: Floats) -> dict[str, Floats]:
    """Give both figures of the 30 minutes after each minute; NaN where fewer follow, or one has no bar.

    Parameters
    ----------
    ohlc
        Sessions of bars in ticks, shape (days, minutes, 4).
    usual_range_ticks
        Shape (days, minutes).

    Returns
    -------
    dict
        By task: at minute t, of the bars t + 1 to t + 30 alone, shape (days, minutes).
    """
    days, minutes = ohlc.shape[:2]
    close = ohlc[:, :, 3]
    walked = np.zeros((days, minutes))
    walked[:, 1:] = np.abs(np.diff(close, axis=1))
    ranges = ohlc[:, :, 1] - ohlc[:, :, 2]
    usual = np.maximum(usual_range_ticks, LEAST_USUAL_TICKS)
    figures = {task: np.full((days, minutes), np.nan) for task in TASKS}
    if minutes <= HORIZON_MIN:
        return figures
    net = np.abs(close[:, HORIZON_MIN:] - close[:, :-HORIZON_MIN])
    path, reach, base = (_following(values) for values in (walked, ranges, usual))
    figures["trendiness"][:, :-HORIZON_MIN] = np.divide(net, path, out=np.zeros_like(net), where=path > 0)
    figures["volatility"][:, :-HORIZON_MIN] = reach / base
    return figures


def _following(values: Floats) -> Floats:
    """Sum the 30 values after each place that has so many; NaN among them makes it NaN."""
    sums: Floats = sliding_window_view(values, HORIZON_MIN, axis=1)[:, 1:].sum(axis=2)
    return sums


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Terciles by hour of the session, shape (hours, 2), learned on training sessions."""

    by_hour: Floats

    def labels(self, figures: Floats, minutes: NDArray[np.int64]) -> Labels:
        """Cut figures, shape (..., len(minutes)), of windows that follow those minutes."""
        hours = np.minimum(minutes // HOUR_MIN, len(self.by_hour) - 1)
        levels: Labels = (
            (figures > self.by_hour[hours, 0]).astype(np.int8) + (figures > self.by_hour[hours, 1]).astype(np.int8)
        )
        return levels


def learn_cuts(figures: Floats) -> Cuts:
    """Learn the terciles of each hour from training sessions, shape (days, minutes); NaN is passed over.

    An hour without a figure takes the whole session's.
    """
    hours = -(-figures.shape[1] // HOUR_MIN)
    cuts = np.empty((hours, 2))
    everything = figures[~np.isnan(figures)]
    for hour in range(hours):
        part = figures[:, hour * HOUR_MIN:(hour + 1) * HOUR_MIN]
        part = part[~np.isnan(part)]
        cuts[hour] = np.quantile(part if part.size else everything, [1 / 3, 2 / 3])
    return Cuts(cuts)


@dataclass(frozen=True, slots=True)
class Fold:
    """Sessions to learn from and sessions to be scored, by number."""

    training: NDArray[np.int64]
    test: NDArray[np.int64]


def walk_forward(open_ns: NDArray[np.int64], session_ns: int, purge_ns: int, blocks: int = 4) -> list[Fold]:
    """Cut sessions into folds: the first third only trains, the rest is tested in blocks, each on all before.

    A training session counts only if it ends, and its last label's window with it, at least `purge_ns`
    before the first tested session opens.
    """
    count = len(open_ns)
    first = -(-count // 3)
    edges = np.linspace(first, count, min(blocks, max(count - first, 0)) + 1).round().astype(np.int64)
    folds = []
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        training = np.flatnonzero(open_ns[:start] + session_ns + purge_ns <= open_ns[start])
        folds.append(Fold(training.astype(np.int64), np.arange(start, stop, dtype=np.int64)))
    return folds
