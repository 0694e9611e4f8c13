"""One journal line: a step, or a remark of the house, between two checksums.

    {"v":1,"seq":7,"ts_ns":...,"ts":"...","tape_pos":...,"wake":1,"event":null,
     "facts":[...],"commands":[...],"prev":"1f0a22b9","crc":"77e2d5a0"}

`crc` is the CRC-32 of every byte of the line before `,"crc"`; `prev` is the crc of the line
before, over all files, `00000000` in the first. Decimals are strings, so that money comes
back to the last digit. `Step.consumed` is not kept: it depends on how the ticks were cut
into batches, and the same day has to give the same journal.

A remark (`{"v":1,"kind":"run",...}`) stands in the chain and has no sequence number: what
was repaired, which build and configuration ran.
"""

from typing import Any
from zlib import crc32

import msgspec

from fabio.journal.times import iso
from fabio.model.command import Command
from fabio.model.event import JournaledEvent
from fabio.model.fact import Fact
from fabio.model.step import Step

VERSION = 1
FIRST_PREV = "00000000"
"""`prev` of the very first line."""
EMPTY_BODY = b'"facts":[],"commands":[]'

_ENCODE = msgspec.json.Encoder(decimal_format="string").encode
_CRC_TAIL_BYTES = len(b',"crc":"00000000"}')


class _Line(msgspec.Struct, frozen=True):
    v: int
    seq: int
    ts_ns: int
    tape_pos: int
    wake: int
    event: JournaledEvent | None
    facts: tuple[Fact, ...]
    commands: tuple[Command, ...]


class _Body(msgspec.Struct, frozen=True, gc=False):
    """What a line and the digest share."""

    facts: tuple[Fact, ...]
    commands: tuple[Command, ...]


class _LooseLine(msgspec.Struct, frozen=True):
    v: int
    seq: int
    ts_ns: int
    tape_pos: int
    wake: int
    event: msgspec.Raw
    facts: list[msgspec.Raw]
    commands: list[msgspec.Raw]


class Remark(msgspec.Struct, frozen=True):
    """A line that is no step: `kind` names it, `data` is its content."""

    v: int
    kind: str
    ts_ns: int
    data: dict[str, Any]


_DECODE_LINE = msgspec.json.Decoder(_Line).decode
_DECODE_LOOSE = msgspec.json.Decoder(_LooseLine).decode
_DECODE_EVENT = msgspec.json.Decoder(JournaledEvent | None).decode
_DECODE_FACT = msgspec.json.Decoder(Fact).decode
_DECODE_COMMAND = msgspec.json.Decoder(Command).decode
_DECODE_REMARK = msgspec.json.Decoder(Remark).decode


class LineBad(ValueError):
    """A line whose bytes are not as they were written; the message says what is wrong."""


class LineUnknown(ValueError):
    """A whole line that this version cannot read: a newer fabio wrote it."""


def step_digest_bytes(step: Step) -> bytes:
    """Give the canonical bytes of a step's facts and commands; empty where it has neither.

    The same bytes stand in the journal line: hand them to `Journal.append` and they are
    encoded once.
    """
    if not step.facts and not step.commands:
        return b""
    return _ENCODE(_Body(step.facts, step.commands))[1:-1]


def step_line(step: Step, prev: str, body: bytes | None = None) -> tuple[bytes, str]:
    """Write a step's line, with its newline, and give its crc for the line after.

    Parameters
    ----------
    prev
        crc of the line before.
    body
        What `step_digest_bytes` gave for this step; None encodes it here.
    """
    if body is None:
        body = step_digest_bytes(step)
    return _sealed(b'{"v":%d,"seq":%d,"ts_ns":%d,"ts":"%b","tape_pos":%d,"wake":%d,"event":%b,%b,"prev":"%b"' % (
        VERSION, step.seq, step.ts_ns, iso(step.ts_ns).encode(), step.tape_pos, step.wake,
        b"null" if step.event is None else _ENCODE(step.event), body or EMPTY_BODY, prev.encode(),
    ))


