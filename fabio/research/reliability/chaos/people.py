"""People of a run: one who arms, the operator with the plot's deeds, and others at the venue."""

import asyncio
from typing import Protocol

from fabio.adapters.topstepx.enums import OrderSide, OrderType
from fabio.adapters.topstepx.records import PlaceOrder
from fabio.journal.inbox import Request
from fabio.research.reliability.chaos.plot import Deed, Plot
from fabio.research.reliability.chaos.watch import Watch
from fabio.research.reliability.lab import World
from fabio.runtime.reopen import Ready
from fabio.runtime.requests import answer_of, event_of

NS = 1_000_000_000
ACCOUNT_ID, ACCOUNT_NAME = 18_204_311, "PRAC-V2-20418-73510264"
PERSON_S, HALT_LASTS_S = 3.0, 20.0


class Run(Protocol):
    """What people see of a run: its world, and the agent where it is there."""

    plot: Plot
    world: World
    watch: Watch
    ready: Ready | None

    def tell(self, words: str) -> None:
        """Tell something."""


class People:
    """Everybody who does something in a run.

    Attributes
    ----------
    presses
        When a person pressed halt, flatten, stop or disarm.
    stopping
        Whether the agent of now was asked to stop.
    """

    def __init__(self, run: Run) -> None:
        self.presses: list[tuple[int, str]] = []
        self.stopping = False
        self._run = run
        self._deeds = list(run.plot.deeds)
        self._again: list[Deed] = []  # that the record of a life has not
        self._halted_ns = 0
        self._requests = 0

    @property
    def will_stop(self) -> bool:
        """Whether a stop is asked for now, or later."""
        return self.stopping or any(deed.act == "stop" for deed in self._deeds)

    async def arms(self) -> None:
        """Arm, and arm again, as somebody who wants to trade; after a halt only when it has lasted a while."""
        while True:
            await asyncio.sleep(PERSON_S)
            assert self._run.ready is not None
            state = self._run.ready.driver.engine.state
            rested = self._run.world.now_ns() - self._halted_ns > HALT_LASTS_S * NS
            if not rested or self.stopping or state.venue.phase == "armed":
                continue
            self._run.watch.blocked_ns = None
            if state.account.halted and not state.halted_for_date:
                await self.ask("resume")
            if not state.account.halted:
                await self.ask("arm", ACCOUNT_NAME)

    async def operates(self) -> None:
        """Do the operator's deeds of the plot, each when it is due and the agent is there.

        As in the inbox, one that a killed agent has not answered, or whose record the drive refused, is there for the
        next.
        """
        again, self._again = self._again, []
        for deed in again:
            await self._do(deed)
        while due := next((deed for deed in self._deeds if _is_operators(deed)), None):
            await asyncio.sleep(max(due.at_s - self._run.world.seconds, 0.0))
            await self._do(due)
            self._deeds.remove(due)

    async def _do(self, deed: Deed) -> None:
        await self.ask(deed.act, "restless" if deed.act in ("enable", "disable") else "")
        if self._run.ready is not None and self._run.ready.sink.failed:
            self._again.append(deed)

    async def ask(self, verb: str, name: str = "") -> None:
        """Ask as the inbox does."""
        ready = self._run.ready
        assert ready is not None
        self._requests += 1
        request = Request(id=f"{self._run.plot.seed}-{self._requests}", ts_ns=self._run.world.clock.now_ns(), verb=verb,
                          name=name, reason="the plot")
        life, driver = ready.agent.life, ready.driver
        refused = answer_of(request, driver.engine.state, False, request.ts_ns, ready.sink.failed)
        if refused is not None:
            self._run.tell(f"{verb}: {refused.message}")
            return
        now_ns = self._run.world.now_ns()
        if verb in ("halt", "flatten", "stop", "disarm"):
            self.presses.append((now_ns, verb))
            self._halted_ns = now_ns
        if verb in ("halt", "stop", "disarm"):
            self._run.watch.blocked_ns = now_ns
        if verb in ("arm", "disarm"):
            outcome, words = await life.answer(request)
            ready.sink.secure(driver.engine.state.seq)
            self._run.tell(f"{verb}: {outcome}, {words}")
            return
        driver.happen(event_of(request, life.now_ns))
        ready.sink.secure(driver.engine.state.seq)
        self._run.tell(f"{verb} {name}".strip())
        if verb == "stop":
            self.stopping = True

    async def others(self) -> None:
        """Do what somebody else does at the venue, whether or not the agent is there."""
        gateway = self._run.world.gateway
        contract_id = gateway.listings.streamed()[0].id
        for deed in [deed for deed in self._run.plot.deeds if not _is_operators(deed)]:
            await asyncio.sleep(max(deed.at_s - self._run.world.seconds, 0))
            self._run.tell(f"at the venue: {deed.act}")
            last_ticks = gateway.last_ticks(0)
            if deed.act == "manual_flatten":
                gateway.operator.flatten(ACCOUNT_ID)
            elif last_ticks is not None:
                at_limit = deed.act == "foreign_order"
                price = gateway.listings.streamed()[0].instrument.price(last_ticks - 400) if at_limit else None
                gateway.operator.place(PlaceOrder(
                    account_id=ACCOUNT_ID, contract_id=contract_id, side=int(OrderSide.BID), size=1, limit_price=price,
                    type=int(OrderType.LIMIT if at_limit else OrderType.MARKET)))
                self._tidy_up(at_limit, contract_id)

    def _tidy_up(self, at_limit: bool, contract_id: str) -> None:
        """Let the person who did it take it back a while later, or the account would stay foreign to the end."""
        gateway = self._run.world.gateway

        def undo() -> None:
            if at_limit:
                for order in gateway.operator.live_orders(ACCOUNT_ID):
                    if order.custom_tag is None and order.parent_order_id is None:
                        gateway.operator.cancel(order.id)
            elif gateway.accounts[ACCOUNT_ID].held_steps(contract_id):
                gateway.operator.place(PlaceOrder(account_id=ACCOUNT_ID, contract_id=contract_id, size=1,
                                                  side=int(OrderSide.ASK), type=int(OrderType.MARKET)))

        gateway.at(gateway.now_ns + int(HALT_LASTS_S * NS), undo)


def _is_operators(deed: Deed) -> bool:
    return deed.act in ("halt", "flatten", "stop", "arm", "disarm", "disable", "enable")
