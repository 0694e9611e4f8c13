"""H22: mutated frames. Nothing escapes, each bad one is counted, the next good frame is handled."""

import asyncio
import random
import re

import pytest
from hub_side import TRADES, Bench, Side, Venue

from fabio.adapters.topstepx.events import BadItem, EventReader, Prints
from fabio.adapters.topstepx.feed.quote_merging import QuoteMerging
from fabio.adapters.topstepx.signalr.notices import Connected, RecordRefused
from fabio.adapters.topstepx.signalr.protocol import (
    BadRecord,
    Close,
    Completion,
    Invocation,
    Ping,
    invocation,
    render,
)
from fabio.adapters.topstepx.signalr.reader import RecordReader
from fabio.research.reliability.inputs.mutators import Mutator
from fabio.research.reliability.virtual_time import run_virtual

CONTRACT = "CON.F.US.MNQ.Z26"
AT = "2026-08-27T14:30:00.1234567+00:00"
PRINT = {"symbolId": "F.US.MNQ", "price": 21000.25, "timestamp": AT, "type": 0, "volume": 2}
ROW = {"timestamp": AT, "type": 4, "price": 21000.25, "volume": 7, "currentVolume": 0}
ORDER = {"id": 9056123456, "accountId": 5, "contractId": CONTRACT, "status": 1, "type": 4, "side": 1, "size": 1,
         "stopPrice": 20990.5, "creationTimestamp": AT, "customTag": "fb-20260827-1-SL"}
POSITION = {"id": 3, "accountId": 5, "contractId": CONTRACT, "type": 1, "size": 2, "averagePrice": 21000.375}
HALF_TURN = {"id": 1, "accountId": 5, "contractId": CONTRACT, "price": 21000.25, "side": 0, "size": 1, "orderId": 7}
ACCOUNT = {"id": 5, "name": "PRAC-V2-1", "balance": 50123.45, "canTrade": True}
GOOD = [
    invocation("GatewayTrade", CONTRACT, [PRINT, None, PRINT | {"type": 1}]),
    invocation("GatewayTrade", CONTRACT, PRINT),
    invocation("GatewayQuote", CONTRACT, {"bestBid": 21000.0, "volume": 99, "lastUpdated": AT, "symbol": "F.US.MNQ"}),
    invocation("GatewayDepth", CONTRACT, [ROW, None, {"type": 6, "price": 0}]),
    invocation("GatewayUserOrder", {"action": 1, "data": ORDER}),
    invocation("GatewayUserPosition", {"action": 2, "data": POSITION}),
    invocation("GatewayUserTrade", HALF_TURN),
    invocation("GatewayUserAccount", {"action": 1, "data": ACCOUNT}),
    invocation("GatewayLogout", "Zürich"),
    Ping(),
    Completion("0"),
    Completion("1", error="no"),
    Close("Connection closed with an error.", True),
]
FRAMES = [render(record) for record in GOOD] + [render(GOOD[0]) + render(GOOD[9]) + render(GOOD[4])]
MARK = invocation("mark", 1)
MARK_FRAME = render(MARK)

def without_separator(draw, frame):
    return frame.replace(b"\x1e", b"")


def null_arguments(draw, frame):
    return re.sub(rb'"arguments":\[.*\]', b'"arguments":null', frame)


def fewer_arguments(draw, frame):
    return re.sub(rb'"arguments":\[[^,]*,?', b'"arguments":[', frame)


OF_FRAMES = (without_separator, null_arguments, fewer_arguments)


def mutate_and_read(count, seed):
    """Feed mutated frames, each with a good one after it; give what was counted."""
    mutator = Mutator(FRAMES, random.Random(seed), OF_FRAMES)
    reader, events, merging = RecordReader(), EventReader(), QuoteMerging()
    bad_records = bad_items = 0
    previous = GOOD[2]
    for _ in range(count):
        frame = mutator.mutated()
        records = reader.feed(frame) + reader.feed(MARK_FRAME)
        assert records[-1] == MARK, frame
        assert len(records) >= 2 or not frame.strip(), frame
        for record in records[:-1]:
            bad_records += isinstance(record, BadRecord)
            if not isinstance(record, Invocation):
                continue
            for event in events.read(record):
                bad_items += isinstance(event, BadItem)
                if isinstance(event, Prints):
                    assert all(each.size > 0 and 0 < abs(each.price) < 10**12 for each in event.prints)
            if merging.key(record) is not None and merging.key(previous) == merging.key(record):
                previous = merging.merged(previous, record)
        assert reader.held_bytes == 0
    assert sum(reader.bad.values()) == bad_records
    assert sum(events.bad.values()) == bad_items
    return reader, events


def test_h22_five_thousand_mutated_frames() -> None:
    reader, events = mutate_and_read(5_000, seed=1)
    # the mutations reach every way of being bad that a frame of this size can have
    assert len(reader.bad) >= 10, reader.bad
    assert {kind for _, kind in events.bad} == set(type(next(iter(events.bad))[1]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_h22_a_hundred_thousand_mutated_frames(seed) -> None:
    mutate_and_read(25_000, seed=100 + seed)


def test_h22_a_connection_outlives_mutated_frames_and_tells_each_bad_one() -> None:
    mutator = Mutator(FRAMES, random.Random(2), OF_FRAMES)
    frames = []
    while len(frames) < 2_000:
        frame = mutator.mutated()
        reader = RecordReader()
        # a mutation that leaves or makes a Close is a Close
        if not any(isinstance(record, Close) for record in reader.feed(frame) + reader.feed(MARK_FRAME)):
            frames.append(frame)

    async def hostile(side: Side) -> None:
        task = asyncio.ensure_future(side.live())
        await asyncio.sleep(1.0)
        for frame in frames:
            side.to_hub.put_nowait(frame)
            side.to_hub.put_nowait(MARK_FRAME)
        await task

    async def story() -> None:
        bench = Bench(Venue(hostile), TRADES, capacity=100)
        marks = 0
        async with bench.running():
            while marks < len(frames):
                marks += sum(arrival.invocation == MARK for arrival in await bench.inbox.take())
            assert bench.hub.connected
        assert [notice for notice in bench.notices if not isinstance(notice, RecordRefused)] == [Connected("market", 1)]
        refused = sum(isinstance(notice, RecordRefused) for notice in bench.notices)
        assert refused == sum(count for name, count in bench.hub.counts.items() if name.startswith("bad"))
        assert refused > 500

    run_virtual(story())
