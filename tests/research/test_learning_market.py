import math

import numpy as np
import pytest

from fabio.research.learning.market import (
    ASSUMPTIONS,
    INSTRUMENT,
    PROBES,
    SLOT_TICKS,
    STOP_TICKS,
    TARGET_TICKS,
    Planned,
    Terms,
    planned,
    planned_r,
    session_table,
    tape,
)

SMALL = Terms(sessions=4, signals=3)


def ending(signal: Planned, price: list[int], start: int) -> bool | None:
    """Walk the prints behind a signal, print by print: True for the target, False for the stop, None for neither."""
    entry = price[start] + signal.side * ASSUMPTIONS.market_slippage_ticks
    for last in price[start + 1 : start + SLOT_TICKS]:
        if (last - entry) * signal.side <= -STOP_TICKS:
            return False
        if (last - entry) * signal.side > TARGET_TICKS:
            return True
    return None


@pytest.mark.parametrize("seed", range(5))
def test_the_tape_walks_to_each_planned_outcome_within_the_signals_slot(seed: int) -> None:
    signals = planned(SMALL, seed)
    for session in range(SMALL.sessions):
        ticks = tape(SMALL, signals, seed, session)
        price, times = ticks.price_ticks.tolist(), ticks.ts_event_ns.tolist()
        own = [signal for signal in signals if signal.session == session]
        assert [ending(signal, price, times.index(signal.at_ns)) for signal in own] == [each.wins for each in own]


def test_a_seed_makes_the_same_tapes_whatever_was_made_before_them() -> None:
    signals = planned(SMALL, 7)
    all_in_order = [tape(SMALL, signals, 7, session) for session in range(SMALL.sessions)]
    assert signals == planned(SMALL, 7)
    alone = tape(SMALL, planned(SMALL, 7), 7, 2)
    assert np.array_equal(alone.price_ticks, all_in_order[2].price_ticks)
    assert np.array_equal(alone.size_steps, all_in_order[2].size_steps)
    assert not np.array_equal(alone.price_ticks, tape(SMALL, planned(SMALL, 8), 8, 2).price_ticks)


def test_each_probe_has_its_signals_in_slots_of_their_own() -> None:
    signals = planned(SMALL, 1)
    times = [signal.at_ns for signal in signals]
    assert times == sorted(set(times))
    for session in range(SMALL.sessions):
        probes = [signal.probe for signal in signals if signal.session == session]
        assert [probes.count(place) for place in range(len(PROBES))] == [SMALL.signals, SMALL.signals]


def test_sessions_lie_on_weekdays_and_hold_their_ticks() -> None:
    terms = Terms(sessions=12, signals=24)
    table, signals = session_table(terms.sessions), planned(terms, 0)
    assert np.all(np.diff(table.dates) > 0)
    weekdays = (table.opens_ns // (24 * 3600 * 10**9) + 3) % 7  # 1970-01-01 was a Thursday
    assert weekdays.tolist() == [0, 1, 2, 3, 4] * 2 + [0, 1]
    for session in range(terms.sessions):
        times = tape(terms, signals, 0, session).ts_event_ns
        assert table.opens_ns[session] == times[0] < times[-1] < table.flat_by_ns[session]


def test_the_sides_have_the_win_rates_they_were_planned_with_and_swap_after_half() -> None:
    terms = Terms()
    draws: dict[tuple[int, bool], list[bool]] = {}
    for seed in range(20):
        for signal in planned(terms, seed):
            draws.setdefault((signal.probe, signal.session >= 20), []).append(signal.wins)
    for (probe, later), wins in draws.items():
        share = terms.winning if (probe == 0) != later else terms.losing
        error = math.sqrt(share * (1 - share) / len(wins))
        assert abs(sum(wins) / len(wins) - share) < 4 * error


def test_an_outcome_costs_about_a_twentieth_of_what_is_risked() -> None:
    costs = {wins: (2.0 if wins else -1.0) - planned_r(wins) for wins in (True, False)}
    for share in (Terms().winning, Terms().losing):
        assert share * costs[True] + (1 - share) * costs[False] == pytest.approx(0.05, abs=0.006)
    fees = float(2 * INSTRUMENT.fees(1, 0) / INSTRUMENT.money(STOP_TICKS))
    assert costs[True] == pytest.approx(fees)
    assert costs[False] == pytest.approx(fees + 1 / STOP_TICKS)


@pytest.mark.parametrize(("wrong", "word"), [
    ({"sessions": 3}, "even"), ({"sessions": 0}, "even"), ({"signals": 25}, "24"), ({"winning": 1.5}, "share"),
])
def test_terms_that_cannot_be_played_are_refused_by_name(wrong: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} is .*{word}"):
        Terms(**wrong)
