"""H22: mutated frames. Nothing escapes, each bad one is counted, the next good frame is handled."""

import asyncio
import random
import re

import pytest
from hub_side import TRADES, Bench, Side, Venue
from virtual_time import run_virtual

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

TOKENS = [b"null", b"NaN", b"-Infinity", b"1e400", b"1e999999999", b'"NaN"', b'"7"', b"-1", b"0", b"{}", b"[]", b"true",
          b'"\\ud800"', b"99999999999999999999999999", b'"0001-01-01T00:00:00Z"', b"[" * 5000,
          b"[" * 2000 + b"]" * 2000]
BYTES = [b"\x1e", b"\x00", b"\xff", b"\xef\xbb\xbf", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b" ", b"\n", b"9"]
VALUE = re.compile(rb'-?\d+(?:\.\d+)?|"[^"]*"|null|\[\]|true')


def mutated(draw, frame):
    """Change a frame in one to three ways."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        frame = draw.choice(MUTATIONS)(draw, frame)
    return frame


def flip(draw, frame):
    if not frame:
        return frame
    place = draw.randrange(len(frame))
    return frame[:place] + bytes([frame[place] ^ (1 << draw.randrange(8))]) + frame[place + 1 :]


def cut_out(draw, frame):
    start, stop = sorted(draw.randrange(len(frame) + 1) for _ in range(2))
    return frame[:start] + frame[stop:]


def cut_off(draw, frame):
    return frame[: draw.randrange(len(frame) + 1)]


def insert(draw, frame):
    place = draw.randrange(len(frame) + 1)
    return frame[:place] + draw.choice(BYTES) + frame[place:]


def repeat(draw, frame):
    start, stop = sorted(draw.randrange(len(frame) + 1) for _ in range(2))
    return frame[:stop] + frame[start:]


def other_value(draw, frame):
    found = list(VALUE.finditer(frame))
    if not found:
        return frame
    value = draw.choice(found)
    return frame[: value.start()] + draw.choice(TOKENS) + frame[value.end() :]


def splice(draw, frame):
    other = draw.choice(FRAMES)
    return frame[: draw.randrange(len(frame) + 1)] + other[draw.randrange(len(other)) :]


def without_separator(draw, frame):
    return frame.replace(b"\x1e", b"")


def null_arguments(draw, frame):
    return re.sub(rb'"arguments":\[.*\]', b'"arguments":null', frame)


def fewer_arguments(draw, frame):
    return re.sub(rb'"arguments":\[[^,]*,?', b'"arguments":[', frame)


MUTATIONS = [flip, flip, cut_out, cut_off, insert, repeat, other_value, other_value, other_value, splice,
             without_separator, null_arguments, fewer_arguments]


def mutate_and_read(count, seed):
    """Feed mutated frames, each with a good one after it; give what was counted."""
    draw = random.Random(seed)
    reader, events, merging = RecordReader(), EventReader(), QuoteMerging()
    bad_records = bad_items = 0
    previous = GOOD[2]
    for _ in range(count):
        frame = mutated(draw, draw.choice(FRAMES))
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
    draw = random.Random(2)
    frames = []
    while len(frames) < 2_000:
        frame = mutated(draw, draw.choice(FRAMES))
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
