import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from fabio.adapters.data.synthetic import (
    SyntheticSession,
    closing_price_ticks,
    synthetic_history,
    synthetic_session,
    synthetic_sessions,
)
from fabio.adapters.data.synthetic_regimes import CHOP, RANGE, TREND_DOWN, TREND_UP, VOLATILE
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable

HOUR, MINUTE = 3_600 * 10**9, 60 * 10**9
START_PRICE = 84_000

MNQ = Instrument(
    symbol="MNQ", description="", tick_size=Decimal("0.25"), tick_value=Decimal("0.5"), size_step=Decimal(1),
    product_group="equity_index", trading_seconds_per_year=252 * 23 * 3600, poc_cross_band_ticks=4,
)


def table(count: int, close_hour: int = 21, breaks: list[tuple[int, int]] | None = None) -> SessionTable:
    """Sessions of successive days in Chicago summer time; breaks in ns after the first open."""
    midnight = int(datetime(2025, 6, 2, tzinfo=UTC).timestamp()) * 10**9 + 24 * HOUR * np.arange(count)
    opens = midnight - 2 * HOUR
    regular_close = midnight + min(20, close_hour) * HOUR
    return SessionTable(
        product_group="equity_index", dates=np.arange(20250602, 20250602 + count), opens_ns=opens,
        closes_ns=midnight + close_hour * HOUR, regular_opens_ns=midnight + 13 * HOUR + 30 * MINUTE,
        regular_closes_ns=regular_close, flat_by_ns=np.full(count, NO_TIME),
        breaks_ns=np.array(breaks or [], dtype=np.int64).reshape(-1, 2) + (opens[0] if breaks else 0),
    )


def digest(session: SyntheticSession) -> str:
    ticks = session.ticks
    columns = (ticks.ts_event_ns, ticks.ts_recv_ns, ticks.price_ticks, ticks.size_steps, ticks.side,
               session.regimes.start_ns, session.regimes.label)
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()[:16]


@pytest.fixture(scope="module")
def sessions() -> list[SyntheticSession]:
    whole = table(12)
    return [synthetic_session(MNQ, whole, row, 5, START_PRICE, 60_000) for row in range(12)]


def minute_bars(session: SyntheticSession) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """High, low and close of each minute; every open minute has one."""
    ticks = session.ticks
    first = np.searchsorted(ticks.ts_event_ns, session.regimes.start_ns)
    last = np.append(first[1:], len(ticks)) - 1
    return (np.maximum.reduceat(ticks.price_ticks, first), np.minimum.reduceat(ticks.price_ticks, first),
            ticks.price_ticks[last])


def test_the_same_seed_gives_the_same_bytes_as_on_the_machine_it_was_written_on() -> None:
    assert digest(synthetic_session(MNQ, table(1), 0, 7, START_PRICE, 30_000)) == "87d817c98e661140"


def test_another_seed_date_or_instrument_gives_other_prints() -> None:
    two = table(2)
    es = Instrument(**{name: getattr(MNQ, name) for name in MNQ.__struct_fields__} | {"symbol": "MES"})
    made = [synthetic_session(instrument, two, row, seed, START_PRICE, 5_000)
            for instrument, row, seed in ((MNQ, 0, 7), (MNQ, 0, 8), (MNQ, 1, 7), (es, 0, 7))]
    assert len({one.ticks.price_ticks[:500].tobytes() for one in made}) == 4


def test_times_lie_inside_open_hours_and_never_fall(sessions: list[SyntheticSession]) -> None:
    whole = table(12)
    for row, session in enumerate(sessions):
        ticks = session.ticks
        assert ticks.ts_event_ns[0] >= whole.opens_ns[row]
        assert ticks.ts_event_ns[-1] < whole.closes_ns[row]
        assert np.all(np.diff(ticks.ts_event_ns) >= 0)
        assert np.all(np.diff(ticks.ts_recv_ns) >= 0)
        assert np.all(ticks.ts_recv_ns > ticks.ts_event_ns)


def test_columns_have_the_types_and_values_ticks_promise(sessions: list[SyntheticSession]) -> None:
    ticks = sessions[0].ticks
    dtypes = [column.dtype for column in (ticks.ts_event_ns, ticks.ts_recv_ns, ticks.price_ticks,
                                          ticks.size_steps, ticks.side, ticks.market)]
    assert dtypes == [np.int64] * 4 + [np.int8] * 2
    assert ticks.size_steps.min() >= 1
    assert set(np.unique(ticks.side)) == {-1, 1}
    assert ticks.price_ticks.min() > 0


