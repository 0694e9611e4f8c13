"""Explain: why it traded or did not, as a chain of gates, from a folder's records.

A decision is explained from the journal alone. A moment without one is lived through again on
the folder's tape, and each strategy is watched: what it looked at is what failed.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from fabio.adapters.data.session_rules import read_rules
from fabio.engine.machine import Engine
from fabio.engine.seams import Condition, NamedStrategy, StrategyPart
from fabio.journal.tape import TapeDamaged
from fabio.journal.times import iso
from fabio.journal.units import Units
from fabio.model.instrument import Instrument
from fabio.model.signal import Wish
from fabio.model.view import View
from fabio.runtime.moments import Moment, NoMoment, read_moment
from fabio.runtime.recorded import Again, Difference, NothingRecorded, OtherUnits, Recorded
from fabio.runtime.story import Record, Story
from fabio.runtime.wiring import engine_config, instruments_of, sessions_between
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
    if asked in story.asks:
        return _of_question(story, story.asks[asked])
    if asked in story.notes:
        return _of_question(story, story.asks[story.notes[asked]["ask_id"]])
    try:
        moment = _moment(settings, story, instruments, asked)
    except NoMoment as error:
        ids = [*story.decisions, *story.asks]
        near = get_close_matches(asked, ids, n=1, cutoff=0.6)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise NotThere(f"{folder} knows no decision, order, trade, shadow or question {asked}{meant} ({error})") from None
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


def _moment(settings: Settings, story: Story, instruments: dict[str, Instrument], asked: str) -> Moment:
    symbol = next(iter(story.decisions.values()))["symbol"] if story.decisions else settings.agent.symbol
    instrument = instruments[symbol]
    path = config_file(settings.folder, "sessions.toml")
    zone = read_rules(path, instrument.product_group).time_zone
    table = sessions_between(settings, instrument, story.first_ns, story.last_ns)
    session = table.session(table.index_at(story.last_ns))
    return read_moment(asked, zone, session.open_ns, session.close_ns)


# -- a decision -----------------------------------------------------------------------------


def _of_decision(story: Story, record: Record, taken_as: str) -> Record:
    decision_id = record["id"]
    trade, shadow = story.trades.get(decision_id), story.shadows.get(decision_id)
    chain = [_data(record["statistics"], record["ts_ns"]), _regime(record["regime"]), _signal(record)]
    chain += [
        link("guard", each["guard"], each["reason"], each["value"], each["threshold"], each["passed"])
        for each in record["verdicts"]
    ]
    refused = "sizing" in record["refused_by"]
    size = record["size"] if record["approved"] else None
    chain.append(link("size", "sizing", record["size_reason"], size, None, not refused))
    if record["order_id"] is not None:
        chain.append(_order(record, story.moves.get(decision_id, [])))
    chain += [
        link("fill", f"fill {fill['leg']}", f"{fill['id']}: {fill['side']} {fill['size']:g} at {fill['price']:g}, "
             f"fees {fill['fees']:.2f} USD, {fill['ts']}", fill["price"])
        for fill in story.fills.get(decision_id, [])
    ]
    chain += _outcomes(record, trade, shadow)
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


def link(kind: str, name: str, reason: str, value: Any = None, threshold: Any = None,
         passed: bool | None = None) -> Record:
    """Make one link of the chain.

    `distance` says how far the value is from its threshold: positive when it passed, negative
    when it did not, None where there are no two numbers.

    >>> link("guard", "min_confidence", "", 0.4, 0.5, False)["distance"]
    -0.1
    """
    distance = None
    if value is not None and threshold is not None:
        apart = round(abs(value - threshold), 9)
        distance = -apart if passed is False else apart
    return {"kind": kind, "name": name, "value": value, "threshold": threshold, "passed": passed,
            "distance": distance, "reason": reason}


def _data(statistics: Record, ts_ns: int) -> Record:
    profile, market = statistics["profile"], statistics["market_stats"]
    age_s = round((ts_ns - statistics["ts_ns"]) / 1e9, 6)
    words = (
        f"last {_number(statistics['last_price'])}, POC {_number(profile['poc'])}, "
        f"value {_number(profile['val'])} to {_number(profile['vah'])}, "
        f"session {_number(market['session_low'])} to {_number(market['session_high'])}, "
        f"CVD {_number(market['cvd'])}, its 5-minute slope {_number(market['cvd_slope_5min_norm'])}; "
        f"the last trade is {age_s:g} s old"
    )
    return link("data", "statistics", words, statistics["last_price"])


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.10g}"


def _regime(regime: Record | None) -> Record:
    if regime is None:
        return link("regime", "regime", "no answer yet")
    age = f", {regime['age_s']:.0f} s old{' (stale)' if regime['stale'] else ''}" if "age_s" in regime else ""
    words = f"{regime['label']} {regime['direction']} by {regime['source']}{age}: {regime['reasoning']}"
    return link("regime", "regime", words, regime["confidence"])


def _signal(record: Record) -> Record:
    words = (
        f"{record['strategy']} wished {record['side']} ({record['setup']}) at {record['entry_price']:g}, "
        f"stop {record['stop_price']:g}, target {record['target_price']:g}: {record['reason']}"
    )
    return link("signal", "signal", words, record["confidence"])


def _order(record: Record, moves: list[Record]) -> Record:
    words = " -> ".join(each["state"] + (f" ({each['reason']})" if each["reason"] else "") for each in moves)
    return link("order", "order", f"{record['order_id']}: {words}", record["size"])


def _outcomes(record: Record, trade: Record | None, shadow: Record | None) -> list[Record]:
    chain = []
    if trade is not None:
        notes = f"; {'; '.join(trade['notes'])}" if trade["notes"] else ""
        chain.append(link("trade", "trade", f"{trade['id']}: {trade['exit_leg']} after {trade['duration_s']:.0f} s, "
                          f"{trade['net_pnl']:+.2f} USD net, R {trade['r_multiple']:+.2f}{notes}", trade["net_pnl"]))
    elif record["order_id"] is not None:
        chain.append(link("trade", "trade", "not closed, or never filled"))
    if shadow is not None:
        chain.append(link("shadow", "shadow", f"one step with its static bracket: {shadow['exit_leg']} after "
                          f"{shadow['duration_s']:.0f} s, {shadow['net_pnl']:+.2f} USD net, "
                          f"R {shadow['r_multiple']:+.2f}", shadow["net_pnl"]))
    else:
        chain.append(link("shadow", "shadow", "still open, or another one of its setup was"))
    return chain


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
    chain = [link("question", "question", f"asked in the {ask['band'] or 'unknown'} band")]
    if regime is not None:
        chain.append(_regime(regime))
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


class _Watched:
    """A strategy under observation: remembers what it looked at when it was last asked."""

    def __init__(self, part: StrategyPart, until_ns: int) -> None:
        self.triggers = part.triggers
        self.asked_ns: int | None = None
        self.looked: tuple[Condition, ...] = ()
        self.wished = False
        self._part = part
        self._until_ns = until_ns

    def propose(self, view: View) -> Wish | None:
        wish = self._part.propose(view)
        if view.now_ns <= self._until_ns:
            self.asked_ns, self.looked, self.wished = view.now_ns, self._part.conditions(view), wish is not None
        return wish

    def conditions(self, view: View) -> tuple[Condition, ...]:
        return self._part.conditions(view)


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
        return {**answer, **_watch(settings, folder, moment, regime, story)}
    except (NothingRecorded, OtherUnits, TapeDamaged) as error:
        answer["chain"] = [
            _regime(None if regime is None else regime["regime"]),
            link("data", "tape", f"what the strategies looked at cannot be computed again: {error}", passed=False),
        ]
        return answer


def _watch(settings: Settings, folder: Path, moment: Moment, ask: Record | None, story: Story) -> Record:
    recorded = Recorded(settings, folder)
    config = engine_config(settings, recorded.markets)
    watched = {each.name: _Watched(each.part, moment.last_ns) for each in config.policy.strategies}
    policy = msgspec.structs.replace(config.policy, strategies=tuple(
        NamedStrategy(name=each.name, part=watched[each.name], state=each.state)
        for each in config.policy.strategies
    ))
    engine = Engine(msgspec.structs.replace(config, policy=policy))
    first = Again(engine, recorded).run_on(recorded.position_after(moment.last_ns))
    market = engine.markets[0]
    chain = []
    if market.has_session:
        chain.append(_data(Units(market.instrument).statistics(market.stats()), engine.state.now_ns))
    chain.append(_regime(None if ask is None else ask["regime"]))
    held = story.held_at(moment.last_ns)
    if held is not None:
        chain.append(link("position", "position", f"{held['strategy']} was {held['side']} {held['size']:g} since "
                          f"{held['entry_ts']}, from decision {held['decision_id']}"))
    for name, strategy in watched.items():
        chain += _looked(name, strategy)
    if first is not None:
        chain.append(link("data", "recomputed", _doubt(first), passed=False))
    return {"chain": chain, "symbol": market.instrument.symbol, "decided_by": _closest(watched),
            "asked": {name: None if each.asked_ns is None else iso(each.asked_ns) for name, each in watched.items()}}


def _looked(name: str, strategy: _Watched) -> list[Record]:
    if strategy.asked_ns is None:
        return [link("strategy", name, "was not asked yet")]
    wish = "and wished" if strategy.wished else "and wished nothing"
    return [link("strategy", name, f"was last asked at {iso(strategy.asked_ns)} {wish}")] + [
        link("condition", f"{name}.{condition}", _condition_words(passed, value, threshold), value, threshold, passed)
        for condition, passed, value, threshold in strategy.looked
    ]


def _condition_words(passed: bool | None, value: float | None, threshold: float | None) -> str:
    numbers = "" if value is None else f": {value:.6g}"
    if value is not None and threshold is not None:
        numbers += f" against {threshold:.6g}"
    return ("unknown, neither for nor against" if passed is None else "holds" if passed else "fails") + numbers


def _closest(watched: dict[str, _Watched]) -> str:
    """Name the condition in the way of the strategy that was nearest to a signal."""
    best, decided = None, "no strategy was asked"
    for name, strategy in watched.items():
        held = sum(each[1] is True for each in strategy.looked)
        failed = [each[0] for each in strategy.looked if each[1] is False]
        # one that stopped at its first condition has not looked at the rest
        rank = (held, -len(failed))
        if failed and (best is None or rank > best):
            best, decided = rank, f"{name}.{failed[0]}"
    return decided


def _doubt(first: Difference) -> str:
    return (f"lived through again with the settings of now, the machine differs from the record from step "
            f"{first.seq} on ({first.fact}): what stands here may not be what it saw")
