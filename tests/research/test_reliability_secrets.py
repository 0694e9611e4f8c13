"""Planted secrets are seen nowhere; the whole sessions take two minutes and are the bar's own."""

import asyncio
from pathlib import Path

import httpx
import pytest

from fabio.research.reliability import secrets as secret_bars
from fabio.research.reliability.secrets import CANARIES, ENVIRONMENT, Outputs, echoing_server


def quiet(line: str) -> None:
    pass


@pytest.mark.slow
def test_h40_twelve_canaries_are_seen_in_no_output() -> None:
    seen, readable = secret_bars.canaries(1, quiet)
    assert seen.holds, seen.note
    assert readable.holds, readable.note


def test_a_venue_that_gives_everything_back_leaves_no_key_in_tracebacks_with_their_variables() -> None:
    with echoing_server(3) as url:
        text = asyncio.run(secret_bars._tracebacks(url)).decode()
    assert "Frame" in text
    assert [name for name in CANARIES if name in text] == []


def test_the_server_that_gives_everything_back_does() -> None:
    with echoing_server(0) as url:
        said = "".join(httpx.post(url, content=b"my own words", headers={"Authorization": "Bearer mine"}).text
                       for _ in range(20))
    assert "my own words" in said
    assert "Bearer mine" in said


def test_a_secret_in_a_file_or_in_its_name_is_found_and_sessions_that_did_not_happen_are_said(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    hits, searched = outputs.found()
    assert searched == 0
    assert all(hit.startswith("nothing of") for hit in hits)
    (tmp_path / "kanari03.txt").touch()
    (tmp_path / "trace.bin").write_bytes(b"\xff" + ENVIRONMENT.encode())
    hits, searched = outputs.found()
    assert searched == 2
    assert {"kanari01 in trace.bin", "kanari03 in kanari03.txt"} <= set(hits)
