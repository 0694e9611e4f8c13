"""What asking has cost, summed up from records alone."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fabio.journal.exchanges import Exchange, exchange_record
from fabio.research.exchanges.costs import MINUTE_NS, NS, ExchangesBroken, cost_rows, costs_of, quantile, read_spent

HOUR_NS = 3600 * NS
START_NS = 1_767_571_200_000_000_000  # 2026-01-05 00:00 UTC


def record(minute: float, source: str = "gpt", **changes: Any) -> bytes:
    values: dict[str, Any] = {
        "ask_id": "A1", "symbol": "NQ", "ts_ns": START_NS + int(minute * MINUTE_NS), "source": source, "request": b"{}",
        "request_hash": "44136fa3", "response": None,
    }
    return exchange_record(Exchange(**(values | changes)))


def paid(minute: float, latency_ms: float, **changes: Any) -> bytes:
    usage = {"input": 3000, "cached": 2000, "output": 400, "reasoning": 100}
    return record(minute, latency_ms=latency_ms, usage=usage, cost_usd=0.1, attempts=1, model="gpt-5.4-mini", **changes)


def costs(folder: Path, *lines: bytes, good_for_s: float = 300.0) -> dict[str, Any]:
    path = folder / "llm_exchanges.jsonl"
    path.write_bytes(b"".join(lines))
    return costs_of(read_spent(path), good_for_s)


def test_calls_tokens_money_and_latency_are_summed_by_source_and_hour(tmp_path):
    answer = costs(
        tmp_path, *(record(minute, "rules") for minute in range(120)), paid(1, 900.0), paid(30, 1100.0),
        paid(70, 20_000.0, outcome="timeout", reason="timeout: no whole answer within 20 s"),
    )
    model = answer["sources"]["gpt"]
    assert (answer["exchanges"], model["calls"], answer["sources"]["rules"]["calls"]) == (123, 3, 120)
    assert model["tokens"] == {"input": 9000, "cached": 6000, "output": 1200, "reasoning": 300}
    assert model["cost_usd"] == 0.3  # not 0.30000000000000004: money is summed as decimals
    assert model["latency_ms"] == {"p50": 1100.0, "p95": 20_000.0}
    assert (model["outcomes"], model["reasons"]) == ({"ok": 2, "timeout": 1}, {"timeout": 1})
    assert [(hour["hour"][:13], hour["calls"], hour["cost_usd"]) for hour in answer["hours"]] == [
        ("2026-01-05T00", 2, 0.2), ("2026-01-05T01", 1, 0.1)]
    assert answer["sources"]["rules"]["without_usage"] == 120


def test_minutes_that_a_good_answer_reaches_into_are_not_the_rules_own(tmp_path):
    rules = [record(minute + 0.5, "rules") for minute in range(10)]
    answer = costs(tmp_path, *rules, paid(2, 900.0), good_for_s=180)
    assert answer["minutes"] == {"asked": 10, "on_rules": 7, "share_on_rules": 0.7, "good_for_s": 180}
    failed = costs(tmp_path, *rules, paid(2, 900.0, outcome="superseded", reason="superseded: price moved"))
    assert failed["minutes"]["share_on_rules"] == 1.0
    other = costs(tmp_path, *rules, paid(2, 900.0, symbol="ES"), good_for_s=60)
    assert (other["minutes"]["asked"], other["minutes"]["on_rules"]) == (11, 10)


def test_a_folder_without_an_exchange_has_no_share(tmp_path):
    answer = costs(tmp_path)
    assert (answer["exchanges"], answer["first"], answer["minutes"]["share_on_rules"]) == (0, None, None)
    assert cost_rows(answer)[1] == []


def test_a_torn_last_line_is_passed_over_and_a_damaged_one_named(tmp_path):
    assert costs(tmp_path, paid(1, 900.0), b'{"v":1,"ts')["exchanges"] == 1
    with pytest.raises(ExchangesBroken, match=r"llm_exchanges\.jsonl, line 2 "):
        costs(tmp_path, paid(1, 900.0), b"nonsense\n", paid(2, 900.0))


def test_rows_tell_failures_by_their_reason(tmp_path):
    answer = costs(tmp_path, paid(1, 900.0, outcome="failed", reason="quota: used up"), paid(2, 800.0))
    columns, rows = cost_rows(answer)
    assert [row[0] for row in rows] == ["gpt", "2026-01-05 00h UTC"]
    assert all(len(row) == len(columns) for row in rows)
    assert rows[0][-1] == "quota 1"


@pytest.mark.parametrize(("count", "median", "high"), [(1, 1, 1), (2, 1, 2), (20, 10, 19), (100, 50, 95)])
def test_a_quantile_is_a_value_that_was_seen(count, median, high):
    values = [float(value) for value in range(count, 0, -1)]
    assert (quantile(values, 0.5), quantile(values, 0.95)) == (median, high)


def test_costs_add_up_to_the_cent(tmp_path):
    answer = costs(tmp_path, *(paid(minute, 1.0) for minute in range(1000)))
    assert Decimal(str(answer["sources"]["gpt"]["cost_usd"])) == Decimal(100)
