"""What an evaluation says: one record for each classifier of each suite, as JSON and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fabio.research.regime.scores import (
    Judged,
    brier,
    confusion_matrix,
    expected_calibration_error,
    flips,
    lags,
    macro_f1,
    recalls,
    share_swapped,
)

Record = dict[str, Any]
SETTLED_MIN = 10


def record_of(sessions: Sequence[Judged], classes: Sequence[str], swapped: tuple[int, int] | None = None) -> Record:
    """Score one classifier over its sessions.

    Parameters
    ----------
    classes
        Names of the classes, by number.
    swapped
        The two classes whose mixing up is counted apart (trends of opposite direction).

    Returns
    -------
    dict
        `macro_f1`, `per_class_recall`, `confusion` (truth, then what was said), `median_lag_min`, `p90_lag_min`,
        `missed_segments_share`, `macro_f1_settled` (minutes whose truth is at least 10 minutes old),
        `flips_per_session`, `opposite_share`, `expected_calibration_error`, `brier`, `n_sessions`, `n_minutes`;
        null where a figure has no meaning.
    """
    truth = np.concatenate([session.truth for session in sessions])
    said = np.concatenate([session.said for session in sessions])
    matrix = confusion_matrix(truth, said, len(classes))
    found, missed = lags(sessions)
    with_switches = any(session.starts is not None for session in sessions)
    record: Record = {
        "macro_f1": macro_f1(matrix),
        "per_class_recall": dict(zip(classes, recalls(matrix), strict=True)),
        "confusion": {
            name: dict(zip([*classes, "unclear"], row, strict=True))
            for name, row in zip(classes, matrix.tolist(), strict=True)
        },
        "median_lag_min": float(np.median(found)) if found else None,
        "p90_lag_min": float(np.quantile(found, 0.9)) if found else None,
        "missed_segments_share": missed / (missed + len(found)) if missed + len(found) else None,
        "macro_f1_settled": _settled(sessions, len(classes)) if with_switches else None,
        "flips_per_session": flips(sessions),
        "opposite_share": None if swapped is None else share_swapped(matrix, *swapped),
        "expected_calibration_error": None,
        "brier": None,
        "n_sessions": len(sessions),
        "n_minutes": len(truth),
    }
    confident = [session.confidence for session in sessions if session.confidence is not None]
    if len(confident) == len(sessions):
        confidence, right = np.concatenate(confident), said == truth
        record["expected_calibration_error"] = expected_calibration_error(confidence, right)
        record["brier"] = brier(confidence, right)
    return record


def missing_record(why: str) -> Record:
    """Stand in for a classifier that could not be measured; `missing` says why."""
    empty = ("macro_f1", "per_class_recall", "confusion", "median_lag_min", "flips_per_session")
    return {**dict.fromkeys(empty), "missing": why}


def _settled(sessions: Sequence[Judged], classes: int) -> float:
    total = np.zeros((classes, classes + 1), dtype=np.int64)
    for session in sessions:
        kept = np.ones(len(session.truth), dtype=bool)
        for start in [] if session.starts is None else session.starts.tolist():
            kept[start: start + SETTLED_MIN] = False
        total += confusion_matrix(session.truth[kept], session.said[kept], classes)
    return macro_f1(total)


COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("n_sessions", "n", "d"), ("macro_f1", "macro-F1", ".3f"), ("macro_f1_settled", "settled", ".3f"),
    ("median_lag_min", "lag min", ".0f"), ("p90_lag_min", "p90", ".0f"), ("missed_segments_share", "missed", ".1%"),
    ("flips_per_session", "flips", ".1f"),
    ("opposite_share", "opposite", ".1%"), ("expected_calibration_error", "ECE", ".2f"), ("brier", "Brier", ".2f"),
)


def table_rows(answer: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Give the head and the rows of the table for people; what nobody has is left out."""
    records = [
        (suite, name, record)
        for suite, part in answer["suites"].items() for name, record in part["classifiers"].items()
    ]
    shown = [column for column in COLUMNS if any(record.get(column[0]) is not None for _, _, record in records)]
    paired = any("gain" in record for _, _, record in records)
    head = ["suite", "classifier", *(title for _, title, _ in shown), *(["gain (95 %)"] if paired else [])]
    rows = []
    for suite, name, record in records:
        if "missing" in record:
            rows.append([suite, name, record["missing"], *[""] * (len(head) - 3)])
            continue
        cells = ["-" if record.get(key) is None else format(record[key], form) for key, _, form in shown]
        rows.append([suite, name, *cells, *([_gain(record)] if paired else [])])
    return head, rows


def _gain(record: Mapping[str, Any]) -> str:
    gain = record.get("gain")
    return "" if gain is None else f"{gain['mean']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"


def words_of(answer: Mapping[str, Any]) -> list[str]:
    """Say in lines what stands beside the table."""
    lines = [f"{name} is left out: {why}" for name, why in answer.get("left_out", {}).items()]
    for source, part in answer.get("agreement", {}).items():
        share = part["agrees_with_rules"]
        ends = ", ".join(f"{count} {outcome}" for outcome, count in part["outcomes"].items())
        agrees = "" if share is None else f"; the rules' label in {share:.1%} of {part['answers']} answers"
        lines.append(f"{source}: {part['questions']} questions ({ends}){agrees}")
    return lines
