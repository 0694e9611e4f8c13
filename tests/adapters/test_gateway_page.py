"""The page about the gateway names what there is."""

import re
from pathlib import Path

import msgspec

from fabio.adapters.gateway.faults.catalogue import FAULTS, GROUPS, HUB_SURFACES, REST_SURFACES
from fabio.adapters.gateway.faults.script import read_script
from fabio.adapters.gateway.plan import Switches

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text("utf-8")


def test_every_fault_stands_on_the_page_under_its_number_and_no_other() -> None:
    rows = re.findall(r"^\| (F\d\d) [^|]*\| (.*)$", PAGE, re.MULTILINE)
    told = {name: number for number, text in rows for name in re.findall(r"`([a-z_0-9]+)`", text) if name in FAULTS}
    assert told == {name: known.number for name, known in FAULTS.items()}


def test_every_option_of_a_fault_stands_on_the_page() -> None:
    for name, known in FAULTS.items():
        for option in known.options:
            assert f"`{option}" in PAGE, (name, option)
    for surface in (*REST_SURFACES, *HUB_SURFACES, *GROUPS):
        assert surface in PAGE


def test_the_script_on_the_page_can_be_read(tmp_path: Path) -> None:
    block = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    path = tmp_path / "faults.toml"
    path.write_text(block.group(1), "utf-8")
    assert [fault.name for fault in read_script(path).faults] == ["drop_reply", "mute", "child_missing"]


def test_the_switches_on_the_page_exist_with_these_defaults() -> None:
    section = PAGE.split("## Switches")[1].split("## Faults")[0]
    fields = {field.name: field.default for field in msgspec.structs.fields(Switches)}
    for names, values in re.findall(r"^\| (`.*?) \| (.*?) \|", section, re.MULTILINE):
        wanted = [value.strip("` ") for value in values.split(",")]
        named = re.findall(r"`(\w+)`", names)
        for place, name in enumerate(named):
            value = wanted[min(place, len(wanted) - 1)]
            told = {"true": True, "false": False, "none": None}.get(value, value)
            assert fields[name] == told, name
