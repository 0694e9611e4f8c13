"""Which rows of a tape are the instrument that was asked for: one contract, never a spread."""

import re
from dataclasses import dataclass
from pathlib import Path

from fabio.adapters.data.contracts import Contract, parse_contract
from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.instruments import find_instrument
from fabio.model.errors import ConfigError
from fabio.model.instrument import Instrument

Instruments = dict[str, Instrument]
Named = tuple[Instrument, Contract | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is read from a tape: `label` as the tape writes it, None where it names nothing."""

    instrument: Instrument
    contract: str | None
    label: str | None
    notes: tuple[str, ...] = ()


def choose(path: Path, trades: dict[str | None, int], instruments: Instruments, symbol: str | None) -> Choice:
    """Choose the rows to read.

    Parameters
    ----------
    trades
        Number of trades by the tape's own name of the contract; the key None where it names nothing.
    symbol
        What the person asked for; None lets the tape, then the file's name, decide.

    Raises
    ------
    ConfigError
        If the instrument is not in the table.
    TapeError
        If the tape holds no such contract, or several instruments and none was named.
    """
    labels = {label: count for label, count in trades.items() if label is not None}
    wanted = find_instrument(instruments, symbol) if symbol is not None else None
    if not labels or all(label.startswith("id ") for label in labels):
        return _choose_unnamed(path, labels, instruments, wanted)
    known = {label: parsed for label in labels if (parsed := _parse(label, instruments)) is not None}
    if wanted is None:
        roots = sorted({instrument.symbol for instrument, _ in known.values()})
        if len(roots) > 1:
            raise TapeError(f"{path}: holds {', '.join(roots)}; name one with --symbol")
        if not roots:
            find_instrument(instruments, max(labels, key=lambda label: labels[label]))
            raise TapeError(f"{path}: holds {_counted(labels)}, no contract that can be read on its own")
        wanted = instruments[roots[0]], None
    instrument, contract = wanted
    fitting = [
        label
        for label, (owner, own) in known.items()
        if owner.symbol == instrument.symbol
        and (contract is None or (own is not None and own.same_as(contract)))
    ]
    if not fitting:
        raise TapeError(f"{path}: holds no {contract or instrument.symbol}, only {_counted(labels)}")
    label = min(fitting, key=lambda name: (-labels[name], name))
    notes: tuple[str, ...] = ()
    if len(fitting) > 1:
        notes = (f"{label} has the most trades of {', '.join(sorted(fitting))} and is read",)
    chosen = known[label][1]
    return Choice(instrument, str(chosen) if chosen is not None else None, label, notes)


def _choose_unnamed(
    path: Path, ids: dict[str, int], instruments: Instruments, wanted: Named | None
) -> Choice:
    notes = []
    if wanted is None:
        wanted = guess_from_name(path, instruments)
        if wanted is None:
            raise TapeError(
                f"{path}: neither a column nor the file's name says which instrument this is; "
                "name it with --symbol, for example --symbol NQ"
            )
        notes.append(f"taken for {wanted[1] or wanted[0].symbol} by the file's name")
    instrument, contract = wanted
    label = None
    if ids:
        label = min(ids, key=lambda name: (-ids[name], name))
        if len(ids) > 1:
            notes.append(f"instrument ids without names; {label} has the most trades and is read")
    return Choice(instrument, str(contract) if contract is not None else None, label, tuple(notes))


def guess_from_name(path: Path, instruments: Instruments) -> Named | None:
    """Guess the instrument from a file's name: its first word, else the only word that is one."""
    found = []
    for place, word in enumerate(re.split(r"[^A-Za-z0-9]+", path.name.split(".")[0])):
        try:
            found.append(find_instrument(instruments, word))
        except ConfigError:
            continue
        if place == 0:
            return found[0]
    return found[0] if len({instrument.symbol for instrument, _ in found}) == 1 else None


def _parse(label: str, instruments: Instruments) -> Named | None:
    root = label.upper()
    continuous = re.match(r"^(.+)\.[CVN]\.\d+$", root)  # Databento's continuous contracts: NQ.c.0
    if continuous:
        root = continuous[1]
    if root in instruments:
        return instruments[root], None
    contract = parse_contract(label, instruments)
    return (instruments[contract.root], contract) if contract is not None else None


def _counted(labels: dict[str, int]) -> str:
    largest = sorted(labels.items(), key=lambda item: -item[1])
    text = ", ".join(f"{label} ({count} trades)" for label, count in largest[:8])
    return text + (f" and {len(largest) - 8} more" if len(largest) > 8 else "")
