"""Where each number of a market's state lies: named offsets into flat int64 arrays.

A market's whole state is three arrays, so that a snapshot is a copy of them and restoring is an
assignment:

- `s`, a vector of `STATE_SIZE`: scalars first, then rings of fixed size;
- `rows[ROW_KINDS, capacity]`: whatever is indexed by price row; row 0 is the price `s[BASE_ROW]`;
- `trades[capacity, TRADE_WIDTH]`: the session's latest trades, at least 30 minutes of them.

`history[HISTORY_KINDS, HISTORY_SESSIONS, SESSION_MINUTES]`, int32, is written only when a session
is left. All prices are ticks, sizes are steps, times are ns UTC.
"""

NULL = -(2**63)
"""Stands for "not known" in int64 state."""
FOREVER = 2**63 - 1
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS

# -- what `update` answers: a negative need (nothing was consumed), or a mask of what happened
NEED_SESSION, NEED_ROWS, NEED_TRADES = -1, -2, -3
BAR_CLOSED = 1
VALUE_LEFT = 2
VALUE_ENTERED = 4
POC_CROSSED = 8
POC_MOVED = 16
SESSION_ROLLED = 32
OPENING_RANGE_SET = 64
BIG_PRINT = 128
REJECTED = 256

# -- where price stands to the value area
IN_VALUE, ABOVE_VALUE, BELOW_VALUE = 0, 1, 2

# -- scalars, those of every tick first so that they share few cache lines
(
    LATEST_NS,            # time of the latest accepted trade; 0 before the first
    SESSION_CLOSE_NS,     # NULL before the first session, so that the first trade asks for one
    BASE_ROW,
    FRESH,                # 1 from the roll until the session's first trade
    SECOND_END_NS,        # end of the running second
    CLEAR_UNTIL_NS,       # from BOOKED_UNTIL_NS to here all time is open; NULL when it is not
    BOOKED_UNTIL_NS,
    TRADES,               # of the session
    VOLUME,
    UNKNOWN,              # volume without an aggressor
    CVD,
    REFERENCE,            # price that the VWAP sums are taken from
    WEIGHTED,             # sum of size x (price - REFERENCE)
    WEIGHTED_SQUARES,     # sum of size x (price - REFERENCE)^2
    LAST,
    HIGH,
    LOW,
    POC,
    VAH,
    VAL,
    TAKEN,                # volume inside the value area
    BEYOND,               # remembered side of the POC: 1, -1, 0 forgotten
    BAND,                 # distance from the POC at which price is beyond it
    CROSSES,
    LAST_CROSS_NS,
    STATE,                # IN_VALUE, ABOVE_VALUE or BELOW_VALUE, as the last trade left it
    NEAR,                 # 1 within NEAR_TICKS of the POC, as the last trade left it
    BOOKED,               # ns in value, then above, then below, then near the POC
    BOOKED_ABOVE,
    BOOKED_BELOW,
    BOOKED_NEAR,
    SECOND_HIGH,          # of the running second
    SECOND_LOW,
    PRINT_NS,             # the running print
    PRINT_SIDE,
    PRINT_SIZE,           # 0 when none runs
    PRINT_IS_BIG,
    PRINT_THRESHOLD,      # of the current minute; FOREVER when there is none
    PARITY,               # which pair of footprint rows the running bar writes: 0 or 1
    NEGATIVE_ALLOWED,
) = range(40)

