"""`fabio bench`: the promised figures, at a size that tests can afford; no figure is judged here."""

from recorded_days import Cli

from fabio.runtime.bench import GOALS, goals


def test_the_bench_gives_every_promised_figure(cli: Cli) -> None:
    said = cli("bench", "--quick", "--ticks", 20_000, "--passes", 1, "--json")
    assert said.code == 0
    answer = said.json
    assert {"batch_ns", "chunk16_ns", "single_ns"} == set(answer["features"])
    for name in ("fixed_ns", "wake_us", "replay_ns", "read_ns", "peak_rss_mb", "import_s", "warm_start_s"):
        assert answer[name] > 0, name
    assert answer["cold_start_s"] is None  # left out by --quick
    assert answer["ticks"] == 20_000
    assert answer["wakes"]["bar_closed"] > 1_000  # a day of 23 hours has 1,380 minutes
    assert answer["wake_ups"] <= sum(answer["wakes"].values())
    assert {each["name"] for each in answer["goals"]} == set(GOALS)
    assert answer["machine"]["cores"] >= 1


def test_a_goal_holds_up_to_its_limit_and_is_open_where_nothing_was_measured() -> None:
    answer = {"features": {"batch_ns": 40.0, "single_ns": 1000.1}, "fixed_ns": 1, "wake_us": 26.0, "replay_ns": 1,
              "peak_rss_mb": None, "import_s": 0.5}
    held = {each["name"]: each["holds"] for each in goals(answer)}
    assert held == {"features.batch_ns": True, "features.single_ns": False, "fixed_ns": True, "wake_us": False,
                    "replay_ns": True, "peak_rss_mb": None, "import_s": False}
