"""Public prints become ticks: what is taken, what is refused, and what a reconnection sends twice."""

import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.topstepx.events import EventReader, Print, Prints
from fabio.adapters.topstepx.feed.print_checks import AHEAD_NS, OLD_NS, OVERLAP_NS
from fabio.adapters.topstepx.feed.prints import REMEMBERED, PrintTaker
from fabio.adapters.topstepx.signalr.protocol import Invocation, invocation
from fabio.model.session import SessionTable
from fabio.model.tick import BUY, SELL, Ticks

S = 1_000_000_000
T0 = 1_795_186_800 * S  # 2026-11-20 15:00 UTC
INSTRUMENTS = load_instruments(Path(__file__).parents[2] / "config" / "instruments.toml")
MNQ, MES, CL, MBT = (INSTRUMENTS[name] for name in ("MNQ", "MES", "CL", "MBT"))


def table(first_ns: int = T0 - 10 * 3600 * S, last_ns: int = T0 + 10 * 3600 * S) -> SessionTable:
    """One session."""
    column = np.array([first_ns], dtype=np.int64)
    none = np.full(1, np.iinfo(np.int64).min, dtype=np.int64)
    return SessionTable("test", np.array([20261120]), column, np.array([last_ns]), none, none, none,
                        np.zeros((0, 2), dtype=np.int64))


def taker(*instruments, reference=None, skew_s=0.0) -> PrintTaker:
    return PrintTaker([(each, table(), reference) for each in instruments or (MNQ,)], lambda: skew_s)


def a_print(price="21000.25", size=1, side=BUY, at_ns=T0) -> Print:
    return Print(at_ns, Decimal(price), size, side)


def drained(taken: PrintTaker) -> Ticks:
    ticks = taken.drain()
    assert ticks is not None
    return ticks


# taking


def test_prints_become_columns_in_ticks_with_both_times() -> None:
    prints = taker()
    prints.take(0, [a_print("21000.25", 3, BUY, T0), a_print("21000.00", 2, SELL, T0 + 1)], T0 + 7)
    prints.take(0, [a_print("20999.75", 1, SELL, T0 + 2)], T0 + 9)
    ticks = drained(prints)
    assert ticks.price_ticks.tolist() == [84_001, 84_000, 83_999]
    assert ticks.size_steps.tolist() == [3, 2, 1]
    assert ticks.side.tolist() == [BUY, SELL, SELL]
    assert ticks.ts_event_ns.tolist() == [T0, T0 + 1, T0 + 2]
    assert ticks.ts_recv_ns.tolist() == [T0 + 7, T0 + 7, T0 + 9]
    assert [column.dtype for column in (ticks.ts_event_ns, ticks.side, ticks.market)] == [np.int64, np.int8, np.int8]
    assert prints.drain() is None


def test_a_drained_batch_does_not_change_when_more_comes() -> None:
    prints = taker()
    prints.take(0, [a_print()], T0)
    first = drained(prints)
    prints.take(0, [a_print("21001.00")], T0)
    assert len(first) == 1
    assert drained(prints).price_ticks.tolist() == [84_004]


def test_the_time_of_arrival_never_falls() -> None:
    prints = taker()
    for recv_ns in (T0 + 5, T0 - 3600 * S, T0 + 6):
        prints.take(0, [a_print()], recv_ns)
    assert drained(prints).ts_recv_ns.tolist() == [T0 + 5, T0 + 5, T0 + 6]


def test_several_markets_share_a_batch_in_the_order_of_arrival() -> None:
    prints = taker(MNQ, MES)
    prints.take(1, [a_print("6900.25")], T0)
    prints.take(0, [a_print()], T0)
    prints.take(1, [a_print("6900.50")], T0)
    ticks = drained(prints)
    assert ticks.market.tolist() == [1, 0, 1]
    assert prints.counts(0)["taken"] == 1
    assert prints.counts(1)["taken"] == 2
    assert prints.last_ticks(1) == 27_602


