"""Every strategy, found by its file: brackets on the right sides, mirrored, stateless, never widening."""

from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from any_views import any_positions, any_views
from hypothesis import HealthCheck, given, settings
from views import make_view
from walks import mirrored, mirrored_signal, walk_views

import fabio.strategies
from fabio.model.signal import Exit, Signal, Tighten
from fabio.model.strategy import StrategyState
from fabio.model.view import Wake

FOLDER = Path(fabio.strategies.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
DOC = FOLDER.parents[1] / "docs" / "strategies.md"
VIEWS = [view for seed in range(20) for view in walk_views(seed)]


def build(name, **changes):
    module = import_module(f"fabio.strategies.{name}")
    return module.Strategy(module.Settings(**changes))


def signals(name, views):
    strategy = build(name)
    found = [(view, strategy.propose(view)) for view in views]
    return [(view, wish) for view, wish in found if isinstance(wish, Signal)]


def has_tie(view):
    bars = view.bars[-10:]
    over = max(bar.high_ticks for bar in bars) - view.stats.vah_ticks
    return over == view.stats.val_ticks - min(bar.low_ticks for bar in bars)


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_wishes_both_ways_on_walks_but_not_at_every_bar(name):
    sides = [wish.side for _, wish in signals(name, VIEWS)]
    assert sides.count(1) >= 3
    assert sides.count(-1) >= 3
    assert len(sides) < len(VIEWS) / 10


@pytest.mark.parametrize("name", NAMES)
def test_the_stop_is_on_the_losing_side_and_the_target_on_the_winning(name):
    for view, wish in signals(name, VIEWS):
        assert wish.strategy == name
        assert wish.entry_ticks == view.stats.last_ticks
        assert wish.risk_ticks > 0
        assert wish.reward_ticks > 0
        assert 0 <= wish.confidence <= 1
        assert wish.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_wish_means_that_no_condition_failed_and_no_wish_that_one_did(name):
    strategy = build(name)
    for view in VIEWS:
        failed = [row[0] for row in strategy.conditions(view) if row[1] is False]
        assert (strategy.propose(view) is None) == bool(failed), failed


@pytest.mark.parametrize("name", NAMES)
def test_the_mirrored_market_gets_the_mirrored_wish(name):
    strategy, compared = build(name), 0
    for view in VIEWS:
        if has_tie(view):
            continue
        here, there = strategy.propose(view), strategy.propose(mirrored(view))
        if not isinstance(here, Signal):
            assert there is None
            continue
        compared += 1
        assert isinstance(there, Signal)
        assert mirrored_signal(here) == (there.setup, there.side, there.entry_ticks, there.stop_ticks,
                                         there.target_ticks, there.confidence)
    assert compared >= 6


@pytest.mark.parametrize("name", NAMES)
def test_the_states_own_distances_stand_in_for_the_levels(name):
    state = StrategyState(stop_ticks=17, target_ticks=71)
    views = [msgspec.structs.replace(view, state=state) for view in VIEWS]
    found = signals(name, views)
    assert found
    assert {(wish.risk_ticks, wish.reward_ticks) for _, wish in found} == {(17, 71)}


@pytest.mark.parametrize("name", NAMES)
def test_a_disabled_strategy_still_wishes(name):
    state = StrategyState(enabled=False)
    assert signals(name, [msgspec.structs.replace(view, state=state) for view in VIEWS])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_no_wish_on_too_few_bars(name, count):
    for view in VIEWS[::50]:
        few = msgspec.structs.replace(view, bars=view.bars[:count])
        assert build(name).propose(few) is None
        assert build(name).conditions(few)[0][1] is False


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_names_its_triggers(name):
    assert isinstance(build(name).triggers, Wake)
    assert build(name).triggers


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(view=any_views(), position=any_positions())
def test_on_any_view_the_stop_only_comes_closer_and_only_on_the_own_position(view, position):
    held = msgspec.structs.replace(view, position=position, positions=(position,))
    for name in NAMES:
        strategy = build(name)
        wish = strategy.propose(held)
        assert strategy.propose(held) == wish
        assert build(name).propose(held) == wish
        if position.strategy == name:
            assert not isinstance(wish, Signal)
        else:
            assert not isinstance(wish, Tighten | Exit)
        if isinstance(wish, Tighten):
            placed = position.planned_stop_ticks if position.stop_ticks is None else position.stop_ticks
            assert (wish.stop_ticks - placed) * position.side > 0
            assert (held.stats.last_ticks - wish.stop_ticks) * position.side > 0
        if isinstance(wish, Signal):
            assert wish.risk_ticks > 0
            assert wish.reward_ticks > 0


@pytest.mark.parametrize("name", NAMES)
def test_no_setting_has_the_name_of_a_state_field_and_unknown_ones_are_refused(name):
    settings_class = import_module(f"fabio.strategies.{name}").Settings
    assert not set(settings_class.__struct_fields__) & set(StrategyState.__struct_fields__)
    with pytest.raises(msgspec.ValidationError, match="colour"):
        msgspec.convert({"colour": 1}, settings_class)


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_out_of_range_is_refused_with_its_name(name):
    defaults = import_module(f"fabio.strategies.{name}").Settings()
    for field in defaults.__struct_fields__:
        if type(getattr(defaults, field)) in (int, float):
            with pytest.raises(ValueError, match=field):
                build(name, **{field: -1})


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_names_every_strategy_setting_and_condition(name):
    text = DOC.read_text()
    assert f"`{name}`" in text
    defaults = import_module(f"fabio.strategies.{name}").Settings()
    view = next(view for view, _ in signals(name, VIEWS))
    for word in (*defaults.__struct_fields__, *(row[0] for row in build(name).conditions(view))):
        assert f"`{word}`" in text, word


def test_a_made_view_without_a_market_makes_no_strategy_wish():
    for name in NAMES:
        assert build(name).propose(make_view(bars=())) is None
