"""Pen: whatever changes the folder's files is done by one hand, in the order it was asked for.

Whoever writes decides at once what is to be written (the bytes, the file's name, the number of
the step), and hands the pen a piece of work that only writes. At first the pen does it at once,
in the caller's thread: replay, backtest and recovery need no more, and whoever reads the folder
afterwards sees it. A running agent gives the pen a thread (`start`), so that its loop never
waits for the drive. The same work is done in the same order, so the files have the same bytes
either way; all that differs is when.

The queue is bounded by its bytes. Where it is full, whoever writes waits for room: a tape that
is lived through as fast as it goes then goes as fast as the drive. A venue's ticks do not come
near it (64 MiB are hours of them); a queue that stays full for 10 s means that the drive hangs.

The drive fails once. After a failed write nobody knows what of it is there, and after a failed
sync the system may have dropped the pages and would report success the next time (PostgreSQL
learned it in 2018). So nothing more is written here, whatever still waits is dropped, and
everybody is told why: the cure is a restart, whose recovery looks at what is there.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

MOST_BYTES = 64 * 1024 * 1024
STUCK_S = 10.0
"""So long the drive may keep a full queue, or the end of a run, waiting."""

Work = Callable[[], None]


class JournalFailed(Exception):
    """The drive refused a write or a sync. Nothing more is written: reduce, stop, and restart."""


class Pen:
    """Does what is to be done to the files; see the module.

    Parameters
    ----------
    most_bytes, stuck_s
        See `MOST_BYTES` and `STUCK_S`.

    Attributes
    ----------
    failed
        What the drive refused, in words; empty while it took everything.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, stuck_s: float = STUCK_S) -> None:
        self.failed = ""
        self._most_bytes = most_bytes
        self._stuck_s = stuck_s
        self._queue: deque[tuple[Work, int]] = deque()
        self._waiting_bytes = 0
        self._is_busy = False
        self._thread: threading.Thread | None = None
        self._asked: Work | None = None  # by hand: tells whoever works that something waits
        self._changed = threading.Condition()
        self._told: Work = _nobody

    def put(self, work: Work, size: int = 0) -> None:
        """Have something done; without a thread it is done when this returns.

        Parameters
        ----------
        size
            Bytes that it holds while it waits.

        Raises
        ------
        JournalFailed
            If the drive refused, now or earlier.
        """
        if not self.failed and self._asked is not None:
            self._queue.append((work, size))
            self._asked()
        elif not self.failed and self._thread is None:
            self._do(work)
        elif not self.failed:
            with self._changed:
                while self._waiting_bytes and self._waiting_bytes + size > self._most_bytes and not self.failed:
                    if not self._changed.wait(self._stuck_s):
                        self._fail(f"the drive has taken nothing for {self._stuck_s:g} s, and "
                                   f"{self._waiting_bytes:,} bytes wait for it")
                self._queue.append((work, size))
                self._waiting_bytes += size
                self._changed.notify_all()
        if self.failed:
            raise JournalFailed(self.failed)

    def wait(self) -> None:
        """Return when everything so far is done.

        Raises
        ------
        JournalFailed
            If the drive refused, or hangs.
        """
        while self._asked is not None and self.turn():
            pass
        with self._changed:
            while (self._queue or self._is_busy) and not self.failed:
                if not self._changed.wait(self._stuck_s):
                    self._fail(f"the drive has taken nothing for {self._stuck_s:g} s")
        if self.failed:
            raise JournalFailed(self.failed)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return not self._queue and not self._is_busy

    def start(self, told: Work = lambda: None) -> None:
        """Write on a thread from now on.

        Parameters
        ----------
        told
            Called on that thread when something was done, or failed; must not raise.
        """
        if self._thread is not None:
            return
        self._told = told
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def start_by_hand(self, asked: Work, told: Work) -> None:
        """Do nothing from now on but what `turn` is called for: where a clock that jumps says how long it takes.

        Parameters
        ----------
        asked
            Called when something waits.
        told
            As that of `start`.
        """
        self._asked, self._told = asked, told

    def turn(self) -> bool:
        """Do the first of what waits, by hand; tell whether something did."""
        if not self._queue:
            return False
        self._do(self._queue.popleft()[0])
        self._told()
        return True

    def stop(self) -> None:
        """Finish what waits, and write in the caller's thread again; a drive that hangs is left alone."""
        thread = self._thread
        if self._asked is not None:
            with suppress(JournalFailed):  # as below
                self.wait()
            self._asked, self._told = None, _nobody
        if thread is None:
            return
        with suppress(JournalFailed):  # `failed` says it to whoever writes next
            self.wait()
        with self._changed:
            self._thread = None
            self._changed.notify_all()
        thread.join(self._stuck_s)
        self._told = _nobody

    def _run(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                while not self._queue and self._thread is me:
                    self._changed.wait()
                if self._thread is not me:
                    return
                work, size = self._queue.popleft()
                self._is_busy = True
            try:
                if not self.failed:
                    self._do(work)
            except Exception as error:  # noqa: BLE001 - the edge of a thread: it must not end unheard
                self._fail(f"{type(error).__name__}: {error}")
            with self._changed:
                self._is_busy = False
                self._waiting_bytes = max(self._waiting_bytes - size, 0)
                self._changed.notify_all()
            self._told()

    def _do(self, work: Work) -> None:
        try:
            work()
        except JournalFailed as refused:
            self._fail(str(refused))
        except OSError as error:
            self._fail(f"{error.filename or 'the folder'}: {error.strerror or error}")

    def _fail(self, words: str) -> None:
        with self._changed:
            self.failed = self.failed or words
            self._queue.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()


def _nobody() -> None:
    """Tell nobody."""
