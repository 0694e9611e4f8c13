"""The venue's side of a live run, put together: REST, both hubs, the feed and the broker.

What has to be known before the folder is opened (account, contract, the venue's clock) is asked
in `look`, with a client of its own that ends with it. The rest lives as root tasks of the agent.
"""

import datetime as dt
import logging
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from fabio.adapters.topstepx.broker.broker import Broker, BrokerSettings
from fabio.adapters.topstepx.broker.life import LifeTimes
from fabio.adapters.topstepx.broker.reach import Reach
from fabio.adapters.topstepx.broker.traded import TradedContract, TradedContracts
from fabio.adapters.topstepx.broker.user_hub import UserHub
from fabio.adapters.topstepx.contracts import gateway_root
from fabio.adapters.topstepx.errors import AccountUnfit
from fabio.adapters.topstepx.feed.lane import FeedMarket
from fabio.adapters.topstepx.feed.market import MarketFeed
from fabio.adapters.topstepx.feed.past import Past, PastMarket, load_past
from fabio.adapters.topstepx.feed.probe import Probe
from fabio.adapters.topstepx.records import Account, Contract
from fabio.adapters.topstepx.rest.accounts import pinned_account
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.rest.money import DayMoney, day_money
from fabio.adapters.topstepx.rest.session import open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock as RestClock
from fabio.adapters.topstepx.roll import decide_roll
from fabio.adapters.topstepx.signalr.hub import HubSettings, Outside
from fabio.adapters.topstepx.signalr.link import Dial, dial
from fabio.adapters.topstepx.signalr.timing import HubClock
from fabio.journal.sync import SYSTEM, Disk
from fabio.model.errors import ConfigError
from fabio.model.event import JournaledEvent
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.runtime.call_times import CallTimes
from fabio.runtime.clock import Clock, Moment
from fabio.runtime.life import Watcher
from fabio.settings.basics import TopstepX
from fabio.settings.load import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
NS = 1_000_000_000
_RATE = re.compile(r"\d{1,6}(\.\d{1,6})?")
logger = logging.getLogger("fabio.venue")


class Doors(msgspec.Struct, frozen=True):
    """Where and how the venue is reached; a test puts a gateway of the same process behind them.

    Parameters
    ----------
    open_rest
        Makes a REST client that nothing was sent with yet.
    dial
        Opens a hub's socket.
    disk
        The file layer; a test gives one that fails.
    """

    open_rest: Callable[[Clock], Rest]
    dial: Dial
    disk: Disk = SYSTEM


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of the venue before the start."""

    account: Account
    contracts: tuple[Contract, ...]
    clock: Clock
    table: SessionTable

    def choose(self, instrument: Instrument, current: str | None = None, is_held: bool = False) -> Contract:
        """Choose what to trade: the contract that fits now, or what is held.

        Parameters
        ----------
        current
            What the record says was traded; None where it says nothing. The venue need not list it any more.
        is_held
            Whether by the record a position or an order stands in it.

        Raises
        ------
        ContractUnfit
            If no contract is fit.
        """
        date = dt.date.fromisoformat(self.table.session(self.table.index_at(self.clock.now_ns())).date)
        roll = decide_roll(self.contracts, instrument, date, current=current, is_held=is_held)
        listed = (each for each in self.contracts if each.id == roll.contract_id)
        return next(listed, Contract(id=roll.contract_id))


def doors_of(settings: Settings) -> Doors:
    """Give the way to the venue that is configured.

    Raises
    ------
    ConfigError
        If user name or key is missing.
    """
    username, key = settings.require_topstepx()
    credentials = Credentials(username, SecretStr(key))

    def rest(clock: Clock) -> Rest:
        clocks = RestClock(monotonic_s=clock.monotonic, wall_s=lambda: clock.now_ns() / NS)  # skew is the runtime's
        return open_rest(settings.topstepx.api_url, credentials, clocks, random.random)

    return Doors(rest, dial)


async def look(
    doors: Doors, settings: TopstepX, instrument: Instrument, table: Callable[[int], SessionTable],
    clock: Clock | None = None,
) -> Sight:
    """Ask for the account, the contracts and the clock; whatever is wrong is said in one sentence.

    Parameters
    ----------
    table
        The instrument's sessions by the time it is; its trade date decides the contract.
    clock
        None takes the system's, or that of a replaying gateway on this machine.

    Raises
    ------
    ConfigError
        `CredentialsRefused`, `AccountUnfit`, an instrument that is not traded there: a person's turn.
    TemporaryError, WireError, PermanentError
        If the venue cannot be asked now.
    """
    if clock is None:
        clock = await look_at_clock(doors, settings.api_url)
    rest = doors.open_rest(clock)
    try:
        account = pinned_account(await rest.accounts(), settings.account_id)
        if not account.can_trade:
            raise AccountUnfit(f"TopstepX has locked account {account.name} ({account.id}): it cannot trade. Look on "
                               "the platform why; TOPSTEP_ACCOUNT_ID chooses another one")
        contracts = await rest.search_contracts(gateway_root(instrument), settings.live_data)
    finally:
        await rest.aclose()
    return Sight(account=account, contracts=contracts, clock=clock, table=table(clock.now_ns()))


async def look_at_clock(doors: Doors, url: str) -> Clock:
    """Follow a gateway of this machine that replays a day at a speed of its own; a real venue has ours."""
    if urlsplit(url).hostname not in LOOPBACK:
        return Clock()
    rest = doors.open_rest(Clock())
    try:
        pong = await rest.ping()
    finally:
        await rest.aclose()
    told, rate = pong.headers.get("x-gateway-time-ns"), pong.headers.get("x-gateway-rate")
    if told is None or rate is None:
        return Clock()
    if not _RATE.fullmatch(rate) or float(rate) <= 0:
        raise ConfigError(f"the gateway at {url} replays at speed {rate}: no clock can follow that", where=url,
                          expected="a gateway with a number as its --speed")
    half_way_ns = int(pong.round_trip_s / 2 * float(rate) * NS)
    return Clock(Moment.now(int(told) + half_way_ns), float(rate))


def hub_clock(clock: Clock) -> HubClock:
    """Give a live run's clock as the hubs and the broker take it."""
    return HubClock(monotonic_s=clock.monotonic, sleep=clock.sleep, now_ns=clock.now_ns, wall_s=clock.wall_s)


