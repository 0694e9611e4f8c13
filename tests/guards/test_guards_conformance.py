"""Every guard, found by its file: stateless, always speaking, exact at its limit, monotone."""

from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from any_views import any_signals, any_views
from guard_rows import DIRECTIONS, LOOSER_ABOVE, NO_LIMIT, ROWS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from views import make_signal, make_view

import fabio.guards

FOLDER = Path(fabio.guards.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
LIMITS = [key for key, direction in DIRECTIONS.items() if direction != NO_LIMIT]
DOC = FOLDER.parents[1] / "docs" / "guards.md"


def build(name, **changes):
    module = import_module(f"fabio.guards.{name}")
    return module.Guard(module.Settings(**changes))


def allowed_values(name, field):
    default = getattr(import_module(f"fabio.guards.{name}").Settings(), field)
    grid = range(41) if isinstance(default, int) else [(default or 30.0) * k / 10 for k in range(31)]
    allowed = []
    for value in grid:
        try:
            build(name, **{field: value})
        except ValueError:
            continue
        allowed.append(value)
    assert len(allowed) > 1
    return allowed


ALLOWED = {key: allowed_values(*key) for key in LIMITS}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(signal=any_signals(), view=any_views())
def test_every_guard_speaks_on_any_view_and_says_the_same_twice(signal, view):
    for name in NAMES:
        guard = build(name)
        verdict = guard.check(signal, view)
        assert verdict.guard == name
        assert isinstance(verdict.passed, bool)
        assert verdict.reason
        assert guard.check(signal, view) == verdict
        assert build(name).check(signal, view) == verdict


@pytest.mark.parametrize("name", NAMES)
def test_every_guard_passes_a_sound_signal_on_a_sound_view(name):
    verdict = build(name).check(make_signal(), make_view())
    assert verdict.passed, verdict.reason


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.guard}: {row.what}")
def test_every_limit_is_exact_to_the_unit(row):
    guard = build(row.guard, **row.settings)
    assert tuple(guard.check(*row.case(offset)).passed for offset in (-1, 0, 1)) == row.passes


@pytest.mark.parametrize("name", NAMES)
def test_every_guard_has_a_limit_row_and_a_direction_for_each_setting(name):
    assert any(row.guard == name for row in ROWS), f"add {name} to ROWS in guard_rows.py"
    for field in import_module(f"fabio.guards.{name}").Settings.__struct_fields__:
        assert (name, field) in DIRECTIONS, f"add ({name}, {field}) to DIRECTIONS in guard_rows.py"


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(signal=any_signals(), view=any_views(), places=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_loosening_a_limit_never_blocks_what_passed(signal, view, places):
    for name, field in LIMITS:
        values = ALLOWED[name, field]
        low, high = (values[round(place * (len(values) - 1))] for place in sorted(places))
        tight, loose = (low, high) if DIRECTIONS[name, field] == LOOSER_ABOVE else (high, low)
        if build(name, **{field: tight}).check(signal, view).passed:
            assert build(name, **{field: loose}).check(signal, view).passed, (name, field, tight, loose)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(signal=any_signals(), view=any_views(), more=st.integers(0, 10))
def test_loosening_the_state_or_the_account_never_blocks_what_passed(signal, view, more):
    state, account = view.state, view.account
    looser = msgspec.structs.replace(
        view,
        state=msgspec.structs.replace(
            state, max_trades_per_session=state.max_trades_per_session + more,
            min_rr=max(0.0, state.min_rr - more / 4)),
        account=msgspec.structs.replace(account, position_limit=account.position_limit + more,
                                        loss_floor=account.loss_floor - more),
    )
    for name in NAMES:
        if build(name).check(signal, view).passed:
            assert build(name).check(signal, looser).passed, name


@pytest.mark.parametrize(("name", "field"), LIMITS)
def test_a_limit_out_of_range_is_refused_with_its_name(name, field):
    with pytest.raises(ValueError, match=field):
        build(name, **{field: -5})


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_is_refused(name):
    settings_class = import_module(f"fabio.guards.{name}").Settings
    with pytest.raises(msgspec.ValidationError, match="colour"):
        msgspec.convert({"colour": 1}, settings_class)


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_names_every_guard_and_every_setting(name):
    text = DOC.read_text()
    assert f"`{name}`" in text
    defaults = import_module(f"fabio.guards.{name}").Settings()
    for field in defaults.__struct_fields__:
        assert f"`{field}`" in text, field
