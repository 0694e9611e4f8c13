"""The account: its money, its limits, and what it did today."""

from decimal import Decimal

import msgspec


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The account as of one moment; money in USD.

    Parameters
    ----------
    trade_date
        The account's day (`YYYY-MM-DD`), for limits; begins at 17:00 Chicago.
    balance
        Closed balance, fees taken off.
    open_pnl
        Unrealised P&L at the last prices.
    day_start_balance
        Closed balance when the trade date began.
    loss_floor
        TopstepX's maximum loss limit as a balance: touched by balance + open P&L it ends
        the account. Raised at the end of the day only.
    position_limit
        Most mini-equivalents held at once.
    halted
        Why trading is halted; empty when it is not.
    held_mini_equivalents
        What positions and entries that may still fill take of the position limit, over all
        instruments. Worked out for whoever looks; the account that is kept says 0.
    """

    trade_date: str
    balance: Decimal
    open_pnl: Decimal
    day_start_balance: Decimal
    loss_floor: Decimal
    position_limit: Decimal
    halted: str = ""
    held_mini_equivalents: Decimal = Decimal(0)

    @property
    def equity(self) -> Decimal:
        """Balance plus open P&L."""
        return self.balance + self.open_pnl

    @property
    def room(self) -> Decimal:
        """Equity above the loss floor."""
        return self.equity - self.loss_floor

    @property
    def day_pnl(self) -> Decimal:
        """What the trade date made so far, open P&L included."""
        return self.equity - self.day_start_balance


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A position in brief, at one moment's last price; `size_steps` is signed."""

    market: int
    strategy: str
    size_steps: int
    entry_ticks: float
    last_ticks: int


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """What was held, and what every instrument last traded at, when a decision was made.

    `last_ticks` are by market, None where none has traded yet.
    """

    account: Account
    holdings: tuple[Holding, ...] = ()
    last_ticks: tuple[int | None, ...] = ()


class Recent(msgspec.Struct, frozen=True, kw_only=True):
    """What guards remember of one market.

    Parameters
    ----------
    entries_by_strategy
        Entries filled this session.  # strategy -> count
    last_exit_ns
        Runtime time of the last closed trade, None before the first.
    losses_in_a_row
        Since the last winner on this trade date, over all strategies.
    last_loss_ns
        Runtime time of the last losing exit.
    last_signal_ns
        Runtime time of the last approved signal.  # "strategy/setup/side" -> ns
    working_entries
        Own entry orders in flight or working.
    feed_lost_since_ns
        None while ticks arrive as they should.
    """

    entries_by_strategy: dict[str, int] = {}
    last_exit_ns: int | None = None
    losses_in_a_row: int = 0
    last_loss_ns: int | None = None
    last_signal_ns: dict[str, int] = {}
    working_entries: int = 0
    feed_lost_since_ns: int | None = None
