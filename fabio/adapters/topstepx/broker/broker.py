"""The broker: takes the engine's commands, tells what the venue says; never waits, never repeats.

It holds nothing that could not be had from the venue again: orders are known by their tags, so
after any crash a first picture says all there is. What it must not forget it does not know: the
journal has it.

| command | carried out by |
| --- | --- |
| `SubmitOrder`, `CancelOrder`, `CancelVenueOrder` | `entering` |
| `MoveStop`, `PlaceStop` | `protecting` |
| `ClosePosition` | `closing` |
| `LookUpOrder` | `lookups` |
| `TakePicture` | `pictures` |
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from pydantic import SecretStr

from fabio.adapters.topstepx.broker.closing import Closing
from fabio.adapters.topstepx.broker.confirm import Confirm, tell_failed
from fabio.adapters.topstepx.broker.entering import Entering
from fabio.adapters.topstepx.broker.known import Known
from fabio.adapters.topstepx.broker.lanes import Job, Lanes
from fabio.adapters.topstepx.broker.life import Life, LifeTimes, Reconnect
from fabio.adapters.topstepx.broker.listening import Arrivals, Listening
from fabio.adapters.topstepx.broker.lookups import LookUps
from fabio.adapters.topstepx.broker.picture import Camera
from fabio.adapters.topstepx.broker.pictures import Pictures
from fabio.adapters.topstepx.broker.positions import Positions
from fabio.adapters.topstepx.broker.protecting import Protecting
from fabio.adapters.topstepx.broker.reach import Reach
from fabio.adapters.topstepx.broker.rolls import Rolls
from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.errors import CredentialsRefused, PermanentError, TemporaryError
from fabio.adapters.topstepx.signalr.notices import Connected, Notice
from fabio.adapters.topstepx.signalr.timing import HubClock
from fabio.model.command import (
    CancelOrder,
    CancelVenueOrder,
    ClosePosition,
    LookUpOrder,
    MoveStop,
    PlaceStop,
    SubmitOrder,
    TakePicture,
    VenueCommand,
)
from fabio.model.event import VenueLost
from fabio.model.venue import NO_MARKET

AFTER_REFUSAL_S = 60.0
"""How long the hub waits after a refused login, once it was connected before."""



class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the broker behaves.

    Parameters
    ----------
    world
        Names this agent's records in every order tag: 1 to 12 letters and digits, the same after each restart.
    picture_s
        Longest time between two pictures while nobody asks for one.
    """

    world: str
    picture_s: float = 15.0
    times: LifeTimes = LifeTimes()


