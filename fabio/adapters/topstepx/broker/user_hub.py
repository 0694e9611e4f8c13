"""The user hub in front of a broker: one root task for both."""

import asyncio
from collections.abc import Callable, Hashable

from fabio.adapters.topstepx.broker.broker import Broker
from fabio.adapters.topstepx.signalr.hub import Hub, HubSettings, Outside
from fabio.adapters.topstepx.signalr.inbox import Inbox
from fabio.adapters.topstepx.signalr.link import Dial
from fabio.adapters.topstepx.signalr.protocol import Invocation
from fabio.adapters.topstepx.signalr.session import Subscription

CAPACITY = 4_096
"""Events that may wait: minutes of the busiest account; beyond it the socket waits, and nothing is dropped."""


class NothingMerged:
    """What a full inbox may do with user events: nothing, each of them counts."""

    def key(self, invocation: Invocation) -> Hashable | None:
        """Say that no event replaces another."""
        return None

    def merged(self, older: Invocation, newer: Invocation) -> Invocation:
        """Never called."""
        raise ValueError(f"two {newer.target} of the user hub were to be merged")


class UserHub:
    """Keeps the user hub connected and the broker at work.

    Parameters
    ----------
    settings
        Named `user`.
    random_share
        Gives numbers in [0, 1) that spread the pauses between attempts.
    """

    def __init__(
        self, broker: Broker, settings: HubSettings, dial: Dial, random_share: Callable[[], float]
    ) -> None:
        self._broker = broker
        self._inbox = Inbox(CAPACITY, NothingMerged(), broker.hub_lagged)
        self._hub = Hub(
            settings, user_subscriptions(broker.account_id),
            Outside(broker.hub_token, dial, broker.clock, random_share), self._inbox, broker.notice,
        )

    async def run(self) -> None:
        """Run both until cancelled: a root task.

        Raises
        ------
        Exception
            What the token factory raised and was not temporary: a person's turn.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._broker.run(self._inbox, self._hub.reconnect), name="broker")
            group.create_task(self._hub.run(), name="user hub")


def user_subscriptions(account_id: int) -> tuple[Subscription, ...]:
    """List what is heard of an account."""
    return (
        Subscription("SubscribeAccounts", ()), Subscription("SubscribeOrders", (account_id,)),
        Subscription("SubscribePositions", (account_id,)), Subscription("SubscribeTrades", (account_id,)),
    )
