"""Small tapes to run on: a generated day as a CSV file."""

from pathlib import Path

from fabio.model.tick import SIDE_LETTERS, Ticks


def write_csv(path: Path, ticks: Ticks, first: int = 0, last: int | None = None) -> Path:
    """Write MNQ ticks as a tape."""
    rows = ["ts_event,price,size,side"]
    for index in range(first, len(ticks) if last is None else last):
        tick = ticks.row(index)
        rows.append(f"{tick.ts_event_ns},{tick.price_ticks / 4},{tick.size_steps},{SIDE_LETTERS[tick.side]}")
    path.write_text("\n".join(rows) + "\n")
    return path
