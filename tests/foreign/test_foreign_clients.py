"""Clients that others wrote, unmodified, take the simulated gateway for the venue."""

import datetime as dt
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from foreign_environments import (
    CLIENTS,
    FIRST_PYTHON,
    Books,
    make_environment,
    make_node_folder,
    newer_python,
    running_gateway,
    seen_by,
)

pytestmark = pytest.mark.install

SIGNALR = "@microsoft/signalr@10"
SDKS = ("project-x-py==4.4.1", "topstep-sdk==0.1.4")
PYSIGNALR = "pysignalr==1.3.3"

FILLED, CANCELLED, REJECTED = 2, 3, 5
LIMIT, STOP = 1, 4
LONGEST_VISIT = dt.timedelta(minutes=60)  # six minutes, by a replay clock of ten times the speed
EIGHT_HOURS = range(470, 482)  # in minute bars


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Serve a gateway for one test alone."""
    with running_gateway(tmp_path, "--speed", "10") as base:
        yield base


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"@microsoft/signalr was not tried: this machine has no {' and no '.join(missing)}")
    folder = tmp_path_factory.mktemp("node")
    make_node_folder(folder, SIGNALR)
    return folder


@pytest.fixture(scope="module")
def sdk_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    python = newer_python()
    if python is None:
        pytest.skip(f"project-x-py and topstep-sdk were not tried: no Python 3.{FIRST_PYTHON} or later is here")
    return make_environment(python, tmp_path_factory.mktemp("sdks") / "venv", *SDKS)


@pytest.fixture(scope="module")
def pysignalr_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make it an environment of its own: importing pysignalr patches `websockets` for the whole process."""
    return make_environment(sys.executable, tmp_path_factory.mktemp("pysignalr") / "venv", PYSIGNALR)


def assert_books_agree(url: str, statuses: list[tuple[int, int]], half_turns: list[int],
                       account_id: int) -> dict[int, int]:
    """Compare what a client was told with the gateway's own books, which must be flat; give the books' statuses."""
    with Books(url) as books:
        assert books.account_id == account_id
        assert books.held() == []
        assert books.working() == []
        kept = books.statuses()
        assert dict(statuses) == kept  # of several statuses the last
        assert half_turns == books.half_turns()
    return kept


def assert_markets_were_heard(seen: dict[str, Any]) -> None:
    assert seen["contract_id"].startswith("CON.F.US.MNQ.")
    assert min(seen["quotes"], seen["prints"], seen["depth_rows"]) > 5
    first, last = (dt.datetime.fromisoformat(seen[name]) for name in ("oldest_print", "newest_print"))
    assert last - first < LONGEST_VISIT  # prints of before the subscription are no live ones


@pytest.mark.parametrize("way", ["direct", "negotiate"])
def test_the_official_javascript_client_trades_at_the_gateway(node_folder: Path, url: str, way: str) -> None:
    seen = seen_by(["node", str(CLIENTS / "signalr.mjs"), url, way], node_folder)
    assert seen["version"].startswith("10.")
    assert [result for _, result in seen["completions"]] == [None] * 8
    assert "SubscribeContractDepth" in seen["unknownMethod"]
    assert seen["errors"] == []
    assert sorted(each["hub"] for each in seen["closed"]) == ["market", "user"]
    assert all(each["error"] is None for each in seen["closed"])

    told = [(each["id"], each["status"]) for each in seen["orders"]]
    kept = assert_books_agree(url, told, [each["id"] for each in seen["halfTurns"]], seen["accountId"])
    assert sorted(kept.values()) == [FILLED, FILLED, CANCELLED, CANCELLED]
    assert [status for order_id, status in told if order_id == seen["orderId"]][-1] == FILLED
    tags = {each["customTag"] for each in seen["orders"] if "customTag" in each}
    assert tags == {f"js-{way}", f"js-{way}-SL", f"js-{way}-TP"}
    assert seen["balances"]


def test_topstep_sdk_trades_at_the_gateway(sdk_python: str, url: str, tmp_path: Path) -> None:
    seen = seen_by([sdk_python, str(CLIENTS / "topstep.py"), url], tmp_path)
    assert seen["pong"] == "pong"
    assert_markets_were_heard(seen)
    assert seen["bars"] in EIGHT_HOURS
    assert seen["entry_status"] == FILLED
    assert seen["resting_types"] == [LIMIT, STOP]
    assert (seen["held"], seen["held_at_the_end"]) == ([1], [])
    assert seen["trades"] == seen["half_turns"][::-1]
    assert seen["orders_of_page"] == 4
    # the venue pads rows of depth with nulls, which this client cannot take: it drops such an event and says so
    assert [text for text in seen["errors"] if "'GatewayDepth'" not in text or "null" not in text] == []
    assert_books_agree(url, seen["statuses"], seen["half_turns"], seen["account_id"])


def assert_project_x_py_was_content(url: str, seen: dict[str, Any]) -> None:
    assert seen["is_heard"] == [True, True]
    assert_markets_were_heard(seen)
    assert "less than zero" in seen["refusal"]
    assert seen["entry_status"] == FILLED
    assert seen["resting_types"] == [LIMIT, STOP]
    assert (seen["held"], seen["held_at_the_end"]) == ([1], [])
    assert (seen["is_moved"], seen["closed"]) == (True, True)
    assert seen["trades"] == seen["half_turns"][::-1]
    assert seen["errors"] == []
    kept = assert_books_agree(url, seen["statuses"], seen["half_turns"], seen["account_id"])
    # the wrong sign left the record of a rejected entry
    assert sorted(kept.values()) == [FILLED, FILLED, CANCELLED, CANCELLED, REJECTED]


def test_project_x_py_trades_at_the_gateway(sdk_python: str, url: str, tmp_path: Path) -> None:
    seen = seen_by([sdk_python, str(CLIENTS / "project_x.py"), url], tmp_path)
    assert seen["bars"] in EIGHT_HOURS
    assert_project_x_py_was_content(url, seen)


def test_project_x_py_lives_by_the_wall_clock_at_a_gateway_as_of_now(sdk_python: str, tmp_path: Path) -> None:
    with running_gateway(tmp_path, "--speed", "10", "--as-now") as url:
        seen = seen_by([sdk_python, str(CLIENTS / "project_x.py"), url, "today"], tmp_path)
        assert seen["bars"] > max(EIGHT_HOURS)
        assert_project_x_py_was_content(url, seen)
        with Books(url) as books:  # a token that ends before today is renewed before every call
            assert books.logins_before == 2  # the client's, and that of the books compared above


def test_pysignalr_trades_at_the_gateway(pysignalr_python: str, url: str, tmp_path: Path) -> None:
    seen = seen_by([pysignalr_python, str(CLIENTS / "pysignalr_hubs.py"), url], tmp_path)
    assert seen["completions"] >= 6
    (refusal,) = seen["refusals"]
    assert "SubscribeContractDepth" in refusal
    assert min(seen["events"][name] for name in ("GatewayQuote", "GatewayTrade", "GatewayDepth")) > 2
    kept = assert_books_agree(url, seen["statuses"], seen["half_turns"], seen["account_id"])
    assert kept[seen["order_id"]] == FILLED
    assert list(kept.values()) == [FILLED, FILLED]
