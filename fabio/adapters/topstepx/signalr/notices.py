"""What a hub tells whoever watches it: plain values, one after the other."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from fabio.adapters.topstepx.signalr.protocol import BadRecord


class Reason(StrEnum):
    """Why a connection ended, or never came to be."""

    NO_TOKEN = "no_token"
    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    REFUSED = "refused"
    TOOK_TOO_LONG = "took_too_long"
    HANDSHAKE = "handshake"
    SUBSCRIPTION = "subscription"
    SILENT = "silent"
    CLOSED = "closed"
    DROPPED = "dropped"
    ASKED = "asked"


class Connected(msgspec.Struct, frozen=True):
    """The hub is connected and every subscription is confirmed; generations only grow."""

    hub: str
    generation: int


class Lost(msgspec.Struct, frozen=True):
    """The connection of this generation has ended; `pause_s` until the next attempt, at least."""

    hub: str
    generation: int
    reason: Reason
    detail: str
    pause_s: float


class AttemptFailed(msgspec.Struct, frozen=True):
    """An attempt to connect failed; `failures` counts them since the latest `Connected`."""

    hub: str
    failures: int
    reason: Reason
    detail: str
    pause_s: float


class RecordRefused(msgspec.Struct, frozen=True):
    """A record could not be read: something the venue told us is missing now."""

    hub: str
    generation: int
    record: BadRecord


Notice: TypeAlias = Connected | Lost | AttemptFailed | RecordRefused
