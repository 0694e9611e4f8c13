"""Time: sessions against an independent reading, over clock changes and years, and flat in time.

H28, I41 and H17 of the hazards: every minute of fourteen months, ten years without gap or overlap, and
simulated days that end at Chicago's clock whatever it was set to.
"""

import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.adapters.data.sessions import load_sessions
from fabio.engine.seams import MarketConfig, NamedStrategy
from fabio.model.order import DONE_STATES
from fabio.model.session import NO_TIME, SessionTable
from fabio.model.strategy import StrategyState
from fabio.model.tick import BUY, SELL, Ticks
from fabio.research.reliability.bar import Bar, at_most
from fabio.research.reliability.lab import Often
from fabio.research.reliability.sessions import exchange_hours as hours
from fabio.runtime.drive import Driver
from fabio.runtime.wiring import build_driver, engine_config, instrument_of
from fabio.settings.load import Settings, load
from fabio.settings.places import shipped_folder

Say = Callable[[str], None]
NS = 1_000_000_000
MINUTE_NS = 60 * NS
DAY = dt.timedelta(days=1)
CLOCK_CHANGES = (
    # Chicago's date -> UTC of 15:10 there; the days around each clock change of the span
    ("2026-10-30", "20:10"), ("2026-11-02", "21:10"), ("2027-03-12", "21:10"), ("2027-03-15", "20:10"),
    ("2027-11-05", "20:10"), ("2027-11-08", "21:10"),
)
LONDON = (
    # date -> hours that London is ahead of Chicago: five between the two's clock changes, else six
    ("2026-10-23", 6), ("2026-10-26", 5), ("2026-10-30", 5), ("2026-11-02", 6), ("2027-03-12", 6),
    ("2027-03-15", 5), ("2027-03-25", 5), ("2027-03-29", 6), ("2027-10-29", 6), ("2027-11-01", 5),
    ("2027-11-05", 5), ("2027-11-08", 6),
)
DEADLINE_MARGIN_NS = 60 * NS


def sessions_file() -> Path:
    """Give the rules that are shipped: what is judged here."""
    return shipped_folder() / "sessions.toml"


def session_minutes(n: int, say: Say) -> list[Bar]:
    """Compare minutes of fourteen months, product group by product group, with the exchange's hours.

    Parameters
    ----------
    n
        Minutes in all; from `MINUTES` times the groups on, every one.
    """
    groups = hours.groups()
    step = max(1, round(hours.MINUTES * len(groups) / max(n, 1)))
    moments = list(hours.minutes())[::step]
    at_ns = np.array([at_s for at_s, _ in moments], dtype=np.int64) * NS
    wrong: list[str] = []
    judged = unsaid = 0
    for group in groups:
        names = _names(load_sessions(sessions_file(), group, hours.FIRST - 7 * DAY, hours.LAST + 10 * DAY), at_ns)
        for (_, wall), ours in zip(moments, names, strict=True):
            if hours.is_open_question(group, wall):
                unsaid += 1
                continue
            judged += 1
            theirs = hours.session_of(group, wall)
            if ours != theirs:
                wrong.append(f"{group} {wall:%Y-%m-%d %H:%M}: {ours}, not {theirs}")
        say(f"{group}: {len(moments)} minutes, {len(wrong)} wrong so far")
    open_days = ", ".join(f"{group} {date}" for group, date in hours.OPEN_QUESTIONS)
    note = f"{len(groups)} product groups; {unsaid} minutes not judged, where sources differ: {open_days}"
    return [at_most("session_minutes_wrong", len(wrong), 0, judged, "; ".join([*wrong[:3], note])), _clocks()]


def _names(table: SessionTable, at_ns: NDArray[np.int64]) -> list[str | None]:
    """Name the session each moment lies in; None in closed hours and breaks."""
    index = np.searchsorted(table.closes_ns, at_ns, side="right")
    names = [table.session(row).date for row in range(len(table.dates))]
    inside = at_ns >= table.opens_ns[index]
    row = np.searchsorted(table.breaks_ns[:, 0], at_ns, side="right") - 1
    if len(table.breaks_ns):
        inside &= (row < 0) | (at_ns >= table.breaks_ns[np.maximum(row, 0), 1])
    return [names[place] if is_in else None for place, is_in in zip(index.tolist(), inside.tolist(), strict=True)]


