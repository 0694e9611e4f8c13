"""Faults of hub connections. Each takes the parcels that are to leave and gives those that do."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from fabio.adapters.gateway.connection import Ended, Frame
from fabio.adapters.gateway.faults.fates import Parcel, Parcels
from fabio.adapters.gateway.faults.garbling import garbled, with_drift
from fabio.adapters.topstepx.signalr.protocol import SEPARATOR, Close, render

Options = Mapping[str, Any]
HubFault = Callable[[Parcels, Random, Options], Parcels]
"""Called with one parcel at a time; the window and the rate are looked at before."""

CLOSE_TEXT = "Connection closed with an error."
_PING_LIKE = b'{"type":6}'
_SPIKE = 20
_OFF_TICK = 0.0003


def delay(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F03: events are late, in their order."""
    late_s = dice.uniform(*options["seconds"])
    for parcel in parcels:
        parcel.delay_s += late_s
    return parcels


def duplicate(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F04: events come two to five times."""
    copies = dice.randint(2, 5)
    return [msgspec.structs.replace(parcel) for parcel in parcels
            for _ in range(copies if _is_event(parcel) else 1)]


def reorder(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F05: an event is overtaken by those that come after it."""
    for parcel in parcels:
        if _is_event(parcel):
            parcel.delay_s += dice.uniform(*options["seconds"])
            parcel.overtakes = True
    return parcels


def half_open(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F06: nothing arrives, not even pings."""
    return []


def mute(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F07: pings flow, events do not."""
    return [parcel for parcel in parcels if not _is_event(parcel)]


def close_frame(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F08: the server closes with an error, and with or without asking to come again."""
    record = render(Close(CLOSE_TEXT, dice.random() < 0.5))
    return [Parcel(Frame(record)), Parcel(Ended())]


def drop(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F08: the connection is reset."""
    return [Parcel(Ended(abrupt=True))]


def malformed(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F13: frames that are no records: no separator, unknown types, no arguments, much too long or deep."""
    return [_edited(parcel, lambda data: _malformed(data, dice)) for parcel in parcels]


def cut_frame(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F14: a record ends early."""
    return [_edited(parcel, lambda data: data[: dice.randrange(max(len(data) - 1, 1))] + SEPARATOR)
            for parcel in parcels]


def drift(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F15: events of another shape: new fields, missing ones, numbers as strings, unknown enum values."""
    return [_edited(parcel, lambda data: _drifted(data, dice)) for parcel in parcels]


def split(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F16: a record comes in many small frames, slowly."""
    pieces = []
    for parcel in parcels:
        if not (isinstance(parcel.item, Frame) and _is_event(parcel)):
            pieces.append(parcel)
            continue
        data, size = parcel.item.data, max(len(parcel.item.data) // options["pieces"], 1)
        pieces += [Parcel(Frame(data[first : first + size], parcel.item.target), parcel.delay_s + options["each_s"])
                   for first in range(0, len(data), size)]
    return pieces


def burst(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F17: events are held back and come all at once."""
    for parcel in parcels:
        if _is_event(parcel):
            parcel.hold_s = options["seconds"]
    return parcels


def bad_prices(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F24: prices of 0, below 0, NaN, far off, off the tick, crossed, or that are texts."""
    return [_edited(parcel, lambda data: _mispriced(data, dice)) for parcel in parcels]


def off_tick(parcels: Parcels, dice: Random, options: Options) -> Parcels:
    """F24: an own fill between two ticks."""
    return [_edited(parcel, _between_ticks) for parcel in parcels]


def _is_event(parcel: Parcel) -> bool:
    return isinstance(parcel.item, Frame) and parcel.item.target != ""


def _edited(parcel: Parcel, edit: Callable[[bytes], bytes]) -> Parcel:
    if not isinstance(parcel.item, Frame) or not _is_event(parcel):
        return parcel
    return msgspec.structs.replace(parcel, item=Frame(edit(parcel.item.data), parcel.item.target))


def _malformed(data: bytes, dice: Random) -> bytes:
    text = data.removesuffix(SEPARATOR)
    target = data.partition(b'"target":"')[2].partition(b'"')[0]
    ways = (
        lambda: text,  # no separator: it runs into the next record
        lambda: text + _PING_LIKE + SEPARATOR,
        lambda: b'{"type":42,"target":"' + target + b'"}' + SEPARATOR,
        lambda: b'{"type":1,"target":"' + target + b'","arguments":null}' + SEPARATOR,
        lambda: b'{"type":1,"target":"' + target + b'","arguments":[]}' + SEPARATOR,
        lambda: b'{"type":1,"target":"NewKindOfEvent","arguments":[{}]}' + SEPARATOR,
        lambda: garbled(text, dice) + SEPARATOR,
    )
    return dice.choice(ways)()


def _drifted(data: bytes, dice: Random) -> bytes:
    record = _decoded(data)
    if record is None:
        return data
    arguments = [msgspec.Raw(with_drift(msgspec.json.encode(each), dice)) for each in record["arguments"]]
    return msgspec.json.encode({**record, "arguments": arguments}) + SEPARATOR


def _mispriced(data: bytes, dice: Random) -> bytes:
    record = _decoded(data)
    if record is None:
        return data
    rows = record["arguments"][-1]
    for row in rows if isinstance(rows, list) else [rows]:
        if isinstance(row, dict):
            _misprice(row.get("data", row), dice)
    text = msgspec.json.encode(record)
    return (text.replace(b'"NaN"', b"NaN") if dice.random() < 0.5 else text) + SEPARATOR


def _misprice(row: dict[str, Any], dice: Random) -> None:
    names = [name for name in ("price", "lastPrice", "bestBid", "bestAsk") if isinstance(row.get(name), int | float)]
    if not names:
        return
    if {"bestBid", "bestAsk"} <= set(names) and dice.random() < 0.3:
        row["bestBid"], row["bestAsk"] = row["bestAsk"], row["bestBid"]
        return
    name = dice.choice(names)
    price = row[name]
    row[name] = dice.choice((0, -price, "NaN", price * _SPIKE, price * 1.05, price + 0.1, f"{price}", 1e300))


def _between_ticks(data: bytes) -> bytes:
    record = _decoded(data)
    if record is None or not isinstance(record["arguments"][0], dict):
        return data
    fill = record["arguments"][0].get("data", record["arguments"][0])
    for name in ("price", "filledPrice"):
        if isinstance(fill.get(name), int | float):
            fill[name] = round(fill[name] + _OFF_TICK, 6)
    return msgspec.json.encode(record) + SEPARATOR


def _decoded(data: bytes) -> dict[str, Any] | None:
    try:
        record = msgspec.json.decode(data.removesuffix(SEPARATOR))
    except msgspec.MsgspecError:
        return None
    return record if isinstance(record, dict) and record.get("arguments") else None