@pytest.mark.parametrize("data", [
    {"price": 21000.25, "timestamp": "2026-11-20T15:00:00.1234567+00:00", "type": 1, "volume": 2},
    [{"price": 21000.25, "timestamp": "2026-11-20T15:00:00.1234567Z", "type": 1, "volume": 2}],
    [None, {"price": "21000.25", "timestamp": "2026-11-20T15:00:00.1234567Z", "type": 1, "volume": "2",
            "contractId": "CON.F.US.MNQ.Z26"}, None],
])
def test_the_wire_s_forms_of_a_print_give_one_tick(data: object) -> None:
    [event] = EventReader().read(invocation("GatewayTrade", "CON.F.US.MNQ.Z26", data))
    assert isinstance(event, Prints)
    prints = taker()
    prints.take(0, event.prints, T0 + S)
    row = drained(prints).row(0)
    assert (row.ts_event_ns, row.price_ticks, row.size_steps, row.side) == (T0 + 123_456_700, 84_001, 2, SELL)


# refusing (H46, F23, F24)


@pytest.mark.parametrize(("kind", "bad"), [
    ("off_grid", a_print("21000.30")),
    ("price", a_print("-21000.25")),
    ("far", a_print("42000.25")),
    ("far", a_print("2100.25")),
    ("far", a_print("99999999999")),
    ("ahead", a_print(at_ns=T0 + AHEAD_NS + 1)),
    ("old", a_print(at_ns=T0 - OLD_NS - 1)),
    ("no_session", a_print(at_ns=T0 + 11 * 3600 * S)),
    ("no_session", a_print(at_ns=1)),
])
def test_a_print_that_cannot_be_is_refused_and_counted(kind: str, bad: Print) -> None:
    prints = taker()
    prints.take(0, [a_print(), bad, a_print("21000.50")], T0)
    assert drained(prints).price_ticks.tolist() == [84_001, 84_002]
    assert prints.counts(0) == Counter({"taken": 2, kind: 1})


@pytest.mark.parametrize("price", ["NaN", "Infinity", "0", "1e400", "-1e30"])
def test_a_price_that_is_no_number_never_gets_as_far_as_the_grid(price: str) -> None:
    body = f'{{"price":"{price}","timestamp":"2026-11-20T15:00:00Z","type":0,"volume":1}}'
    reader = EventReader()
    events = reader.read(Invocation("GatewayTrade", (b'"CON.F.US.MNQ.Z26"', body.encode())))  # type: ignore[arg-type]
    assert not any(isinstance(event, Prints) for event in events)
    assert sum(reader.bad.values()) == 1


def test_crude_oil_may_cost_less_than_nothing() -> None:
    prints = taker(CL)
    prints.take(0, [a_print("1.00"), a_print("0.00"), a_print("-37.63")][:1], T0)
    prints.take(0, [a_print("-5.00")], T0)
    assert drained(prints).price_ticks.tolist() == [100, -500]


def test_a_real_move_of_5_percent_in_one_print_is_taken() -> None:
    prints = taker()
    prints.take(0, [a_print("21000.00"), a_print("19950.00")], T0)
    assert len(drained(prints)) == 2


def test_a_far_price_that_stays_is_believed_at_the_third_print() -> None:
    prints = taker()
    prints.take(0, [a_print(), *[a_print("30000.00")] * 5], T0)
    assert drained(prints).price_ticks.tolist() == [84_001, 120_000, 120_000, 120_000]
    assert prints.counts(0)["far"] == 2


def test_spikes_with_good_prints_between_them_are_never_believed() -> None:
    prints = taker()
    prints.take(0, [a_print(), a_print("210002.50")] * 20, T0)
    assert prints.counts(0) == Counter({"taken": 20, "far": 20})


def test_a_reference_judges_the_very_first_print() -> None:
    prints = taker(reference=84_000)
    prints.take(0, [a_print("2100.25"), a_print()], T0)
    assert drained(prints).price_ticks.tolist() == [84_001]


