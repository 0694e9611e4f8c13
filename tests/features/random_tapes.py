"""Random tapes with everything that may go wrong in them, and a table of short sessions."""

from dataclasses import dataclass

import numpy as np
from tapes import S, table_of

from fabio.features.hours import Gap

START = 1_700_000_040      # a whole minute
MINUTE = 60
TABLE = table_of(
    [
        (20231115, START, START + 50 * MINUTE, START + 5 * MINUTE),
        (20231116, START + 60 * MINUTE, START + 100 * MINUTE, START + 61 * MINUTE),
        (20231117, START + 100 * MINUTE, START + 190 * MINUTE, None),
        (20231120, START + 400 * MINUTE, START + 900 * MINUTE, START + 430 * MINUTE),
    ],
    breaks=[
        (START + 20 * MINUTE, START + 24 * MINUTE),
        (START + 62 * MINUTE + 7, START + 62 * MINUTE + 40),
        (START + 130 * MINUTE, START + 135 * MINUTE),
        (START + 150 * MINUTE, START + 151 * MINUTE),
    ],
)
LAST_NS = (START + 899 * MINUTE) * S


@dataclass
class RandomTape:
    rows: list[tuple[int, int, int, int]]
    gaps: list[tuple[int, Gap]]         # before which row, from, to


def random_tape(seed: int, length: int, pace_s: float, jumps: bool, unknown: float) -> RandomTape:
    """Make a tape.

    Parameters
    ----------
    pace_s
        Mean time between trades.
    jumps
        Whether price sometimes jumps by hundreds of ticks, also outside the rows held.
    unknown
        Share of the trades without an aggressor.
    """
    rng = np.random.default_rng(seed)
    now = START * S + int(rng.integers(-30 * S, 60 * S)) if rng.random() < 0.3 else START * S
    now = max(now, START * S)
    price = int(rng.integers(-20, 20)) if rng.random() < 0.2 else int(rng.integers(500, 90_000))
    rows, gaps = [], []
    for i in range(length):
        kind = rng.random()
        if kind < 0.3:
            step = 0
        elif kind < 0.4:
            step = S - now % S                      # exactly on a second
        elif kind < 0.45:
            step = int(rng.integers(1, 1000))
        elif kind < 0.999:
            step = int(rng.exponential(pace_s * 1.5) * S)
        else:
            step = int(rng.integers(60 * S, 2400 * S))
        if rng.random() < 0.002:
            start = now + int(rng.integers(0, step + 1))
            gaps.append((i, Gap(start, start + int(rng.integers(1, 90 * S)))))
        now = min(now + step, LAST_NS)
        ts = now
        trouble = rng.random() if i > 0 else 0.5
        if trouble < 0.02:
            ts = now - int(rng.integers(1, S))
        elif trouble < 0.03:
            ts = now - int(rng.integers(S, 100 * S))
        price += int(rng.choice([-3, -1, 0, 0, 1, 3])) if rng.random() < 0.7 else 0
        if jumps and rng.random() < 0.004:
            price += int(rng.integers(-700, 700))
        size = int(rng.geometric(0.3)) if trouble < 0.99 else int(rng.integers(-1, 200))
        side = 0 if rng.random() < unknown else int(rng.choice([-1, 1]))
        if rows and rng.random() < 0.2:
            side = rows[-1][3]
        rows.append((max(ts, START * S), price, size, side))
    return RandomTape(rows, gaps)
