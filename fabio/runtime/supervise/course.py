"""Course: what is to be done with one process, decided from what is seen of it.

No clock, no process, no file: time, exit codes, beats and memory come in, acts go out. The states:

========= ===================================================== ==========================================
state     meaning                                               leaves it
========= ===================================================== ==========================================
waiting   to be started: now, after a pause, or when its turn   its time and its turn have come: starting
          comes
starting  runs, has shown nothing yet                           first beat: ready. None in `start_s`: stopping
ready     runs and beats                                        silence, too much memory: stopping
stopping  signals go out: SIGUSR1 (stacks), SIGTERM, SIGKILL    its end: waiting or stopped, as was wanted
stopped   does not run and is left alone                        somebody asks for it, or its Python changed
========= ===================================================== ==========================================

An end nobody asked for is a death: it is started again after a pause. Deaths before it was ready are
counted (but for those of an outage); too many within the window are a crash loop. Then it stays stopped
if nothing is held. Else it goes on coming back with the longest pause, halted by the file HALT: it can
only reduce.
"""

import signal
from collections import deque
from collections.abc import Callable
from typing import Literal

from fabio.adapters.backoff import Backoff
from fabio.runtime.supervise.acts import Act, Halt, Page, Say, Seen, Send, Start
from fabio.runtime.supervise.definition import Definition

BUSY = 6
"""`fabio run` ends with this where another agent has the folder."""
UNREACHED = 5
"""`fabio run` ends with this where the venue cannot be asked: no fault of its own, and no part of a crash loop."""
ELSEWHERE_S = 30.0
DUMP_S = 0.5
"""From SIGUSR1 to SIGTERM: writing the stacks takes some milliseconds."""
WEDGED_STOP_S = 5.0
"""What a process that hangs gets from SIGTERM to SIGKILL: its loop cannot hear, it is only a chance."""
_STACKS, _KILL = getattr(signal, "SIGUSR1", signal.SIGTERM), getattr(signal, "SIGKILL", signal.SIGTERM)

State = Literal["waiting", "starting", "ready", "stopping", "stopped"]
Then = Literal["stay", "start", "died"]


