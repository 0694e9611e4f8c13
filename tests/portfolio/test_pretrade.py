"""The box at the exit: exact at each limit, and equal to a small model of it."""

from dataclasses import dataclass

import pytest
from holding_nouns import a_signal
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.portfolio.pretrade import HOUR_NS, Leaving, OrderPolicy, outside_box

POLICY = OrderPolicy()


def leaving(
    stop: int = 20, away: int = 0, size: int = 1, times: tuple[int, ...] = (), side: int = 1,
    now_ns: int = 10 * HOUR_NS,
) -> Leaving:
    return Leaving(
        signal=a_signal(stop=stop, side=side), size_steps=size, most_steps=2, last_ticks=100_000 + away, now_ns=now_ns,
        entry_times=times,
    )


def fits(*args: object, **changes: object) -> bool:
    return outside_box(leaving(*args, **changes), POLICY) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("what", "limit", "passes"), [
    ("stop", 8, (False, True, True)), ("stop", 200, (True, True, False)),
    ("away", 40, (True, True, False)), ("away", -40, (False, True, True)),
    ("size", 2, (True, True, False)), ("size", 1, (False, True, True)),
])
@pytest.mark.parametrize("side", [1, -1])
def test_every_limit_is_exact_to_the_unit(what: str, limit: int, passes: tuple[bool, ...], side: int) -> None:
    assert tuple(fits(**{what: limit + off, "side": side}) for off in (-1, 0, 1)) == passes


def test_six_entries_leave_in_an_hour_and_twenty_on_a_date() -> None:
    now = 100 * HOUR_NS
    assert fits(times=tuple(now - HOUR_NS + 1 for _ in range(5)), now_ns=now)
    assert not fits(times=tuple(now - HOUR_NS + 1 for _ in range(6)), now_ns=now)
    assert fits(times=tuple(now - HOUR_NS for _ in range(6)), now_ns=now)
    assert fits(times=tuple(HOUR_NS * place for place in range(19)), now_ns=now)
    assert not fits(times=tuple(HOUR_NS * place for place in range(20)), now_ns=now)


def test_a_verdict_says_what_it_saw_and_what_was_allowed() -> None:
    verdict = outside_box(leaving(stop=7), POLICY)
    assert verdict is not None
    assert (verdict.guard, verdict.value, verdict.threshold, verdict.passed) == ("order_box", 7.0, 8.0, False)
    assert verdict.reason == "7 ticks to the stop, at least 8 needed"


@pytest.mark.parametrize("changes", [
    {"collar_ticks": 0}, {"collar_ticks": 401}, {"least_stop_ticks": 0}, {"most_stop_ticks": 2001},
    {"entries_per_hour": 0}, {"entries_per_hour": 61}, {"entries_per_day": 201},
    {"least_stop_ticks": 300, "most_stop_ticks": 200},
])
def test_a_setting_beyond_its_ceiling_is_refused_by_name(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        OrderPolicy(**changes)


@dataclass
class Box:
    """Twenty lines that say the same."""

    stop: int
    away: int
    size: int
    in_hour: int
    on_date: int

    def accepts(self) -> bool:
        return (
            8 <= self.stop <= 200
            and -40 <= self.away <= 40
            and self.size in (1, 2)
            and self.in_hour < 6
            and self.on_date < 20
        )


@settings(max_examples=1_000)
@given(stop=st.integers(-5, 250), away=st.integers(-60, 60), size=st.integers(-1, 4),
       ages=st.lists(st.integers(0, 3 * HOUR_NS), max_size=25))
def test_h15_what_leaves_lies_in_the_box_exactly(stop: int, away: int, size: int, ages: list[int]) -> None:
    now = 10 * HOUR_NS
    times = tuple(sorted(now - age for age in ages))
    box = Box(stop, away, size, sum(age < HOUR_NS for age in ages), len(ages))
    assert fits(stop=stop, away=away, size=size, times=times, now_ns=now) == box.accepts()


@pytest.mark.slow
@settings(max_examples=10_000)
@given(stop=st.integers(-5, 250), away=st.integers(-60, 60), size=st.integers(-1, 4),
       ages=st.lists(st.integers(0, 3 * HOUR_NS), max_size=25))
def test_h15_ten_thousand_orders_against_the_box(stop: int, away: int, size: int, ages: list[int]) -> None:
    now = 10 * HOUR_NS
    times = tuple(sorted(now - age for age in ages))
    box = Box(stop, away, size, sum(age < HOUR_NS for age in ages), len(ages))
    assert fits(stop=stop, away=away, size=size, times=times, now_ns=now) == box.accepts()
