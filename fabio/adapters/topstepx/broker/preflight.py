"""Before trading: does the venue let us in, and is everything there as it has to be? One sentence each, and a cure."""

import datetime as dt
from typing import Literal

import msgspec

from fabio.adapters.topstepx.broker.reach import READ_ERRORS
from fabio.adapters.topstepx.broker.translate import optional_ns
from fabio.adapters.topstepx.errors import AccountUnfit, ContractUnfit, CredentialsRefused, TemporaryError, WireError
from fabio.adapters.topstepx.records import Account
from fabio.adapters.topstepx.rest.accounts import pinned_account
from fabio.adapters.topstepx.rest.endpoints import OrderQuery, Rest
from fabio.adapters.topstepx.rest.lookup import query_orders
from fabio.adapters.topstepx.roll import Roll, decide_roll
from fabio.adapters.topstepx.stamps import stamp_text
from fabio.model.instrument import Instrument

Mark = Literal["good", "doubtful", "bad"]
"""`doubtful` lets trading begin, with a word of caution; `bad` does not."""

SKEW_WORTH_A_WORD_S, SKEW_LIMIT_S = 2.0, 10.0
HINT_NS = 7 * 24 * 3600 * 1_000_000_000
"""How long an order with a bracket proves the account's mode: a reset account is back in the other one."""

SWITCH = ("in the settings of the TopstepX platform, where brackets are set up, choose Auto OCO Brackets in place of "
          "Position Brackets; new and reset accounts have the latter")
_TRY_AGAIN = "look at the network and at TopstepX's status page, then try again"


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at; `cure` is empty where nothing has to be done."""

    name: str
    mark: Mark
    found: str
    cure: str = ""


async def look_at_credentials(rest: Rest) -> Finding:
    """Log in."""
    try:
        await rest.tokens.bearer()
    except CredentialsRefused as error:
        return Finding("credentials", "bad", str(error), "mend that, then try again; a wrong key is tried once only")
    except READ_ERRORS as error:
        return Finding("credentials", "bad", f"the login was not answered: {error}", _TRY_AGAIN)
    return Finding("credentials", "good", "TopstepX accepts user name and API key")


async def look_at_account(rest: Rest, account_id: int | None) -> tuple[Finding, Account | None]:
    """Find the account; gives it too where it is there and may trade."""
    try:
        account = pinned_account(await rest.accounts(), account_id)
    except AccountUnfit as error:
        return Finding("account", "bad", str(error), "copy the number from the list"), None
    except READ_ERRORS as error:
        return Finding("account", "bad", f"the accounts cannot be listed: {error}", _TRY_AGAIN), None
    words = f"{account.id} ({account.name}), balance {account.balance:.2f}"
    if not account.can_trade:
        return Finding("account", "bad", f"{words} is locked: TopstepX lets it not trade",
                       "the platform says why (a loss limit, a rule); wait until it is unlocked, or name another "
                       "account in TOPSTEP_ACCOUNT_ID"), None
    if not account.simulated:
        return Finding("account", "doubtful", f"{words} is a live funded account: TopstepX is said to refuse cancels "
                       "over the API there", "try an order by hand through the API first, or trade a simulated "
                       "account"), account
    return Finding("account", "good", f"{words} may trade"), account


async def look_at_contract(
    rest: Rest, instrument: Instrument, trade_date: dt.date, live: bool = False
) -> tuple[Finding, Roll | None]:
    """Choose the contract of a trade date, as a run would; gives it too.

    Parameters
    ----------
    live
        The market-data subscription: False for simulated accounts.
    """
    name = f"contract of {instrument.symbol}"
    try:
        roll = decide_roll(await rest.available_contracts(live), instrument, trade_date)
    except ContractUnfit as error:
        return Finding(name, "bad", str(error), "choose another symbol, or correct config/instruments.toml"), None
    except READ_ERRORS as error:
        return Finding(name, "bad", f"the contracts cannot be listed: {error}", _TRY_AGAIN), None
    return Finding(name, "good", f"{roll.contract_id}, tick {instrument.tick_size:f} worth "
                   f"{instrument.tick_value:f} USD, as at TopstepX"), roll


async def look_at_clock(rest: Rest) -> Finding:
    """Compare the venue's clock with ours."""
    try:
        for _ in range(3):
            await rest.ping()
    except (TemporaryError, WireError) as error:
        return Finding("venue clock", "bad", f"TopstepX does not answer: {error}", _TRY_AGAIN)
    skew_s = rest.skew.get()
    if skew_s is None:
        return Finding("venue clock", "doubtful", "TopstepX's answers carry no time to compare with", "")
    words = f"TopstepX's clock is {abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
    if abs(skew_s) > SKEW_LIMIT_S:
        return Finding("venue clock", "bad", f"{words}: with more than {SKEW_LIMIT_S:g} s no entries leave",
                       "set this machine's clock by NTP")
    if abs(skew_s) > SKEW_WORTH_A_WORD_S:
        return Finding("venue clock", "doubtful", words, "set this machine's clock by NTP")
    return Finding("venue clock", "good", f"{words}, as near as it can be told")


async def look_at_brackets(rest: Rest, account_id: int, now_ns: int, probe_hint: str = "") -> Finding:
    """Learn from the orders of the last week whether the account takes brackets: no call tells its mode.

    Parameters
    ----------
    probe_hint
        How a person asks for `probe_brackets`, as the cure says it.
    """
    try:
        orders = await query_orders(rest, OrderQuery(account_id=account_id, created_after_ns=now_ns - HINT_NS))
    except READ_ERRORS as error:
        return Finding("brackets", "doubtful", f"earlier orders cannot be listed: {error}", _TRY_AGAIN)
    children_ns = [made_ns for each in orders if each.parent_order_id is not None
                   and (made_ns := optional_ns(each.creation_timestamp)) is not None]
    if children_ns:
        day = stamp_text(max(children_ns), digits=0)
        return Finding("brackets", "good", f"the account took an order with a bracket at {day}: Auto OCO Brackets")
    ask = f", or let a far-away order find it out: {probe_hint}" if probe_hint else ""
    return Finding("brackets", "doubtful", "no order with a bracket was taken in the last week: whether the account is "
                   "in Auto OCO Brackets mode is not known", f"make sure of it {SWITCH}{ask}")
