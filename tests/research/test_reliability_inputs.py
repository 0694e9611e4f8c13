"""Every surface takes mutated input: a value or a typed refusal. The full sizes are the bars' own."""

import pytest

from fabio.research.reliability.bars import MEASUREMENTS
from fabio.research.reliability.inputs import bars as input_bars
from fabio.research.reliability.inputs.surfaces import SURFACES

SIZES = {"tape_file": 25, "tables": 60, "settings_file": 100, "settings_environment": 100, "dotenv": 60,
         "inbox_file": 60}


def quiet(line: str) -> None:
    pass


@pytest.mark.parametrize("name", SURFACES)
def test_nothing_escapes_from_mutated_input(name: str) -> None:
    escapes, slowest = input_bars.surface(name)(SIZES.get(name, 300), quiet)
    assert escapes.value == 0, escapes.note
    assert escapes.n == SIZES.get(name, 300)
    assert slowest.value > 0


def test_h39_no_misspelled_setting_is_ignored() -> None:
    bar = input_bars.misspelled_settings(200, quiet)
    assert bar.holds, bar.note


def test_every_surface_is_a_measurement_of_its_own() -> None:
    assert [name for name in SURFACES if not callable(getattr(input_bars, name, None))] == []


def test_the_full_sizes_are_those_that_a_release_is_judged_by() -> None:
    full = {each.name: each.full for each in MEASUREMENTS}
    assert {name: full[name] for name in SURFACES} == dict.fromkeys(SURFACES, 100_000)
    assert full["kills"] + full["venue_kills"] == full["journal_kills"] == 1_000
    assert full["journal_cuts"] == 64 * 1024
    assert (full["journal_flips"], full["journal_full_drive"], full["starts"]) == (10_000, 500, 50)


def test_many_inputs_say_how_far_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_bars, "SAID_EVERY", 50)
    said: list[str] = []
    input_bars.rest_body(120, said.append)
    assert [line.split(" inputs")[0] for line in said] == ["50", "100", "rest_body: 120"]


def test_a_surface_that_lets_something_escape_breaks_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    from fabio.research.reliability.inputs.surface import Surface

    @contextmanager
    def fragile(folder):
        yield Surface(samples=(b"good",), read=lambda text: text.decode("ascii") and None)

    monkeypatch.setitem(SURFACES, "fragile", fragile)
    escapes, _ = input_bars.surface("fragile")(200, quiet)
    assert escapes.value > 0
    assert not escapes.holds
    assert "UnicodeDecodeError" in escapes.note
