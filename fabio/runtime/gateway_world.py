"""The simulated gateway's world: a tape or a synthetic day, faults and switches, made into a core.

What only a tape needs is imported with it: a client waits for this.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fabio.adapters.data.contracts import MONTH_CODES, parse_contract
from fabio.adapters.data.instruments import find_instrument, load_instruments
from fabio.adapters.data.session_rules import read_rules
from fabio.adapters.gateway.core import Gateway, Stream
from fabio.adapters.gateway.faults.script import Script, chaos, read_script
from fabio.adapters.gateway.plan import VENUE_ASSUMPTIONS, AccountPlan, GatewayPlan, Switches
from fabio.adapters.topstepx.contracts import Expiry
from fabio.exchange.pit import Pit
from fabio.exchange.ticket import Ticket, TicketKind
from fabio.model.errors import ConfigError, did_you_mean
from fabio.model.instrument import Instrument
from fabio.model.tick import Ticks
from fabio.runtime.demo import Demo
from fabio.runtime.gateway import GatewayWish
from fabio.runtime.until import BadTime, until_ns
from fabio.settings.load import Settings, load
from fabio.settings.places import config_file

SECOND_NS = 1_000_000_000
WHOLE_NS = 300 * SECOND_NS
"""Times are shifted by whole multiples of this: bars of five minutes stay whole."""

BEFORE_THE_OPEN_NS = 120 * SECOND_NS
"""How long before the regular hours a generated day starts."""

READ_ROWS = 200_000
_CHAOS = "chaos:"


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that is ready, what it is fed with, and the words for a person."""

    gateway: Gateway
    script: Script
    batches: Iterator[Ticks]
    history: Iterator[Ticks]
    words: str


def make_world(wish: GatewayWish, config: Path | None) -> World:
    """Make the gateway; its ticks are made or read when they are asked for.

    Raises
    ------
    ConfigError, TapeError
        If what was asked for cannot be.
    """
    settings = load(config=config)
    script = _script(wish.faults)
    switches = _switches(wish.switches)
    return _of_demo(wish, settings, script, switches) if wish.tape is None else _of_tape(
        wish, wish.tape, settings, script, switches)


def _of_demo(wish: GatewayWish, settings: Settings, script: Script, switches: Switches) -> World:
    instrument = _listed(find_instrument(_instruments(settings), wish.symbol or settings.agent.symbol)[0])
    demo = Demo(settings, instrument, wish.seed)
    session = demo.session(wish.day)
    opens_ns = session.regular_open_ns
    start_ns = session.open_ns if opens_ns is None else opens_ns - BEFORE_THE_OPEN_NS
    start_ns = _start_ns(wish, settings, instrument, session.open_ns, start_ns)

    def ticks() -> Iterator[Ticks]:
        _compile()
        yield demo.day(wish.day).ticks

    def history() -> Iterator[Ticks]:
        for earlier in demo.behind():
            yield earlier.ticks
        for number in range(wish.day):
            yield demo.day(number).ticks

    gateway = _gateway(wish, settings, switches, Stream(instrument=instrument, table=demo.table), start_ns)
    return World(gateway=gateway, script=script, batches=ticks(), history=history(),
                 words=_words(f"synthetic session {session.date}, seed {wish.seed}", gateway))


def _of_tape(wish: GatewayWish, path: Path, settings: Settings, script: Script, switches: Switches) -> World:
    from fabio.adapters.data.tapes import open_tape
    from fabio.runtime.wiring import sessions_between

    tape = open_tape(path, _instruments(settings), wish.symbol)
    instrument = _listed(tape.instrument)
    table = sessions_between(settings, instrument, tape.first_ns, tape.last_ns)
    start_ns = _start_ns(wish, settings, instrument, tape.first_ns, tape.first_ns)
    stream = Stream(instrument=instrument, table=table, expiry=_expiry(instrument, tape.contract, tape.first_ns))
    gateway = _gateway(wish, settings, switches, stream, start_ns)

    def ticks() -> Iterator[Ticks]:
        _compile()
        yield from tape.batches(READ_ROWS)

    return World(gateway=gateway, script=script, batches=ticks(), history=iter(()),
                 words=_words(tape.describe(), gateway))


