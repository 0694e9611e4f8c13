"""Bad ticks: what is refused leads to nothing, and what is true is not refused (H46)."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from fabio.adapters.topstepx.events import EventReader, Prints
from fabio.adapters.topstepx.feed.prints import PrintTaker
from fabio.adapters.topstepx.signalr.protocol import Invocation
from fabio.adapters.topstepx.signalr.reader import RecordReader
from fabio.adapters.topstepx.stamps import stamp_text
from fabio.engine.seams import MarketConfig, NamedStrategy
from fabio.journal.exchanges import Exchange
from fabio.model.command import ORDER_COMMANDS
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.step import Step
from fabio.model.strategy import StrategyState
from fabio.model.tick import Tick, Ticks
from fabio.research.reliability.bar import Bar, at_most
from fabio.research.reliability.lab import Often
from fabio.runtime.demo import Demo
from fabio.runtime.drive import Driver
from fabio.runtime.wiring import build_driver, engine_config, instrument_of
from fabio.settings.load import Settings, load

Say = Callable[[str], None]
NS = 1_000_000_000
START_TICKS = 84_000
LENGTH = 24
"""Prints of a sequence, two of them bad; a minute and a half of a quiet market."""
RICH = ("account.start_balance=1000000", "account.loss_limit=900000", "account.daily_loss=900000",
        "orders.entries_per_hour=60", "orders.entries_per_day=200")
KINDS = ("zero", "negative", "nothing", "less than nothing", "late", "very late", "far")


class _Orders:
    """A sink that keeps the commands about orders, with what they are about."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to keep."""

    def exchange(self, exchange: Exchange) -> None:
        """Nothing to keep."""

    def step(self, step: Step, body: bytes) -> None:
        """Keep orders; what a refused tick leaves in the count of refused ones is no part of them."""
        self.commands += [repr(each) for each in step.commands if isinstance(each, ORDER_COMMANDS)]


