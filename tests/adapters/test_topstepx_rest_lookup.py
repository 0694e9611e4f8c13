"""Settling an unknown by its tag, and complete lists of orders (H01, F02)."""

import asyncio
import json
from collections.abc import Mapping

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from rest_venue import Answer, Venue, connected, good

from fabio.adapters.topstepx.enums import OrderSide, OrderStatus, OrderType
from fabio.adapters.topstepx.records import PlaceOrder
from fabio.adapters.topstepx.rest.buckets import Limit
from fabio.adapters.topstepx.rest.calls import Patience
from fabio.adapters.topstepx.rest.endpoints import OrderQuery, Rest
from fabio.adapters.topstepx.rest.lookup import (
    TagAnswer,
    TagFound,
    TagNotFound,
    TagUnclear,
    find_order_by_tag,
    query_orders,
)
from fabio.adapters.topstepx.rest.outcomes import Unknown
from fabio.adapters.topstepx.rest.session import Limits
from fabio.adapters.topstepx.stamps import SECOND_NS, stamp_ns
from fabio.research.reliability.virtual_time import START_S, run_virtual

CONTRACT = "CON.F.US.ENQ.Z26"
PLACE = "/api/Order/place"
ORDER = PlaceOrder(account_id=465, contract_id=CONTRACT, type=OrderType.MARKET, side=OrderSide.BID, size=1,
                   custom_tag="fabio-1")
SENT_NS = stamp_ns("2026-11-20T14:30:00Z")


def rows(*orders: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"accountId": 465, "contractId": CONTRACT, **order} for order in orders]


def paged(orders: list[dict[str, object]], total: bool = True, cap: int = 100) -> Answer:
    """The venue's `v2/query`: offset in rows, capped pages, oldest first as asked."""
    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert body["sortBy"] == 1
        assert body["sortDirection"] == 0
        page = orders[body["pageOffset"]:][: min(cap, body["pageSize"])]
        return good(orders=page, **({"totalCount": len(orders)} if total else {}))
    return answer


BROKEN = httpx.Response(500)


def looked_up(query: Answer, search: Answer = BROKEN) -> TagAnswer:
    async def story() -> TagAnswer:
        venue = Venue()
        venue.say("/api/Order/v2/query", query)
        venue.say("/api/Order/search", search)
        async with connected(venue) as rest:
            return await find_order_by_tag(rest, 465, "fabio-1", SENT_NS)

    return run_virtual(story())


def test_an_order_is_found_by_its_exact_tag() -> None:
    family = rows({"id": 1, "customTag": "fabio-1"}, {"id": 2, "customTag": "fabio-1-SL"},
                  {"id": 3, "customTag": "fabio-10"}, {"id": 4})
    found = looked_up(paged(family))
    assert isinstance(found, TagFound)
    assert [order.id for order in found.orders] == [1]
    found = looked_up(httpx.Response(500), good(orders=family))
    assert isinstance(found, TagFound)
    assert found.order.id == 1


@pytest.mark.parametrize("total", [True, False])
def test_an_order_on_the_last_of_many_pages_is_found(total: bool) -> None:
    orders = rows(*({"id": number, "customTag": f"other-{number}"} for number in range(1, 251)),
                  {"id": 251, "customTag": "fabio-1"})
    found = looked_up(paged(orders, total, cap=90))
    assert isinstance(found, TagFound)
    assert found.order.id == 251


def test_not_found_is_said_on_two_complete_answers_only() -> None:
    others = rows({"id": 1, "customTag": "other"})
    assert looked_up(paged(others), good(orders=others)) == TagNotFound()
    for query, search in (
        (paged(others), httpx.Response(500)),
        (httpx.Response(500), good(orders=others)),
        (good(orders=others, totalCount=2), good(orders=others)),  # one is held back
        (good(orders=None, totalCount=0), good(orders=others)),
        (paged(others), good(orders=None)),
        (httpx.Response(404), good(orders=others)),
        (httpx.ReadTimeout("slow"), httpx.ConnectError("down")),
    ):
        answer = looked_up(query, search)
        assert isinstance(answer, TagUnclear)
        assert answer.why


