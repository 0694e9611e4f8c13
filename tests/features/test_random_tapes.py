"""The kernel against the brute-force reading, on random tapes at random times."""

import numpy as np
from brute_force import Brute
from compare import assert_same_lists, assert_same_stats
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tapes import TABLE, RandomTape, random_tape
from tapes import CL, NQ, S, ticks_of

from fabio.features.arrays import MarketArrays
from fabio.features.market import MarketFeatures

SHAPES = {
    "seed": st.integers(0, 2**32 - 1),
    "length": st.integers(1, 1500),
    "pace_s": st.sampled_from([0.05, 1.0, 4.0]),
    "jumps": st.booleans(),
    "unknown": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
}


def readings(rng, brute: Brute, tape: RandomTape, position: int):
    """Times at which the state after `position` rows may be read: none after what is yet to come."""
    _, session, n = brute.locate(position)
    latest = session.ts[n - 1]
    following = [row[0] for row in tape.rows[position:] if row[2] > 0 and row[0] > latest][:1]
    gaps = [gap.from_ns for i, gap in tape.gaps if i > position]
    until = max(latest, min([latest + 2000 * S, *following, *gaps]))
    return {latest, int(rng.integers(latest, until + 1)), min(until, (latest // S + 1) * S)}


@settings(max_examples=60, deadline=None)
@given(**SHAPES, negative=st.booleans())
def test_every_statistic_equals_brute_force_on_random_tapes(negative, **shape):
    instrument = CL if negative else NQ
    tape = random_tape(**shape)
    rows = tape.rows
    brute = Brute(instrument, TABLE, rows, [(i, gap.from_ns, gap.to_ns) for i, gap in tape.gaps])
    market = MarketFeatures(instrument, TABLE, MarketArrays(1, 16, 16))
    ticks = ticks_of(rows)
    rng = np.random.default_rng(shape["seed"] + 1)
    gaps = dict(tape.gaps)
    stops = sorted({*rng.integers(1, len(rows) + 1, 12).tolist(), len(rows)})
    position = 0
    for stop in stops:
        while position < stop:
            part = min([stop, *[i for i in gaps if i > position]])
            if position in gaps:
                market.mark_gap(gaps[position])
            assert market.update(ticks.slice(position, part)) == part - position
            position = part
        if market.has_traded and stop not in gaps:
            for now_ns in readings(rng, brute, tape, stop):
                assert_same_stats(market, brute, stop, now_ns)
            assert_same_lists(market, brute, stop)
