"""Doctor for live trading: what the venue says, and what its rules ask of a person."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from fabio.adapters.topstepx.contracts import gateway_root
from fabio.adapters.topstepx.enums import OrderStatus
from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.records import Account
from fabio.adapters.topstepx.rest.accounts import pinned_account
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.roll import decide_roll
from fabio.model.errors import ConfigError
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable, date_text
from fabio.runtime.arming import against_account
from fabio.runtime.clock import Clock
from fabio.runtime.doctor import Check
from fabio.runtime.live_start import table_at
from fabio.runtime.venue import Doors, doors_of, look_at_clock
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import Settings, load

SKEW_WARN_S, SKEW_LIMIT_S = 2.0, 10.0
HINT_DAYS = 30
NS = 1_000_000_000
_TROUBLE = (ConfigError, TemporaryError, WireError, PermanentError)
RULES = (
    "orders have to come from your own device (no VPS, VPN or remote server); stay at it while it trades; everything "
    "is flat by 15:10 Chicago time; what it executes is final"
)


def examine_live(config: Path | None) -> Iterator[Check]:
    """Ask the venue, cheapest first; what needs an earlier answer is left out where there is none."""
    try:
        settings = load(config=config)
        doors = doors_of(settings)
    except ConfigError as error:
        yield Check("credentials", False, str(error), "set both in the environment or in .env")
        return
    instrument = instrument_of(settings, settings.agent.symbol)
    yield from asyncio.run(_ask(settings, instrument, doors))
    yield Check("rules", True, RULES)


async def _ask(settings: Settings, instrument: Instrument, doors: Doors) -> list[Check]:
    found: list[Check] = []
    try:
        clock = await look_at_clock(doors, settings.topstepx.api_url)
    except _TROUBLE as error:
        return [Check("venue", False, f"{settings.topstepx.api_url} cannot be asked: {error}",
                      "look at your network, and at the venue's status page")]
    rest = doors.open_rest(clock)
    try:
        account = await _account(settings, rest, found)
        if account is not None:
            table = table_at(settings, instrument, clock.now_ns())
            found.append(await _contract(settings, instrument, rest, table, clock))
            found.append(await _brackets(rest, account, clock))
            found.append(_skew(rest))
            found.append(_calendar(table, clock))
            found.append(_limits(settings, table, clock, account))
    finally:
        await rest.aclose()
    return found


async def _account(settings: Settings, rest: Rest, found: list[Check]) -> Account | None:
    try:
        accounts = await rest.accounts()
    except _TROUBLE as error:
        found.append(Check("credentials", False, str(error), "mend what it says, then ask again"))
        return None
    found.append(Check("credentials", True, f"{settings.topstepx.api_url} lets user {settings.topstepx.username} in"))
    try:
        account = pinned_account(accounts, settings.topstepx.account_id)
    except ConfigError as error:
        found.append(Check("account", False, str(error), "set TOPSTEP_ACCOUNT_ID"))
        return None
    words = f"{account.name} ({account.id}), balance {account.balance:,.2f} USD"
    found.append(Check("account", account.can_trade, words + ("" if account.can_trade else ", locked"),
                       "" if account.can_trade else "look on the platform why it is locked"))
    return account


async def _contract(
    settings: Settings, instrument: Instrument, rest: Rest, table: SessionTable, clock: Clock,
) -> Check:
    try:
        date = dt.date.fromisoformat(table.session(table.index_at(clock.now_ns())).date)
        listed = await rest.search_contracts(gateway_root(instrument), settings.topstepx.live_data)
        roll = decide_roll(listed, instrument, date)
    except _TROUBLE as error:
        return Check("contract", False, str(error), "see above; topstepx.live_data picks the subscription")
    return Check("contract", True, f"{roll.contract_id} is active, its tick is that of config/instruments.toml")


async def _brackets(rest: Rest, account: Account, clock: Clock) -> Check:
    """Tell the bracket mode from the account's own orders: no endpoint has it."""
    cure = "platform, Settings, Risk: choose Auto OCO Brackets; the first order tells for certain"
    try:
        orders = await rest.orders_since(account.id, clock.now_ns() - HINT_DAYS * 86_400 * NS)
    except _TROUBLE as error:
        return Check("brackets", False, f"no orders to tell it by: {error}", cure)
    children = [order for order in orders if order.parent_order_id is not None and order.status != OrderStatus.REJECTED]
    if children:
        return Check("brackets", True, f"Auto OCO Brackets: an order of the last {HINT_DAYS} days has a bracket")
    return Check("brackets", True, f"not known: no order of the last {HINT_DAYS} days had a bracket, and the venue "
                 "tells the mode nowhere else", cure)


def _skew(rest: Rest) -> Check:
    skew_s = rest.skew.get()
    if skew_s is None:
        return Check("venue clock", False, "its answers carry no date", "ask again")
    words = f"{skew_s:+.1f} s from ours"
    if abs(skew_s) > SKEW_LIMIT_S:
        return Check("venue clock", False, f"{words}: entries would wait", "set the clock, best by NTP")
    return Check("venue clock", True, words, "set the clock, best by NTP" if abs(skew_s) > SKEW_WARN_S else "")


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
