"""Numbers of the wire and what they mean.

Source: the gateway's OpenAPI file and documentation (2026), and payloads that others have
published. A number that is not listed here raises where we send it, and is kept as an
`UNKNOWN` with its value where we receive it.
"""

from enum import IntEnum


class OrderType(IntEnum):
    """Kind of an order; 3 is in the enum, but nobody shows it being placed."""

    LIMIT = 1
    MARKET = 2
    STOP_LIMIT = 3
    STOP = 4
    TRAILING_STOP = 5
    JOIN_BID = 6
    JOIN_ASK = 7


class OrderSide(IntEnum):
    """Side of an order or a half-turn: bid buys, ask sells."""

    BID = 0
    ASK = 1


class OrderStatus(IntEnum):
    """Status of an order; a cancelled one with a filled volume is a partial fill."""

    NONE = 0
    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    EXPIRED = 4
    REJECTED = 5
    PENDING = 6
    PENDING_CANCELLATION = 7
    SUSPENDED = 8


TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
LIVE = frozenset({
    OrderStatus.OPEN, OrderStatus.PENDING, OrderStatus.PENDING_CANCELLATION, OrderStatus.SUSPENDED,
})
"""Statuses in which an order may still change what is held."""


class PositionType(IntEnum):
    """Direction of a position; its size is always positive."""

    UNDEFINED = 0
    LONG = 1
    SHORT = 2


class BarUnit(IntEnum):
    """Unit of a history bar."""

    SECOND = 1
    MINUTE = 2
    HOUR = 3
    DAY = 4
    WEEK = 5
    MONTH = 6


class TradeType(IntEnum):
    """Aggressor of a public print."""

    BUY = 0
    SELL = 1


class DepthType(IntEnum):
    """Kind of a depth row."""

    UNKNOWN = 0
    ASK = 1
    BID = 2
    BEST_ASK = 3
    BEST_BID = 4
    TRADE = 5
    RESET = 6
    LOW = 7
    HIGH = 8
    NEW_BEST_BID = 9
    NEW_BEST_ASK = 10
    FILL = 11


class LoginError(IntEnum):
    """`errorCode` of `/api/Auth/loginKey`."""

    SUCCESS = 0
    USER_NOT_FOUND = 1
    PASSWORD_VERIFICATION_FAILED = 2
    INVALID_CREDENTIALS = 3
    APP_NOT_FOUND = 4
    APP_VERIFICATION_FAILED = 5
    INVALID_DEVICE = 6
    AGREEMENTS_NOT_SIGNED = 7
    UNKNOWN_ERROR = 8
    API_SUBSCRIPTION_NOT_FOUND = 9
    API_KEY_AUTHENTICATION_DISABLED = 10


class ValidateError(IntEnum):
    """`errorCode` of `/api/Auth/validate`."""

    SUCCESS = 0
    INVALID_SESSION = 1
    SESSION_NOT_FOUND = 2
    EXPIRED_TOKEN = 3
    UNKNOWN_ERROR = 4


class SearchError(IntEnum):
    """`errorCode` of the account, order, position, trade and contract queries."""

    SUCCESS = 0
    NOT_FOUND = 1


class BarsError(IntEnum):
    """`errorCode` of `/api/History/retrieveBars`."""

    SUCCESS = 0
    CONTRACT_NOT_FOUND = 1
    UNIT_INVALID = 2
    UNIT_NUMBER_INVALID = 3
    LIMIT_INVALID = 4


class PlaceError(IntEnum):
    """`errorCode` of `/api/Order/place`; nearly every refusal is 2 with a message."""

    SUCCESS = 0
    ACCOUNT_NOT_FOUND = 1
    ORDER_REJECTED = 2
    INSUFFICIENT_FUNDS = 3
    ACCOUNT_VIOLATION = 4
    OUTSIDE_TRADING_HOURS = 5
    ORDER_PENDING = 6
    UNKNOWN_ERROR = 7
    CONTRACT_NOT_FOUND = 8
    CONTRACT_NOT_ACTIVE = 9
    ACCOUNT_REJECTED = 10


class ModifyError(IntEnum):
    """`errorCode` of `/api/Order/modify` and `/api/Order/cancel`."""

    SUCCESS = 0
    ACCOUNT_NOT_FOUND = 1
    ORDER_NOT_FOUND = 2
    REJECTED = 3
    PENDING = 4
    UNKNOWN_ERROR = 5
    ACCOUNT_REJECTED = 6
    CONTRACT_NOT_FOUND = 7


class CloseError(IntEnum):
    """`errorCode` of `/api/Position/closeContract`."""

    SUCCESS = 0
    ACCOUNT_NOT_FOUND = 1
    POSITION_NOT_FOUND = 2
    CONTRACT_NOT_FOUND = 3
    CONTRACT_NOT_ACTIVE = 4
    ORDER_REJECTED = 5
    ORDER_PENDING = 6
    UNKNOWN_ERROR = 7
    ACCOUNT_REJECTED = 8


class PartialCloseError(IntEnum):
    """`errorCode` of `/api/Position/partialCloseContract`."""

    SUCCESS = 0
    ACCOUNT_NOT_FOUND = 1
    POSITION_NOT_FOUND = 2
    CONTRACT_NOT_FOUND = 3
    CONTRACT_NOT_ACTIVE = 4
    INVALID_CLOSE_SIZE = 5
    ORDER_REJECTED = 6
    ORDER_PENDING = 7
    UNKNOWN_ERROR = 8
    ACCOUNT_REJECTED = 9