def test_the_venue_s_clock_is_what_prints_are_held_against() -> None:
    ahead = a_print(at_ns=T0 + 30 * S)
    for skew_s, taken in ((30.0, 1), (0.0, 0)):
        prints = taker(skew_s=skew_s)
        prints.take(0, [ahead], T0)
        assert prints.counts(0)["taken"] == taken


def test_a_clock_that_is_really_ahead_is_believed_and_then_nothing_is_lost() -> None:
    prints = taker()
    prints.take(0, [a_print(at_ns=T0 + 60 * S + i) for i in range(10)], T0)
    assert prints.counts(0) == Counter({"taken": 8, "ahead": 2})


def test_while_the_skew_is_not_known_no_print_is_too_old() -> None:
    prints = PrintTaker([(MNQ, table(), None)], lambda: None)
    prints.take(0, [a_print(at_ns=T0 - 300 * S)], T0)
    assert prints.counts(0)["taken"] == 1


def test_a_refused_print_of_a_possible_time_was_seen_all_the_same() -> None:
    prints = taker()
    prints.take(0, [a_print(), a_print("21000.30", at_ns=T0 + 5), a_print(at_ns=T0 + 100 * S)], T0)
    assert prints.latest_ns(0) == T0
    assert prints.seen_ns(0) == T0 + 5


corrupt = st.builds(
    Print,
    st.one_of(st.integers(T0 - 300 * S, T0 + 300 * S), st.integers(0, 2**63 - 1)),
    st.one_of(st.sampled_from([Decimal("21000.25"), Decimal("21001.00"), Decimal("20990.75")]),
              st.decimals(min_value=-10**11, max_value=10**11, places=4, allow_nan=False, allow_infinity=False)),
    st.integers(1, 1_000_000), st.sampled_from([1, -1, 0]),
)


@settings(max_examples=1_000)
@given(st.lists(corrupt, max_size=30), st.integers(0, 1))
def test_no_corrupt_sequence_gets_anything_but_good_ticks_through(prints_in: list[Print], market: int) -> None:
    prints = taker(MNQ, CL)
    prints.take(market, prints_in, T0)
    ticks = prints.drain()
    taken = 0 if ticks is None else len(ticks)
    assert taken == prints.counts(market)["taken"]
    assert sum(prints.counts(market).values()) == len(prints_in)
    if ticks is not None:
        assert ticks.ts_event_ns.min() >= T0 - 10 * 3600 * S
        assert np.abs(ticks.price_ticks).max() < 2**31
        assert market == 1 or ticks.price_ticks.min() > 0


# replays (point 4)


def reconnected(prints: PrintTaker, at_ns: int) -> None:
    prints.drain()
    prints.expect_replays(at_ns)


def test_equal_prints_on_one_connection_are_all_taken() -> None:
    prints = taker()
    prints.take(0, [a_print()] * 5, T0)
    assert len(drained(prints)) == 5


def test_what_a_reconnection_sends_again_is_taken_once() -> None:
    prints = taker()
    before = [a_print("21000.25", 1, BUY, T0 + i) for i in range(4)]
    prints.take(0, before, T0 + S)
    reconnected(prints, T0 + 2 * S)
    after = a_print("21000.50", 1, BUY, T0 + 2 * S)
    prints.take(0, [*before[1:], after], T0 + 3 * S)
    assert drained(prints).price_ticks.tolist() == [84_002]
    assert prints.counts(0)["replayed"] == 3


def test_each_print_taken_explains_one_replay_and_no_more() -> None:
    prints = taker()
    prints.take(0, [a_print()] * 2, T0)
    reconnected(prints, T0 + S)
    prints.take(0, [a_print()] * 3, T0 + S)  # the third was missed
    assert len(drained(prints)) == 1


