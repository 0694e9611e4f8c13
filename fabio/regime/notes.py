"""Notes to the future self: a claim is pending until outcomes support or contradict it.

The test is on what is expected: of the outcomes in the claim's scope since it was made (8 at least, over
3 sessions) let n be their number, m their mean R, negated where a loss is expected. Its strength is
m * sqrt(n), about 1.4 times the t-value of trades that win 2 R or lose 1.

- supported: strength at least 2, and not by a few big ones alone: at least 0.4 of them ended as expected
- contradicted: strength at most -1; a supported note already when it is no longer above 0
- expired: 20 sessions old, whatever it was

A claim that names nothing (no strategy, regime or zone) or expects nothing cannot be tested: it is never
supported, and expires. Only supported notes reach a question, the best few. No note changes a limit.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from fabio.model.strategy import Claim, Note, NoteStatus, Outcome
from fabio.regime.conditions import TEXT_MOST, bounded_r

KEPT_MOST = 50
FADES = 0.9
"""Share of its score that a note keeps from one session to the next."""
LIVING: frozenset[NoteStatus] = frozenset({"pending", "supported"})


class NoteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a note is believed, and for how long.

    Parameters
    ----------
    shown_most
        Notes in a question, 0 to 20.
    least_outcomes, least_sessions
        Fewest outcomes in its scope, and trading days they fell on, before a note is judged, 1 to 1000
        and 1 to 100.
    least_strength
        Mean R in the expected direction times the root of the number of outcomes, above 0 to 100.
    least_share
        Share of the outcomes that ended as expected, 0 to 1.
    expires_sessions
        Trading days after which it is forgotten, 1 to 250.
    """

    shown_most: int = 5
    least_outcomes: int = 8
    least_sessions: int = 3
    least_strength: float = 2.0
    least_share: float = 0.4
    expires_sessions: int = 20

    def __post_init__(self) -> None:
        for name, least, most in (
            ("shown_most", 0, 20), ("least_outcomes", 1, 1000), ("least_sessions", 1, 100), ("least_share", 0, 1),
            ("expires_sessions", 1, 250),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in {least} to {most}")
        if not 0 < self.least_strength <= 100:
            raise ValueError(f"least_strength is {self.least_strength}; it must lie above 0 to 100")


DEFAULT_NOTES = NoteSettings()


def make_note(note_id: str, ts_ns: int, session: str, claim: Claim, source: str) -> Note:
    """Make a claim a note without a record; a text over 160 characters is cut."""
    if len(claim.text) > TEXT_MOST:
        claim = msgspec.structs.replace(claim, text=claim.text[:TEXT_MOST])
    return Note(id=note_id, ts_ns=ts_ns, session=session, claim=claim, source=source)


def is_testable(claim: Claim) -> bool:
    """Tell whether outcomes can say anything about a claim: it names something and expects something."""
    return claim.expects is not None and bool(claim.strategy or claim.regime or claim.zone)


def is_known(note: Note, notes: Iterable[Note]) -> bool:
    """Tell whether a note that lives says the same: the same scope and expectation, whatever its words.

    Claims that cannot be tested are the same where their words are.
    """
    return any(other.status in LIVING and _meaning(other.claim) == _meaning(note.claim) for other in notes)


def add_note(notes: Sequence[Note], note: Note, most: int = KEPT_MOST) -> list[Note]:
    """Append a note; of more than `most` the least worth keeping goes.

    First what no longer lives, then what cannot be tested, then pending ones, the oldest first; last the
    supported one with the lowest score. So a flood of notes never washes a supported one away.
    """
    kept = list(notes)
    while kept and len(kept) >= most:
        kept.pop(min(range(len(kept)), key=lambda place: (*_worth(kept[place]), place)))
    return [*kept, note]


def in_scope(note: Note, outcome: Outcome) -> bool:
    """Tell whether an outcome is one the note speaks of; nothing is where it names nothing."""
    claim = note.claim
    if not (claim.strategy or claim.regime or claim.zone):
        return False
    return (
        claim.strategy in ("", outcome.strategy)
        and claim.regime in ("", outcome.regime)
        and claim.zone in ("", outcome.zone)
    )


def book(note: Note, outcome: Outcome) -> Note:
    """Fold one outcome into a note's record, its R multiple cut at +-5; leaves one that it does not speak of."""
    if note.status not in LIVING or not in_scope(note, outcome):
        return note
    value = bounded_r(outcome)
    known = outcome.session in note.sessions
    return msgspec.structs.replace(
        note,
        outcomes=note.outcomes + 1,
        wins=note.wins + (value > 0),
        total_r=note.total_r + value,
        sessions=note.sessions if known else (*note.sessions, outcome.session),
    )


def age(note: Note) -> Note:
    """Let a trading day begin."""
    return msgspec.structs.replace(note, age_sessions=note.age_sessions + 1)


def strength(note: Note) -> float:
    """Say how strongly outcomes speak for a note: mean R times sqrt(n), negative where against it.

    0 without outcomes or expectation.

    >>> strength(Note(id="N1", ts_ns=0, source="rules", outcomes=9, wins=1, total_r=-6.0,
    ...               claim=Claim(text="fails", strategy="probe", expects="loss")))
    2.0
    """
    if not note.outcomes or note.claim.expects is None:
        return 0.0
    sign = 1 if note.claim.expects == "win" else -1
    return sign * note.total_r / math.sqrt(note.outcomes)


def score(note: Note) -> float:
    """Rank notes: |mean R| * sqrt(n) * 0.9^age; 0 without outcomes."""
    if not note.outcomes:
        return 0.0
    return float(abs(note.total_r) / math.sqrt(note.outcomes) * FADES ** note.age_sessions)


def judge_note(note: Note, settings: NoteSettings = DEFAULT_NOTES) -> tuple[NoteStatus, str] | None:
    """Say what has become of a note, and why; None where it stays what it is."""
    if note.status not in LIVING:
        return None
    known = is_testable(note.claim) and (
        note.outcomes >= settings.least_outcomes and len(note.sessions) >= settings.least_sessions
    )
    speaks = strength(note)
    floor = 0.0 if note.status == "supported" else -settings.least_strength / 2
    if known and speaks <= floor:
        return "contradicted", f"{_record(note)}: {note.claim.expects} was expected"
    if note.age_sessions >= settings.expires_sessions:
        return "expired", f"{note.age_sessions} sessions old, {_record(note)}"
    if note.status == "pending" and known and speaks >= settings.least_strength:
        as_expected = note.wins if note.claim.expects == "win" else note.outcomes - note.wins
        if as_expected >= settings.least_share * note.outcomes:
            return "supported", f"{_record(note)}: {note.claim.expects} was expected"
    return None


def best(notes: Iterable[Note], settings: NoteSettings = DEFAULT_NOTES) -> tuple[Note, ...]:
    """Give the notes that a question shows: supported, not too old, the highest score first.

    Of equal ones the newer goes first, then the id decides, so that the order they are kept in does not matter.
    """
    fresh = [note for note in notes if note.status == "supported" and note.age_sessions < settings.expires_sessions]
    fresh.sort(key=lambda note: (-score(note), -note.ts_ns, note.id))
    return tuple(fresh[:settings.shown_most])


def _meaning(claim: Claim) -> tuple[str, str, str, str, str]:
    words = "" if is_testable(claim) else " ".join(claim.text.casefold().split())
    return claim.strategy, claim.regime, claim.zone, claim.expects or "", words


def _worth(note: Note) -> tuple[int, float]:
    if note.status not in LIVING:
        return 0, 0.0
    if not is_testable(note.claim):
        return 1, 0.0
    return (3, score(note)) if note.status == "supported" else (2, 0.0)


def _record(note: Note) -> str:
    if not note.outcomes:
        return "no outcome in its scope"
    return (f"{note.wins} of {note.outcomes} won over {len(note.sessions)} sessions, mean "
            f"{note.total_r / note.outcomes:+.2f} R")
