"""Doctor for live trading: what the venue says, and what its rules ask of a person."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from fabio.adapters.topstepx.broker.bracket_probe import Probe, probe_brackets
from fabio.adapters.topstepx.broker.preflight import (
    Finding,
    look_at_account,
    look_at_brackets,
    look_at_clock,
    look_at_contract,
    look_at_credentials,
)
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.records import Account
from fabio.model.errors import ConfigError
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable, date_text
from fabio.runtime.arming import against_account
from fabio.runtime.clock import Clock
from fabio.runtime.doctor import Check
from fabio.runtime.live_start import table_at
from fabio.runtime.venue import Doors, doors_of, hub_clock
from fabio.runtime.venue import look_at_clock as look_at_venues_clock
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import Settings, load

NS = 1_000_000_000
_TROUBLE = (ConfigError, TemporaryError, WireError, PermanentError)
RULES = (
    "orders have to come from your own device (no VPS, VPN or remote server); stay at it while it trades; everything "
    "is flat by 15:10 Chicago time; what it executes is final"
)


def examine_live(config: Path | None, probe: bool = False) -> Iterator[Check]:
    """Ask the venue, cheapest first; what needs an earlier answer is left out where there is none.

    Parameters
    ----------
    probe
        Learn the bracket mode by an order far from the market, which is cancelled at once.
    """
    try:
        settings = load(config=config)
        doors = doors_of(settings)
    except ConfigError as error:
        yield Check("credentials", False, str(error), "set both in the environment or in .env")
        return
    instrument = instrument_of(settings, settings.agent.symbol)
    yield from asyncio.run(_ask(settings, instrument, doors, probe))
    yield Check("rules", True, RULES)


async def _ask(settings: Settings, instrument: Instrument, doors: Doors, probe: bool) -> list[Check]:
    try:
        clock = await look_at_venues_clock(doors, settings.topstepx.api_url)
    except _TROUBLE as error:
        return [Check("venue", False, f"{settings.topstepx.api_url} cannot be asked: {error}",
                      "look at your network, and at the venue's status page")]
    rest = doors.open_rest(clock)
    try:
        found = [_check(await look_at_credentials(rest))]
        if not found[0].ok:
            return found
        finding, account = await look_at_account(rest, settings.topstepx.account_id)
        found.append(_check(finding))
        if account is None:
            return found
        table = table_at(settings, instrument, clock.now_ns())
        date = dt.date.fromisoformat(table.session(table.index_at(clock.now_ns())).date)
        finding, roll = await look_at_contract(rest, instrument, date, settings.topstepx.live_data)
        found.append(_check(finding))
        if probe and roll is not None:
            traded = TradedContract(market=0, contract_id=roll.contract_id, instrument=instrument)
            finding = await probe_brackets(Probe(
                rest=rest, account_id=account.id, traded=traded, world=f"probe{clock.now_ns() // NS % 10**6}",
                clock=hub_clock(clock), live_data=settings.topstepx.live_data))
        else:
            finding = await look_at_brackets(rest, account.id, clock.now_ns(), "fabio doctor --live --probe-brackets")
        found += [_check(finding), _check(await look_at_clock(rest)), _calendar(table, clock),
                  _limits(settings, table, clock, account)]
        return found
    finally:
        await rest.aclose()


def _check(finding: Finding) -> Check:
    return Check(finding.name, finding.mark != "bad", finding.found, finding.cure)


def _calendar(table: SessionTable, clock: Clock) -> Check:
    session = table.session(table.index_at(clock.now_ns()))
    state = "runs" if table.is_open(clock.now_ns()) else "is the next"
    flat = "no flat-by time" if session.flat_by_ns is None else (
        f"flat by {dt.datetime.fromtimestamp(session.flat_by_ns // NS, dt.UTC):%Y-%m-%d %H:%M} UTC")
    return Check("session", session.flat_by_ns is not None, f"{session.date} {state}, {flat}")


def _limits(settings: Settings, table: SessionTable, clock: Clock, account: Account) -> Check:
    last = date_text(int(table.dates[table.index_at(clock.now_ns()) - 1]))
    reason = against_account(settings.account, last)
    floor = settings.account.loss_floor
    if reason or floor is None:
        return Check("limits", False, reason, "config/fabio.toml, [account]")
    return Check("limits", account.balance > floor, f"{account.balance - floor:,.2f} USD above the loss floor "
                 f"{floor:,.2f} as of {settings.account.as_of}", "" if account.balance > floor else "not to be traded")
