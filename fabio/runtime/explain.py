"""Explain: why it traded or did not, as a chain of gates, from a folder's records.

A decision is explained from the journal alone. A moment without one is lived through again on
the folder's tape, and each strategy is watched: what it looked at is what failed.
"""

from difflib import get_close_matches
from pathlib import Path

from fabio.adapters.data.session_rules import read_rules
from fabio.journal.tape import TapeDamaged
from fabio.journal.times import iso
from fabio.journal.world import read_world
from fabio.runtime.links import (
    data_link,
    link,
    number,
    order_link,
    outcome_links,
    portfolio_link,
    regime_link,
    signal_link,
)
from fabio.runtime.moments import Moment, NoMoment, read_moment
from fabio.runtime.recorded import NothingRecorded, OtherUnits
from fabio.runtime.story import Record, Story
from fabio.runtime.watching import watch
from fabio.runtime.wiring import instrument_of, instruments_of, sessions_between
from fabio.settings.load import Settings
from fabio.settings.places import config_file

IDS = ("decision_id", "signal_id", "order_id", "trade_id", "shadow_id", "ask_id")


class NotThere(LookupError):
    """Nothing of that name, and no time either."""


def explain(settings: Settings, folder: Path, asked: str) -> Record:
    """Explain an id (decision, signal, order, fill, trade, shadow, question, note) or a time.

    Returns
    -------
    dict
        `time`, `taken_as`, `decided_by`, `chain`, the ids, `symbol`, `also`, `nearest`.

    Raises
    ------
    NotThere
        If it is neither.
    JournalDamaged
        If the journal is not whole.
    """
    instruments = instruments_of(settings)
    story = Story(folder, instruments)
    if not story.steps:
        raise NotThere(f"there is no journal in {folder}: `fabio run --logs {folder}` makes one")
    decision_id = _decision_of(story, asked)
    if decision_id is not None:
        return _of_decision(story, story.decisions[decision_id], f"{asked} is an id")
    ask_id = story.notes[asked]["ask_id"] if asked in story.notes else asked
    if ask_id in story.asks:
        return _of_question(story, story.asks[ask_id])
    try:
        moment = _moment(settings, story, folder, asked)
    except NoMoment as error:
        ids = [*story.decisions, *story.asks]
        near = get_close_matches(asked, ids, n=1, cutoff=0.6)
        meant = f"; did you mean {near[0]}?" if near else ""
        words = f"{folder} knows no decision, order, trade, shadow or question {asked}{meant} ({error})"
        raise NotThere(words) from None
    found = [each for each in story.decisions.values() if moment.first_ns <= each["ts_ns"] <= moment.last_ns]
    if found:
        first = next((each for each in found if each["approved"]), found[0])
        also = [each["id"] for each in found if each is not first]
        return {**_of_decision(story, first, moment.words), "also": also}
    return _of_moment(settings, story, folder, moment)


def _decision_of(story: Story, asked: str) -> str | None:
    """Find the decision behind any id that hangs on one."""
    for decision_id, record in story.decisions.items():
        own = {decision_id, record["signal_id"], record["order_id"]}
        for kept in (story.trades.get(decision_id), story.shadows.get(decision_id)):
            own.add(kept["id"] if kept is not None else None)
        own.update(fill["id"] for fill in story.fills.get(decision_id, ()))
        if asked in own:
            return decision_id
    return None


def _moment(settings: Settings, story: Story, folder: Path, asked: str) -> Moment:
    world = read_world(folder)
    symbols = [each["symbol"] for each in story.decisions.values()][:1] if world is None else world.instruments
    instrument = instrument_of(settings, symbols[0] if symbols else settings.agent.symbol)
    path = config_file(settings.folder, "sessions.toml")
    zone = read_rules(path, instrument.product_group).time_zone
    table = sessions_between(settings, instrument, story.first_ns, story.last_ns)
    session = table.session(table.index_at(story.last_ns))
    return read_moment(asked, zone, session.open_ns, session.close_ns)


# -- a decision -----------------------------------------------------------------------------