def test_a_break_inside_the_session_has_no_prints_and_no_regime() -> None:
    closed = (22 * HOUR + 15 * MINUTE, 22 * HOUR + 30 * MINUTE)
    whole = table(1, breaks=[closed])
    session = synthetic_session(MNQ, whole, 0, 3, START_PRICE, 60_000)
    after_open = session.ticks.ts_event_ns - whole.opens_ns[0]
    assert not np.any((after_open >= closed[0]) & (after_open < closed[1]))
    assert np.any(after_open >= closed[1])
    assert len(session.regimes.label) == 1380 - 15


def test_a_break_that_cuts_minutes_keeps_their_open_parts() -> None:
    closed = (20 * HOUR + 30 * 10**9, 20 * HOUR + 2 * MINUTE + 15 * 10**9)
    session = synthetic_session(MNQ, table(1, breaks=[closed]), 0, 3, START_PRICE, 60_000)
    after_open = session.ticks.ts_event_ns - table(1).opens_ns[0]
    assert not np.any((after_open >= closed[0]) & (after_open < closed[1]))
    assert len(session.regimes.label) == 1380 - 1
    assert np.any((after_open >= 20 * HOUR) & (after_open < closed[0]))


def test_a_half_day_is_shorter_and_ends_at_its_close() -> None:
    half = table(1, close_hour=17)
    session = synthetic_session(MNQ, half, 0, 3, START_PRICE, 60_000)
    assert half.closes_ns[0] - MINUTE < session.ticks.ts_event_ns[-1] < half.closes_ns[0]
    assert len(session.regimes.label) == 19 * 60


def test_a_session_without_regular_hours_stays_thin() -> None:
    usual = table(1)
    holiday = SessionTable(
        usual.product_group, usual.dates, usual.opens_ns, usual.opens_ns + 18 * HOUR, np.full(1, NO_TIME),
        np.full(1, NO_TIME), usual.flat_by_ns, usual.breaks_ns,
    )
    assert len(synthetic_session(MNQ, holiday, 0, 3, START_PRICE, 60_000).ticks) < 25_000


def test_how_many_prints_are_asked_for_changes_neither_regimes_nor_the_close() -> None:
    thin = synthetic_session(MNQ, table(1), 0, 3, START_PRICE, 10_000)
    busy = synthetic_session(MNQ, table(1), 0, 3, START_PRICE, 80_000)
    assert thin.next_start_price_ticks == busy.next_start_price_ticks
    assert np.array_equal(thin.regimes.label, busy.regimes.label)
    assert abs(int(busy.ticks.price_ticks[-1]) - busy.next_start_price_ticks) < 100
    assert len(busy.ticks) > 5 * len(thin.ticks)


def test_sessions_in_a_row_start_where_the_last_one_closed() -> None:
    whole = table(3)
    first, second = list(synthetic_sessions(MNQ, whole, 0, 2, 9, START_PRICE))
    assert first.next_start_price_ticks == closing_price_ticks(MNQ, whole, 0, 9, START_PRICE)
    again = synthetic_session(MNQ, whole, 1, 9, first.next_start_price_ticks)
    assert digest(again) == digest(second)
    assert abs(int(second.ticks.price_ticks[0]) - first.next_start_price_ticks) < 60


def test_history_is_the_sessions_before_and_no_more_than_there_are() -> None:
    whole = table(4)
    dates = [one.date for one in synthetic_history(MNQ, whole, 3, 9, START_PRICE)]
    assert dates == [20250602, 20250603, 20250604]
    assert [one.date for one in synthetic_history(MNQ, whole, 3, 9, START_PRICE, count=1)] == [20250604]


def test_it_says_that_it_is_synthetic() -> None:
    session = synthetic_session(MNQ, table(1), 0, 9, START_PRICE, 5_000)
    assert "synthetic" in session.description
    assert "not market data" in session.description


def test_too_few_prints_and_too_low_a_price_are_refused() -> None:
    with pytest.raises(ValueError, match="2,000 or more"):
        synthetic_session(MNQ, table(1), 0, 1, START_PRICE, 10)
    with pytest.raises(ValueError, match="too low to move"):
        synthetic_session(MNQ, table(1), 0, 1, 12)