def _clocks() -> Bar:
    """Look at the days around the clock changes of Chicago and London."""
    table = load_sessions(sessions_file(), "cme_equity", hours.FIRST, hours.LAST)
    rows = {str(table.session(row).date): row for row in range(len(table.dates))}
    wrong = []
    for date, utc in CLOCK_CHANGES:
        wanted = int(dt.datetime.fromisoformat(f"{date}T{utc}+00:00").timestamp()) * NS
        if int(table.flat_by_ns[rows[date]]) != wanted:
            wrong.append(f"flat by on {date}")
    for date, ahead in LONDON:
        opened_s = int(table.regular_opens_ns[rows[date]]) // NS
        london = dt.datetime.fromtimestamp(opened_s, ZoneInfo("Europe/London"))
        if london.hour * 60 + london.minute != 8 * 60 + 30 + ahead * 60:
            wrong.append(f"regular open on {date}: {london:%H:%M} in London")
    return at_most("clock_change_times_wrong", len(wrong), 0, len(CLOCK_CHANGES) + len(LONDON), "; ".join(wrong[:3]))


def session_years(n: int, say: Say) -> Bar:
    """Look for overlaps, upside-down sessions and a state that depends on more than the instant (I41).

    Parameters
    ----------
    n
        Sessions to look at, at most those of ten years of every product group.
    """
    wrong: list[str] = []
    looked = 0
    for group in hours.groups():
        first = dt.date(2020, 1, 1)
        last = min(dt.date(2029, 12, 31), first + (max(n // len(hours.groups()), 3) * 7 // 5 + 3) * DAY)
        table = load_sessions(sessions_file(), group, first, last)
        middle = load_sessions(sessions_file(), group, first + (last - first) // 3, last - (last - first) // 3)
        looked += len(table.dates)
        wrong += [f"{group}: {what}" for what in _table_faults(table, group == "always_open")]
        at = int(np.searchsorted(table.dates, middle.dates[0]))
        inner = slice(at, at + len(middle.dates))
        for name in ("dates", "opens_ns", "closes_ns", "regular_opens_ns", "regular_closes_ns", "flat_by_ns"):
            if not np.array_equal(getattr(table, name)[inner], getattr(middle, name)):
                wrong.append(f"{group}: {name} depend on the span that was asked for")
        say(f"{group}: {len(table.dates)} sessions to {last}")
    return at_most("session_faults_over_10_years", len(wrong), 0, looked, "; ".join(wrong[:3]))


def _table_faults(table: SessionTable, endless: bool) -> list[str]:
    """Say what is wrong with the order of a table's times."""
    opens, closes, flat, breaks = table.opens_ns, table.closes_ns, table.flat_by_ns, table.breaks_ns
    regular = table.regular_opens_ns != NO_TIME
    checks = {
        "a session ends before it begins": opens < closes,
        "sessions overlap": closes[:-1] <= opens[1:],
        "dates do not rise": np.diff(table.dates) > 0,
        "regular hours lie outside": (table.regular_opens_ns[regular] < table.regular_closes_ns[regular])
        & (table.regular_opens_ns[regular] >= opens[regular])
        & (table.regular_closes_ns[regular] <= closes[regular]),
        "breaks overlap": breaks[:-1, 1] < breaks[1:, 0],
    }
    if endless:
        checks["there is a gap"] = closes[:-1] == opens[1:]
    else:
        checks["the time to be flat by lies outside"] = (flat >= opens) & (flat <= closes)
        # the longest rest without a holiday is a weekend; with one before or behind it, four days
        checks["a week without a session"] = np.diff(opens) <= 5 * 86_400 * NS
    return [what for what, holds in checks.items() if not np.all(holds)]


def flat_days(n: int, say: Say) -> list[Bar]:
    """Trade simulated days to the end and look whether everything is closed in time (H17).

    Each day has its first minute and the last two hours before the time to be flat by, a print every ten
    seconds or so; a strategy enters at every bar, and no guard refuses. What is held or works is looked at
    in the machine and in the exchange, once a minute before that time, and at it.

    Parameters
    ----------
    n
        Sessions from October 2026 on, among them clock changes and early closes.
    """
    driver, table = _trading_machine(n)
    draw = random.Random(17)
    late: list[str] = []
    open_at_end: list[str] = []
    price, traded, days = 84_000, 0, 0
    for row in range(n):
        session = table.session(row)
        if session.flat_by_ns is None or session.flat_by_ns <= session.open_ns:
            continue
        days += 1
        ticks = _thin_day(draw, session.open_ns, session.flat_by_ns, price)
        price = int(ticks.price_ticks[-1])
        before = int(ticks.ts_recv_ns.searchsorted(session.flat_by_ns - DEADLINE_MARGIN_NS))
        closing_ns = session.flat_by_ns - driver.engine.config.policy.orders.close_before_flat_by_s * NS
        closing = int(ticks.ts_recv_ns.searchsorted(closing_ns))
        driver.feed(ticks.slice(0, closing))
        traded += driver.engine.state.markets[0].position is not None
        driver.feed(ticks.slice(closing, before))
        driver.pass_time(session.flat_by_ns - DEADLINE_MARGIN_NS)
        if _is_open(driver):
            late.append(session.date)
        driver.feed(ticks.slice(before, len(ticks)))
        driver.pass_time(session.flat_by_ns + NS)
        if _is_open(driver):
            open_at_end.append(session.date)
        if days % 100 == 0:
            say(f"{days} days: {len(late)} not flat a minute before, {len(open_at_end)} not at the time")
    note = f"{traded} days held a position when closing began"
    return [
        at_most("days_not_flat_60_s_before_deadline", len(late), 0, days, "; ".join([*late[:3], note])),
        at_most("days_not_flat_at_deadline", len(open_at_end), 0, days, "; ".join([*open_at_end[:3], note])),
    ]


def _trading_machine(days: int) -> tuple[Driver, SessionTable]:
    """Make a machine on paper that trades at every bar and has money for it."""
    settings: Settings = load(environment={}, directory=Path("/"), overrides=(
        "account.start_balance=1000000", "account.loss_limit=900000", "account.daily_loss=900000"))
    instrument = instrument_of(settings, "MNQ")
    last = hours.FIRST + (days * 3 // 2 + 30) * DAY
    table = load_sessions(sessions_file(), instrument.product_group, hours.FIRST, last)
    state = StrategyState(max_trades_per_session=1000, min_rr=0.5)
    config = engine_config(settings, [MarketConfig(instrument=instrument, table=table)])
    strategy = NamedStrategy(name="at_every_bar", part=Often("at_every_bar", 60), state=state)
    policy = msgspec.structs.replace(config.policy, strategies=(strategy,), guards=())
    return build_driver(msgspec.structs.replace(config, policy=policy)), table


def _thin_day(draw: random.Random, open_ns: int, flat_by_ns: int, price: int) -> Ticks:
    """Make a day's few prints: at its beginning, and over the last two hours, a second behind the end too."""
    times = [open_ns + at_s * NS for at_s in (1, 20, 40)]
    at_ns = max(flat_by_ns - 7200 * NS, open_ns + MINUTE_NS)
    while at_ns < flat_by_ns + 30 * NS:
        at_ns += draw.randrange(2 * NS, 20 * NS)
        times.append(at_ns)
    prices = []
    for _ in times:
        price += draw.randint(-6, 6)
        prices.append(price)
    at = np.array(times, dtype=np.int64)
    sides = np.array([draw.choice((BUY, SELL)) for _ in times], dtype=np.int8)
    return Ticks(at, at, np.array(prices, dtype=np.int64), np.ones(len(at), dtype=np.int64), sides,
                 np.zeros(len(at), dtype=np.int8))


def _is_open(driver: Driver) -> bool:
    """Tell whether anything is held or works, by the machine or by the exchange."""
    state = driver.engine.state
    works = any(record.state not in DONE_STATES for record in state.orders.values())
    return (works or state.markets[0].position is not None or driver.exchange.held_steps(0) != 0
            or bool(driver.exchange.working_prices(0)))
