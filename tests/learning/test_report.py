"""`fabio report`: what it says of full, empty, one-trade, all-blocked and damaged records."""

import math
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
from report_days import record, settings_of

from fabio.cli.app import run
from fabio.journal.tape import TapeReader
from fabio.learning.report.data import NothingToReport, report
from fabio.learning.report.market import value_area
from fabio.learning.report.page import page
from fabio.runtime.kernels import prepare_cache

NS_PER_HOUR = 3_600_000_000_000
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def kept_days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    prepare_cache()
    folder = tmp_path_factory.mktemp("report")
    record(folder / "full", seed=6)
    record(folder / "blocked", "guards.min_confidence.minimum=1.0")
    record(folder / "quiet", stop_after=20)
    return {name: folder / name for name in ("full", "blocked", "quiet")}


@pytest.fixture
def day(kept_days: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    def copied(name: str) -> Path:
        return Path(shutil.copytree(kept_days[name], tmp_path / name))

    return copied


def of(folder: Path, hours: float = 1e6) -> dict[str, Any]:
    return report(settings_of(folder), folder, hours)


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from numbers_in(each)
    elif isinstance(value, float):
        yield value


class Page(HTMLParser):
    """Takes a page apart: its tags, and whether each one is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(answer: dict[str, Any]) -> Page:
    """Draw a report and take it apart; every page has to be harmless and well formed."""
    parsed = Page(page(answer))
    assert parsed.open == []
    assert not {"script", "img", "link", "iframe", "object", "b onclick"} & {tag for tag, _ in parsed.tags}
    for tag, attributes in parsed.tags:
        assert not any(name.startswith("on") or name in ("src", "href") for name in attributes), tag
    for svg in page(answer).split("<svg ")[1:]:
        drawn = "<svg " + svg.partition("</svg>")[0] + "</svg>"
        ElementTree.fromstring(drawn)
        assert "nan" not in drawn.replace("financ", "")
        assert "inf" not in drawn
    return parsed


def test_its_sums_are_those_of_the_records(day: Callable[[str], Path]) -> None:
    folder = day("full")
    answer = of(folder)
    trades, decisions = lines(folder / "trades.jsonl"), lines(folder / "decisions.jsonl")
    summary = answer["summary"]
    assert len(trades) > 1
    assert summary["trades"] == len(trades)
    assert summary["net_pnl"] == pytest.approx(sum(each["net_pnl"] for each in trades), abs=0.01)
    assert (summary["signals"], summary["approved"]) == (len(decisions), sum(each["approved"] for each in decisions))
    assert summary["end_balance"] == trades[-1]["balance"]
    assert answer["equity"]["equity"][-1] == trades[-1]["balance"]
    assert answer["equity"]["deepest"] <= 0
    assert sum(each["trades"] for each in answer["strategies"]) == len(trades)
    assert answer["risk"]["window"]["daily_returns"] == {"2026-06-03": pytest.approx(summary["net_pnl"] / 50_000)}
    assert answer["zone"] == "America/Chicago"
    assert answer["record"]["whole"]
    read(answer)


def test_the_equity_curve_never_leaves_what_price_allowed(day: Callable[[str], Path]) -> None:
    answer = of(day("full"))
    [market] = answer["markets"]
    assert answer["equity"]["ts_ns"] == sorted(answer["equity"]["ts_ns"])
    assert all(low <= close <= high for low, close, high in zip(market["low"], market["close"], market["high"],
                                                                strict=True))
    for trade in answer["trades"]:
        held = [usd for at, usd in zip(answer["equity"]["ts_ns"], answer["equity"]["equity"], strict=True)
                if trade["entry_ts_ns"] <= at < trade["exit_ts_ns"]]
        before = trade["balance"] - trade["net_pnl"]
        reach = (max(market["high"]) - min(market["low"])) * 2 * trade["size"]  # USD: a point of MNQ is worth 2
        assert held
        assert all(abs(usd - before) <= reach for usd in held)


def test_the_profile_is_that_of_the_machine(day: Callable[[str], Path]) -> None:
    """The last decision's statistics hold the machine's profile; the tape up to there gives the same."""
    folder = day("full")
    last = lines(folder / "decisions.jsonl")[-1]
    volumes: dict[int, int] = {}
    for ticks in TapeReader(folder).read(stop=last["tape_pos"]):
        for price, size in zip(ticks.price_ticks, ticks.size_steps, strict=True):
            volumes[int(price)] = volumes.get(int(price), 0) + int(size)
    profile = last["statistics"]["profile"]
    assert sum(volumes.values()) == profile["total_volume"]
    assert [each * 0.25 for each in value_area(volumes)] == [profile[name] for name in ("poc", "vah", "val")]


def test_no_infinity_and_no_nan_gets_into_the_answer(day: Callable[[str], Path]) -> None:
    for name in ("full", "blocked", "quiet"):
        answer = of(day(name))
        assert all(math.isfinite(each) for each in numbers_in(answer))
        for risk in (answer["risk"]["window"], answer["risk"]["record"]):
            assert all(risk[metric] is not None or risk["reasons"][metric] for metric in ("sharpe", "calmar"))


def test_an_all_blocked_day_says_so(day: Callable[[str], Path]) -> None:
    answer = of(day("blocked"))
    assert answer["summary"]["signals"] > 1
    count = answer["summary"]["signals"]
    assert answer["said"][0].startswith(f"All {count} signals were refused, most often by min_confidence ({count})")
    words = " ".join(read(answer).words)
    assert "No trade was closed" in words
    assert next(each for each in answer["guards"]["rows"] if each["name"] == "min_confidence")["refused"] > 1


def test_a_day_without_a_signal_says_so(day: Callable[[str], Path]) -> None:
    answer = of(day("quiet"))
    assert "no signal, no trade" in answer["said"][0]
    assert "no guard was asked" in " ".join(read(answer).words)


def test_one_trade_is_called_one_trade(day: Callable[[str], Path]) -> None:
    folder = day("full")
    whole = of(folder)
    last = whole["trades"][-1]
    answer = of(folder, (whole["until_ns"] - last["exit_ts_ns"]) / NS_PER_HOUR + 1e-6)
    assert [each["id"] for each in answer["trades"]] == [last["id"]]
    assert "One trade was closed: its result is no statistic." in answer["said"]
    assert answer["summary"]["start_balance"] == pytest.approx(last["balance"] - last["net_pnl"])
    assert answer["risk"]["window"]["sharpe"] is None
    read(answer)


def test_a_position_that_is_open_at_the_end_is_said_and_left_out(day: Callable[[str], Path], tmp_path: Path) -> None:
    trade = lines(day("full") / "trades.jsonl")[0]
    [ticks] = TapeReader(tmp_path / "full").read()
    middle = int(ticks.ts_recv_ns.searchsorted((trade["entry_ts_ns"] + trade["exit_ts_ns"]) // 2))
    record(tmp_path / "open", seed=6, stop_after=middle)
    answer = of(tmp_path / "open")
    assert answer["said"][0].startswith(f"A position is still open ({trade['side']} MNQ, by {trade['strategy']})")
    assert answer["summary"]["trades"] == 0
    read(answer)


def test_an_empty_folder_is_an_answer_and_not_a_failure(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(NothingToReport, match="fabio run --logs"):
        of(tmp_path / "logs")


def test_what_was_written_by_others_cannot_act(day: Callable[[str], Path]) -> None:
    folder = day("full")
    answer = of(folder)
    change = answer["learning"]["changes"][0]
    assert change["source"] == "operator"
    answer["trades"][0]["reason"] = answer["trades"][0]["strategy"] = HOSTILE
    answer["refused"].append({**answer["refused"][0], "refused_by": [HOSTILE]} if answer["refused"] else {
        "ts_ns": answer["until_ns"], "id": HOSTILE, "symbol": "MNQ", "strategy": HOSTILE, "side": HOSTILE,
        "price": answer["markets"][0]["close"][0], "refused_by": [HOSTILE], "reason": HOSTILE})
    answer["markets"][0]["regimes"][0]["label"] = HOSTILE
    answer["learning"]["notes"] = [{"ts_ns": answer["until_ns"], "id": "N1", "strategy": None, "source": HOSTILE,
                                    "text": HOSTILE, "status": "pending", "judged_because": ""}]
    answer["model"]["by_source"][HOSTILE] = next(iter(answer["model"]["by_source"].values()))
    answer["world"]["account"] = HOSTILE
    words = read(answer).words
    assert any(HOSTILE in each for each in words)
    assert "<b onclick" not in page(answer)


def test_the_page_asks_for_nothing_and_forbids_everything(day: Callable[[str], Path]) -> None:
    text = page(of(day("full")))
    assert "default-src 'none'" in text
    assert not any(word in text for word in ("url(", "@import", "src=", "href=", "<script"))
    without_names = text.replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in without_names
    assert "https:" not in without_names


def test_damaged_torn_and_foreign_lines_are_counted_and_named(day: Callable[[str], Path]) -> None:
    folder = day("full")
    before = of(folder)
    with (folder / "trades.jsonl").open("ab") as file:
        file.write(b'{"hello": "world"}\nnot json\n{"v":1,"id":"T1"')
    answer = of(folder)
    assert answer["record"]["by_kind"] == {"foreign": 1, "damaged": 1, "half_written": 1}
    assert not answer["record"]["whole"]
    assert any(each.startswith("trades.jsonl, line ") for each in answer["record"]["problems"])
    assert answer["summary"] == before["summary"]
    assert "not whole" in " ".join(read(answer).words)


def test_a_lost_record_file_is_said_and_the_journal_still_knows(day: Callable[[str], Path]) -> None:
    folder = day("full")
    before = of(folder)
    (folder / "decisions.jsonl").unlink()
    answer = of(folder)
    assert answer["summary"] == before["summary"]
    assert any("fabio journal rebuild" in each for each in answer["record"]["problems"])


def test_behind_a_damaged_journal_line_the_records_beside_it_count(day: Callable[[str], Path]) -> None:
    folder = day("full")
    before = of(folder)
    [journal] = (folder / "journal").glob("*.jsonl")
    content = journal.read_bytes().splitlines(keepends=True)
    content[len(content) // 2] = b"{}\n"
    journal.chmod(0o644)
    journal.write_bytes(b"".join(content))
    answer = of(folder)
    assert answer["record"]["journal"] == "damaged"
    assert f"line {len(content) // 2 + 1}" in answer["record"]["problems"][0]
    assert answer["summary"] == before["summary"]
    read(answer)


def test_without_journal_and_tape_the_records_are_enough(day: Callable[[str], Path]) -> None:
    folder = day("full")
    before = of(folder)
    shutil.rmtree(folder / "journal")
    shutil.rmtree(folder / "tape")
    answer = of(folder)
    assert answer["summary"]["net_pnl"] == before["summary"]["net_pnl"]
    assert answer["record"]["journal"] == "missing"
    assert "no price to draw" in answer["markets"][0]["problem"]
    assert answer["risk"]["window"]["daily_returns"].keys() == {"2026-06-03"}
    read(answer)


def test_a_damaged_tape_is_drawn_up_to_the_damage(day: Callable[[str], Path]) -> None:
    folder = day("full")
    [tape] = (folder / "tape").glob("*.tape")
    content = bytearray(tape.read_bytes())
    content[-28 * 50] ^= 0xFF
    tape.write_bytes(content)
    [market] = of(folder)["markets"]
    assert "damaged" in market["problem"]


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["fabio", "report", *map(str, arguments)])
    return run()


def test_the_verb_prints_a_screen_a_document_and_a_page(
    day: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:
    folder, html = day("full"), tmp_path / "report.html"
    assert command(monkeypatch, "--logs", folder) == 0
    screen = capsys.readouterr().out
    assert "\x1b" not in screen
    assert [word for word in ("net P&L", "Strategies", "Risk", "Sharpe", "Record: whole") if word not in screen] == []
    assert command(monkeypatch, "--logs", folder, "--html", html, "--json") == 0
    said = capsys.readouterr()
    answer = orjson.loads(said.out)
    promised = {"summary", "risk", "equity", "trades", "guards", "strategies", "learning", "model", "record"}
    assert promised <= answer.keys()
    assert str(html) in said.err
    assert html.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("--logs", "nowhere"), 4, "does not exist"),
    (("--hours", "0"), 2, "above 0"),
    (("--logs", "."), 4, "holds no records"),
])
def test_a_mistake_is_a_sentence(
    arguments: tuple[str, ...], code: int, words: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, *arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_a_page_that_cannot_be_written_is_a_sentence(
    day: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:
    assert command(monkeypatch, "--logs", day("quiet"), "--html", tmp_path / "no" / "page.html") == 1
    assert "cannot be written" in capsys.readouterr().err