def test_any_three_segments_in_a_row_are_three_regimes(sessions: list[SyntheticSession]) -> None:
    for session in sessions:
        label = session.regimes.label
        order = label[np.flatnonzero(np.diff(label, prepend=-1))]
        assert all(len(set(order[at:at + 3])) == 3 for at in range(len(order) - 2))
        assert len(set(label[930:1320].tolist())) >= 3


def test_segments_of_regular_hours_last_25_to_110_minutes(sessions: list[SyntheticSession]) -> None:
    for session in sessions:
        cuts = np.flatnonzero(np.diff(session.regimes.label[930:1320])) + 1
        lengths = np.diff([0, *cuts.tolist(), 390])
        assert lengths.min() >= 25
        assert lengths.max() < 110


def test_the_regime_at_a_time_is_that_of_its_minute(sessions: list[SyntheticSession]) -> None:
    regimes = sessions[0].regimes
    names = ("trend_up", "trend_down", "range", "chop", "volatile")
    assert regimes.name_at(int(regimes.start_ns[950]) + 59 * 10**9) == names[int(regimes.label[950])]


def test_regimes_differ_in_efficiency_range_and_flow(sessions: list[SyntheticSession]) -> None:
    seen: dict[int, list[tuple[float, float, float]]] = {label: [] for label in range(5)}
    bars = [minute_bars(session) for session in sessions]
    usual = np.median([high - low for high, low, _ in bars], axis=0)
    for session, (high, low, close) in zip(sessions, bars, strict=True):
        first = np.searchsorted(session.ticks.ts_event_ns, session.regimes.start_ns)
        signed = np.add.reduceat(session.ticks.size_steps * session.ticks.side, first)
        volume = np.add.reduceat(session.ticks.size_steps, first)
        for minute in range(930 + 20, 1320):
            label = session.regimes.label[minute]
            if np.any(session.regimes.label[minute - 19:minute + 1] != label):
                continue
            window = slice(minute - 19, minute + 1)
            change = np.diff(close[minute - 20:minute + 1])
            seen[label].append((
                change.sum() / np.abs(change).sum(), (high - low)[window].mean() / usual[window].mean(),
                signed[window].sum() / volume[window].sum(),
            ))
    columns = {label: np.array(rows).T for label, rows in seen.items()}
    er, width, flow = ({label: rows[place] for label, rows in columns.items()} for place in range(3))
    assert np.median(er[TREND_UP]) > 0.25
    assert np.median(er[TREND_DOWN]) < -0.25
    assert all(np.median(np.abs(er[label])) < 0.20 for label in (RANGE, CHOP, VOLATILE))
    assert np.median(width[CHOP]) < 0.55 < np.median(width[RANGE]) < 1.4 < np.median(width[VOLATILE])
    assert 0.55 < np.median(width[TREND_UP]) < 1.4
    assert np.median(flow[TREND_UP]) > 0.10
    assert np.median(flow[TREND_DOWN]) < -0.10
    assert all(abs(np.median(flow[label])) < 0.06 for label in (RANGE, CHOP, VOLATILE))


def test_chop_crosses_its_busiest_price_more_than_trends_do(sessions: list[SyntheticSession]) -> None:
    rates: dict[int, list[float]] = {label: [] for label in range(5)}
    for session in sessions:
        label = session.regimes.label
        edges = [930, *(np.flatnonzero(np.diff(label[930:1320])) + 931).tolist(), 1320]
        for start, stop in pairwise(edges):
            if start == 1320:
                continue
            times = session.regimes.start_ns[[start, stop - 1]]
            first, last = np.searchsorted(session.ticks.ts_event_ns, times)
            price = session.ticks.price_ticks[first:last]
            volume = np.bincount(price - price.min(), weights=session.ticks.size_steps[first:last])
            beyond = price - price.min() - int(volume.argmax())
            sides = np.sign(beyond[np.abs(beyond) >= MNQ.poc_cross_band_ticks])
            rates[label[start]].append(np.count_nonzero(np.diff(sides)) / (stop - start) * 30)
    assert np.median(rates[CHOP]) > 25
    for label in (TREND_UP, TREND_DOWN, RANGE):
        assert np.median(rates[label]) < np.median(rates[CHOP]) / 1.5