def test_a_missed_print_has_no_twin_and_is_taken() -> None:
    prints = taker()
    prints.take(0, [a_print(at_ns=T0), a_print(at_ns=T0 + 2)], T0)
    reconnected(prints, T0 + S)
    missed = [a_print(at_ns=T0 + 1), a_print(size=2, at_ns=T0 + 2), a_print("21000.00", at_ns=T0 + 2),
              a_print(side=SELL, at_ns=T0 + 2)]
    prints.take(0, missed, T0 + S)
    assert len(drained(prints)) == 4


def test_after_the_overlap_equal_prints_are_taken_again() -> None:
    prints = taker()
    prints.take(0, [a_print()], T0)
    reconnected(prints, T0)
    prints.take(0, [a_print()], T0 + OVERLAP_NS + 1)
    assert len(drained(prints)) == 1


def test_replays_are_of_the_market_they_were_taken_in() -> None:
    prints = taker(MNQ, MES)
    prints.take(0, [a_print("6900.25")], T0)
    reconnected(prints, T0)
    prints.take(1, [a_print("6900.25")], T0)
    assert drained(prints).market.tolist() == [1]


def test_replays_of_coins_in_fractions_are_told_too() -> None:
    prints = PrintTaker([(INSTRUMENTS["LTCUSDT"], table(), None)], lambda: 0.0)
    one = a_print("100.01", 2)
    prints.take(0, [one], T0)
    assert drained(prints).size_steps.tolist() == [2_000]
    reconnected(prints, T0)
    prints.take(0, [one], T0)
    assert prints.drain() is None


@pytest.mark.parametrize("count", [REMEMBERED - 1, REMEMBERED, REMEMBERED + 1, 2 * REMEMBERED + 17])
@pytest.mark.parametrize("batch", [1_000, 10**9])
def test_the_latest_prints_are_remembered_however_many_there_were(count: int, batch: int) -> None:
    prints = taker()
    rng = random.Random(count)
    sent = [a_print(str(21_000 + Decimal("0.25") * rng.randrange(9)), rng.randrange(1, 5), BUY, T0 + i * 1_000)
            for i in range(count)]
    for first in range(0, count, batch):
        prints.take(0, sent[first : first + batch], T0)
        prints.drain()
    reconnected(prints, T0)
    prints.take(0, sent[-5_000:], T0)
    assert prints.drain() is None
    assert prints.counts(0)["replayed"] == 5_000


@settings(max_examples=200)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.data())
def test_any_tail_sent_again_leaves_what_was_traded(choices: list[int], data: st.DataObject) -> None:
    """The venue sends any tail again, with prints that were missed between, in time order."""
    kinds = [a_print(str(21_000 + k)) for k in range(4)]
    market = [Print(T0 + i // 3, kinds[k].price, 1, BUY) for i, k in enumerate(choices)]  # three share a time
    heard = data.draw(st.integers(0, len(market)))
    again = data.draw(st.integers(0, heard))
    prints = taker()
    prints.take(0, market[:heard], T0)
    first = prints.drain()
    prints.expect_replays(T0)
    prints.take(0, market[again:], T0)
    second = prints.drain()
    got = Counter()
    for ticks in (first, second):
        if ticks is not None:
            got.update(zip(ticks.ts_event_ns.tolist(), ticks.price_ticks.tolist(), strict=True))
    wanted = Counter((each.ts_event_ns, int(each.price * 4)) for each in market)
    assert not got - wanted  # nothing counts twice
    lost = sum((wanted - got).values())
    last_ns = market[heard - 1].ts_event_ns if heard else -1
    missed = [each for each in market[heard:] if each.ts_event_ns <= last_ns]
    assert lost <= sum(each in market[:again] for each in missed)  # the documented risk, and no other


# another contract


def test_another_contract_begins_with_a_price_of_its_own() -> None:
    prints = taker()
    prints.take(0, [a_print()], T0)
    prints.drain()
    prints.change_contract(0, 120_000)
    reconnected(prints, T0)
    prints.take(0, [a_print("21000.25"), a_print("30000.00")], T0)
    assert drained(prints).price_ticks.tolist() == [120_000]
    assert prints.latest_ns(0) == T0
