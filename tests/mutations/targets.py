"""What is broken, and the tests that have to notice."""

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Target(NamedTuple):
    """A file that is broken: the functions, all where none is named, and where the tests lie."""

    functions: frozenset[str]
    tests: tuple[str, ...]


GUARDS = "fabio/guards"
OF_GUARDS = ("tests/guards/",)
OF_EXIT = ("tests/portfolio/test_pretrade.py", "tests/engine/test_exit_box.py")
OF_ENGINE = tuple(f"tests/engine/test_{name}.py" for name in (
    "exit_box", "closing", "halting", "engine_timer", "entry_numbers", "session_gate", "live_arming", "engine_stories",
    "live_flat", "live_orders", "live_fills", "live_protection", "model_authority",
))
TESTS = (*OF_GUARDS, *dict.fromkeys(OF_EXIT + OF_ENGINE))
FILES: dict[str, Target] = {
    "fabio/portfolio/pretrade.py": Target(frozenset(), OF_EXIT),
    "fabio/portfolio/order_policy.py": Target(frozenset(), OF_EXIT),
    "fabio/engine/leaving.py": Target(frozenset(), OF_ENGINE),
    "fabio/engine/entries.py": Target(frozenset({
        "act_on", "decide", "governed", "process_trade_decision", "tighten", "is_tighter", "ask_exit", "can_trade",
        "careful", "good_until_ns",
    }), OF_ENGINE),
    "fabio/engine/limits.py": Target(frozenset({
        "check_limits", "check_money", "next_timer_ns", "_closing_due_ns", "on_timer", "on_operator",
    }), OF_ENGINE),
    "fabio/engine/turn.py": Target(frozenset({"closing_ns", "held"}), OF_ENGINE),
    "fabio/engine/halting.py": Target(frozenset(), OF_ENGINE),
    "fabio/engine/venue/arming.py": Target(frozenset(), OF_ENGINE),
}
"""What every entry passes at the exit, and what closes by itself; every guard's file beside them."""


def targets(only: str) -> dict[str, Target]:
    """Give every file that is broken, of those whose name holds `only`."""
    guards = [f"{GUARDS}/{path.name}" for path in sorted((ROOT / GUARDS).glob("*.py")) if not path.stem.startswith("_")]
    files = dict.fromkeys(guards, Target(frozenset(), OF_GUARDS)) | FILES
    return {file: target for file, target in files.items() if only in file}
