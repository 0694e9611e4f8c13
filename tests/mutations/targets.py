"""What is broken, and the tests that have to notice."""

GUARDS = "fabio/guards"
FILES: dict[str, frozenset[str]] = {
    "fabio/portfolio/pretrade.py": frozenset(),
    "fabio/portfolio/order_policy.py": frozenset(),
    "fabio/engine/leaving.py": frozenset(),
    "fabio/engine/entries.py": frozenset({
        "decide", "process_trade_decision", "tighten", "is_tighter", "ask_exit", "can_trade", "careful",
        "good_until_ns",
    }),
    "fabio/engine/limits.py": frozenset({"check_limits", "check_money", "on_timer"}),
    "fabio/engine/halting.py": frozenset(),
    "fabio/engine/venue/arming.py": frozenset({"_against_arming", "_against_venue", "entry_refusal", "venue_verdict"}),
}
"""File -> the functions that are broken, all where none is named; every guard's file beside them."""
TESTS = (
    "tests/guards", "tests/portfolio/test_pretrade.py", "tests/engine/test_exit_box.py",
    "tests/engine/test_live_arming.py", "tests/engine/test_engine_stories.py", "tests/engine/test_live_flat.py",
    "tests/engine/test_live_orders.py", "tests/engine/test_model_authority.py", "tests/engine/test_live_protection.py",
)
EQUIVALENT = "equivalent.txt"
"""Mutants that change nothing, each a line with its key, and a line with the reason, indented, below."""
