"""Bars of the journal: what is left of it after kills, cuts, flips, full drives and lost power.

Each damages real files in a temporary folder and opens them as the next start does. All but
the kills are a function of their number: the same `n` does the same.
"""

import asyncio
import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fabio.journal.files import JournalDamaged, day_files
from fabio.journal.reader import read_steps, verify
from fabio.journal.writer import SUFFIX, Journal
from fabio.research.reliability.bar import Bar, at_most
from fabio.research.reliability.faulty_disk import Fault, FaultyDisk
from fabio.research.reliability.journal.made import made_step
from fabio.research.reliability.journal.world import FaultyLife, in_loop, opened

LIVES_PER_FOLDER = 20
KILL_WITHIN_S = 0.08
SLOW_S = 0.02
LONGEST = 2_000
"""Characters in a line of a journal that is cut at every byte: as long as a wake-up's, and as quick to read."""
Say = Callable[[str], None]


@contextmanager
def _place(is_real: bool = False) -> Iterator[Path]:
    """Give a folder; where the drive is a faulty one, the real one below it had better be quick."""
    quick = None if is_real or not os.access("/dev/shm", os.W_OK) else "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="fabio-journal-", dir=quick) as name:
        yield Path(name)


def kills(n: int, say: Say) -> Bar:
    """Kill a writer n times at random moments; count acknowledged records that did not come back."""
    lost = 0
    trouble = ""
    acknowledged = torn = 0
    with _place(is_real=True) as place, _victims() as victims:
        for number in range(n):
            folder = place / str(number // LIVES_PER_FOLDER)
            last = _killed(victims, folder, number)
            acknowledged += last
            try:
                torn += Journal(folder).repair is not None
                found, total = opened(folder)
            except Exception as error:  # noqa: BLE001 - whatever it is, the folder did not come back
                lost, trouble = lost + 1, f"kill {number}: {error}"
                continue
            if len(found) < last or (found and found[-1].tape_pos > total):
                lost += max(last - len(found), 1)
                trouble = f"kill {number}: {last} acknowledged, {len(found)} steps and {total} ticks came back"
            if number % 100 == 99:
                say(f"{number + 1} kills, {torn} torn tails, {lost} lost")
    return at_most("journal_acknowledged_lost_in_kills", lost, 0, n,
                   trouble or f"{acknowledged:,} acknowledged in all, {torn} torn tails")


@contextmanager
def _victims() -> Iterator["subprocess.Popen[bytes]"]:
    words = [sys.executable, "-m", "fabio.research.reliability.journal.victim"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victims:
        try:
            yield victims
        finally:
            victims.kill()


def _killed(victims: "subprocess.Popen[bytes]", folder: Path, seed: int) -> int:
    """Let a writer live, kill it at a random moment, and give the last step it acknowledged, 0 for none."""
    if victims.stdin is None or victims.stdout is None:
        raise AssertionError("the writers have no pipes")
    victims.stdin.write(f"{seed} {folder}\n".encode())
    victims.stdin.flush()
    pid = int(victims.stdout.readline().split()[1])
    timer = threading.Timer(random.Random(seed).uniform(0, KILL_WITHIN_S), _kill, (pid,))
    timer.start()
    last = 0
    while not (said := victims.stdout.readline()).startswith(b"dead"):
        last = int(said)
    timer.join()
    if said != b"dead %d\n" % -signal.SIGKILL:
        raise RuntimeError(f"the writer of {folder} ended by itself: {said!r}")
    return last


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _journal_of(folder: Path, steps: int, steps_per_day: int = 1_000_000, longest: int = 300) -> Path:
    """Write a journal and give its last file."""
    journal = Journal(folder, disk=FaultyDisk())
    for seq in range(1, steps + 1):
        journal.append(made_step(seq, steps_per_day, longest))
    journal.close()
    return day_files(folder / "journal", SUFFIX)[-1]


def truncation(n: int, say: Say) -> Bar:
    """Cut the journal at every byte of its last n; count openings that do not give the whole lines before."""
    return _damaged_tails("journal_cut_tails_not_recovered", n, say, lambda data, cut: data[:cut])


def nul_fills(n: int, say: Say) -> Bar:
    """Fill the journal with NULs from every byte of its last n on; count as for cuts."""
    return _damaged_tails("journal_nul_tails_not_recovered", n, say,
                          lambda data, cut: data[:cut] + bytes(len(data) - cut))


def _damaged_tails(name: str, n: int, say: Say, damage: Callable[[bytes, int], bytes]) -> Bar:
    wrong, trouble = 0, ""
    with _place() as place:
        path = _journal_of(place, max(n // 800, 20), longest=LONGEST)
        data = path.read_bytes()
        tried = min(n, len(data) - 1)  # a line has some 200 bytes beside its text
        for count, cut in enumerate(range(len(data) - tried, len(data)), 1):
            path.chmod(0o644)
            path.write_bytes(damage(data, cut))
            whole = data[:cut].count(b"\n")
            kept = data[: data[:cut].rfind(b"\n") + 1]
            try:
                journal = Journal(place, disk=FaultyDisk())
                is_right = journal.last_seq == whole and path.read_bytes() == kept
                aside = None if journal.repair is None else Path(journal.repair.kept_in)
                journal.close()
            except JournalDamaged:
                is_right, aside = False, None
            if not is_right:
                wrong, trouble = wrong + 1, f"cut at byte {cut}"
            if aside is not None:
                aside.unlink()
            if count % 8_192 == 0:
                say(f"{count:,} tails, {wrong} wrong")
    return at_most(name, wrong, 0, tried, trouble)


def bit_flips(n: int, say: Say) -> Bar:
    """Flip n random bits of a journal of three days, one at a time; count those that nobody notices.

    In the last line it has to be cut off and named, anywhere else refused with the line's number.
    """
    chance = random.Random(n)
    undetected, trouble = 0, ""
    seen: Counter[str] = Counter()
    with _place() as place:
        _journal_of(place, 90, steps_per_day=30)
        files = day_files(place / "journal", SUFFIX)
        whole = {path: path.read_bytes() for path in files}
        for number in range(n):
            path = chance.choice(files)
            bit = chance.randrange(len(whole[path]) * 8)
            changed = bytearray(whole[path])
            changed[bit // 8] ^= 1 << bit % 8
            path.chmod(0o644)
            path.write_bytes(changed)
            line = whole[path][: bit // 8].count(b"\n") + 1
            is_last = path == files[-1] and line == whole[path].count(b"\n")
            how = _noticed(place, path, line)
            seen[how] += 1
            if how == "unseen" or (how == "cut") != is_last:
                undetected, trouble = undetected + 1, f"bit {bit} of {path.name}: {how}"
            path.write_bytes(whole[path])
            if number % 1_000 == 999:
                say(f"{number + 1:,} flips, {undetected} undetected")
    return at_most("journal_bit_flips_undetected", undetected, 0, n,
                   trouble or f"{seen['refused']} refused by line, {seen['cut']} cut off and named")


def _noticed(folder: Path, path: Path, line: int) -> str:
    """Say how a flipped bit was met: `refused` or `cut` with the right line, or `unseen`."""
    report = verify(folder)
    if report.code != 1 or Path(report.path) != path or report.line != line:
        return "unseen"
    try:
        journal = Journal(folder, disk=FaultyDisk())
    except JournalDamaged as damage:
        return "refused" if damage.line == line else "unseen"
    journal.close()
    if journal.repair is None:  # only the latest file is read at a start; recovery reads them all
        try:
            for _ in read_steps(folder):
                pass
        except JournalDamaged as damage:
            return "refused" if damage.line == line else "unseen"
        return "unseen"
    Path(journal.repair.kept_in).unlink()
    return "cut" if journal.repair.line == line else "unseen"


def full_drives(n: int, say: Say) -> Bar:
    """Let the drive be full at each of the first n writes; count what must not happen then."""
    return _refusing("journal_wrong_on_full_drive", n, say, "write", errno.ENOSPC, lasts=True)


def failed_syncs(n: int, say: Say) -> Bar:
    """Let each of the first n syncs fail once; count what must not happen then."""
    return _refusing("journal_wrong_on_failed_sync", n, say, "sync", errno.EIO, lasts=False)


def _refusing(name: str, n: int, say: Say, what: str, code: int, lasts: bool) -> Bar:
    wrong, trouble, tried = 0, "", 0
    for number in range(1, n + 1):
        with _place() as place:
            disk = FaultyDisk(number, short_share=0.1)
            life = FaultyLife(place, disk, number)
            before = disk.calls[what]  # what opening took; a start that fails there does not begin
            disk.faults = (Fault(what=what, number=before + number, code=code, lasts=lasts),)
            in_loop(life, 40 + number * 12, until_failed=True)
            tried += bool(life.sink.failed)
            life.check_commands()
            life.sink.close()
            disk.heal()
            life.check_folder()
            if life.wrong:
                wrong, trouble = wrong + 1, f"{what} {number}: {life.wrong[0]}"
        if number % 50 == 0:
            say(f"{number} {what}s, {wrong} wrong")
    return at_most(name, wrong, 0, tried, trouble)


def slow_drive(n: int, say: Say) -> Bar:
    """Write n steps to a drive that takes 20 ms for everything; p99 of the milliseconds that a step holds the loop."""
    with _place() as place:
        disk = FaultyDisk(slow=lambda what: time.sleep(SLOW_S))
        life = FaultyLife(place, disk, n)
        held_s = asyncio.run(_held(life, n))
        life.sink.close()
        life.check_folder()
    say(f"{len(held_s)} steps, {disk.calls['sync']} syncs")
    p99_ms = sorted(held_s)[len(held_s) * 99 // 100] * 1e3 if held_s else 0.0
    note = life.wrong[0] if life.wrong else f"{disk.calls['write']} writes and {disk.calls['sync']} syncs of 20 ms"
    bar = at_most("journal_slow_drive_loop_held_p99_ms", p99_ms, 20, n, note)
    return bar if not life.wrong else at_most(bar.name, bar.value, -1, n, note)


async def _held(life: FaultyLife, n: int) -> list[float]:
    """Live at 200 steps a second beside a gate that lets commands go; give how long each step held the loop."""
    life.sink.start()
    gate = asyncio.create_task(life.gate.run())
    held_s = []
    for _ in range(n):
        since = time.perf_counter()
        life.live(1)
        held_s.append(time.perf_counter() - since)
        await asyncio.sleep(0.005)
    gate.cancel()
    return held_s


def power_losses(n: int, say: Say) -> Bar:
    """Take the power n times at random moments, with a venue and on paper; count what does not come back as it must."""
    wrong, trouble = 0, ""
    holes = repaired = 0
    for seed in range(n):
        chance = random.Random(seed)
        with _place() as place:
            disk = FaultyDisk(seed)
            life = FaultyLife(place, disk, seed, is_paper=bool(seed % 2))
            in_loop(life, chance.randrange(1, 150))
            disk.lose_power()
            repaired += verify(place).code != 0
            holes += life.check_folder() > 0
            if life.wrong:
                wrong, trouble = wrong + 1, f"seed {seed}: {life.wrong[0]}"
        if seed % 100 == 99:
            say(f"{seed + 1} times, {wrong} wrong")
    return at_most("journal_wrong_after_power_loss", wrong, 0, n,
                   trouble or f"{repaired} tails repaired, {holes} with a hole in the tape")
