"""What asking has cost: calls, tokens, money and time of a folder's `llm_exchanges.jsonl`, from it alone.

The rules leave the same record as a model and cost nothing; they stand in the tables as the source `rules`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from fabio.journal.times import iso
from fabio.research.exchanges.lines import read_lines

NS = 1_000_000_000
MINUTE_NS, HOUR_NS = 60 * NS, 3600 * NS
RULES = "rules"
TOKENS = ("input", "cached", "output", "reasoning")
"""`cached` is part of `input`, `reasoning` part of `output`."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """The part of one record that tells what it cost.

    Parameters
    ----------
    ts_ns
        Runtime clock of the answer, or of its failure.
    latency_ms
        From the question to the answer.
    """

    ts_ns: int
    symbol: str
    source: str
    outcome: str
    reason: str = ""
    latency_ms: float = 0.0
    usage: dict[str, int] | None = None
    cost_usd: Decimal | None = None
    attempts: int = 0


class ExchangesBroken(Exception):
    """A line of `llm_exchanges.jsonl` that is no record; the message names file and line."""


def read_spent(path: Path) -> Iterator[Spent]:
    """Read the records, oldest first; a torn last line is passed over.

    Raises
    ------
    ExchangesBroken
        At a line that is no record.
    """
    return (record for _, record in read_lines(path, Spent, ExchangesBroken))


def costs_of(exchanges: Iterable[Spent], good_for_s: float) -> dict[str, Any]:
    """Sum exchanges up.

    Parameters
    ----------
    good_for_s
        How long a model's answer stands; a setting, which the records do not hold.

    Returns
    -------
    dict
        `exchanges`, `first`, `last`; `sources` by name; `hours` (of models only, UTC, oldest first), each with
        `calls`, `outcomes`, `reasons`, `tokens`, `cost_usd`, `latency_ms`; `minutes` in which anybody was asked,
        and how many of them nobody but the rules had a label for.
    """
    found = list(exchanges)
    by_source: dict[str, list[Spent]] = defaultdict(list)
    by_hour: dict[int, list[Spent]] = defaultdict(list)
    for each in found:
        by_source[each.source].append(each)
        if each.source != RULES:
            by_hour[each.ts_ns // HOUR_NS].append(each)
    times = [each.ts_ns for each in found]
    return {
        "exchanges": len(found),
        "first": iso(min(times)) if times else None,
        "last": iso(max(times)) if times else None,
        "sources": {source: _summed(by_source[source]) for source in sorted(by_source)},
        "hours": [{"hour": iso(hour * HOUR_NS), **_summed(by_hour[hour])} for hour in sorted(by_hour)],
        "minutes": _minutes(found, good_for_s),
    }


def _summed(exchanges: Sequence[Spent]) -> dict[str, Any]:
    usages = [each.usage for each in exchanges if each.usage is not None]
    cost = sum((each.cost_usd for each in exchanges if each.cost_usd is not None), Decimal(0))
    return {
        "calls": len(exchanges),
        "attempts": sum(each.attempts for each in exchanges),
        "outcomes": counted(each.outcome for each in exchanges),
        "reasons": counted(reason_word(each.reason) for each in exchanges if each.outcome != "ok"),
        "tokens": {kind: sum(usage.get(kind, 0) for usage in usages) for kind in TOKENS},
        "without_usage": len(exchanges) - len(usages),
        "cost_usd": float(cost),
        "latency_ms": {"p50": quantile([each.latency_ms for each in exchanges], 0.5),
                       "p95": quantile([each.latency_ms for each in exchanges], 0.95)},
    }


def _minutes(exchanges: Sequence[Spent], good_for_s: float) -> dict[str, Any]:
    """Count the minutes of each symbol that an answer of a model reached into."""
    good_for_ns = int(good_for_s * NS)
    asked: set[tuple[str, int]] = set()
    covered: set[tuple[str, int]] = set()
    for each in exchanges:
        asked.add((each.symbol, each.ts_ns // MINUTE_NS))
        if each.source != RULES and each.outcome == "ok":
            first, last = each.ts_ns // MINUTE_NS, (each.ts_ns + good_for_ns - 1) // MINUTE_NS
            covered.update((each.symbol, minute) for minute in range(first, last + 1))
    on_rules = len(asked - covered)
    return {"asked": len(asked), "on_rules": on_rules, "share_on_rules": on_rules / len(asked) if asked else None,
            "good_for_s": good_for_s}


def counted(words: Iterable[str]) -> dict[str, int]:
    """Count words, the most frequent first, equal ones by the alphabet."""
    return dict(sorted(Counter(words).items(), key=lambda item: (-item[1], item[0])))


def reason_word(reason: str) -> str:
    """Give the word that a reason begins with.

    >>> reason_word("timeout: no whole answer within 20 s"), reason_word("")
    ('timeout', 'not told')
    """
    return reason.partition(":")[0].strip() or "not told"


def quantile(values: Sequence[float], share: float) -> float | None:
    """Give the smallest value that at least this share of the values does not exceed; None of none.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5), quantile([1.0, 9.0], 0.95), quantile([], 0.5)
    (2.0, 9.0, None)
    """
    if not values:
        return None
    place = -int(-share * len(values) // 1) - 1
    return sorted(values)[max(place, 0)]


def cost_rows(answer: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Lay the sources and hours out as rows under their names."""
    rows = [_row(source, summed) for source, summed in answer["sources"].items()]
    rows += [_row(hour["hour"][:13].replace("T", " ") + "h UTC", hour) for hour in answer["hours"]]
    return ["source or hour", "calls", "ok", "tokens in", "cached", "out", "USD", "p50 ms", "p95 ms", "not ok"], rows


def _row(name: str, summed: Mapping[str, Any]) -> list[Any]:
    tokens, latency = summed["tokens"], summed["latency_ms"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in summed["reasons"].items())
    return [name, summed["calls"], summed["outcomes"].get("ok", 0), tokens["input"], tokens["cached"], tokens["output"],
            round(summed["cost_usd"], 4), latency["p50"], latency["p95"], reasons]
