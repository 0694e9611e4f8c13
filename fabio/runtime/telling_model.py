"""What the model outside does, and what is learned, in plain words."""

from collections.abc import Sequence

from fabio.model import fact as facts
from fabio.model.instrument import Instrument


def model_words(fact: facts.Fact, instruments: Sequence[Instrument]) -> str:
    """Say what a fact of the model or of learning means; empty for every other."""
    match fact:
        case facts.ModelSet(terms=None):
            return "model     none: the rules answer alone"
        case facts.ModelSet(terms=terms) if terms is not None:
            cost = f", at most {terms.reserve_usd:.4f} USD a question" if terms.is_paid else ", free of charge"
            return f"model     {terms.name} is asked beside the rules, authority {terms.authority}{cost}"
        case facts.ModelFailed(reason=reason) if not reason.startswith(("superseded", "breaker_open")):
            return f"model     no effect: {reason}; the rules stand"
        case facts.ModelHeld(reason=reason):
            return f"model     not asked: {reason}; the rules stand" if reason else "model     asked again"
        case facts.ZonesSet(market=market, zones=zones, source=source):
            tick = float(instruments[market].tick_size)
            told = ", ".join(f"{zone.name} {zone.centre_ticks * tick:g}" for zone in zones) or "none but the profile's"
            return f"zones     {told} ({source})"
        case facts.UpdateRefused(update=update, source=source, reason=reason):
            return f"strategy  {update.name}: {source} wanted a change, refused: {reason}"
        case facts.NoteJudged(note_id=note_id, status=status, reason=reason):
            return f"note      {note_id} {status}: {reason}"
        case _:
            return ""