(
    FIRST_NS,             # time of the session's first trade
    FIRST_SECOND,         # and its second
    SECOND,               # the running second
    SUM_CVD,              # sum of the CVD samples of all ended seconds
    SUM_INDEX_CVD,        # the same, each times its second since FIRST_SECOND (wraps; differences hold)
    SESSION_INDEX,
    SESSION_DATE,
    SESSION_OPEN_NS,
    REGULAR_OPEN_NS,      # NULL on days without regular hours
    SESSION_OPEN_TIME_NS,  # trading time of the whole session
    BREAK_COUNT,
    GAP_COUNT,
    OPENING_HIGH,         # NULL before a trade in the opening range
    OPENING_LOW,
    OPENING_DONE,
    BAR_START_NS,
    BAR_OPEN,
    BAR_HIGH,             # of the ended seconds of the running bar
    BAR_LOW,
    BAR_FIRST_TRADE,      # session's totals when the running bar began
    BAR_FIRST_VOLUME,
    BAR_FIRST_CVD,
    BARS,                 # finished, ever
    BARS_AT_OPEN,         # of those, before this session
    FOOTPRINT_START_NS,   # the last finished bar with a footprint; NULL when there is none
    FOOTPRINT_HIGH,
    FOOTPRINT_LOW,
    FOOTPRINT_DELTA,
    RANGE_MINUTE,         # first minute of the session whose range is not yet noted
    HISTORY_COUNT,
    HISTORY_NEXT,
    PREV_HIGH,
    PREV_LOW,
    PREV_CLOSE,
    PREV_POC,
    PREV_VAH,
    PREV_VAL,
    PRINTS,               # in the ring of sizes, up to PRINT_WINDOW
    PRINT_POSITION,
    TOP_COUNT,            # length of the list of the largest prints
    PRINT_FIXED,          # fixed threshold in steps, 0 for the rolling one
    PRINT_FLOOR,          # smallest rolling threshold, in steps
    BIG_COUNT,            # big prints of the session
    TRADING_SECONDS,      # per year
    SIZE_UNIT,            # steps in one contract or coin
    REJECTED_SIZE,
    REJECTED_PRICE,
    REJECTED_LATE,
    REJECTED_FAR,
    REJECTED_OFF_GRID,
    REJECTED_AHEAD,
    APPROXIMATE,          # 1 once prints made of bars went into the session
) = range(40, 92)

REJECTED_KINDS = {
    "size": REJECTED_SIZE,
    "price": REJECTED_PRICE,
    "late": REJECTED_LATE,
    "far": REJECTED_FAR,
    "off_grid": REJECTED_OFF_GRID,
    "ahead": REJECTED_AHEAD,
}
"""Kind of bad input -> its counter; the kernel writes the first four, readers the last two."""

MAX_BREAKS = 16
MAX_GAPS = 64
BREAKS_AT = 96                              # pairs from, to
GAPS_AT = BREAKS_AT + 2 * MAX_BREAKS        # pairs from, to

BIG_KEPT = 10
BIG_WIDTH = 4                               # ts, price, size, side
BIG_AT = GAPS_AT + 2 * MAX_GAPS

BARS_KEPT = 32
BAR_WIDTH = 8                               # start, open, high, low, close, volume, delta, trades
BARS_AT = BIG_AT + BIG_KEPT * BIG_WIDTH

TOP_KEPT = 128                              # largest prints of the window, falling; ranks go to 51
TOP_AT = BARS_AT + BARS_KEPT * BAR_WIDTH

SESSION_MINUTES = 1440
RANGE_AT = TOP_AT + TOP_KEPT                # running range at the end of each minute of the session
BAR_RANGE_AT = RANGE_AT + SESSION_MINUTES   # range of the bar of each minute, -1 without one

# -- the last 2,048 seconds: one record per ended second, and three columns that reads scan
RING = 2048
RING_MASK = RING - 1
(
    R_TRADES, R_VOLUME, R_UNKNOWN, R_CVD, R_SUM_CVD, R_SUM_INDEX_CVD, R_CROSSES, R_STATE,
    R_BOOKED, R_BOOKED_ABOVE, R_BOOKED_BELOW, R_BOOKED_NEAR,
) = range(12)
RECORD_WIDTH = 12
RECORDS_AT = BAR_RANGE_AT + SESSION_MINUTES
HIGHS_AT = RECORDS_AT + RING * RECORD_WIDTH
LOWS_AT = HIGHS_AT + RING
PRICES_AT = LOWS_AT + RING
DELTAS_AT = PRICES_AT + RING                # delta of the 60 seconds that ended with this one

PRINT_WINDOW = 10_000
PRINTS_AT = DELTAS_AT + RING
STATE_SIZE = PRINTS_AT + PRINT_WINDOW

# -- rows
ROW_VOLUME, ROW_KEY, ROW_BUY, ROW_SELL = 0, 1, 2, 3     # buy and sell again at 4 and 5, by PARITY
ROW_KINDS = 6
MAX_ROWS = 1 << 22
"""A price further than this from the session's others is bad input (`far`)."""

# -- trades: time, price, code; the code packs size and what the trade left behind
TRADE_NS, TRADE_PRICE, TRADE_CODE = 0, 1, 2
TRADE_WIDTH = 3
CODE_SIZE_SHIFT = 6         # bits 0-1 value state, 2 near the POC, 3 crossed, 4-5 side + 1
KEEP_NS = 1802 * SECOND_NS
"""How long a trade must stay in the ring: 30 minutes, and the second they begin in."""

HISTORY_KINDS, HISTORY_SESSIONS = 2, 20
HISTORY_RANGE, HISTORY_BAR = 0, 1