async def ask_past(doors: Doors, sight: Sight, market: PastMarket) -> Past:
    """Ask for minute bars of what the own tape lacks."""
    rest = doors.open_rest(sight.clock)
    try:
        return await load_past(rest, market, sight.clock.now_ns())
    finally:
        await rest.aclose()


class Venue:
    """One account at the venue, for one market.

    Parameters
    ----------
    contract_id
        What is traded.
    folder
        Where the agent's record lies.
    world
        Names this agent's records in order tags.
    emit
        Takes events of the broker; neither waits nor raises.
    since_ns
        From when on executions matter: the beginning of the trade date.
    latest_ns, reference_ticks
        Up to when the market is known already, and where it was then.
    """

    def __init__(
        self, doors: Doors, settings: TopstepX, sight: Sight, instrument: Instrument, *, contract_id: str,
        folder: Path, world: str, emit: Callable[[JournaledEvent], None], since_ns: Callable[[], int], latest_ns: int,
        reference_ticks: int | None,
    ) -> None:
        clock = sight.clock
        clocks = hub_clock(clock)
        self.sight = sight
        self.rest = doors.open_rest(clock)
        self.rest.tokens.was_good = True  # it let somebody in to what was seen
        self._calls = CallTimes(folder, self.rest.rate, clock)
        self._calls.restore()
        self.counts: Counter[str] = Counter()
        traded = TradedContracts([TradedContract(market=0, contract_id=contract_id, instrument=instrument)])
        self.broker = Broker(
            Reach(rest=self.rest, account_id=sight.account.id, traded=traded, clock=clocks,
                  wall_s=clock.wall_s, emit=emit, note=logger.info, counts=self.counts),
            BrokerSettings(world=world, times=LifeTimes(slept_s=10.0 * max(clock.rate, 1.0),
                                                        stepped_s=5.0 * max(clock.rate, 1.0))),
            since_ns, random.random,
        )
        self._user_hub = UserHub(
            self.broker, HubSettings(name="user", url=settings.user_hub_url), doors.dial, random.random,
        )
        market = FeedMarket(instrument=instrument, table=sight.table, contract_id=contract_id,
                            latest_ns=latest_ns, reference_ticks=reference_ticks)
        self.feed = MarketFeed(
            HubSettings(name="market", url=settings.market_hub_url),
            Outside(self.broker.hub_token, doors.dial, clocks, random.random), [market],
            Probe(self.rest, live=settings.live_data, sleep=clock.sleep), self.rest.skew.get,
        )

    @property
    def tasks(self) -> Mapping[str, Watcher]:
        """Give the root tasks, by name."""
        return {
            "token": lambda: self.rest.tokens.keep_fresh(self._token_trouble),
            "call times": self._calls.run,
            "broker": self._user_hub.run,
            "market feed": self.feed.run,
        }

    async def money(self, since_ns: int) -> DayMoney:
        """Ask for the closed balance, and for what was realized since a time."""
        return await day_money(self.rest, self.sight.account.id, since_ns)

    def _token_trouble(self, error: Exception) -> None:
        logger.warning("the token was not renewed: %s", error)
