import numpy as np
import pytest

from fabio.model.tick import Ticks
from fabio.regime.evidence import LearningSettings
from fabio.research.learning.market import PROBES, Planned, Terms, planned, planned_r, tape
from fabio.research.learning.run import AGENTS, Record, live

TERMS = Terms(sessions=4, signals=4)
ENOUGH_TO_LEARN = Terms(sessions=8, signals=12)
Market = tuple[list[Planned], list[Ticks]]


def market(terms: Terms, seed: int) -> Market:
    signals = planned(terms, seed)
    return signals, [tape(terms, signals, seed, session) for session in range(terms.sessions)]


def multiples(record: Record) -> list[tuple[str, float]]:
    """Strategy and R multiple of every signal that ended, taken or not, by time."""
    ended = [(taken.trade.entry_ns, taken.trade.strategy, taken.trade.r_multiple) for taken in record.trades]
    ended += [(shadow.entry_ns, shadow.strategy, shadow.r_multiple) for shadow in record.shadows]
    return [(strategy, r_multiple) for _, strategy, r_multiple in sorted(ended)]


@pytest.mark.parametrize("terms", [TERMS, ENOUGH_TO_LEARN])
def test_every_agent_sees_each_planned_outcome_as_a_trade_or_as_a_shadow(terms: Terms) -> None:
    signals, tapes = market(terms, 0)
    for agent in AGENTS:
        record = live(agent, terms, signals, tapes, LearningSettings())
        seen = multiples(record)
        assert [strategy for strategy, _ in seen] == [PROBES[signal.probe] for signal in signals]
        assert [r for _, r in seen] == pytest.approx([planned_r(signal.wins) for signal in signals], abs=1e-12)


def test_the_agent_that_learns_disables_each_loser_and_takes_the_new_winner_back() -> None:
    signals, tapes = market(ENOUGH_TO_LEARN, 0)
    record = live("learning", ENOUGH_TO_LEARN, signals, tapes, LearningSettings())
    assert {each.source for each in record.switched} == {"rules"}
    switched = [(each.session >= ENOUGH_TO_LEARN.half, each.probe, each.enabled) for each in record.switched]
    assert switched[0] == (False, 1, False)
    assert {(True, 0, False), (True, 1, True)} == set(switched[1:])
    first = record.switched[0].outcomes
    taken = [each for each in record.trades if each.trade.strategy == PROBES[1] and each.session < 4]
    assert 30 <= first <= len(taken) < ENOUGH_TO_LEARN.half * ENOUGH_TO_LEARN.signals


def test_an_agent_that_does_not_learn_takes_everything_and_changes_nothing() -> None:
    signals, tapes = market(TERMS, 3)
    record = live("off", TERMS, signals, tapes, LearningSettings())
    assert (len(record.trades), record.shadows, record.switched) == (len(signals), [], [])
    net = sum(taken.trade.r_multiple for taken in record.trades)
    assert net == pytest.approx(sum(planned_r(signal.wins) for signal in signals))
    assert [taken.session for taken in record.trades] == [signal.session for signal in signals]


def test_an_agent_that_is_told_the_truth_takes_the_winning_side_alone() -> None:
    signals, tapes = market(TERMS, 3)
    record = live("oracle", TERMS, signals, tapes, LearningSettings())
    winning = [signal for signal in signals if signal.probe == TERMS.winner(signal.session)]
    assert [taken.trade.strategy for taken in record.trades] == [PROBES[signal.probe] for signal in winning]
    assert len(record.shadows) == len(signals) - len(winning)
    assert {each.source for each in record.switched} == {"operator"}


def test_the_same_seed_gives_the_same_records_and_leaves_the_tapes_as_they_are() -> None:
    signals, tapes = market(TERMS, 5)
    before = [ticks.price_ticks.copy() for ticks in tapes]
    first = {agent: live(agent, TERMS, signals, tapes, LearningSettings()) for agent in AGENTS}
    again = {agent: live(agent, TERMS, *market(TERMS, 5), LearningSettings()) for agent in AGENTS}
    assert {agent: record.digest for agent, record in first.items()} == {
        agent: record.digest for agent, record in again.items()
    }
    assert all(np.array_equal(old, ticks.price_ticks) for old, ticks in zip(before, tapes, strict=True))
