"""One pass over a tape before it is read: what it holds, from when to when, and whether it can be read."""

from dataclasses import dataclass

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tape_columns import EARLIEST_NS
from fabio.adapters.data.tape_source import TapeSource

_MONTH_NS = 31 * 86_400_000_000_000
_UNITS = ((10**8, 10**11, "seconds"), (10**11, 10**14, "milliseconds"), (10**14, 10**17, "microseconds"))


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one contract and one kind of record.

    `label` and `action` are None where the tape has no such cell.

    `first_ns` and `last_ns` are None where no time can be read.
    """

    label: str | None
    action: str | None
    rows: int
    strange_sides: int
    early_ns: int | None
    prices: int
    sizes: int
    first_ns: int | None
    last_ns: int | None

    @property
    def is_trades(self) -> bool:
        """True unless Databento's action says that these records are no trades."""
        return self.action in (None, "T")


def survey(source: TapeSource) -> list[Group]:
    """Count a tape's rows by contract and kind of record."""
    columns = source.columns
    usable = f"filter (ts_event >= {EARLIEST_NS})"
    rows = source.ask(f"""
        select label, action, count(*), count(*) filter (side not in ('B', 'A', 'N', '')),
            max(ts_event) filter (ts_event < {EARLIEST_NS}), count(price), count(size),
            arg_min(ts_event, file_row_number) {usable}, arg_max(ts_event, file_row_number) {usable},
            min(ts_event) {usable}, max(ts_event) {usable}
        from (select {columns.symbol or "null::varchar"} as label,
                {columns.action or "null::varchar"} as action,
                {columns.ts_event} as ts_event, {columns.price} as price, {columns.size} as size,
                {columns.side} as side, file_row_number from {source.relation})
        group by all
    """).fetchall()
    return [Group(*(tuple(row[:7]) + _span(*row[7:]))) for row in rows]


def _span(
    first: int | None, last: int | None, low: int | None, high: int | None
) -> tuple[int | None, int | None]:
    """Take the lowest and highest time, unless a single wrong one lies months off the first and last row."""
    if first is None or last is None or low is None or high is None:
        return None, None
    start, stop = min(first, last), max(first, last)
    return (low if start - low < _MONTH_NS else start), (high if high - stop < _MONTH_NS else stop)


def refuse_unreadable(source: TapeSource, groups: list[Group]) -> None:
    """Refuse a tape none of whose rows can be read; single bad rows are no reason.

    Raises
    ------
    TapeError
        Names the line, the column and what stands there.
    """
    where = (
        f"{source.path}: line {source.first_line}" if source.first_line > 1 else f"{source.path}: first row"
    )
    if all(group.first_ns is None for group in groups):  # a damaged file may count times and show none
        early = max((group.early_ns for group in groups if group.early_ns is not None), default=None)
        shown = repr(source.sample.get("ts_event", ""))
        if early is None:
            raise TapeError(
                f"{where}, column ts_event: {shown} is no time that can be read; "
                "write int64 nanoseconds UTC or ISO 8601 (2025-05-04T22:00:00.123456789Z)"
            )
        unit = next((name for low, high, name in _UNITS if low <= early < high), None)
        reason = f"these are {unit}: multiply them" if unit else "nanoseconds UTC are expected"
        raise TapeError(f"{where}, column ts_event: {shown} would be a time in the 1970s; {reason}")
    for role, counts in (
        ("price", [group.prices for group in groups]),
        ("size", [group.sizes for group in groups]),
    ):
        if not any(counts):
            raise TapeError(
                f"{where}, column {role}: {source.sample.get(role, '')!r} is no number; "
                "write it with a decimal point and without thousands separators"
            )
