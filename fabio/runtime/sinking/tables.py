"""The tables that records become in a database: names, columns, kinds.

Kinds are those of `fabio journal query`, with two differences: money and prices are exact decimals, and lists are
JSON. What a record nests has a table of its own (verdicts, features) or stays JSON.
"""

from fabio.adapters.sinks.port import KEY, Column, Kind, Table
from fabio.journal.query import COLUMNS

_KINDS: dict[str, Kind] = {
    "VARCHAR": "text", "BIGINT": "int", "INTEGER": "int", "DOUBLE": "float", "BOOLEAN": "bool", "TIMESTAMP": "time",
    "JSON": "json",
}
_EXACT = frozenset({"net_pnl", "gross_pnl", "fees", "balance", "cost_usd", "price"})
_COMMON: dict[str, Kind] = {
    KEY: "text", "ts": "time", "ts_ns": "int", "agent_id": "text", "user_id": "text", "session": "text",
    "symbol": "text",
}


def _kind(name: str, duckdb_type: str) -> Kind:
    if name in _EXACT or name.endswith("_price"):
        return "decimal"
    return "json" if duckdb_type.endswith("[]") else _KINDS[duckdb_type]


def _of_record(record: str, *left_out: str) -> dict[str, Kind]:
    return {name: _kind(name, kind) for name, kind in COLUMNS[record].items() if name not in ("v", *left_out)}


DECISIONS = _of_record("decisions", "verdicts", "statistics")
TRADES = _of_record("trades", "statistics")
SHADOWS = _of_record("shadow")
LEARNING = _of_record("learning")
EXCHANGES = _of_record("llm_exchanges", "request", "response", "parsed", "raw", "usage", "clamped")
_KNOWN = {**DECISIONS, **LEARNING, **EXCHANGES, **SHADOWS, **TRADES}

FEATURES: dict[tuple[str, str], Kind] = {
    **{("profile", name): "decimal" for name in ("poc", "vah", "val")},
    ("profile", "total_volume"): "float",
    **{("market_stats", name): "decimal" for name in ("session_high", "session_low")},
    **{("market_stats", name): "float" for name in (
        "vwap", "cvd", "cvd_slope_5min", "cvd_slope_15min", "cvd_slope_5min_norm", "cvd_slope_15min_norm",
        "realized_vol_5min", "avg_bar_range_ticks_5min", "avg_bar_range_ticks_15min", "session_range_ticks",
        "session_range_percentile", "distance_to_poc_ticks", "distance_to_vah_ticks", "distance_to_val_ticks",
        "time_in_value_sec_last_30min", "time_above_value_sec_last_30min", "time_below_value_sec_last_30min")},
    **{("poc_cross_stats", name): "float" for name in (
        "count_last_5min", "count_last_15min", "count_last_30min", "session_total", "time_since_last_cross_sec",
        "time_near_poc_last_30min_sec")},
    ("poc_cross_stats", "current_side"): "text",
    **{("orderflow", name): "float" for name in (
        "delta_1min", "volume_1min", "trades_1min", "buy_absorption", "sell_absorption", "buy_exhaustion",
        "sell_exhaustion")},
}
"""Statistics with a column of their own: where a record has them, and their kind."""


def _table(name: str, known: str = "", **new: Kind) -> Table:
    """Make a table: what all have, then columns whose kind the records know, then new ones."""
    columns = {**_COMMON, **{each: _KNOWN[each] for each in known.split()}, **new}
    return Table(name, tuple(Column(each, kind) for each, kind in columns.items()))


TABLES = (
    _table("decisions", **DECISIONS),
    _table("signals", "signal_id decision_id ask_id strategy setup side kind entry_price stop_price target_price "
           "risk_ticks reward_ticks reward_risk confidence reason approved regime"),
    _table("signal_performance", "signal_id decision_id strategy setup side size result exit_leg net_pnl gross_pnl "
           "fees r_multiple duration_s regime approved refused_by", basis="text", outcome_id="text"),
    _table("verdicts", "decision_id signal_id strategy approved reason", guard="text", passed="bool", value="float",
           threshold="float"),
    _table("shadows", **SHADOWS),
    _table("trades", **TRADES),
    _table("orders", "order_id decision_id strategy side kind size", limit_price="decimal", stop_offset_ticks="int",
           target_offset_ticks="int", good_until="time"),
    _table("order_states", "order_id reason", state="text"),
    _table("fills", "order_id side size fees", fill_id="text", leg="text", price="decimal"),
    _table("regimes", "ask_id source confidence", label="text", direction="text", reasoning="text", asked_at="time",
           answered_at="time", good_until="time", last_price="decimal", stands="bool"),
    _table("predictions", "ask_id source model outcome regime confidence", direction="text", market_state="text",
           location_vs_value="text", location_vs_poc="text", chosen_model="text", reasoning="text",
           last_price="decimal", rules_regime="text", rules_confidence="float", trade_decisions="json"),
    _table("models", "source model", question_version="int"),
    _table("model_performance", "ask_id source model outcome reason latency_ms cost_usd attempts request_hash "
           "call_hash", input_tokens="int", output_tokens="int", cached_tokens="int", reasoning_tokens="int",
           clamped="json"),
    _table("features", last_price="decimal", about="text", about_id="text",
           **{name: kind for (_, name), kind in FEATURES.items()}, statistics="json"),
    _table("learning_events", **LEARNING),
    _table("strategy_changes", "strategy source reason changed before after ask_id asked_by", change_id="text"),
    _table("notes", "kind text status reason strategy regime zone expects source ask_id", note_id="text"),
)
"""All tables; each row of each has its `record_id`, `ts`, and whose it is."""
