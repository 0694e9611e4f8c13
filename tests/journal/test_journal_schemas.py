"""Every record fits its published schema, and what does not is named."""

import json
from pathlib import Path

import pytest
from journal_stories import ES, day

from fabio.journal.records import RecordFold
from fabio.journal.schemas import SCHEMAS, json_schema, validate

ROOT = Path(__file__).parents[2]


def test_every_record_of_a_day_is_valid():
    fold, seen = RecordFold({"ES": ES}), set()
    for step in day():
        for name, record in fold.records(step):
            assert validate(name, json.loads(json.dumps(record))) == []
            seen.add(name)
    assert seen == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_the_one_in_force(name):
    published = json.loads((ROOT / "docs" / "schemas" / f"{name}.v1.json").read_text())
    assert published == json.loads(json.dumps(json_schema(name)))


def test_a_record_that_lacks_a_key_or_has_another_version_is_named():
    fold = RecordFold({"ES": ES})
    records = [record for step in day() for name, record in fold.records(step) if name == "decisions"]
    broken = {key: value for key, value in records[0].items() if key != "verdicts"}
    assert "verdicts" in validate("decisions", broken)[0]
    assert "$.v" in validate("decisions", records[0] | {"v": 2})[0]
    assert "$.approved" in validate("decisions", records[0] | {"approved": "yes"})[0]
