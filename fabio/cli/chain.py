"""The chain of an explanation, on one screen: what passed in one line each, the rest in full."""

from typing import Any

from rich.text import Text

from fabio.cli.rows import forgiving_console

_MARKS = {True: ("yes", "green"), False: ("NO ", "red"), None: ("   ", "")}
_IN_FULL = frozenset({"data", "regime", "portfolio", "signal", "position", "fill", "trade", "shadow"})


def print_chain(answer: dict[str, Any]) -> None:
    """Print what decided, then every link."""
    console = forgiving_console()
    symbol = f" {answer['symbol']}" if answer["symbol"] else ""
    console.print(Text.assemble(
        (f"{answer['time']}{symbol}: {answer['outcome']}", "bold"), ", decided by ", (answer["decided_by"], "bold")
    ))
    ids = [f"{name.removesuffix('_id')} {answer[name]}" for name in answer if name.endswith("_id") and answer[name]]
    if ids:
        console.print(Text(", ".join(ids), "dim"))
    width = max((len(link["name"]) for link in answer["chain"]), default=0)
    for link in answer["chain"]:
        mark, style = _MARKS[link["passed"]]
        away = "" if link["distance"] is None else f"({link['distance']:+.4g}) "
        line = Text.assemble((mark, style), f" {link['name']:{width}} ", (away, style), link["reason"])
        full = link["kind"] in _IN_FULL or link["passed"] is False
        console.print(line, no_wrap=not full, overflow="fold" if full else "ellipsis")
    if answer["also"]:
        console.print(Text("also: " + ", ".join(answer["also"][:20]), "dim"))
    for where in ("before", "after"):
        near = answer["nearest"][where]
        if near is not None and answer["outcome"] == "no signal":
            verdict = "approved" if near["approved"] else f"refused by {', '.join(near['refused_by'])}"
            console.print(Text(f"nearest decision {where}: {near['id']} at {near['time']}, {near['strategy']} "
                               f"{near['side']}, {verdict}", "dim"))
