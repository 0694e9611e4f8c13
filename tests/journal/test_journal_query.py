import pytest
from journal_stories import ES, RESPONSE, day

from fabio.journal.exchanges import Exchange
from fabio.journal.query import QueryFailed, query
from fabio.journal.records import Records
from fabio.journal.writer import Journal


def _write_day(logs):
    journal, records = Journal(logs), Records(logs, {"ES": ES})
    for step in day():
        journal.append(step)
        records.write(step)
    records.exchange(Exchange(ask_id="A1", symbol="ES", ts_ns=1, source="rules", request_hash="00",
                              request={"market_stats": {"cvd": -40}}, response=RESPONSE))
    journal.close()
    records.close()


def test_every_view_of_an_empty_folder_is_empty_and_has_its_columns(tmp_path):
    for name in ("journal", "facts", "decisions", "trades", "shadow", "learning", "llm_exchanges"):
        columns, rows = query(tmp_path, f"SELECT * FROM {name}")
        assert rows == []
        assert "ts_ns" in columns


def test_records_join_by_their_ids(tmp_path):
    _write_day(tmp_path)
    columns, rows = query(tmp_path, """
        SELECT t.id AS trade, d.id AS decision, t.net_pnl,
               x.response->'market_assessment'->>'regime' AS regime,
               (t.statistics->'market_stats'->>'cvd')::DOUBLE AS cvd, s.result AS shadow
        FROM trades t JOIN decisions d ON t.decision_id = d.id JOIN llm_exchanges x ON d.ask_id = x.id
        CROSS JOIN shadow s""")
    assert columns == ["trade", "decision", "net_pnl", "regime", "cvd", "shadow"]
    assert rows == [("T1", "D2", 591.64, "trend", -40.0, "loss")]
    facts = [fact for step in day() for fact in step.facts]
    assert query(tmp_path, "SELECT count(*), count(DISTINCT type) FROM facts")[1] == [
        (len(facts), len({type(fact) for fact in facts}))]
    assert query(tmp_path, "SELECT kind, strategy, text FROM learning ORDER BY seq, kind")[1][0] == (
        "note", None, "POC held twice")


def test_a_torn_last_line_is_not_counted(tmp_path):
    _write_day(tmp_path)
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(path.read_bytes()[:-300])
    assert query(tmp_path, "SELECT count(*) FROM decisions")[1] == [(1,)]


def test_wrong_sql_is_said_in_words(tmp_path):
    with pytest.raises(QueryFailed, match="nothing"):
        query(tmp_path, "SELECT nothing FROM trades")
