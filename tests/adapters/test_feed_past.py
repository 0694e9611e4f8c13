"""History on start: what is asked of the venue, what is made of it, and that it comes back the same."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import httpx
import numpy as np
import pytest
from feed_lab import INSTRUMENTS, NIGHT_NS, REGULAR_NS, ROOT, S
from rest_venue import Venue, connected, good, refusal

from fabio.adapters.data.sessions import load_sessions
from fabio.adapters.topstepx.feed.past import Past, PastMarket, fetch_past, load_past, make_past, minute_bars
from fabio.adapters.topstepx.records import Bar
from fabio.adapters.topstepx.stamps import stamp_ns, stamp_text
from fabio.features.market import MarketFeatures
from fabio.features.remembered import Remembered
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.history import keep_history, read_history

MNQ, CL = INSTRUMENTS["MNQ"], INSTRUMENTS["CL"]
CONTRACT = "CON.F.US.MNQ.Z26"
MINUTE = 60 * S
TABLE = load_sessions(ROOT / "config" / "sessions.toml", "cme_equity", dt.date(2026, 9, 28), dt.date(2026, 12, 4))
TODAY = TABLE.index_at(REGULAR_NS)
NOTHING = Remembered(0, False, 0, 0)
BARS = "/api/History/retrieveBars"


def market_of_bars() -> list[dict[str, object]]:
    """A bar for every open minute of the table up to `REGULAR_NS`, with a price that walks."""
    rng = np.random.default_rng(1)
    rows, price = [], 84_000
    for index in range(TODAY + 1):
        for start_ns in range(int(TABLE.opens_ns[index]), min(int(TABLE.closes_ns[index]), REGULAR_NS), MINUTE):
            opened, price = price, price + int(rng.integers(-9, 10))
            high = max(opened, price) + int(rng.integers(0, 7))
            low = min(opened, price) - int(rng.integers(0, 7))
            rows.append({"t": stamp_text(start_ns, 0, "+00:00"), "o": opened / 4, "h": high / 4, "l": low / 4,
                         "c": price / 4, "v": int(rng.integers(50, 2_000)), "d": None, "k": None})
    return rows


ALL_BARS = market_of_bars()
STARTS_NS = [stamp_ns(str(row["t"])) for row in ALL_BARS]


def history_answer(request: httpx.Request) -> httpx.Response:
    """Answer like the venue: newest first, the newest `limit` of the span."""
    body = json.loads(request.content)
    start_ns, end_ns = stamp_ns(body["startTime"]), stamp_ns(body["endTime"])
    rows = [row for row, at_ns in zip(ALL_BARS, STARTS_NS, strict=True) if start_ns <= at_ns <= end_ns]
    return good(bars=rows[::-1][: body["limit"]])


def loaded(remembered: Remembered = NOTHING, now_ns: int = REGULAR_NS, *script: object) -> tuple[Past, Venue]:
    venue = Venue()
    venue.say(BARS, *(script or (history_answer,)))  # type: ignore[arg-type]
    market = PastMarket(instrument=MNQ, table=TABLE, contract_id=CONTRACT, live=False, remembered=remembered)

    async def story() -> Past:
        async with connected(venue) as rest:
            return make_past(market, await fetch_past(rest, market, now_ns), now_ns)

    return run_virtual(story()), venue


def bars_between(from_ns: int, to_ns: int) -> list[dict[str, object]]:
    return [row for row, at_ns in zip(ALL_BARS, STARTS_NS, strict=True) if from_ns <= at_ns < to_ns]


def test_a_market_that_knows_nothing_gets_20_sessions_and_today() -> None:
    past, venue = loaded()
    assert past.history is not None
    assert (past.sessions, past.minutes) == (20, 960)  # from 17:00 to 09:00
    assert past.latest_ns == REGULAR_NS
    assert past.last_ticks == round(float(str(ALL_BARS[-1]["c"])) * 4)
    assert past.history.before_date == 20261120
    assert not past.history.only_today
    assert past.source == f"TopstepX minute bars of {CONTRACT}: 20 sessions, 960 minutes of today"
    assert past.words == ""
    assert venue.count(BARS) <= 4
    for body in venue.bodies(BARS):
        assert (body["unit"], body["unitNumber"], body["live"], body["includePartialBar"]) == (2, 1, False, True)
        assert stamp_ns(str(body["startTime"])) <= int(TABLE.opens_ns[TODAY - 20])


def test_the_session_goes_on_where_its_bars_end() -> None:
    past, _ = loaded()
    assert past.history is not None
    features = MarketFeatures(MNQ, TABLE)
    features.load_history(past.history)
    today = bars_between(int(TABLE.opens_ns[TODAY]), REGULAR_NS)
    yesterday = bars_between(int(TABLE.opens_ns[TODAY - 1]), int(TABLE.closes_ns[TODAY - 1]))
    stats = features.stats()
    assert stats.session_high_ticks == max(4 * float(str(row["h"])) for row in today)
    assert stats.session_low_ticks == min(4 * float(str(row["l"])) for row in today)
    assert stats.volume_steps == sum(int(str(row["v"])) for row in today)
    assert stats.prev_close_ticks == 4 * float(str(yesterday[-1]["c"]))
    assert stats.prev_high_ticks == max(4 * float(str(row["h"])) for row in yesterday)
    assert stats.range_percentile is not None
    assert stats.cvd_steps is None
    assert features.is_approximate


async def test_the_work_is_done_aside_from_the_loop() -> None:
    venue = Venue()
    venue.say(BARS, good(bars=ALL_BARS[-1_200:][::-1]), good(bars=[]))
    market = PastMarket(instrument=MNQ, table=TABLE, contract_id=CONTRACT, live=True, remembered=NOTHING)
    async with connected(venue) as rest:
        past = await load_past(rest, market, REGULAR_NS)
    assert past.minutes == 960
    assert all(body["live"] is True for body in venue.bodies(BARS))


def test_before_the_session_opens_only_earlier_ones_are_asked_for() -> None:
    past, _ = loaded(now_ns=int(TABLE.opens_ns[TODAY]) - 600 * S)
    assert past.history is not None
    assert (past.sessions, past.minutes, past.history.today) == (20, 0, None)


def test_the_own_tape_that_covers_the_session_is_enough() -> None:
    past, venue = loaded(Remembered(20261120, True, REGULAR_NS - 30 * S, 20))
    assert past == Past(latest_ns=REGULAR_NS - 30 * S)
    assert venue.count(BARS) == 0


def test_a_hole_since_the_last_tick_is_filled_from_the_next_whole_minute() -> None:
    last_ns = REGULAR_NS - 3 * 3600 * S + 17 * S
    past, _ = loaded(Remembered(20261120, False, last_ns, 20))
    assert past.history is not None
    assert past.history.only_today
    assert (past.sessions, past.minutes) == (0, 179)
    assert past.history.today is not None
    assert past.history.today.ts_event_ns[0] == last_ns - 17 * S + MINUTE


def test_yesterday_on_the_own_tape_is_kept_and_only_today_is_asked_for() -> None:
    past, _ = loaded(Remembered(20261119, True, int(TABLE.closes_ns[TODAY - 1]) - S, 4))
    assert past.history is not None
    assert past.history.only_today
    assert (past.sessions, past.minutes) == (0, 960)


def test_a_bar_in_the_making_ends_now() -> None:
    now_ns = REGULAR_NS - 20 * S
    past, _ = loaded(now_ns=now_ns)
    assert past.history is not None
    assert past.history.today is not None
    assert past.history.today.ts_event_ns[-1] < now_ns
    assert past.latest_ns == now_ns


@pytest.mark.parametrize("answer", [
    refusal(1, "no such contract"), httpx.Response(503), httpx.Response(200, text="<html>"), httpx.Response(403),
])
def test_a_start_does_not_fail_for_want_of_history(answer: httpx.Response) -> None:
    past, _ = loaded(NOTHING, REGULAR_NS, answer)
    assert past.history is None
    assert past.words.startswith(f"no history of {CONTRACT}: ")


def test_a_contract_without_any_bar_gives_none() -> None:
    past, _ = loaded(NOTHING, REGULAR_NS, good(bars=[]))
    assert past == Past()


# -- bars of the wire


def bar(start: str = "2026-11-20T15:00:00+00:00", *numbers: str, v: int = 5) -> Bar:
    opened, high, low, close = (Decimal(each) for each in (numbers or ("100.25", "101", "100", "100.5")))
    return Bar(start, opened, high, low, close, v)


def test_bars_become_columns_sorted_and_none_twice() -> None:
    bars, bad = minute_bars([bar("2026-11-20T15:01:00Z"), bar(), bar("2026-11-20T15:01:00+00:00", v=7)], MNQ)
    assert bars.start_ns.tolist() == [REGULAR_NS, REGULAR_NS + MINUTE]
    assert bars.volume_steps.tolist() == [5, 7]
    assert (bars.open_ticks[0], bars.high_ticks[0], bars.low_ticks[0], bars.close_ticks[0]) == (401, 404, 400, 402)
    assert not bad


@pytest.mark.parametrize(("kind", "odd"), [
    ("off grid", bar("2026-11-20T15:00:00Z", "100.3", "101", "100", "100.5")),
    ("impossible", bar("2026-11-20T15:00:00Z", "100.25", "100", "101", "100.5")),
    ("impossible", bar("2026-11-20T15:00:00Z", "102", "101", "100", "100.5")),
    ("without volume", bar(v=0)),
    ("without a price", bar("2026-11-20T15:00:00Z", "0", "1", "0", "0")),
])
def test_a_bar_that_cannot_be_is_left_out_and_counted(kind: str, odd: Bar) -> None:
    bars, bad = minute_bars([odd, bar("2026-11-20T15:05:00Z")], MNQ)
    assert len(bars) == 1
    assert bad == {kind: 1}


def test_crude_oil_s_bars_may_lie_below_zero() -> None:
    bars, bad = minute_bars([bar("2020-04-20T18:30:00Z", "-36.10", "-35.00", "-37.63", "-37.00")], CL)
    assert bars.low_ticks.tolist() == [-3763]
    assert not bad


def test_bad_bars_are_told_and_the_rest_is_used() -> None:
    def with_bad_ones(request: httpx.Request) -> httpx.Response:
        body = json.loads(history_answer(request).content)
        for place in (3, 5, 700):
            if place < len(body["bars"]):
                body["bars"][place]["o"] = 1.13
        return good(bars=body["bars"])

    past, _ = loaded(NOTHING, REGULAR_NS, with_bad_ones)
    assert past.sessions == 20
    assert "bars off grid" in past.words


# -- kept by hash


def test_what_was_loaded_is_kept_by_its_hash_and_comes_back_as_the_same_state(tmp_path: Path) -> None:
    past, _ = loaded()
    assert past.history is not None
    content_hash = keep_history(tmp_path, past.history)
    first, again = MarketFeatures(MNQ, TABLE), MarketFeatures(MNQ, TABLE)
    first.load_history(past.history)
    again.load_history(read_history(tmp_path, content_hash))
    for name, array in first.snapshot().items():
        assert np.array_equal(array, again.snapshot()[name]), name
    assert keep_history(tmp_path, past.history) == content_hash


def test_the_night_before_is_today() -> None:
    past, _ = loaded(now_ns=NIGHT_NS)
    assert past.minutes == 180
