"""Every fault by its name: what it strikes, and its options with their defaults."""

from typing import Any

import msgspec

from fabio.adapters.gateway.faults import acts, on_hubs, on_rest
from fabio.adapters.gateway.faults.acts import Act
from fabio.adapters.gateway.faults.on_hubs import HubFault
from fabio.adapters.gateway.faults.on_rest import RestFault

REST_SURFACES = ("auth", "place", "modify", "cancel", "close", "query", "contracts", "bars", "account", "ping")
HUB_SURFACES = ("user", "market")
GROUPS = {"rest": tuple(name for name in REST_SURFACES if name != "ping"), "hubs": HUB_SURFACES,
          "mutation": ("place", "modify", "cancel", "close")}
# name of several surfaces -> which

SURFACE_OF = {
    "/api/Auth/loginKey": "auth", "/api/Auth/validate": "auth", "/api/Auth/logout": "auth",
    "/api/Status/ping": "ping", "/api/Account/search": "account", "/api/Contract/search": "contracts",
    "/api/Contract/searchById": "contracts", "/api/Contract/available": "contracts",
    "/api/History/retrieveBars": "bars", "/api/Order/place": "place", "/api/Order/modify": "modify",
    "/api/Order/cancel": "cancel", "/api/Position/closeContract": "close",
    "/api/Position/partialCloseContract": "close", "/api/Order/search": "query", "/api/Order/searchOpen": "query",
    "/api/Order/searchById": "query", "/api/Order/v2/query": "query", "/api/Position/searchOpen": "query",
    "/api/Trade/search": "query",
}
# path -> surface

_SECONDS = {"seconds": (0.1, 60.0)}


class Known(msgspec.Struct, frozen=True):
    """A fault: its number in the fault matrix, where it strikes unless the script says so, its options.

    What is set of `rest`, `hub` and `act` changes calls, what leaves a hub, or does something by
    itself; `gate` refuses connections, `incoming` loses what clients send.
    """

    number: str
    surface: str
    options: dict[str, Any] = {}
    rest: RestFault | None = None
    hub: HubFault | None = None
    act: Act | None = None
    gate: bool = False
    incoming: bool = False


FAULTS: dict[str, Known] = {
    # REST calls
    "drop_request": Known("F01", "rest", rest=on_rest.drop_request),
    "drop_reply": Known("F02", "rest", rest=on_rest.drop_reply),
    "delay_request": Known("F03", "rest", _SECONDS, rest=on_rest.delay_request),
    "delay_reply": Known("F03", "rest", _SECONDS, rest=on_rest.delay_reply),
    "reply_twice": Known("F04", "mutation", rest=on_rest.reply_twice),
    "rest_half_open": Known("F06", "rest", rest=on_rest.half_open),
    "reset": Known("F08", "rest", {"executed": 0.5}, rest=on_rest.reset),
    "unauthorised": Known("F09", "rest", rest=on_rest.unauthorised),
    "too_many": Known("F10", "rest", {"retry_after_s": None, "executed": 0.0}, rest=on_rest.too_many),
    "server_error": Known("F11", "rest", {"statuses": (500, 502, 503, 504), "executed": 0.5},
                          rest=on_rest.server_error),
    "refuse": Known("F12", "mutation", {"codes": (*range(1, 11), 99), "message": None}, rest=on_rest.refuse),
    "garble": Known("F13", "rest", rest=on_rest.garble),
    "cut_body": Known("F14", "rest", rest=on_rest.cut_body),
    "rest_drift": Known("F15", "rest", rest=on_rest.drift),
    "trickle": Known("F16", "rest", {"bytes_per_s": 1.0}, rest=on_rest.trickle),
    "stale": Known("F18", "query", {"seconds": (0.0, 5.0)}, rest=on_rest.stale),
    "empty": Known("F18", "query", rest=on_rest.empty_once),
    "bracket_refused": Known("F20", "place", {"codes": (2,), "message": "Brackets cannot be used with Position "
                                              "Brackets."}, rest=on_rest.refuse),
    "proxy": Known("F25", "rest", rest=on_rest.proxy),
    # hub connections
    "subscribe_lost": Known("F01", "hubs", incoming=True),
    "delay": Known("F03", "hubs", _SECONDS, hub=on_hubs.delay),
    "duplicate": Known("F04", "hubs", hub=on_hubs.duplicate),
    "reorder": Known("F05", "hubs", {"seconds": (0.05, 2.0)}, hub=on_hubs.reorder),
    "half_open": Known("F06", "hubs", hub=on_hubs.half_open, incoming=True),
    "mute": Known("F07", "hubs", hub=on_hubs.mute),
    "close_frame": Known("F08", "hubs", hub=on_hubs.close_frame),
    "drop": Known("F08", "hubs", hub=on_hubs.drop),
    "refuse_upgrade": Known("F09", "hubs", {"status": 401}, gate=True),
    "malformed": Known("F13", "hubs", hub=on_hubs.malformed),
    "cut_frame": Known("F14", "hubs", hub=on_hubs.cut_frame),
    "drift": Known("F15", "hubs", hub=on_hubs.drift),
    "split": Known("F16", "hubs", {"pieces": 20, "each_s": 0.05}, hub=on_hubs.split),
    "burst": Known("F17", "market", {"seconds": 5.0}, hub=on_hubs.burst),
    "bad_prices": Known("F24", "market", hub=on_hubs.bad_prices),
    "off_tick_fills": Known("F24", "user", hub=on_hubs.off_tick),
    # deeds
    "tokens_die": Known("F09", "account", {"every_s": 600.0}, act=acts.tokens_die),
    "partial_fills": Known("F19", "account", {"size": 1}, act=acts.partial_fills),
    "late_cancels": Known("F19", "account", {"seconds": 1.0}, act=acts.late_cancels),
    "overfill": Known("F19", "account", {"every_s": 60.0}, act=acts.overfill),
    "partial_reject": Known("F19", "account", {"every_s": 1.0}, act=acts.partial_reject),
    "child_missing": Known("F20", "account", {"child": "any"}, act=acts.child_missing),
    "child_rejected": Known("F20", "account", {"child": "any"}, act=acts.child_rejected),
    "child_cancelled": Known("F20", "account", {"child": "any", "after_s": 2.0}, act=acts.child_cancelled),
    "manual_trade": Known("F21", "account", {"every_s": 300.0, "size": 1}, act=acts.manual_trade),
    "foreign_order": Known("F21", "account", {"every_s": 300.0, "size": 1}, act=acts.foreign_order),
    "manual_flatten": Known("F21", "account", {"every_s": 600.0}, act=acts.manual_flatten),
    "log_out": Known("F21", "account", {"every_s": 600.0}, act=acts.log_out),
    "lock_account": Known("F22", "account", act=acts.lock_account),
    "pause_market": Known("F22", "market", act=acts.pause_market),
    "skew": Known("F23", "account", {"seconds": -3.0}, act=acts.skew),
}