def remark_line(kind: str, ts_ns: int, data: dict[str, Any], prev: str) -> tuple[bytes, str]:
    """Write a remark's line, with its newline, and give its crc for the line after."""
    head = b'{"v":1,"kind":%b,"ts_ns":%d,"ts":"%b","data":%b,"prev":"%b"' % (
        _ENCODE(kind), ts_ns, iso(ts_ns).encode(), _ENCODE(data), prev.encode(),
    )
    return _sealed(head)


def _sealed(head: bytes) -> tuple[bytes, str]:
    crc = f"{crc32(head):08x}"
    return b'%b,"crc":"%b"}\n' % (head, crc.encode()), crc


def check_line(line: bytes) -> tuple[str, str]:
    """Check a line's own checksum; `line` comes without its newline.

    Returns
    -------
    prev, crc
        The two ends with which it hangs in the chain.

    Raises
    ------
    LineBad
        If any byte is not as it was written.
    """
    head, tail = line[:-_CRC_TAIL_BYTES], line[-_CRC_TAIL_BYTES:]
    crc = f"{crc32(head):08x}"
    if tail != b',"crc":"%b"}' % crc.encode():
        raise LineBad(f"its checksum is {crc}, and the line ends with {_shown(tail)}")
    if head[-17:-9] != b'"prev":"' or head[-1:] != b'"':
        raise LineBad("it names no line before")
    return head[-9:-1].decode("ascii", "replace"), crc


def is_remark(line: bytes) -> bool:
    """Tell a remark from a step."""
    return line.startswith(b'{"v":1,"kind":')


def decode_remark(line: bytes) -> Remark:
    """Read a remark's line."""
    return _DECODE_REMARK(line)


def decode_step(line: bytes, skipped: list[str] | None = None) -> Step:
    """Read a step's line, whose checksum was checked.

    Parameters
    ----------
    skipped
        Takes a word for each event, fact or command of a kind that this version does not
        know. They stay in the journal and are left out of the step.

    Raises
    ------
    LineUnknown
        If the line itself has another version or shape.
    """
    try:
        read = _DECODE_LINE(line)
        if read.v == VERSION:
            return _step(read, read.event, read.facts, read.commands)
    except msgspec.ValidationError:
        pass
    return _decode_loosely(line, [] if skipped is None else skipped)


def _decode_loosely(line: bytes, skipped: list[str]) -> Step:
    try:
        loose = _DECODE_LOOSE(line)
    except msgspec.ValidationError as error:
        raise LineUnknown(f"it is no step of version {VERSION}: {error}") from None
    if loose.v != VERSION:
        raise LineUnknown(f"it has version {loose.v}, this fabio reads version {VERSION}")
    event = _known([loose.event], _DECODE_EVENT, loose.seq, skipped)
    return _step(
        loose, event[0] if event else None,
        tuple(_known(loose.facts, _DECODE_FACT, loose.seq, skipped)),
        tuple(_known(loose.commands, _DECODE_COMMAND, loose.seq, skipped)),
    )


def _known(raws: list[msgspec.Raw], decode: Any, seq: int, skipped: list[str]) -> list[Any]:
    known = []
    for raw in raws:
        try:
            known.append(decode(raw))
        except msgspec.ValidationError as error:
            if not str(error).endswith("at `$.type`"):
                raise LineUnknown(f"{_shown(bytes(raw))} cannot be read: {error}") from None
            skipped.append(f"step {seq}: {_shown(bytes(raw))}: {error}")
    return known


def _step(read: _Line | _LooseLine, event: JournaledEvent | None, facts: tuple[Fact, ...],
          commands: tuple[Command, ...]) -> Step:
    return Step(seq=read.seq, ts_ns=read.ts_ns, tape_pos=read.tape_pos, consumed=0, event=event,
                wake=read.wake, facts=facts, commands=commands)


def _shown(data: bytes) -> str:
    text = data[:80].decode("utf-8", "backslashreplace")
    return repr(text if len(data) <= 80 else text + "...")
