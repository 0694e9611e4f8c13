"""The supervisor's bar at a small size: what the release is judged by runs here too."""

import sys

import pytest

from fabio.research.reliability.processes.wedges import wedges


@pytest.mark.skipif(sys.platform == "win32", reason="there is no supervisor on Windows")
def test_blocked_loops_are_noticed_in_time_with_their_stacks() -> None:
    said: list[str] = []
    bars = wedges(3, said.append)
    for _ in range(2):  # the seconds are the wall's: a machine with other work may have given the supervisor no turn
        if bars[0].holds:
            break
        assert bars[1].holds, bars
        bars = wedges(3, said.append)
    assert [bar.name for bar in bars] == ["wedge_noticed_s", "wedges_without_stacks_or_restart"]
    assert all(bar.holds and bar.n == 3 for bar in bars), bars
    assert bars[0].value > 8  # nobody is called wedged before the silence that is allowed
    assert said