def test_the_search_begins_two_minutes_before_the_order_was_sent() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            assert await find_order_by_tag(rest, 465, "fabio-1", SENT_NS) == TagNotFound()
            body, = venue.bodies("/api/Order/v2/query")
            assert body["filter"] == {"accountId": 465, "createdAfter": "2026-11-20T14:28:00.0000000Z"}
            body, = venue.bodies("/api/Order/search")
            assert body["startTimestamp"] == "2026-11-20T14:28:00.0000000Z"

    run_virtual(story())


def test_a_rejected_record_of_a_reused_tag_stands_behind_the_order_that_counts() -> None:
    found = looked_up(paged(rows(
        {"id": 1, "customTag": "fabio-1", "status": OrderStatus.REJECTED},
        {"id": 2, "customTag": "fabio-1", "status": OrderStatus.CANCELLED},
        {"id": 3, "customTag": "fabio-1", "status": OrderStatus.CANCELLED, "fillVolume": 1},
        {"id": 4, "customTag": "fabio-1", "status": OrderStatus.SUSPENDED},
    )))
    assert isinstance(found, TagFound)
    assert [order.id for order in found.orders] == [4, 3, 2, 1]


@settings(max_examples=60)
@given(some.integers(0, 450), some.integers(1, 100), some.booleans())
def test_a_query_hands_out_every_order_once_by_id(count: int, cap: int, total: bool) -> None:
    async def story(rest_story: Venue) -> list[int]:
        async with connected(rest_story, Patience(read_s=4000), Limits(general=Limit(1000, 60.0))) as rest:
            return [order.id for order in await query_orders(rest, OrderQuery(account_id=465))]

    venue = Venue()
    venue.say("/api/Order/v2/query", paged(rows(*[{"id": number} for number in range(1, count + 1)]), total, cap))
    if count // cap < 199:
        assert run_virtual(story(venue)) == list(range(1, count + 1))


def test_a_query_filters_the_contract_itself_and_takes_short_ids() -> None:
    async def story() -> list[int]:
        venue = Venue()
        venue.say("/api/Order/v2/query", paged([
            {"id": 1, "contractId": CONTRACT}, {"id": 2, "contractId": "F.US.ENQ"}, {"id": 3, "contractId": "F.US.NQM"},
            {"id": 4, "contractId": "CON.F.US.ENQ.H27"}, {"id": 5}]))
        async with connected(venue) as rest:
            return [order.id for order in await query_orders(rest, OrderQuery(account_id=465), CONTRACT)]

    assert run_virtual(story()) == [1, 2]


def test_the_key_case_an_order_whose_reply_was_lost_is_adopted_by_its_tag_and_never_sent_again() -> None:
    """H01, F02: executed, reply dropped; the reads that settle it work at once or a little later."""
    async def story(rest: Rest, venue: Venue) -> None:
        outcome = await rest.place(ORDER)
        assert isinstance(outcome, Unknown)
        found = await find_order_by_tag(rest, 465, "fabio-1", int(SENT_NS - SECOND_NS))
        assert isinstance(found, TagFound)
        assert found.order.id == 9056
        assert venue.count(PLACE) == 1
        assert asyncio.get_running_loop().time() - START_S < 10.0

    async def run() -> None:
        async def lose(request: httpx.Request) -> httpx.Response:
            booked.extend(rows({"id": 9056, "customTag": json.loads(request.content)["customTag"], "status": 1}))
            await asyncio.sleep(60)
            return good()

        booked: list[dict[str, object]] = []
        venue = Venue()
        venue.say(PLACE, lose)
        venue.say("/api/Order/v2/query", httpx.Response(502), paged(booked))
        async with connected(venue) as rest:
            await story(rest, venue)

    run_virtual(run())
