"""A writer that is there to be killed: it says what it has made safe, then says more, until it ends.

`python -m fabio.research.reliability.journal.victim` reads `SEED FOLDER` from each line of standard
input and makes a process of its own for it (forked: a thousand need no thousand starts of Python).
That one says `ready PID`, writes steps and ticks into FOLDER, and says the number of each step once
nothing can take it away: by turns after a flush and after the drive has it, in its own thread and
with the journal's. When it is dead, `dead CODE` follows: -9 if it was killed.
"""

import os
import random
import sys
from itertools import count
from pathlib import Path

from fabio.journal.pen import Pen
from fabio.journal.tape import TapeWriter
from fabio.journal.writer import Journal
from fabio.research.reliability.journal.made import MADE, TICKS_PER_STEP, made_step, made_ticks

STEPS_PER_DAY, FILE_BYTES = 90, 12_000
"""Small, so that files change often."""


def live(folder: Path, seed: int) -> None:
    """Write steps behind those that are there, until somebody ends it."""
    chance = random.Random(seed)
    pen = Pen()
    tape = TapeWriter(folder, [MADE], pen=pen)
    journal = Journal(folder, tape, pen=pen, max_file_bytes=FILE_BYTES)
    if seed % 2:
        pen.start()
    os.write(1, b"ready %d\n" % os.getpid())
    for seq in count(journal.last_seq + 1):
        if tape.pos < seq * TICKS_PER_STEP:  # a kill may have left ticks of the step that was not written
            ticks = made_ticks(seq)
            tape.append(ticks, len(ticks) - (seq * TICKS_PER_STEP - tape.pos))
        journal.append(made_step(seq, STEPS_PER_DAY))
        if chance.random() < 0.3:
            continue
        if chance.random() < 0.5:
            journal.sync()
        else:
            journal.flush()
            pen.wait()
        os.write(1, b"%d\n" % seq)


def serve() -> None:
    """Make a writer for each line that comes, one after the other."""
    for line in sys.stdin:
        seed, _, folder = line.rstrip("\n").partition(" ")
        child = os.fork()
        if child == 0:
            try:
                live(Path(folder), int(seed))
            finally:
                os._exit(1)  # never here but by a mistake: it must not go on as a second server
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(1, b"dead %d\n" % code)


if __name__ == "__main__":
    serve()