class Broker:
    """The venue for the engine.

    Parameters
    ----------
    since_ns
        From when on executions and done orders are told: the beginning of the trade date, or
        earlier. Asked for each picture.
    random_share
        Gives numbers in [0, 1) that spread the pauses.
    """

    def __init__(
        self, reach: Reach, settings: BrokerSettings, since_ns: Callable[[], int], random_share: Callable[[], float]
    ) -> None:
        tags = Tags(settings.world)
        self._reach = reach
        self._reconnect: Reconnect | None = None
        self._known = Known(reach, tags, self._doubt)
        self._life = Life(reach, settings.times, random_share, self._connect_anew, self._answers, self._doubt)
        self._rolls = Rolls(reach)
        self._pictures = Pictures(
            reach, self._life, Camera(reach, self._known, self._rolls, since_ns), settings.picture_s,
            self._known.changes.happened,
        )
        self._positions = Positions(reach)
        self._listening = Listening(reach, self._known, self._life, self._positions, self._logged_out)
        confirm = Confirm(reach, self._known, self._life)
        self._look_ups = LookUps(reach, self._known.book, tags, since_ns)
        self._entering = Entering(reach, self._known, self._life, confirm, self._look_ups)
        self._protecting = Protecting(reach, self._known, confirm, self._look_ups)
        self._closing = Closing(reach, self._known, self._positions)
        self._lanes = Lanes()
        self._log_in_anew = False

    @property
    def generation(self) -> int:
        """Of the latest time the venue was up; 0 before the first."""
        return self._life.generation

    @property
    def is_up(self) -> bool:
        """Whether the user hub is connected and REST answers: entries of this generation may leave."""
        return self._life.is_up

    @property
    def account_id(self) -> int:
        """The account that is traded."""
        return self._reach.account_id

    @property
    def clock(self) -> HubClock:
        """By which it lives."""
        return self._reach.clock

    @property
    def counts(self) -> Counter[str]:
        """What happened so far, by name."""
        return self._reach.counts

    async def run(self, arrivals: Arrivals, reconnect: Reconnect) -> None:
        """Do everything, until cancelled: a root task.

        Parameters
        ----------
        arrivals
            The user hub's inbox.
        reconnect
            The user hub's method of that name.
        """
        self._reconnect = reconnect
        self._reach.emit(VenueLost(ts_ns=self._reach.now_ns(), reason="restarted"))
        parts = {
            "commands": self._lanes.run(),
            "errands": self._known.errands.run(),
            "user hub": self._listening.run(arrivals),
            "healing": self._life.heal(),
            "clocks": self._life.watch_clocks(),
            "pictures": self._pictures.run(),
            "picture timer": self._pictures.watch(),
            "rolls": self._rolls.run(),
        }
        async with asyncio.TaskGroup() as group:
            for name, part in parts.items():
                group.create_task(part, name=f"broker: {name}")

    def notice(self, notice: Notice) -> None:
        """Take what the user hub tells of itself: its observer."""
        if isinstance(notice, Connected):
            self._positions.forget()
        self._life.notice(notice)

    def hub_lagged(self, waiting: int) -> None:
        """Take that so many events of the hub wait: nothing is lost, but late."""
        self._reach.counts["user hub lagged"] += 1
        self._reach.note(f"{waiting} events of the user hub wait")

    def change_contract(self, market: int, contract_id: str) -> None:
        """Trade another contract of a market from now on: before a session opens, and flat."""
        self._reach.traded.change(market, contract_id)

    async def hub_token(self, dead: str | None) -> str:
        """Give the user hub a token: its token factory; after a `GatewayLogout` one of a new login.

        Raises
        ------
        TemporaryError, WireError
            If there is none now. A refusal is one of them: the start has been let in, and whoever
            holds a position must not end because of it.
        """
        tokens = self._reach.rest.tokens
        try:
            token = await tokens.bearer() if dead is None else await tokens.renew(SecretStr(dead))
            if dead is None and self._log_in_anew:
                token = await tokens.renew(token)
            self._log_in_anew = False
        except (CredentialsRefused, PermanentError) as error:
            self._reach.note(f"no token for the user hub: {error}")
            raise TemporaryError(str(error), delay_s=AFTER_REFUSAL_S) from None
        return token.get_secret_value()

    def ask_before_entries(self, against: Callable[[int], str]) -> None:
        """Have somebody asked as an entry leaves, which may have waited for its place: why not, or nothing."""
        self._entering.against = against

    # -- commands ---------------------------------------------------------------------------

    def submit(self, command: VenueCommand) -> None:
        """Take a command, which is in the journal already; answers come as events, later."""
        if isinstance(command, TakePicture):
            self._pictures.want(command.reason, asked=True)
        elif isinstance(command, ClosePosition) and command.market in self._known.guardian.closing:
            self._reach.counts["closes merged"] += 1
            self._closing.again(command)
        else:
            if isinstance(command, ClosePosition):
                self._make_way(command.market)
            self._lanes.put(self._job(command))

    def _make_way(self, market: int) -> None:
        """Take out what waits and must not be sent any more once a market is closed."""
        self._lanes.drop(
            lambda job: job.market == market and job.ends_with_position, "not sent: its market is being closed"
        )

    def _job(self, command: VenueCommand) -> Job:
        market = command.order.market if isinstance(command, SubmitOrder) else getattr(command, "market", NO_MARKET)
        lane, work = self._lane_and_work(command)
        if isinstance(command, SubmitOrder):
            return Job(lane=lane, market=market, is_entry=True, ends_with_position=True, work=work,
                       drop=partial(self._entering.drop, command))
        return Job(
            lane=lane, market=market, ends_with_position=isinstance(command, PlaceStop), work=work,
            same_as=None if isinstance(command, PlaceStop) else (type(command), lane),
            drop=partial(tell_failed, self._reach, command, True),
        )

    def _lane_and_work(self, command: VenueCommand) -> tuple[str, Callable[[], Awaitable[None]]]:
        """Say behind whom a command waits, and what carries it out."""
        match command:
            case SubmitOrder(order=order):
                return f"entry {order.id}", partial(self._entering.submit, command)
            case CancelOrder(order_id=order_id):
                # an entry that the venue has shown is cancelled even while its answer is awaited
                is_there = self._known.book.entry(order_id) is not None
                return f"{'cancel' if is_there else 'entry'} {order_id}", partial(self._entering.cancel, command)
            case CancelVenueOrder(venue_id=venue_id):
                return f"venue order {venue_id}", partial(self._entering.cancel_venue_order, command)
            case MoveStop(order_id=order_id):
                return f"stop {order_id}", partial(self._protecting.move, command)
            case PlaceStop(order_id=order_id):
                return f"stop {order_id}", partial(self._protecting.place, command)
            case ClosePosition(market=market):
                return f"close {market}", partial(self._closing.close, command)
            case LookUpOrder(order_id=order_id):
                return f"look {order_id}", partial(self._look_ups.look_up, command)
            case TakePicture():
                raise ValueError("a picture has no lane: the pictures have a queue of their own")

    # -- what the parts ask of each other -----------------------------------------------------

    def _doubt(self, why: str) -> None:
        self._reach.note(f"a picture is taken: {why}")
        self._pictures.want(why)

    def _answers(self) -> None:
        self._pictures.want("the venue answers again")

    def _logged_out(self) -> None:
        """Leave the hub alone for a while, log in anew, and let the engine page a person; REST goes on."""
        self._log_in_anew = True
        self._life.interrupted("GatewayLogout: the venue threw us out; is the account open elsewhere?", slow=True)

    def _connect_anew(self, why: str, slow: bool) -> None:
        if self._reconnect is not None:
            self._reconnect(why, slow)
