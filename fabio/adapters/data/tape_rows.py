"""The SQL that turns a source's rows into integer columns, each with the reason to refuse it, if any."""

from collections.abc import Iterable

from fabio.adapters.data.tape_columns import EARLIEST_NS, TapeColumns
from fabio.adapters.data.tape_source import literal
from fabio.model.instrument import GRID_TOLERANCE, Instrument

BAD_KINDS = {
    1: "unreadable_row",
    2: "not_finite",
    3: "size_not_positive",
    4: "price_not_positive",
    5: "off_grid",
}
"""Number in the column `bad` -> name; 0 is a good row. The first that holds is given."""

_LARGEST = 2**53
"""Beyond it a float does not hold every integer."""


def rows_sql(columns: TapeColumns, instrument: Instrument, label: str | None, limits: str = "true") -> str:
    """Write the query for the rows within `limits`, a condition on `file_row_number`.

    Gives ts_event, ts_recv, price_ticks, size_steps (int64), side and bad (int8), in the
    file's order and without NULL.
    """
    time = columns.ts_event
    conditions = [limits]
    if columns.symbol is not None and label is not None:
        # a row that names no contract cannot be placed: it is counted as unreadable, not passed over
        conditions.append(f"coalesce({columns.symbol} = {literal(label)}, true)")
        time = f"case when {columns.symbol} is not null then {time} end"
    if columns.action is not None:
        conditions.append(f"coalesce({columns.action} = 'T', true)")
    positive = "false" if instrument.allows_negative_price else "price <= 0"
    return f"""
        select coalesce(ts_event, 0) as ts_event, coalesce(ts_recv, ts_event, 0) as ts_recv,
            coalesce(try_cast(round(ticks) as bigint), 0) as price_ticks,
            coalesce(try_cast(round(steps) as bigint), 0) as size_steps,
            (case side when 'B' then 1 when 'A' then -1 else 0 end)::tinyint as side,
            (case when ts_event is null or ts_event < {EARLIEST_NS} or price is null or size is null then 1
                when not isfinite(price) or not isfinite(size) then 2
                when size <= 0 then 3
                when {positive} then 4
                when abs(ticks) > {_LARGEST} or steps > {_LARGEST} then 1
                when abs(ticks - round(ticks)) > {GRID_TOLERANCE} then 5
                when abs(steps - round(steps)) > {GRID_TOLERANCE} then 5
                else 0 end)::tinyint as bad
        from (select *, price / {instrument.tick_size}::double as ticks,
                size / {instrument.size_step}::double as steps
            from (select {time} as ts_event, {columns.ts_recv or "null::bigint"} as ts_recv,
                {columns.price} as price, {columns.size} as size, {columns.side} as side
                from read_parquet(?, file_row_number = true) where {" and ".join(conditions)}))
    """


def side_note(columns: TapeColumns, strange: int) -> Iterable[str]:
    """Say what is not known about the aggressor."""
    if not columns.has_side:
        return ["no column side: the aggressor is unknown, and all statistics that need it are null"]
    if strange:
        return [f"{strange:,} rows have a side that is none of B, A, N: taken as unknown"]
    return []