class Course:
    """One process's course.

    Parameters
    ----------
    random_share
        Gives numbers in [0, 1), for the pauses.
    errors
        The file of its standard error: where a person looks first.

    Attributes
    ----------
    note
        Why it is in its state, in words; empty where there is nothing to say.
    starts
        How often it was started.
    reducing
        Whether it is in a crash loop while something is, or may be, held.
    elsewhere
        Whether the latest start found that somebody else runs it.
    last_exit
        How it ended the last time, in words.
    """

    def __init__(self, definition: Definition, random_share: Callable[[], float], errors: str = "") -> None:
        self.state: State = "waiting"
        self.note = ""
        self.starts = 0
        self.reducing = False
        self.elsewhere = False
        self.last_exit = ""
        self.start_at_s = 0.0
        self._see = f"; see {errors}" if errors else ""
        self._definition = definition
        self._rule = definition.restart
        self._beats = definition.beats
        self._pauses = Backoff(self._rule.first_pause_s, self._rule.longest_pause_s, random_share)
        self._deaths: deque[float] = deque()  # lived seconds of deaths before ready, oldest first
        self._since_s = 0.0  # of the state
        self._beat_s = 0.0  # the latest beat
        self._settled = False
        self._signals: deque[tuple[float, int]] = deque()  # when, which; while stopping
        self._then: Then = "stay"
        self._was_ready = False
        self._unreached = False  # the latest start did not reach the outside

    @property
    def runs(self) -> bool:
        """Whether the process should be there now."""
        return self.state in ("starting", "ready", "stopping")

    def adopt(self, now_s: float, *, was_ready: bool) -> None:
        """Take over a process that another supervisor has started; one that was ready has to go on beating."""
        self._begin(now_s)
        if was_ready:
            self._become("ready", now_s, "")

    def look(self, seen: Seen) -> list[Act]:
        """Decide on what was seen."""
        if self.runs and not seen.running:
            return self._ended(seen)
        match self.state:
            case "waiting" if seen.now_s >= self.start_at_s and seen.may_start:
                self._begin(seen.now_s)
                return [Start()]
            case "starting":
                return self._look_at_start(seen) or self._look_at_size(seen)
            case "ready":
                return self._look_at_life(seen) or self._look_at_size(seen)
            case "stopping":
                found: list[Act] = []
                while self._signals and self._signals[0][0] <= seen.now_s:
                    found.append(self._sent())
                return found
            case _:
                return []

    def ask_stop(self, now_s: float, why: str) -> list[Act]:
        """Stop it, for good."""
        if self.state == "stopping":
            self._then, self.note = "stay", why
            return []
        if not self.runs:
            self._become("stopped", now_s, why)
            return []
        return self._stop(now_s, why, "stay")

    def ask_restart(self, now_s: float, why: str) -> list[Act]:
        """Stop and start it; one that was given up has another chance."""
        self._deaths.clear()
        self._pauses.reset()
        if self.state == "stopping":
            self._then = "start" if self._then == "died" else self._then
            return []
        if not self.runs:
            self.reducing = self.elsewhere = False
            self.start_at_s = now_s
            self._become("waiting", now_s, why)
            return [Say(f"starts again: {why}")]
        return self._stop(now_s, why, "start")

    def ask_kill(self) -> list[Act]:
        """Wait no longer for a process that is being stopped."""
        if self.state != "stopping":
            return []
        self._signals.clear()
        return [Send(_KILL)]

    # -- while it runs ------------------------------------------------------------------

    def _begin(self, now_s: float) -> None:
        self.starts += 1
        self._settled = False
        self._beat_s = now_s
        self._become("starting", now_s, "")

    def _look_at_start(self, seen: Seen) -> list[Act]:
        if self._definition.schedule is not None:
            self._become("ready", seen.now_s, "")
            return []
        took_s = seen.now_s - self._since_s
        if seen.beat if self._beats is not None else took_s >= self._rule.settled_s:
            self._beat_s = seen.now_s
            self.elsewhere = self._unreached = False
            self._become("ready", seen.now_s, "")
            return [Say(f"ready after {took_s:.1f} s")]
        if self._beats is not None and took_s > self._beats.start_s:
            return self._stop(seen.now_s, f"not ready within {self._beats.start_s:g} s", "died")
        return []

    def _look_at_life(self, seen: Seen) -> list[Act]:
        if seen.beat:
            self._beat_s = seen.now_s
        schedule = self._definition.schedule
        silent_s, ready_s = seen.now_s - self._beat_s, seen.now_s - self._since_s
        if self._beats is not None and silent_s > self._beats.limit_s:
            return self._stop(seen.now_s, f"no heartbeat for {silent_s:.1f} s: it hangs, its stacks are asked for",
                              "died", stacks=True)
        if schedule is not None and ready_s > schedule.limit_s:
            return self._stop(seen.now_s, f"not done within {schedule.limit_s:g} s", "died")
        if not self._settled and ready_s >= self._rule.settled_s:
            self._settled, self.reducing = True, False
            self._deaths.clear()
            self._pauses.reset()
        return []

    def _look_at_size(self, seen: Seen) -> list[Act]:
        limit_mb = self._definition.memory_limit_mb
        if limit_mb is None or seen.memory_mb is None or seen.memory_mb <= limit_mb:
            return []
        return self._stop(seen.now_s, f"{seen.memory_mb:,.0f} MB of memory are more than {limit_mb:g}", "died")

    def _stop(self, now_s: float, why: str, then: Then, *, stacks: bool = False) -> list[Act]:
        self._was_ready, self._then = self.state == "ready", then
        term_s = now_s + DUMP_S if stacks else now_s
        grace_s = min(self._definition.stop_s, WEDGED_STOP_S) if stacks else self._definition.stop_s
        self._signals = deque([(term_s, signal.SIGTERM), (term_s + grace_s, _KILL)])
        if stacks:
            self._signals.appendleft((now_s, _STACKS))
        self._become("stopping", now_s, why)
        acts: list[Act] = [Say(f"is stopped: {why}")]
        return acts if self._signals[0][0] > now_s else [*acts, self._sent()]

    def _sent(self) -> Send:
        return Send(self._signals.popleft()[1])

    # -- when it has ended --------------------------------------------------------------

    def _ended(self, seen: Seen) -> list[Act]:
        state, words = self.state, exit_words(seen.code)
        self.last_exit = words
        if state == "stopping" and self._then != "died":
            is_last = self._then == "stay"
            self.start_at_s = seen.now_s
            self._become("stopped" if is_last else "waiting", seen.now_s, self.note)
            return [Say(f"has ended ({words})")]
        if state == "stopping":
            self.last_exit = f"{words}; {self.note}"
            return self._died(seen, f"{self.note} ({words})", self._was_ready)
        if self._definition.schedule is not None:
            self._become("waiting", seen.now_s, "")
            return [Say(f"has ended ({words})" + ("" if seen.code == 0 else self._see))]
        if seen.code == BUSY and state == "starting":
            first, self.elsewhere = not self.elsewhere, True
            self.start_at_s = seen.now_s + ELSEWHERE_S
            self._become("waiting", seen.now_s, "runs already, under somebody else")
            return [Say(f"runs already, under somebody else: left alone, looked at again every {ELSEWHERE_S:g} s")
                    ] if first else []
        if seen.code == UNREACHED and state == "starting":
            return self._not_reached(seen.now_s)
        return self._done(seen) if seen.code == 0 else self._died(seen, words, state == "ready")

    def _done(self, seen: Seen) -> list[Act]:
        """Decide what follows an end in order."""
        self.elsewhere = False
        words = "was asked to end" if seen.asked else "came to its own end"
        if seen.asked or self._rule.when != "always":
            self._become("stopped", seen.now_s, words)
            return [Say(f"{words}: left alone")]
        pause_s = self._pauses.next_s()
        self.start_at_s = seen.now_s + pause_s
        self._become("waiting", seen.now_s, words)
        return [Say(f"{words}, starts again in {pause_s:.1f} s")]

    def _not_reached(self, now_s: float) -> list[Act]:
        """Try again and again: an outage ends some time, and a person is told of it once."""
        first, self._unreached = not self._unreached, True
        pause_s = self._pauses.next_s()
        self.start_at_s = now_s + pause_s
        self._become("waiting", now_s, "the outside could not be reached")
        text = f"could not reach the outside (exit code {UNREACHED}); starts again in {pause_s:.1f} s"
        return [Say(text), Page(f"{text}, and so on until it does")] if first else [Say(text)]

    def _died(self, seen: Seen, words: str, was_ready: bool) -> list[Act]:
        """Decide what follows an end that nobody asked for."""
        now_s, rule, self.elsewhere = seen.now_s, self._rule, False
        if self._definition.schedule is not None:
            self._become("waiting", now_s, words)
            return [Say(f"has ended: {words}{self._see}")]
        if rule.when == "never":
            return self._given_up(now_s, f"has died: {words}{self._see}; its restart policy is never")
        if not was_ready:
            self._deaths.append(now_s)
        while self._deaths and now_s - self._deaths[0] > rule.window_s:
            self._deaths.popleft()
        pause_s = self._pauses.next_s()
        is_loop = len(self._deaths) >= rule.deaths
        if is_loop and seen.exposure == "flat":
            return self._given_up(now_s, f"is given up: {len(self._deaths)} deaths before it was ready, within "
                                         f"{rule.window_s:g} s; the last: {words}{self._see}")
        found: list[Act] = []
        if is_loop:
            pause_s = rule.longest_pause_s
            held = "a position is open" if seen.exposure == "open" else "what it holds is not known"
            reason = f"crash loop ({words}) while {held}"
            if not self.reducing:
                found += [Halt(reason), Page(f"{reason}{self._see}: it is halted and goes on coming back, to reduce "
                                             "only. Look at your platform; `fabio halt --off` takes the halt back")]
            self.reducing = True
        self.start_at_s = now_s + pause_s
        self._become("waiting", now_s, words)
        text = f"has died: {words}{self._see}; starts again in {pause_s:.1f} s"
        return [*found, Say(text)] if is_loop else [Say(text), Page(text)]

    def _given_up(self, now_s: float, text: str) -> list[Act]:
        self.reducing = False
        self._become("stopped", now_s, text)
        return [Say(text), Page(text)]

    def _become(self, state: State, now_s: float, note: str) -> None:
        self.state, self._since_s, self.note = state, now_s, note


def exit_words(code: int | None) -> str:
    """Say how a process has ended.

    >>> exit_words(-9), exit_words(3), exit_words(None)
    ('killed by SIGKILL', 'exit code 3', 'ended, nobody saw how')
    """
    if code is None:
        return "ended, nobody saw how"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
