"""Differences: where a step lived through again is not the step that was recorded."""

from typing import Any

import msgspec

from fabio.model.step import Step


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where record and replay part.

    Parameters
    ----------
    seq, ts_ns, tape_pos
        Of the recorded step; of the replayed one where the record has none there.
    event
        Kind of the recorded step's event; empty where ticks made it.
    place
        Path to the value, `facts[0].decision.verdicts[3].value`; `step` where a whole step is
        missing on one side.
    recorded, replayed
        The two values; None where a side has nothing.
    """

    seq: int
    ts_ns: int
    tape_pos: int
    event: str
    fact: str
    place: str
    recorded: Any
    replayed: Any


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """What surrounds the first difference.

    Parameters
    ----------
    before
        Steps before it.
    alike, differ
        Steps behind it that come out as recorded, and otherwise.
    stuck
        Why the machine could not go on to the journal's end; empty where it could.
    """

    before: int
    alike: int = 0
    differ: int = 0
    stuck: str = ""


def compare(kept: Step, came: Step | None) -> Difference | None:
    """Give the first place where a step came out otherwise; None where it did not.

    `came` is None where nothing came of the ticks and events of the recorded step.
    """
    if came is None:
        return _missing(kept, kept, _words(kept), None)
    if came.tape_pos != kept.tape_pos or (came.event is None) != (kept.event is None):
        return _missing(kept, came, None, _words(came))
    for name in ("facts", "commands"):
        found = _first_difference(getattr(kept, name), getattr(came, name), name)
        if found is not None:
            place, ours, theirs = found
            return Difference(
                seq=kept.seq, ts_ns=kept.ts_ns, tape_pos=kept.tape_pos, event=_event(kept),
                fact=_fact_at(kept, came, place), place=place, recorded=ours, replayed=theirs,
            )
    return None


def _missing(kept: Step, first: Step, recorded: Any, replayed: Any) -> Difference:
    name = type((*first.facts, *first.commands, first.event)[0]).__name__
    return Difference(seq=kept.seq, ts_ns=first.ts_ns, tape_pos=first.tape_pos, event=_event(kept), fact=name,
                      place="step", recorded=recorded, replayed=replayed)


def _event(step: Step) -> str:
    return "" if step.event is None else type(step.event).__name__


def _first_difference(ours: Any, theirs: Any, place: str) -> tuple[str, Any, Any] | None:
    if ours == theirs:
        return None
    if isinstance(ours, msgspec.Struct) and type(ours) is type(theirs):
        for name in ours.__struct_fields__:
            found = _first_difference(getattr(ours, name), getattr(theirs, name), f"{place}.{name}")
            if found is not None:
                return found
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            found = _first_difference(one, other, f"{place}[{index}]")
            if found is not None:
                return found
        index = min(len(ours), len(theirs))
        return (f"{place}[{index}]", _item(ours, index), _item(theirs, index))
    return place, _plain(ours), _plain(theirs)


def _item(items: tuple[Any, ...], index: int) -> Any:
    return _plain(items[index]) if index < len(items) else None


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str)


def _fact_at(kept: Step, came: Step, place: str) -> str:
    name, _, rest = place.partition("[")
    index = int(rest.partition("]")[0])
    for step in (kept, came):
        items = getattr(step, name)
        if index < len(items):
            return type(items[index]).__name__
    return name


def _words(step: Step) -> list[str]:
    return [type(each).__name__ for each in (*step.facts, *step.commands)]
