"""What is made of outcomes within the machine: lessons for the strategies, and what the notes are worth."""

from fabio.engine.turn import Turn
from fabio.model.fact import NoteJudged, NoteMade
from fabio.model.strategy import Claim
from fabio.regime import notes


def take_note(turn: Turn, note_id: str, claim: Claim, source: str) -> None:
    """Make a claim a note, unless one that lives says the same."""
    note = notes.make_note(note_id, turn.state.now_ns, turn.state.account.trade_date, claim, source)
    if not notes.is_known(note, turn.state.notes):
        turn.note(NoteMade(note=note))


def judge_notes(turn: Turn) -> None:
    """Say of each note whether outcomes or age have changed what it is worth."""
    for note in turn.state.notes:
        judged = notes.judge_note(note, turn.policy.notes)
        if judged is not None:
            status, reason = judged
            turn.note(NoteJudged(note_id=note.id, status=status, reason=reason))
