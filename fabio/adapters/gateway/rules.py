"""What the venue does by itself: loss limits in real time, the time to be flat by, the day's turn.

The maximum loss limit is checked against closed balance and open P&L at every print; touching
it liquidates and locks the account. A daily loss limit, where one was chosen, flattens and
pauses until the next day. The floor is raised when a trade date begins.
"""

from collections.abc import Callable, Iterable

from fabio.adapters.gateway.accounts import AccountBook
from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.floor import Floor
from fabio.adapters.gateway.hubs import Hubs
from fabio.adapters.gateway.listings import Listing
from fabio.adapters.gateway.street import Street
from fabio.adapters.topstepx.stamps import SECOND_NS
from fabio.model.session import NoSession, Session
from fabio.portfolio.account import begin_trade_date, mark, reaches_daily_loss, touches_floor

LIQUIDATED, DAY_LOST, FLAT_BY = "maximum loss limit", "daily loss limit", "time to be flat by"


class Rules:
    """Watches accounts and the calendar.

    Parameters
    ----------
    streets
        By contract id; the first one's sessions are the accounts' days.
    at
        Takes a due time and a deed.
    """

    def __init__(self, clock: VenueClock, accounts: Iterable[AccountBook], streets: dict[str, Street], floor: Floor,
                 hubs: Hubs, at: Callable[[int, Callable[[], None]], None]) -> None:
        self._clock = clock
        self._accounts = list(accounts)
        self._streets = streets
        self._floor = floor
        self._hubs = hubs
        self._at = at
        self._to_check: dict[int, AccountBook] = {}  # account id -> one that has traded since the last look

    def begin(self) -> None:
        """Note what the calendar brings."""
        for street in self._streets.values():
            session = street.session_at(self._clock.now_ns)
            if session is not None:
                self._note_session(street, session)

    def note_fill(self, account: AccountBook) -> None:
        """Have an account looked at when all of this moment is booked."""
        self._to_check[account.id] = account

    def note_print(self, contract_id: str) -> None:
        """Have the accounts looked at that hold a contract, which has just traded."""
        for account in self._accounts:
            if account.held_steps(contract_id):
                self._to_check[account.id] = account

    def is_any_held(self) -> bool:
        """Tell whether a print can matter to an account."""
        return any(account.held() for account in self._accounts)

    def look(self) -> None:
        """Check the accounts that were noted."""
        while self._to_check:
            _, account = self._to_check.popitem()
            self._check(account)

    def _check(self, account: AccountBook) -> None:
        account.money = mark(account.money, account.open_pnl(self._last_ticks))
        if not account.can_trade:
            return
        if touches_floor(account.money):
            self.flatten(account, LIQUIDATED)
            account.can_trade = False
            self._hubs.tell_user(account.record())
        elif reaches_daily_loss(account.money, account.plan.limits) and not account.paused_until_ns:
            account.paused_until_ns = self._next_day_ns()
            self.flatten(account, DAY_LOST)

    def flatten(self, account: AccountBook, reason: str, contract_id: str | None = None) -> None:
        """End the account's orders and close what it holds, at once; of one contract, or of all."""
        for order in self._floor.orders.live(account.id):
            if contract_id in (None, order.contract_id):
                self._floor.end(order.id, reason)
        for listing, _ in account.held():
            if contract_id in (None, listing.id):
                self._floor.close(account, listing, None, at_once=True)

    # -- the calendar -------------------------------------------------------------------

    def _note_session(self, street: Street, session: Session) -> None:
        now_ns, contract_id = self._clock.now_ns, street.listing.id
        if session.open_ns > now_ns:
            self._at(session.open_ns, lambda: self._open(street, session))
            return
        if session.flat_by_ns is not None:
            flat_ns = min(session.flat_by_ns, session.close_ns - SECOND_NS)
            if flat_ns > now_ns:
                self._at(flat_ns, lambda: self._everybody_flat(contract_id))
        self._at(session.close_ns, lambda: self._close(street))

    def _open(self, street: Street, session: Session) -> None:
        street.begin_session()
        if street is next(iter(self._streets.values())):
            for account in self._accounts:
                account.money = begin_trade_date(account.money, account.plan.limits, session.date)
                account.paused_until_ns = 0
        self._note_session(street, session)

    def _close(self, street: Street) -> None:
        self._floor.end_session(street.listing.id)
        session = street.session_at(self._clock.now_ns)
        if session is not None:
            self._note_session(street, session)

    def _everybody_flat(self, contract_id: str) -> None:
        for account in self._accounts:
            self.flatten(account, FLAT_BY, contract_id)

    def _next_day_ns(self) -> int:
        street = next(iter(self._streets.values()))
        try:
            index = street.table.index_at(self._clock.now_ns)
            return street.table.session(index + 1).open_ns
        except (NoSession, IndexError):
            return self._clock.now_ns + 86_400 * SECOND_NS

    def _last_ticks(self, listing: Listing) -> int | None:
        street = self._streets.get(listing.id)
        return None if street is None else street.last_ticks
