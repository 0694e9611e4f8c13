"""Arming: a person gives the agent the account, on purpose, for what is left of one trade date.

What stands against it is said in one sentence. The machine itself decides last, on a picture
of the venue that was taken after the person asked.
"""

import datetime as dt
from collections.abc import Awaitable, Callable

from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.rest.money import DayMoney
from fabio.journal.inbox import Outcome, Request
from fabio.model.command import TakePicture
from fabio.model.errors import ConfigError
from fabio.model.event import ArmAsked, DisarmAsked
from fabio.model.session import SessionTable, date_text
from fabio.model.venue_fact import Armed, ArmRefused
from fabio.portfolio.account import AccountSettings
from fabio.runtime.drive import Driver
from fabio.runtime.live import LiveLife

NS = 1_000_000_000
PICTURE_S = 10.0
"""How long arming waits for a picture of the venue."""


class Arming:
    """Answers `arm` and `disarm`.

    Parameters
    ----------
    account_name
        As the venue has it; a person has to write it.
    money
        Asks the venue for the closed balance, and for what was realized since a time.
    """

    def __init__(
        self, driver: Driver, life: LiveLife, settings: AccountSettings, table: SessionTable, account_name: str,
        money: Callable[[int], Awaitable[DayMoney]],
    ) -> None:
        self._driver = driver
        self._life = life
        self._settings = settings
        self._table = table
        self._account_name = account_name
        self._money = money

    async def answer(self, request: Request) -> tuple[Outcome, str]:
        """Do what was asked, or say why not."""
        if request.verb == "disarm":
            step = self._driver.happen(DisarmAsked(ts_ns=self._life.now_ns, id=request.id, reason=request.reason))
            return "done", "disarming: no more entries" if step.facts else "it was not armed"
        return await self._arm(request)

    async def _arm(self, request: Request) -> tuple[Outcome, str]:
        now_ns = self._life.now_ns
        index = self._table.index_at(now_ns)
        session = self._table.session(index)
        reason = self._against(request.name, index) or against_account(
            self._settings, date_text(int(self._table.dates[index - 1])))
        if not reason and session.flat_by_ns is None:
            reason = f"{session.date} has no flat-by time: nothing says until when"
        if reason or session.flat_by_ns is None or self._settings.loss_floor is None:
            return "refused", reason
        try:
            money = await self._money(session.open_ns)
        except (TemporaryError, WireError, PermanentError, ConfigError) as error:
            return "refused", f"the venue does not tell the balance: {error}"
        broker = self._driver.broker
        if broker is None or not await self._life.picture(
                PICTURE_S, lambda: broker.submit(TakePicture(reason="a person arms"))):
            return "refused", f"the venue gave no picture within {PICTURE_S:g} s: look at `fabio status`, ask again"
        step = self._driver.happen(ArmAsked(
            ts_ns=self._life.now_ns, id=request.id, account=self._account_name, balance=money.balance,
            day_start_balance=money.balance - money.realized,
            loss_floor=self._settings.loss_floor, until_ns=session.flat_by_ns,
        ))
        for fact in step.facts:
            if isinstance(fact, ArmRefused):
                return "refused", fact.reason
        armed = next((fact for fact in step.facts if isinstance(fact, Armed)), None)
        if armed is None:
            return "refused", "the machine did not arm"
        return "done", (f"armed: orders go to {self._account_name} until {_utc(armed.until_ns)} UTC, then all is "
                        f"closed, to be flat by {_utc(session.flat_by_ns)} UTC")

    def _against(self, named: str, index: int) -> str:
        if named.strip().lower() != self._account_name.lower():
            return (f"the account is named {self._account_name}: write that name to arm it"
                    if named else f"say which account: fabio arm {self._account_name}")
        if not self._table.is_open(self._life.now_ns):
            return f"the market is closed; its session {self._table.session(index).date} is not running"
        return ""


def _utc(ts_ns: int) -> str:
    return f"{dt.datetime.fromtimestamp(ts_ns // NS, dt.UTC):%Y-%m-%d %H:%M}"


def against_account(settings: AccountSettings, last_date: str) -> str:
    """Say what of the account's settings is missing or old; empty where nothing is.

    Parameters
    ----------
    last_date
        The last trade date that has ended: its evening moved the loss floor.
    """
    if settings.loss_floor is None or not settings.as_of:
        return ("account.loss_floor and account.as_of are not set: the venue's API tells no loss limit. Read it off "
                f"the platform's dashboard and set both, as_of = \"{last_date}\"")
    if settings.as_of < last_date:
        return (f"account.as_of is {settings.as_of}, and {last_date} has ended since: read the Maximum Loss Limit off "
                f"the dashboard again, set account.loss_floor to it and account.as_of = \"{last_date}\"")
    return ""
