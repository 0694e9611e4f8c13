"""What is between the machine and a venue, as lines for people; what only keeps the books is not told."""

from collections.abc import Sequence

from fabio.model import venue_fact as facts
from fabio.model.fact import Fact
from fabio.model.instrument import Instrument


def venue_words(fact: Fact, instruments: Sequence[Instrument]) -> str:
    """Say what a fact of live trading means; empty where it is not worth a line."""
    match fact:
        case facts.Armed(account=account, balance=balance, loss_floor=floor):
            return (f"ARMED     orders go to {account} from now on; balance {balance:,.2f} USD, "
                    f"loss floor {floor:,.2f} USD")
        case facts.ArmRefused(reason=reason):
            return f"arm       refused: {reason}"
        case facts.ArmingEnded(reason=reason):
            return f"DISARMING no more entries: {reason}"
        case facts.Disarmed(reason=reason):
            return f"disarmed  observing again, on paper: {reason}"
        case facts.VenueChanged(connected=True, generation=generation):
            return f"venue     heard again, connection {generation}"
        case facts.VenueChanged(reason=reason):
            return f"venue     lost: {reason}; no entries until its picture agrees"
        case facts.VenueAgreed(generation=generation):
            return f"venue     and book agree (connection {generation})"
        case facts.BalanceAdopted(balance=balance, before=before):
            return f"account   the venue's balance is {balance:,.2f} USD, ours was {before:,.2f} USD"
        case _:
            return _trouble(fact, instruments)


def _trouble(fact: Fact, instruments: Sequence[Instrument]) -> str:
    match fact:
        case facts.GapSeen(market=market, held_steps=held, venue_steps=there):
            units = instruments[market]
            return (f"CHECK     {units.symbol}: the book holds {units.size(held)}, the venue {units.size(there)}; "
                    "a second look decides")
        case facts.GapClosed(market=market, reason=reason):
            return f"checked   {instruments[market].symbol}: {reason}"
        case facts.ForeignSeen(what=what) if what:
            return f"CHECK     not ours, at the venue, and left alone: {'; '.join(what)}"
        case facts.VenueRefused(command=command, reason=reason, known=known):
            return f"venue     {command} {'was refused' if known else 'has no known outcome'}: {reason}"
        case facts.FillStray(fill=fill, reason=reason):
            return f"CHECK     fill {fill.id} is not booked: {reason}"
        case facts.PositionAdopted(reason=reason, fill=fill):
            return f"adopted   {fill.size_steps} steps at tick {fill.price_ticks} from the venue: {reason}"
        case facts.StopLost(reason=reason):
            return f"CHECK     the position's stop is gone: {reason}"
        case facts.StopAsked(stop_ticks=stop, market=market):
            units = instruments[market]
            return f"stop      one of its own asked for at {units.price(stop)}"
        case facts.StopThrough(market=market, last_ticks=last):
            return f"CHECK     price {instruments[market].price(last)} is through the stop and no fill came"
        case facts.OrphanAsked(what=what):
            return f"orphan    {what} is cancelled"
        case facts.VenueDiffers(what=what):
            return f"CHECK     venue and book differ: {'; '.join(what)}"
        case facts.ClosedElsewhere(market=market, size_steps=size):
            units = instruments[market]
            return f"CHECK     somebody else closed {units.size(size)} {units.symbol} of ours"
        case facts.FlatProven(market=market, reason=reason):
            return f"flat      {instruments[market].symbol} is proven flat at the venue: {reason}"
        case _:
            return ""
