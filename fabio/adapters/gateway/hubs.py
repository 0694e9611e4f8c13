"""Both hubs: who is connected, who hears what, pings."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from fabio.adapters.gateway.connection import HubConnection, HubName, Key
from fabio.adapters.gateway.messages import UnknownConnection, without_nulls
from fabio.adapters.gateway.publishing import as_json
from fabio.adapters.topstepx.records import Account, HalfTurn, Order, Position
from fabio.adapters.topstepx.signalr.protocol import Invocation, render

PING_EVERY_NS = 10_000_000_000
NEW, CHANGED, GONE = 0, 1, 2
"""Actions of user events: new half-turns; changes of account, order and position; a position's close."""

_TARGETS: dict[type[msgspec.Struct], str] = {
    Account: "GatewayUserAccount", Order: "GatewayUserOrder", Position: "GatewayUserPosition",
    HalfTurn: "GatewayUserTrade",
}


class Hubs:
    """Connections and subscriptions.

    Parameters
    ----------
    wrapped
        User events as `{action, data}`.
    later
        Takes a delay and a deed.
    """

    def __init__(self, *, wrapped: bool, strict: bool, later: Callable[[int, Callable[[], None]], None],
                 seed: int) -> None:
        self.connections: dict[int, HubConnection] = {}  # number -> connection that lives
        self.on_market_subscription: Callable[[str, str], None] = _ignored
        self._heard: dict[tuple[str, Key], dict[int, HubConnection]] = {}  # event, key -> who hears it
        self._wrapped = wrapped
        self._strict = strict
        self._later = later
        self._seed = seed
        self._numbers = 0
        self._open_ids: set[tuple[HubName, str]] = set()
        self._pinging = False

    # -- connecting ---------------------------------------------------------------------

    def negotiate(self, hub: HubName, version: int) -> dict[str, Any]:
        """Hand out an id for one connection; version 1 has a token beside it, which then is the id."""
        connection_id, token = self._letters("id"), self._letters("token")
        answer: dict[str, Any] = {
            "negotiateVersion": min(version, 1), "connectionId": connection_id,
            "availableTransports": [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}],
        }
        if version >= 1:
            answer["connectionToken"] = token
        self._open_ids.add((hub, token if version >= 1 else connection_id))
        return answer

    def connect(self, hub: HubName, connection_id: str | None) -> HubConnection:
        """Open a connection; without an id it was not negotiated.

        Raises
        ------
        UnknownConnection
            If the id is not one that waits for its connection.
        """
        if connection_id is not None:
            if (hub, connection_id) not in self._open_ids:
                raise UnknownConnection(connection_id)
            self._open_ids.remove((hub, connection_id))
        self._numbers += 1
        connection = HubConnection(hub, self._numbers, self, strict=self._strict)
        self.connections[connection.number] = connection
        if not self._pinging:
            self._pinging = True
            self._later(PING_EVERY_NS, self._ping)
        return connection

    # -- subscriptions ------------------------------------------------------------------

    def add(self, target: str, key: Key, connection: HubConnection) -> None:
        """Let a connection hear an event; twice is once."""
        self._heard.setdefault((target, key), {})[connection.number] = connection
        if isinstance(key, str):
            self.on_market_subscription(target, key)

    def remove(self, target: str, key: Key, connection: HubConnection) -> None:
        """Let it no longer hear it."""
        self._heard.get((target, key), {}).pop(connection.number, None)

    def forget(self, connection: HubConnection) -> None:
        """Drop all that a connection hears."""
        self.connections.pop(connection.number, None)
        for listeners in self._heard.values():
            listeners.pop(connection.number, None)

    def listens(self, target: str, contract_id: str) -> bool:
        """Tell whether anybody listens to an event of a contract."""
        return bool(self._heard.get((target, contract_id)))

    # -- events -------------------------------------------------------------------------

    def tell(self, target: str, contract_id: str, data: Any) -> None:
        """Send a market event to all who listen."""
        self._tell(target, contract_id, (as_json(contract_id), as_json(data)))

    def tell_user(self, record: Account | Order | Position | HalfTurn, action: int = CHANGED) -> None:
        """Send a user event to all who listen."""
        target = _TARGETS[type(record)]
        key = None if isinstance(record, Account) else record.account_id
        if not self._heard.get((target, key)):
            return
        data: Any = without_nulls(record)
        self._tell(target, key, (as_json({"action": action, "data": data} if self._wrapped else data),))

    def log_out(self) -> None:
        """Tell every connection that its session is taken by another, and end it."""
        data = render(Invocation("GatewayLogout", (as_json("Logged in from another session."),)))
        for connection in list(self.connections.values()):
            connection.tell(data, "GatewayLogout")
            connection.close("Connection closed with an error.")

    def _tell(self, target: str, key: Key, arguments: tuple[msgspec.Raw, ...]) -> None:
        data = render(Invocation(target, arguments))
        for connection in list(self._heard.get((target, key), {}).values()):
            connection.tell(data, target)

    def _ping(self) -> None:
        for connection in list(self.connections.values()):
            connection.ping()
        self._pinging = bool(self.connections)
        if self._pinging:
            self._later(PING_EVERY_NS, self._ping)

    def _letters(self, what: str) -> str:
        self._numbers += 1
        return hashlib.sha256(f"{self._seed} {what} {self._numbers}".encode()).hexdigest()[:22]


def _ignored(target: str, contract_id: str) -> None:
    """Nobody wants to know of subscriptions yet."""