def _of_decision(story: Story, record: Record, taken_as: str) -> Record:
    decision_id = record["id"]
    trade, shadow = story.trades.get(decision_id), story.shadows.get(decision_id)
    chain = [data_link(record["statistics"], record["ts_ns"]), regime_link(record["regime"])]
    if record["portfolio"] is not None:
        chain.append(portfolio_link(record["portfolio"]))
    chain.append(signal_link(record))
    chain += [
        link("guard", each["guard"], each["reason"], each["value"], each["threshold"], each["passed"])
        for each in record["verdicts"]
    ]
    refused = "sizing" in record["refused_by"]
    size = record["size"] if record["approved"] else None
    chain.append(link("size", "sizing", record["size_reason"], size, None, not refused))
    if record["order_id"] is not None:
        chain.append(order_link(record, story.moves.get(decision_id, [])))
    chain += [
        link("fill", f"fill {fill['leg']}", f"{fill['id']}: {fill['side']} {number(fill['size'])} at "
             f"{number(fill['price'])}, fees {fill['fees']:.2f} USD, {fill['ts']}", fill["price"])
        for fill in story.fills.get(decision_id, [])
    ]
    chain += outcome_links(record, trade, shadow)
    gates = record["refused_by"]
    return {
        "time": record["ts"], "ts_ns": record["ts_ns"], "taken_as": taken_as, "symbol": record["symbol"],
        "outcome": "approved" if record["approved"] else "blocked",
        "decided_by": gates[0] if gates else "approved", "refused_by": gates, "chain": chain,
        "decision_id": decision_id, "signal_id": record["signal_id"], "order_id": record["order_id"],
        "trade_id": None if trade is None else trade["id"],
        "shadow_id": None if shadow is None else shadow["id"], "ask_id": record["ask_id"],
        "also": [], "nearest": _nearest(story, record["ts_ns"], decision_id),
    }


def _nearest(story: Story, ts_ns: int, but: str = "") -> Record:
    others = {key: value for key, value in story.decisions.items() if key != but}
    before = [each for each in others.values() if each["ts_ns"] <= ts_ns]
    after = [each for each in others.values() if each["ts_ns"] > ts_ns]
    return {"before": _brief(before[-1]) if before else None, "after": _brief(after[0]) if after else None}


def _brief(record: Record) -> Record:
    return {"id": record["id"], "time": record["ts"], "strategy": record["strategy"], "side": record["side"],
            "approved": record["approved"], "refused_by": record["refused_by"]}


# -- a question -----------------------------------------------------------------------------


def _of_question(story: Story, ask: Record) -> Record:
    regime = ask["regime"]
    words = f"asked in the {ask['band'] or 'unknown'} band" if ask.get("why") is None else f"asked because {ask['why']}"
    chain = [link("question", "question", words)]
    if regime is not None:
        chain.append(regime_link(regime))
    if ask["failed"] is not None:
        chain.append(link("answer", "answer", f"no usable answer: {ask['failed']}", passed=False))
    based = [each["id"] for each in story.decisions.values() if each["ask_id"] == ask["id"]]
    return {
        "time": ask["ts"], "ts_ns": ask["ts_ns"], "taken_as": f"{ask['id']} is a question to the model",
        "symbol": None, "outcome": "question", "decided_by": "no answer" if regime is None else regime["source"],
        "refused_by": [], "chain": chain, **dict.fromkeys(IDS), "ask_id": ask["id"], "also": based,
        "nearest": _nearest(story, ask["ts_ns"]),
    }


# -- a moment without a decision ------------------------------------------------------------


def _of_moment(settings: Settings, story: Story, folder: Path, moment: Moment) -> Record:
    answer: Record = {
        "time": iso(moment.first_ns), "ts_ns": moment.first_ns, "taken_as": moment.words, "symbol": None,
        "outcome": "no signal", "decided_by": "no decision point", "refused_by": [], "chain": [],
        **dict.fromkeys(IDS), "also": [], "nearest": _nearest(story, moment.last_ns),
    }
    regime = story.regime_at(moment.last_ns)
    if regime is not None:
        answer["ask_id"] = regime["id"]
    if not story.first_ns - 60_000_000_000 <= moment.last_ns or moment.first_ns > story.last_ns:
        answer["chain"] = [link("data", "record", f"the journal here runs from {iso(story.first_ns)} to "
                                f"{iso(story.last_ns)}: nothing was recorded then", passed=False)]
        answer["decided_by"] = "nothing recorded"
        return answer
    try:
        return {**answer, **watch(settings, folder, moment, regime, story)}
    except (NothingRecorded, OtherUnits, TapeDamaged) as error:
        answer["chain"] = [
            regime_link(None if regime is None else regime["regime"]),
            link("data", "tape", f"what the strategies looked at cannot be computed again: {error}", passed=False),
        ]
        return answer