def _gateway(wish: GatewayWish, settings: Settings, switches: Switches, stream: Stream, start_ns: int) -> Gateway:
    limits = msgspec.structs.replace(settings.account, loss_floor=None)  # that of the user's own account, elsewhere
    ahead_ns = 0 if wish.told_from_ns is None else wish.told_from_ns - start_ns
    plan = GatewayPlan(
        accounts=(AccountPlan(limits=limits),), switches=switches, offset_ns=ahead_ns - ahead_ns % WHOLE_NS,
        assumptions=msgspec.structs.replace(settings.exchange, order_latency_ns=VENUE_ASSUMPTIONS.order_latency_ns))
    return Gateway(plan, _instruments(settings).values(), [stream], start_ns)


def _instruments(settings: Settings) -> dict[str, Instrument]:
    return load_instruments(config_file(settings.folder, "instruments.toml"))


def _listed(instrument: Instrument) -> Instrument:
    if instrument.gateway_root is None:
        raise ConfigError(f"{instrument.symbol} is not traded on TopstepX: config/instruments.toml gives it no "
                          "gateway_root; choose another --symbol")
    return instrument


def _expiry(instrument: Instrument, contract: str | None, at_ns: int) -> Expiry | None:
    """Read a tape's contract; the year it leaves open is the one near the tape."""
    parsed = None if contract is None else parse_contract(contract, {instrument.symbol})
    if parsed is None or instrument.gateway_root is None:
        return None
    tape_year = dt.datetime.fromtimestamp(at_ns // SECOND_NS, dt.UTC).year
    year = next(year for year in range(tape_year - 1, tape_year + 100) if str(year).endswith(parsed.year))
    return Expiry(year, MONTH_CODES.index(parsed.month) + 1, instrument.gateway_root)


def _start_ns(wish: GatewayWish, settings: Settings, instrument: Instrument, first_ns: int, default_ns: int) -> int:
    if not wish.start:
        return default_ns
    zone = read_rules(config_file(settings.folder, "sessions.toml"), instrument.product_group).time_zone
    try:
        return until_ns(wish.start, zone, first_ns)
    except BadTime as error:
        raise BadTime(str(error).replace("--until", "--from")) from None


def _script(faults: str) -> Script:
    if not faults:
        return Script()
    if not faults.startswith(_CHAOS):
        return read_script(Path(faults))
    seed = faults.removeprefix(_CHAOS)
    if not (seed.isascii() and seed.isdigit()):
        raise ConfigError(f"--faults {faults}: {seed!r} is no seed; write chaos:7, or name a file")
    return chaos(int(seed))


def _switches(given: tuple[str, ...]) -> Switches:
    fields = {field.name: field for field in msgspec.structs.fields(Switches)}
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if name not in fields or not equals:
            raise ConfigError(f"--switch {text!r}{did_you_mean(name, fields)}: write NAME=VALUE; names are "
                              f"{', '.join(fields)}")
        try:
            read: Any = msgspec.json.decode(value)
        except msgspec.DecodeError:
            read = value
        try:
            values[name] = msgspec.convert(read, fields[name].type)
        except msgspec.ValidationError as error:
            raise ConfigError(f"--switch {text!r}: {error}; the default is {fields[name].default!r}") from None
    return Switches(**values)


def _words(source: str, gateway: Gateway) -> str:
    listing = gateway.listings.streamed()[0]
    account = next(iter(gateway.accounts.values())).plan
    start = dt.datetime.fromtimestamp(gateway.now_ns // SECOND_NS, dt.UTC).isoformat()
    return (f"simulated TopstepX: {source}; streams {listing.id} from {start}; account {account.name} ({account.id}), "
            "user demo with any key of 10 characters")


def _compile() -> None:
    """Have the kernels of the pit compiled before the first order needs them."""
    pit = Pit(VENUE_ASSUMPTIONS)
    kinds: tuple[TicketKind, ...] = ("limit", "stop", "market")
    for number, kind in enumerate(kinds):
        price_ticks = None if kind == "market" else 110
        pit.enter([Ticket(id=number, side=1, kind=kind, left_steps=1, price_ticks=price_ticks)], 0, 100)
    pit.trade(0, 110, 1)
