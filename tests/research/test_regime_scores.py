"""Scores against scikit-learn where it defines them, and against counting by hand."""

import numpy as np
import pytest

from fabio.research.regime.report import record_of, table_rows
from fabio.research.regime.scores import (
    UNCLEAR,
    Judged,
    brier,
    confusion_matrix,
    expected_calibration_error,
    flips,
    lags,
    macro_f1,
    paired_bootstrap,
    recalls,
    share_swapped,
)


def labels(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int8)


def random_labels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, 500).astype(np.int8)  # class 4 never is, but is said
    said = np.where(rng.random(500) < 0.5, truth, rng.integers(-1, 5, 500)).astype(np.int8)
    return truth, said


@pytest.mark.parametrize("seed", range(5))
def test_f1_recall_and_confusion_are_scikit_learns(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, said = random_labels(seed)
    matrix = confusion_matrix(truth, said, 5)
    theirs = metrics.confusion_matrix(truth, said, labels=[0, 1, 2, 3, 4, UNCLEAR])
    assert np.array_equal(matrix, theirs[:5])
    assert macro_f1(matrix) == pytest.approx(
        metrics.f1_score(truth, said, labels=range(5), average="macro", zero_division=0))
    found = metrics.recall_score(truth, said, labels=range(5), average=None, zero_division=0)
    assert recalls(matrix)[:4] == pytest.approx(found[:4])
    assert recalls(matrix)[4] is None


@pytest.mark.parametrize("seed", range(3))
def test_brier_and_calibration_are_scikit_learns(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(seed)
    confidence = rng.random(2000)
    right = rng.random(2000) < confidence**2
    assert brier(confidence, right) == pytest.approx(metrics.brier_score_loss(right, confidence))
    hits, told = calibration.calibration_curve(right, confidence, n_bins=10)
    counts = np.histogram(confidence, bins=10, range=(0, 1))[0]
    assert expected_calibration_error(confidence, right) == pytest.approx(
        np.sum(counts * np.abs(hits - told)) / counts.sum())


def test_full_confidence_has_a_bin() -> None:
    assert expected_calibration_error(np.array([1.0, 1.0]), np.array([True, False])) == pytest.approx(0.5)


def test_lag_counts_from_the_switch_to_the_first_right_label() -> None:
    truth = labels(0, 0, 1, 1, 1, 2, 2, 0, 0)
    said = labels(0, 0, 0, 1, 1, 2, 1, 1, 1)
    found, missed = lags([Judged(truth, said, starts=np.array([2, 5, 7]))])
    assert (found, missed) == ([1, 0], 1)


def test_a_session_without_a_switch_has_no_lag() -> None:
    session = Judged(labels(0, 0), labels(0, 1), starts=np.array([], dtype=np.int64))
    assert lags([session, Judged(labels(1), labels(1))]) == ([], 0)


def test_flips_are_counted_by_session() -> None:
    steady, restless = Judged(labels(0, 0, 0), labels(1, 1, 1)), Judged(labels(0, 0, 0), labels(1, UNCLEAR, 1))
    assert flips([steady, restless]) == 1.0


def test_opposite_trends_are_a_share_of_both_trends_minutes() -> None:
    matrix = confusion_matrix(labels(0, 0, 1, 1, 2), labels(1, 0, 2, 0, 0), 3)
    assert share_swapped(matrix, 0, 1) == 0.5
    assert share_swapped(np.zeros((3, 4), dtype=np.int64), 0, 1) is None


def test_settled_minutes_leave_out_the_ten_after_a_switch() -> None:
    truth = labels(*[0] * 20, *[1] * 20)
    said = labels(*[0] * 30, *[1] * 10)
    record = record_of([Judged(truth, said, starts=np.array([20]))], ("a", "b"))
    assert record["macro_f1_settled"] == 1.0
    assert record["macro_f1"] < 1.0
    assert record["median_lag_min"] == 10
    assert record["confusion"]["b"] == {"a": 10, "b": 10, "unclear": 0}


def test_the_bootstrap_draws_both_classifiers_sessions_together() -> None:
    rng = np.random.default_rng(1)
    tables = np.stack([
        confusion_matrix(truth, np.where(rng.random(200) < 0.6, truth, 0).astype(np.int8), 3)
        for truth in (rng.integers(0, 3, 200).astype(np.int8) for _ in range(30))
    ])
    assert paired_bootstrap(tables, tables) == (0.0, 0.0, 0.0)
    perfect = np.stack([np.hstack([np.diag(table.sum(axis=1)), np.zeros((3, 1), dtype=np.int64)]) for table in tables])
    mean, low, high = paired_bootstrap(perfect, tables)
    assert 0.2 < low < mean < high < 0.6
    assert (mean, low, high) == paired_bootstrap(perfect, tables)


def test_the_table_says_why_a_row_is_missing() -> None:
    record = record_of([Judged(labels(0, 1), labels(0, 0))], ("a", "b"))
    head, rows = table_rows({"suites": {"s": {"classifiers": {"one": record, "two": {"missing": "not here"}}}}})
    assert rows[1][2] == "not here"
    assert len(head) == len(rows[0]) == len(rows[1])
