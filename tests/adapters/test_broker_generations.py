"""I42: whatever happens to the connection, only what was decided on the present one leaves."""

import asyncio

from broker_world import entry, running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabio.model import command as commands
from fabio.model.event import OrderRejected
from fabio.research.reliability.virtual_time import run_virtual

HAPPENINGS = st.lists(st.sampled_from(["lose", "connect", "now", "older", "newer"]), min_size=1, max_size=8)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(HAPPENINGS)
def test_i42_an_entry_leaves_only_on_the_connection_that_it_was_decided_on(happenings: list[str]) -> None:
    async def story() -> None:
        async with running() as world:
            is_up, number = True, 0
            for what in happenings:
                if what == "lose":
                    world.lose()
                    is_up = False
                    await asyncio.sleep(1)
                elif what == "connect" and not is_up:
                    before = world.broker.generation
                    world.connect()
                    await world.until(lambda before=before: world.broker.generation > before)
                    is_up = True
                elif what != "connect":
                    number += 1
                    generation = world.broker.generation + {"now": 0, "older": -1, "newer": 1}[what]
                    asked = sum(world.venue.asked.values())
                    refused = len(world.of(OrderRejected))
                    order = entry(number)  # type: ignore[no-untyped-call]
                    world.submit(commands.SubmitOrder(order=order, generation=generation))
                    await asyncio.sleep(1)
                    may_leave = what == "now" and is_up
                    assert sum(world.venue.asked.values()) - asked == int(may_leave)
                    assert len(world.of(OrderRejected)) - refused == int(not may_leave)

    run_virtual(story())