def refused_ticks(n: int, say: Say) -> Bar:
    """Feed sequences with bad ticks to one machine, the same without them to another: their orders are equal.

    Parameters
    ----------
    n
        Sequences, one behind the other, session by session.
    """
    settings, instrument, demo = _market()
    spoilt, clean = _machine(settings, instrument, demo.table), _machine(settings, instrument, demo.table)
    draw = random.Random(46)
    number, at_ns, price = demo.first, 0, START_TICKS
    bad = 0
    kinds: Counter[str] = Counter()
    for _ in range(n):
        session = demo.table.session(number)
        if at_ns + 600 * NS > (session.flat_by_ns or session.close_ns):
            number += 1
            session = demo.table.session(number)
            at_ns = session.open_ns
        at_ns = max(at_ns, session.open_ns)
        good: list[Tick] = []
        mixed: list[Tick] = []
        for place in range(LENGTH):
            at_ns += draw.randrange(NS // 2, 8 * NS)
            price += draw.randint(-5, 5)
            good.append(Tick(at_ns, at_ns, price, draw.randint(1, 9), draw.choice((-1, 0, 1))))
            mixed.append(good[-1])
            if place in (7, 15):
                kind = draw.choice(KINDS)
                kinds[kind] += 1
                bad += 1
                mixed.append(_spoilt(kind, good[-1]))
        spoilt[0].feed(Ticks.of(mixed))
        clean[0].feed(Ticks.of(good))
    counted = sum(spoilt[0].engine.markets[0].rejected().values())
    first, second = spoilt[1].commands, clean[1].commands
    wrong = sum(one != other for one, other in zip(first, second, strict=False)) + abs(len(first) - len(second))
    say(f"{n} sequences, {bad} bad ticks, {counted} counted, {len(first)} orders")
    note = f"{bad} bad ticks ({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}); {counted} " \
           f"refused; {len(second)} commands about orders compared"
    return at_most("orders_from_refused_ticks", wrong + abs(bad - counted), 0, n if second else 0, note)


def _spoilt(kind: str, before: Tick) -> Tick:
    """Make a bad tick out of the one before it."""
    changes: dict[str, dict[str, int]] = {
        "zero": {"price_ticks": 0}, "negative": {"price_ticks": -before.price_ticks},
        "nothing": {"size_steps": 0}, "less than nothing": {"size_steps": -3},
        "late": {"ts_event_ns": before.ts_event_ns - 2 * NS},
        "very late": {"ts_event_ns": before.ts_event_ns - 90_000 * NS}, "far": {"price_ticks": 2**31 - 2},
    }
    return msgspec.structs.replace(before, **changes[kind])


def bad_prints(n: int, say: Say) -> list[Bar]:
    """Send prints as the venue's frames: what is no price becomes no tick, and a true move is taken whole.

    Parameters
    ----------
    n
        Bad prints; a hundred moves of 5 % up or down go beside them.
    """
    _, instrument, demo = _market()
    draw = random.Random(47)
    session = demo.session(0)
    taken: Counter[str] = Counter()
    tick = float(instrument.tick_size)
    for _ in range(n):
        kind, value = draw.choice(_bad_values(draw))
        taken[kind] += _ticks(instrument, demo.table, session.open_ns + 60 * NS, [START_TICKS * tick, value])[1]
    missed = 0
    moves = max(n // 100, 10)
    for number in range(moves):
        share, steps = draw.choice((0.05, -0.05)), (1, 5, 60)[number % 3]
        path = [round(START_TICKS * (1 + share * step / steps)) * tick for step in range(steps + 1)]
        kept = _ticks(instrument, demo.table, session.open_ns + 60 * NS, path)
        missed += sum(1 for each in kept if not each)
    say(f"{n} bad prints, {sum(taken.values())} taken; {moves} moves of 5 %, {missed} prints refused")
    return [
        at_most("bad_prints_taken", sum(taken.values()), 0, n, ", ".join(sorted(+taken))),
        at_most("true_moves_of_5_percent_refused", missed, 0, moves, "in 1, 5 and 60 steps"),
    ]


def _bad_values(draw: random.Random) -> list[tuple[str, object]]:
    at = START_TICKS // 4
    return [
        ("NaN", float("nan")), ("infinity", float("inf")), ("text", "NaN"), ("nothing", None), ("zero", 0),
        ("negative", -at), ("true", True), ("list", [at]), ("off the grid", at + 0.1), ("huge", 1e12),
        ("far", at * draw.uniform(1.3, 50)), ("far below", at * draw.uniform(0.0001, 0.7)), ("words", "a lot"),
    ]


def _ticks(instrument: Instrument, table: SessionTable, at_ns: int, prices: Sequence[object]) -> list[bool]:
    """Send a print a second, each a frame of its own; tell which became ticks."""
    reader, events = RecordReader(), EventReader()
    taker = PrintTaker([(instrument, table, START_TICKS)], lambda: 0.0)
    became = []
    for place, price in enumerate(prices):
        stamp_ns = at_ns + place * NS
        one = {"symbolId": "F.US.MNQ", "price": price, "timestamp": stamp_text(stamp_ns), "type": 0, "volume": 1}
        frame = json.dumps({"type": 1, "target": "GatewayTrade", "arguments": ["CON.F.US.MNQ.M26", one]}).encode()
        for record in reader.feed(frame + b"\x1e"):
            for event in events.read(record) if isinstance(record, Invocation) else ():
                if isinstance(event, Prints):
                    taker.take(0, event.prints, stamp_ns)
        became.append(taker.drain() is not None)
    return became


def _market() -> tuple[Settings, Instrument, Demo]:
    settings = load(environment={}, directory=Path("/"), overrides=RICH)
    instrument = instrument_of(settings, "MNQ")
    return settings, instrument, Demo(settings, instrument, 82)


def _machine(settings: Settings, instrument: Instrument, table: SessionTable) -> tuple[Driver, _Orders]:
    """Make a machine on paper that enters at every bar."""
    orders = _Orders()
    config = engine_config(settings, [MarketConfig(instrument=instrument, table=table)])
    state = StrategyState(max_trades_per_session=1000, min_rr=0.5)
    strategy = NamedStrategy(name="at_every_bar", part=Often("at_every_bar", 60), state=state)
    policy = msgspec.structs.replace(config.policy, strategies=(strategy,), guards=())
    return build_driver(msgspec.structs.replace(config, policy=policy), (orders,)), orders
